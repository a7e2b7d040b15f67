"""GenerateJob to files: names, events, cancel, and that a picture can be made again from itself."""

import shutil
from collections import namedtuple
from datetime import date
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from tests import tiny
from tests.generation.fake import FakeFamily, fake_model, with_nan
from trainer.contract import events
from trainer.contract.common import LoraUse, Sampling
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.generate import GenerateJob, Previews
from trainer.contract.run import Run
from trainer.generation.metadata import read_metadata
from trainer.generation.text_to_image import generate
from trainer.home import Home
from trainer.models.lora_file import LoraPair, write_lora

STEPS = Sampling(steps=4)


def made(job: GenerateJob, home: Home) -> tuple[list[Path], list[events.Event], FakeFamily]:
    bundle, family = fake_model()
    seen: list[events.Event] = []
    return list(generate(job, Run(seen.append), home, bundle)), seen, family


def pixels(path: Path) -> bytes:
    with Image.open(path) as image:
        return image.tobytes()


def files_below(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_pictures_are_saved_under_the_date_with_number_and_seed(home: Home) -> None:
    paths, seen, _ = made(GenerateJob(prompt="a cat", sampling=STEPS, seed=5, count=3, batch_size=2), home)
    folder = home.outputs / date.today().isoformat()
    assert paths == [folder / name for name in ("00001-5.png", "00002-6.png", "00003-7.png")]
    assert sorted(folder.iterdir()) == paths
    assert [event.path for event in seen if isinstance(event, events.Saved)] == [str(path) for path in paths]
    assert [(event.done, event.total) for event in seen if isinstance(event, events.Progress)] == [(2, 3), (3, 3)]
    steps = [(event.step, event.total) for event in seen if isinstance(event, events.Step)]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)] * 2
    with Image.open(paths[0]) as image:
        assert image.size == (32, 24)


def test_nothing_is_ever_overwritten(home: Home, tmp_path: Path) -> None:
    job = GenerateJob(prompt="a cat", sampling=STEPS, output=str(tmp_path / "Bilder für alle"))
    (first,), _, _ = made(job, home)
    content = first.read_bytes()
    (second,), _, _ = made(job, home)
    (tmp_path / "Bilder für alle" / "00041-renamed by hand.png").touch()
    (third,), _, _ = made(job, home)
    assert [path.name for path in (first, second, third)] == ["00001-0.png", "00002-0.png", "00042-0.png"]
    assert first.read_bytes() == content
    assert not home.outputs.exists()


def test_a_number_that_another_process_holds_is_left_to_it(home: Home, tmp_path: Path) -> None:
    (tmp_path / ".gesso-partial-00001").touch()
    (path,), _, _ = made(GenerateJob(sampling=STEPS, output=str(tmp_path)), home)
    assert path.name == "00002-0.png"
    assert sorted(tmp_path.iterdir()) == [tmp_path / ".gesso-partial-00001", path]


@pytest.mark.parametrize("sampler", ["ddim", "euler_a", "dpmpp_2m_sde", "dpmpp_sde", "dpmpp_3m_sde", "lcm"])
def test_batch_size_never_changes_a_picture(home: Home, sampler: str) -> None:
    sampling = Sampling.model_validate({"sampler": sampler, "steps": 4, "eta": 1.0})
    pictures: list[list[bytes]] = []
    for batch_size in (1, 2, 5):
        job = GenerateJob(prompt="x", sampling=sampling, seed=2**63 - 2, count=4, batch_size=batch_size)
        paths, _, _ = made(job, home)
        pictures.append([pixels(path) for path in paths])
    assert pictures[0] == pictures[1] == pictures[2]
    assert len(set(pictures[0])) == 4


def test_a_picture_can_be_made_again_from_itself(home: Home) -> None:
    sampling = Sampling(sampler="euler_a", steps=3, guidance=4.0)
    job = GenerateJob(prompt="two\nlines, ü 🐈", negative="no: thing", sampling=sampling, seed=2**63 - 1, count=2)
    paths, _, _ = made(job, home)
    for path, seed in zip(paths, (2**63 - 1, 0), strict=True):
        stored = read_metadata(path).job
        assert stored is not None
        assert (stored.seed, stored.count) == (seed, 1)
        (again,), _, _ = made(stored, home)
        assert pixels(again) == pixels(path)
        assert read_metadata(again).job == stored


def test_noise_as_a_card_draws_it_makes_another_picture_and_the_same_again(home: Home) -> None:
    jobs = [GenerateJob(sampling=Sampling(steps=2, sampler="euler_a", noise=noise)) for noise in ("cpu", "nv", "nv")]
    ours, theirs, again = (pixels(made(job, home)[0][0]) for job in jobs)
    assert theirs == again != ours


def test_prompts_are_encoded_once_for_all_pictures(home: Home) -> None:
    _, _, family = made(GenerateJob(prompt="a cat", negative="bad", sampling=STEPS, count=3), home)
    assert family.encoded == [["bad", "a cat"]]


def test_previews_show_the_predicted_picture(home: Home) -> None:
    _, seen, _ = made(GenerateJob(sampling=STEPS, count=2, batch_size=2), home)
    shown = [event for event in seen if isinstance(event, events.Preview)]
    assert [(event.step, event.index) for event in shown[:2]] == [(1, 0), (1, 1)]
    assert (shown[0].width, shown[0].height) == (8, 6)
    _, seen, _ = made(GenerateJob(sampling=STEPS, previews=Previews(every=0)), home)
    assert not [event for event in seen if isinstance(event, events.Preview)]


