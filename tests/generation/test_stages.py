"""GenerateJob with a source, a mask, a second pass, a variation; and when memory runs out for many at once."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from tests import tiny
from tests.generation.fake import fake_model
from trainer.contract import events
from trainer.contract.common import Hardware, Sampling, Size
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob, Mask, Previews, SecondPass, SourcePicture, Variation
from trainer.contract.jobfile import job_from_tree, job_to_toml, read_job
from trainer.contract.run import Run
from trainer.engine.execute import Session, execute
from trainer.generation.economy import Economy
from trainer.generation.metadata import read_metadata
from trainer.generation.prompts import encode
from trainer.generation.text_to_image import generate
from trainer.home import Home
from trainer.models.family import Bundle, Conditioning
from trainer.models.sd import StableDiffusion

STEPS = Sampling(steps=4)
QUIET = Previews(every=0)


def made(job: GenerateJob, home: Home, seen: list[events.Event] | None = None) -> list[Path]:
    bundle, _ = fake_model()
    return list(generate(job, Run((seen if seen is not None else []).append), home, bundle))


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def stored(path: Path) -> GenerateJob:
    job = read_metadata(path).job
    assert job is not None
    return job


@pytest.fixture
def source(tmp_path: Path) -> Path:
    values = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(values).save(tmp_path / "source.png")
    mask = Image.new("L", (32, 24))
    mask.paste(255, (8, 8, 24, 16))
    mask.save(tmp_path / "mask.png")
    return tmp_path / "source.png"


def jobs(source: Path) -> dict[str, GenerateJob]:
    mask = Mask(path=str(source.with_name("mask.png")))
    begun = SourcePicture(path=str(source), strength=0.75)
    return {
        "a source": GenerateJob(prompt="a cat", source=begun),
        "a mask": GenerateJob(prompt="a cat", source=begun.model_copy(update={"mask": mask})),
        "a region": GenerateJob(
            source=begun.model_copy(update={"mask": mask.model_copy(update={"only_masked": True, "padding": 2})})
        ),
        "a second pass": GenerateJob(prompt="a cat", second_pass=SecondPass(scale=1.5, strength=0.5)),
        "a second pass in latents": GenerateJob(prompt="a cat", second_pass=SecondPass(upscaler="latent", steps=6)),
        "a variation": GenerateJob(prompt="a cat", variation=Variation(seed=2**63 - 1, strength=0.2)),
        "all": GenerateJob(
            prompt="[a:b:0.5]", source=begun, variation=Variation(seed=4), second_pass=SecondPass(scale=1)
        ),
    }


KINDS = ("a source", "a mask", "a region", "a second pass", "a second pass in latents", "a variation", "all")


@pytest.mark.parametrize("kind", KINDS)
def test_each_picture_is_made_again_from_itself_and_batch_size_changes_none(
    kind: str, home: Home, source: Path
) -> None:
    sampling = Sampling(sampler="euler_a", steps=5)
    job = jobs(source)[kind].model_copy(update={"sampling": sampling, "seed": 9, "count": 3, "previews": QUIET})
    paths = made(job, home)
    together = made(job.model_copy(update={"batch_size": 3}), home)
    assert len({pixels(path).tobytes() for path in paths}) == 3
    for path, other in zip(paths, together, strict=True):
        assert np.array_equal(pixels(path), pixels(other))
        own = stored(path)
        assert own.count == 1
        assert job_from_tree(own.model_dump(mode="json")) == own
        (again,) = made(own, home)
        assert np.array_equal(pixels(again), pixels(path))
        assert stored(again) == own


def test_a_job_with_everything_goes_through_a_file_and_an_old_one_is_as_it_was(source: Path, tmp_path: Path) -> None:
    for job in jobs(source).values():
        (tmp_path / "job.toml").write_text(job_to_toml(job), encoding="utf-8")
        assert read_job(tmp_path / "job.toml") == job
    old = job_from_tree({"kind": "generate", "format": 1, "prompt": "a cat", "sampling": {"steps": 4}})
    assert old == GenerateJob(prompt="a cat", sampling=STEPS)


def test_only_what_is_masked_changes(home: Home, source: Path) -> None:
    (path,) = made(jobs(source)["a mask"].model_copy(update={"sampling": STEPS}), home)
    changed = (pixels(path) != pixels(source)).any(-1)
    inside = pixels(source.with_name("mask.png"))[..., 0] > 0
    assert not changed[~inside].any()
    assert changed[inside].mean() > 0.5


def test_a_variation_keeps_the_seed_and_counts_on_in_the_other(home: Home) -> None:
    job = GenerateJob(sampling=STEPS, seed=7, count=2, variation=Variation(seed=2**63 - 1, strength=0.5))
    seeds = [(own.seed, own.variation.seed) for own in map(stored, made(job, home)) if own.variation]
    assert seeds == [(7, 2**63 - 1), (7, 0)]
    still = GenerateJob(sampling=STEPS, seed=7, count=2, variation=Variation(seed=5, strength=0))
    plain = made(GenerateJob(sampling=STEPS, seed=7, count=2), home)
    for path, other in zip(made(still, home), plain, strict=True):
        assert np.array_equal(pixels(path), pixels(other))


def test_the_second_pass_makes_it_larger_and_steps_are_counted_over_both(home: Home) -> None:
    seen: list[events.Event] = []
    job = GenerateJob(sampling=STEPS, second_pass=SecondPass(scale=2, strength=0.5, steps=6), previews=QUIET)
    (path,) = made(job, home, seen)
    assert pixels(path).shape == (48, 64, 3)
    steps = [event for event in seen if isinstance(event, events.Step)]
    assert [(event.step, event.total) for event in steps] == [(step, 7) for step in range(1, 8)]
    assert steps[-1].seconds_left == 0.0
    assert stored(path).size == Size(width=32, height=24)


def test_a_mask_and_a_second_pass_exclude_each_other(source: Path) -> None:
    tree = jobs(source)["a mask"].model_dump(mode="json")
    with pytest.raises(UserError, match="but not both"):
        job_from_tree({**tree, "second_pass": {}})


def test_a_source_that_is_gone_or_changed_is_refused_before_any_work(home: Home, source: Path) -> None:
    (path,) = made(jobs(source)["a source"].model_copy(update={"sampling": STEPS}), home)
    own = stored(path)
    Image.new("RGB", (32, 24)).save(source)
    bundle, family = fake_model()
    with pytest.raises(UserError, match="content has changed"):
        generate(own, Run([].append), home, bundle)
    source.unlink()
    with pytest.raises(UserError, match="no picture to begin from"):
        generate(own, Run([].append), home, bundle)
    assert family.batches == []


def test_a_second_model_goes_on_where_the_first_ended_which_has_let_go_by_then(home: Home) -> None:
    """The first is emptied when the second is opened, as the engine does, and each is asked for its own pass."""
    first, first_family = fake_model()
    second, second_family = fake_model()
    tiny.single_file(home.models / "checkpoints" / "fine.safetensors")
    opened: list[str] = []

    def open_second() -> Bundle:
        assert len(first_family.batches) == 4 * 3
        opened.append("second")
        first.let_go()
        return second

    job = GenerateJob(
        prompt="a cat", sampling=STEPS, count=3, second_pass=SecondPass(scale=1.5, strength=0.5, model="fine")
    )
    paths = generate(job, Run([].append), home, first, open_second)
    assert opened == ["second"]
    assert (len(first_family.batches), len(second_family.batches)) == (12, 6)
    assert second_family.encoded == [["", "a cat"]]
    alike = made(job.model_copy(update={"second_pass": SecondPass(scale=1.5, strength=0.5)}), home)
    assert [pixels(path).tobytes() for path in paths] == [pixels(path).tobytes() for path in alike]


def test_a_second_model_that_is_not_there_or_reads_other_latents_is_refused(home: Home) -> None:
    bundle, family = fake_model()
    job = GenerateJob(sampling=STEPS, second_pass=SecondPass(model="nowhere"))
    with pytest.raises(UserError, match="nowhere"):
        generate(job, Run([].append), home, bundle, lambda: bundle)
    assert family.batches == []
    tiny.single_file(home.models / "checkpoints" / "fine.safetensors")
    other, _ = fake_model()
    other.latent_scale = 0.5
    job = GenerateJob(sampling=STEPS, second_pass=SecondPass(model="fine", upscaler="latent"))
    with pytest.raises(UserError, match="another VAE"):
        generate(job, Run([].append), home, bundle, lambda: other)


class Cramped(nn.Module):
    """A UNet for which memory runs out above so many pictures, as torch would say it."""

    def __init__(self, network: nn.Module, most: int) -> None:
        super().__init__()
        self.network, self.most = network, most
        self.asked: list[int] = []

    def forward(self, given: Tensor) -> Tensor:
        self.asked.append(len(given))
        if len(given) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return self.network(given)


def test_where_memory_runs_out_fewer_pictures_are_made_at_once_and_none_is_changed(home: Home) -> None:
    bundle, family = fake_model()
    cramped = bundle.unet = Cramped(bundle.unet, 4)  # two pictures, each with its negative
    seen: list[events.Event] = []
    job = GenerateJob(prompt="a cat", sampling=STEPS, count=7, batch_size=7, second_pass=SecondPass(scale=1.5))
    paths = generate(job, Run(seen.append), home, bundle)
    wanted = made(job, home)
    assert [pixels(path).tobytes() for path in paths] == [pixels(path).tobytes() for path in wanted]
    said = [event.title for event in seen if isinstance(event, events.Warning)]
    assert said[:2] == [
        "Memory ran out for 7 pictures at once, so they are made 3 at a time.",
        "Memory ran out for 3 pictures at once, so they are made one at a time.",
    ]
    assert max(cramped.asked[2:]) <= 6
    assert family.decoded


def test_what_is_too_large_alone_on_a_processor_is_told_as_it_is(home: Home) -> None:
    bundle, _ = fake_model()
    bundle.unet = Cramped(bundle.unet, 1)
    with pytest.raises(torch.OutOfMemoryError):
        generate(GenerateJob(sampling=STEPS), Run([].append), home, bundle)


def test_on_a_graphics_card_the_other_networks_leave_before_the_job_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle, _ = fake_model()
    bundle.device = torch.device("meta")  # one that is no processor
    moved: list[tuple[str, str]] = []
    names = {id(network): name for name, network in bundle.networks.items()}
    monkeypatch.setattr(nn.Module, "to", lambda network, place: moved.append((names[id(network)], str(place))))
    tries: list[int] = []

    def sample(group: Sequence[int]) -> Tensor:
        tries.append(len(group))
        if not moved:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torch.zeros(len(group))

    seen: list[events.Event] = []
    groups = list(Economy(bundle, Run(seen.append), 2).groups([1, 2, 3], sample))
    assert [list(group) for group, _ in groups] == [[1], [2], [3]]
    assert tries == [2, 1, 1, 1, 1]
    away = [("vae", "cpu"), ("text_encoder", "cpu")]
    assert moved == [*away, ("vae", "meta"), ("text_encoder", "meta")] * 3
    assert len([event for event in seen if isinstance(event, events.Warning)]) == 2


def shortened(network: nn.Module, layers: int) -> nn.Module:
    """The text encoder without its last layers."""
    made = copy.deepcopy(network)
    encoder: nn.Module = made.get_submodule("encoder")
    encoder.layers = encoder.get_submodule("layers")[:layers]  # pyright: ignore[reportIndexIssue]
    return made


@pytest.mark.parametrize("family", ["sd1", "sd2"])
def test_clip_skip_is_a_text_encoder_without_its_last_layers(family: str) -> None:
    bundle = tiny.bundle("sd1" if family == "sd1" else "sd2")
    skipped = encode(bundle, ["a red fox"], clip_skip=2)["a red fox"]["context"]
    usual = encode(bundle, ["a red fox"])["a red fox"]["context"]
    bundle.text_encoder = shortened(bundle.text_encoder, 1)
    torch.testing.assert_close(skipped, encode(bundle, ["a red fox"])["a red fox"]["context"])
    assert not torch.allclose(skipped, usual, atol=0.01)
    with pytest.raises(UserError, match="Clip skip is 12"):
        encode(tiny.bundle(), ["a"], clip_skip=12)


def test_prompts_are_kept_apart_by_their_clip_skip(home: Home) -> None:
    bundle = tiny.bundle()
    job = GenerateJob(prompt="a red fox", sampling=Sampling(steps=1), previews=QUIET)

    def drawn(clip_skip: int) -> bytes:
        sampling = Sampling(steps=1, clip_skip=clip_skip)
        return pixels(
            generate(job.model_copy(update={"sampling": sampling}), Run([].append), home, bundle)[0]
        ).tobytes()

    first = drawn(1)
    assert drawn(2) != first == drawn(1)


def test_a_model_that_inpaints_makes_pictures_from_text_from_a_picture_and_under_a_mask(
    home: Home, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tiny.bundle(in_channels=9)
    asked: list[Tensor] = []
    predict = StableDiffusion.predict

    def watched(
        family: StableDiffusion, bundle: Bundle, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning
    ) -> Tensor:
        asked.append(conditioning["concat"])
        return predict(family, bundle, noisy, timesteps, conditioning)

    monkeypatch.setattr(StableDiffusion, "predict", watched)
    size = Size(width=64, height=48)
    for kind, job in jobs(source).items():
        asked.clear()
        job = job.model_copy(update={"sampling": Sampling(steps=2), "size": size, "previews": QUIET})
        generate(job, Run([].append), home, bundle)
        masks = torch.cat([each[:, 0].flatten() for each in asked])
        assert asked[0].shape[1] == 5
        assert (masks.min() == 0) == (kind in ("a mask", "a region"))


def test_a_model_that_the_session_drops_gives_its_memory_back_whoever_holds_it(home: Home) -> None:
    path = home.models / "checkpoints" / "tiny.safetensors"
    tiny.single_file(path)
    session = Session(home)
    held = session.bundle("tiny", GenerateJob().hardware, Run([].append))
    assert session.bundle("tiny", GenerateJob().hardware.model_copy(update={"tiles": "on"}), Run([].append)) is held
    session.drop()
    assert {parameter.device.type for parameter in held.unet.parameters()} == {"meta"}


def test_the_engine_opens_the_second_model_in_place_of_the_first(home: Home) -> None:
    for seed, name in enumerate(("base", "fine")):
        made_of = tiny.bundle(seed=seed)
        made_of.family.save(made_of, home.models / "checkpoints" / f"{name}.safetensors", dtype=None, metadata={})
    hardware = Hardware(device="cpu", precision="fp32")
    session = Session(home)
    first = session.bundle("base", hardware, Run([].append))
    job = GenerateJob(model="base", prompt="a fox", sampling=STEPS, hardware=hardware, previews=QUIET, count=2)
    alone = execute(job, Run([].append), session)
    job = job.model_copy(update={"second_pass": SecondPass(scale=1, upscaler="latent", model="fine")})
    paths = execute(job, Run([].append), session)
    assert next(first.unet.parameters()).device.type == "meta"
    assert not np.array_equal(pixels(paths[0]), pixels(alone[0]))
    again = execute(stored(paths[1]), Run([].append), session)
    assert np.array_equal(pixels(again[0]), pixels(paths[1]))