def test_previews_of_many_quick_pictures_are_few(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.generation.preview.MOST_PER_SECOND", 1e-6)
    _, seen, _ = made(GenerateJob(sampling=STEPS, count=5), home)
    assert len([event for event in seen if isinstance(event, events.Preview)]) == 1


@pytest.mark.parametrize("checks", [0, 1, 3])
def test_cancel_stops_at_once_and_writes_nothing(home: Home, checks: int) -> None:
    """Cancelled as soon as the network has been asked `checks` times."""
    bundle, family = fake_model()
    run = Run([].append, cancelled=lambda: len(family.batches) >= checks)
    with pytest.raises(Cancelled):
        generate(GenerateJob(sampling=Sampling(steps=50)), run, home, bundle)
    assert len(family.batches) == checks
    assert family.decoded == 0
    assert files_below(home.root) == []


def test_cancel_keeps_the_pictures_that_were_complete(home: Home, tmp_path: Path) -> None:
    bundle, family = fake_model()
    run = Run([].append, cancelled=lambda: len(family.batches) >= 6)
    with pytest.raises(Cancelled):
        generate(GenerateJob(sampling=STEPS, count=3, output=str(tmp_path)), run, home, bundle)
    assert files_below(tmp_path) == ["00001-0.png"]


def test_cancel_after_the_last_step_does_not_decode(home: Home) -> None:
    bundle, family = fake_model()
    seen: list[events.Event] = []
    run = Run(seen.append, cancelled=lambda: bool(seen) and isinstance(seen[-1], events.Step) and seen[-1].step == 4)
    with pytest.raises(Cancelled):
        generate(GenerateJob(sampling=STEPS, previews=Previews(every=0)), run, home, bundle)
    assert (len(family.batches), family.decoded) == (4, 0)


@pytest.mark.parametrize(("part", "call"), [("text", 1), ("unet", 3), ("vae", 1)])
def test_not_a_number_leaves_no_black_picture(home: Home, part: str, call: int) -> None:
    bundle, family = fake_model()
    family.spoil = with_nan(part, call)
    with pytest.raises(UserError, match="not-a-number"):
        generate(GenerateJob(sampling=STEPS), Run([].append), home, bundle)
    assert files_below(home.root) == []


def test_a_size_that_does_not_fit_is_refused_before_any_work(home: Home) -> None:
    bundle, family = fake_model()
    bundle.pixels_per_latent = 16
    job = GenerateJob.model_validate({"size": {"width": 64, "height": 40}})
    with pytest.raises(UserError, match="height is 40"):
        generate(job, Run([].append), home, bundle)
    assert family.encoded == []


def test_a_lora_that_is_not_there_is_refused_before_any_work(home: Home) -> None:
    bundle, family = fake_model()
    with pytest.raises(UserError, match="mascot"):
        generate(GenerateJob(loras=(LoraUse(name="mascot"),)), Run([].append), home, bundle)
    assert family.encoded == []


def test_a_lora_acts_by_name_or_path_and_by_its_weight(home: Home, tmp_path: Path) -> None:
    bundle = tiny.bundle()
    before = {name: value.clone() for name, value in bundle.unet.state_dict().items()}
    targets = list(bundle.family.lora_targets(bundle, text_encoder=True, convolutions=False).items())
    source = torch.Generator().manual_seed(0)
    pairs: dict[str, LoraPair] = {}
    for module, name in targets:
        weight = getattr(bundle, module.partition(".")[0]).get_submodule(module.partition(".")[2]).weight
        down = torch.randn(2, weight.shape[1], generator=source) / 10
        pairs[name] = LoraPair(down, torch.randn(weight.shape[0], 2, generator=source), 2.0)
    path = home.models / "loras" / "mascot ü.safetensors"
    path.parent.mkdir(parents=True)
    write_lora(path, pairs, {})

    def made_with(*loras: LoraUse) -> bytes:
        job = GenerateJob(prompt="a fox", loras=loras, sampling=STEPS, output=str(tmp_path / "out"))
        return pixels(generate(job, Run([].append), home, bundle)[0])

    without = made_with()
    full = made_with(LoraUse(name="mascot ü"))
    assert full != without
    assert made_with(LoraUse(name=str(path))) == full
    assert made_with(LoraUse(name="mascot ü", weight=0.0)) == without
    assert made_with(LoraUse(name="mascot ü", weight=0.5)) not in (full, without)
    assert all(torch.equal(value, before[name]) for name, value in bundle.unet.state_dict().items())
    assert made_with() == without


def test_a_file_in_place_of_the_folder_is_refused_before_any_work(home: Home, tmp_path: Path) -> None:
    bundle, family = fake_model()
    (tmp_path / "taken").touch()
    with pytest.raises(UserError, match="is a file"):
        generate(GenerateJob(output=str(tmp_path / "taken" / "deeper")), Run([].append), home, bundle)
    assert family.encoded == []


def test_a_full_disk_is_refused_before_any_work(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, family = fake_model()
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage(100, 100, 0))
    with pytest.raises(UserError, match="no room"):
        generate(GenerateJob(), Run([].append), home, bundle)
    assert family.encoded == []


def test_a_disk_that_fails_while_writing_leaves_nothing_behind(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, _ = fake_model()

    def full(*_args: object, **_more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    job = GenerateJob(sampling=STEPS, output=str(tmp_path), previews=Previews(every=0))
    with pytest.raises(UserError, match="disk is full"):
        generate(job, Run([].append), home, bundle)
    assert files_below(tmp_path) == []


def test_the_model_is_left_as_it_was(home: Home) -> None:
    bundle, _ = fake_model()
    before: list[Tensor] = [value.clone() for value in bundle.vae.state_dict().values()]
    generate(GenerateJob(sampling=STEPS), Run([].append), home, bundle)
    after = list(bundle.vae.state_dict().values())
    assert all(bool((one == other).all()) for one, other in zip(before, after, strict=True))
