"""Whole trainings of a tiny model, in this process: what they leave on disk, and what interrupting them changes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from tests import tiny
from tests.training.drawings import draw
from trainer.contract import events
from trainer.contract.common import Hardware, Sampling, Size
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.optimize import Adafactor, AdamW, Lion, Prodigy, Schedule, ScheduleFree
from trainer.contract.run import Run
from trainer.contract.train import (
    Autoencoder,
    Captions,
    Data,
    Full,
    Lora,
    Output,
    Prior,
    Samples,
    Steps,
    TrainJob,
)
from trainer.generation.metadata import read_metadata
from trainer.home import Home
from trainer.library.index import Index
from trainer.models.sd import StableDiffusion
from trainer.training import feed as feed_module
from trainer.training.feed import Feed
from trainer.training.methods.lora import LoraMethod
from trainer.training.train import train


def make_job(model: Path, pictures: Path, total: int = 4, **fields: Any) -> TrainJob:
    data = fields.pop("data", {})
    steps = fields.pop("steps", {})
    defaults: dict[str, Any] = {
        "model": str(model),
        "data": Data(folder=str(pictures), resolution=Size(width=64, height=64), bucket_step=16, **data),
        "method": Lora(rank=2),
        "optimizer": AdamW(learning_rate=1e-3),
        "steps": Steps(total=total, batch_size=2, seed=1, **steps),
        "hardware": Hardware(device="cpu", precision="fp32"),
        "output": Output(name="made", precision="fp32", checkpoint_every=0),
    }
    return TrainJob(**{**defaults, **fields})


E = TypeVar("E")


class Recorded:
    """A run that keeps its events, and is cancelled when `stop` says so of one of them."""

    def __init__(self, folder: Path, stop: Callable[[events.Event], bool] = lambda event: False) -> None:
        self.events: list[events.Event] = []
        self.stopping = False
        self._stop = stop
        folder.mkdir(exist_ok=True)
        self.run = Run(self._emit, lambda: self.stopping, folder)

    def _emit(self, event: events.Event) -> None:
        self.events.append(event)
        self.stopping = self.stopping or self._stop(event)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "output" / "made.safetensors")


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def test_a_lora_with_previews_and_what_it_says_of_itself(
    model: Path, pictures: Path, tmp_path: Path, home: Home
) -> None:
    samples = Samples(prompts=("a square", "a cat"), every=2, sampling=Sampling(steps=2))
    job = make_job(model, pictures, samples=samples, method=Lora(rank=2, alpha=1.0))
    recorded = Recorded(tmp_path / "run")
    path, installed = train(job, recorded.run, home)

    assert [Path(event.path).name for event in recorded.of(events.Sample)] == [
        f"step-{step:08d}-{place}.png" for step in (0, 2, 4) for place in (0, 1)
    ]
    info = read_metadata(Path(recorded.of(events.Sample)[0].path))
    assert info.job is not None
    assert info.job.prompt == "a square"
    steps = recorded.of(events.Step)
    assert steps[-1].step == steps[-1].total == 4
    assert all(event.loss is not None and event.loss > 0 for event in steps)

    assert installed == home.models / "loras" / "made.safetensors"
    assert Index(home).find("made").path == installed
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert metadata["ss_base_model_version"] == "sd_v1"
    assert (metadata["ss_network_dim"], metadata["ss_network_alpha"]) == ("2", "1.0")
    assert metadata["ss_steps"] == "4"
    assert metadata["modelspec.architecture"] == "stable-diffusion-v1/lora"
    assert len(metadata["sshs_model_hash"]) == 64
    assert json.loads(metadata["gesso.job"])["method"]["rank"] == 2
    assert str(tmp_path) not in "".join(metadata.values())
    assert json.loads(metadata["ss_tag_frequency"])["pictures"]["a square"] == 5


def test_training_learns(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    job = make_job(model, pictures, total=40, method=Lora(rank=8, alpha=8), optimizer=AdamW(learning_rate=1e-2))
    recorded = Recorded(tmp_path / "run")
    train(job, recorded.run, home)
    losses = [event.loss for event in recorded.of(events.Step) if event.loss is not None]
    assert sum(losses[-3:]) < 0.7 * sum(losses[:3])


@pytest.mark.parametrize(
    "fields",
    [
        {"method": Lora(rank=2, text_encoder=True), "steps": {"accumulation": 2}},
        {"method": Full(text_encoder=True, ema=0.9), "data": {"captions": Captions(dropout=0.3, shuffle=True)}},
        {"optimizer": ScheduleFree(), "data": {"cache": False, "flip": True}},
        {"method": Autoencoder(ema=0.9, rescale=True), "data": {"buckets": False, "crop": "piece"}},
        {"schedule": Schedule(kind="cosine", warmup=2), "optimizer": Adafactor()},
        {"optimizer": Prodigy(), "steps": {"accumulation": 2}, "data": {"crop": "piece", "flip": True}},
        {"optimizer": Lion(), "samples": Samples(prompts=("a square",), every=1, sampling=Sampling(steps=1))},
    ],
    ids=[
        "lora with text",
        "full with ema",
        "schedule-free uncached",
        "autoencoder",
        "schedule of the learning rate",
        "prodigy on pieces",
        "lion with previews",
    ],
)
def test_stopped_and_resumed_is_bit_identical(
    model: Path, pictures: Path, tmp_path: Path, fields: dict[str, Any]
) -> None:
    job = make_job(model, pictures, **fields)
    train(job, Recorded(tmp_path / "whole").run, Home(tmp_path / "home a"))
    home = Home(tmp_path / "home b")
    stopped = Recorded(tmp_path / "parts", lambda event: isinstance(event, events.Step))
    with pytest.raises(Cancelled):
        train(job, stopped.run, home)
    assert stopped.of(events.Saved)[-1].what == "checkpoint"
    resumed = Recorded(tmp_path / "parts")
    train(job, resumed.run, home)
    assert resumed.of(events.Step)[0].step > 1
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_run_can_be_extended(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    train(make_job(model, pictures, total=4), Recorded(tmp_path / "whole").run, home)
    output = Output(name="made", precision="fp32", checkpoint_every=2)
    train(make_job(model, pictures, total=2, output=output), Recorded(tmp_path / "parts").run, home)
    extended = Recorded(tmp_path / "parts")
    train(make_job(model, pictures, total=4, output=output), extended.run, home)
    assert extended.of(events.Step)[0].step == 3
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_a_changed_job_or_picture_is_not_resumed(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    output = Output(name="made", precision="fp32", checkpoint_every=2)
    train(make_job(model, pictures, total=2, output=output), Recorded(tmp_path / "run").run, home)
    changed = make_job(model, pictures, total=4, output=output, method=Lora(rank=4))
    with pytest.raises(UserError, match=r"method\.rank was 2, now 4"):
        train(changed, Recorded(tmp_path / "run").run, home)
    (pictures / "3.txt").write_text("another caption\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"3\.png was changed"):
        train(make_job(model, pictures, total=4, output=output), Recorded(tmp_path / "run").run, home)


def test_another_model_under_the_same_name_is_not_resumed(pictures: Path, tmp_path: Path, home: Home) -> None:
    model = tmp_path / "model.safetensors"
    tiny.single_file(model)
    output = Output(name="made", precision="fp32", checkpoint_every=2)
    train(make_job(model, pictures, total=2, output=output), Recorded(tmp_path / "run").run, home)
    tiny.single_file(model, metadata={"modelspec.title": "another file"})
    with pytest.raises(UserError, match="the model's contents was"):
        train(make_job(model, pictures, total=4, output=output), Recorded(tmp_path / "run").run, home)


def test_pictures_weigh_the_same_in_uneven_batches(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 5 pictures in batches of 2: passes of 2, 2 and 1, three of them to a step; every picture counts one fifth
    monkeypatch.setattr(LoraMethod, "loss", lambda self, batch: _sum_of_ups(self) * 0 + 5.0 / len(batch.names))
    recorded = Recorded(tmp_path / "run")
    data = {"buckets": False}
    train(make_job(model, pictures, total=1, data=data, steps={"accumulation": 3}), recorded.run, home)
    assert recorded.of(events.Step)[0].loss == pytest.approx(3.0)  # 5 times one fifth for each of three passes


def _sum_of_ups(method: LoraMethod) -> torch.Tensor:
    return torch.stack([layer.up.sum() for layer in method.layers.values()]).sum()


def test_a_vae_has_no_class_to_keep(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    job = make_job(model, pictures, method=Autoencoder(), data={"prior": Prior(folder=str(pictures))})
    with pytest.raises(UserError, match="A VAE has no subject"):
        train(job, Recorded(tmp_path / "run").run, home)


def test_only_what_changed_is_encoded_again(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(model, pictures, total=1)
    train(job, Recorded(tmp_path / "first").run, home)
    encoded = {"pictures": 0, "captions": 0}

    def counted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def count(self: Feed, items: Any) -> Any:
            encoded[name] += len(items)
            return original(self, items)

        return count

    monkeypatch.setattr(Feed, "_encode_pictures", counted("pictures", Feed._encode_pictures))
    monkeypatch.setattr(Feed, "_encode_captions", counted("captions", Feed._encode_captions))
    train(job, Recorded(tmp_path / "second").run, home)
    assert encoded == {"pictures": 0, "captions": 0}
    (pictures / "1.txt").write_text("a new caption\n", encoding="utf-8")
    Image.new("RGB", (64, 64), "red").save(pictures / "2.png")
    train(job, Recorded(tmp_path / "third").run, home)
    assert encoded == {"pictures": 1, "captions": 1}


def test_cached_and_uncached_train_alike(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    train(make_job(model, pictures), Recorded(tmp_path / "cached").run, home)
    train(make_job(model, pictures, data={"cache": False}), Recorded(tmp_path / "uncached").run, home)
    assert equal(weights(tmp_path / "cached"), weights(tmp_path / "uncached"))


def test_gradient_checkpointing_changes_nothing(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    train(make_job(model, pictures), Recorded(tmp_path / "plain").run, home)
    checkpointed = make_job(model, pictures, steps={"gradient_checkpointing": True})
    train(checkpointed, Recorded(tmp_path / "checkpointed").run, home)
    one, two = weights(tmp_path / "plain"), weights(tmp_path / "checkpointed")
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)


def test_the_prior_doubles_the_batch_and_keeps_its_own_captions(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_pictures = draw(tmp_path / "class", 3)
    for caption in class_pictures.glob("*.txt"):
        caption.unlink()
    seen: list[Any] = []
    original = Feed._places
    monkeypatch.setattr(Feed, "_places", lambda self, number: seen.append(original(self, number)) or seen[-1])
    prior = Prior(folder=str(class_pictures), weight=0.5, caption="a square")
    data = {"prior": prior, "captions": Captions(prefix="kiki")}
    train(make_job(model, pictures, data=data), Recorded(tmp_path / "run").run, home)
    for places in seen:
        half = len(places) // 2
        assert all(place.caption.startswith("kiki a square, number") for place in places[:half])
        assert all(place.caption == "a square" for place in places[half:])
        assert [place.weight for place in places] == [1 / half] * half + [0.5 / half] * half
        assert len({place.placement.bucket_size for place in places}) == 1


def test_steps_with_gradients_that_are_no_numbers_touch_nothing(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = LoraMethod.loss

    def poisoned(self: LoraMethod, batch: Any) -> torch.Tensor:
        loss = original(self, batch)
        return loss * float("nan") if batch.number == 1 else loss

    monkeypatch.setattr(LoraMethod, "loss", poisoned)
    recorded = Recorded(tmp_path / "run")
    train(make_job(model, pictures), recorded.run, home)
    (warning,) = [event for event in recorded.of(events.Warning) if "Step 2" in event.title]
    assert ".png" in warning.title
    assert all(bool(tensor.isfinite().all()) for tensor in weights(tmp_path / "run").values())


def test_a_run_that_only_gives_such_gradients_gives_up(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def poisoned(self: LoraMethod, batch: Any) -> torch.Tensor:
        return sum(layer.up.sum() for layer in self.layers.values()) * torch.tensor(float("inf"))

    monkeypatch.setattr(LoraMethod, "loss", poisoned)
    with pytest.raises(UserError, match="gone astray"):
        train(make_job(model, pictures, total=50), Recorded(tmp_path / "run").run, home)
    assert not (tmp_path / "run" / "output").exists()


def test_cancelling_while_encoding_leaves_what_was_encoded(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(event: events.Event) -> bool:
        return isinstance(event, events.Progress) and event.what == "encoding pictures" and event.done == 2

    with pytest.raises(Cancelled):
        train(make_job(model, pictures), Recorded(tmp_path / "run", stop).run, home)
    with feed_module.TensorStore(feed_module.store_folder(home.cache)) as store:
        assert len(store._places) == 2


def test_a_blank_model_is_the_same_for_the_same_seed(pictures: Path, tmp_path: Path, home: Home) -> None:
    job = make_job(Path("blank:starter"), pictures, total=1, data={"cache": False})
    for name in ("one", "two"):
        train(job, Recorded(tmp_path / name).run, home)
    assert equal(weights(tmp_path / "one"), weights(tmp_path / "two"))


def test_an_autoencoder_is_finished_in_half_precision(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    job = make_job(
        model,
        pictures,
        total=1,
        method=Autoencoder(rescale=True),
        hardware=Hardware(device="cpu", precision="bf16"),
    )
    train(job, Recorded(tmp_path / "run").run, home)
    assert (tmp_path / "run" / "output" / "made.safetensors").exists()


@pytest.mark.parametrize("method", [Lora(rank=2), Autoencoder()], ids=["latents", "pixels"])
def test_pieces_are_cut_anew_each_time_and_mirrored(
    model: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch, method: Any
) -> None:
    """The picture's red channel tells the column: rising from left to right, or falling where it was mirrored."""
    folder = tmp_path / "wide"
    folder.mkdir()
    ramp = Image.linear_gradient("L").rotate(90).resize((256, 256))
    Image.merge("RGB", (ramp, ramp, ramp)).save(folder / "ramp.png")
    (folder / "ramp.txt").write_text("a ramp\n", encoding="utf-8")
    seen: list[torch.Tensor] = []
    original = StableDiffusion.encode_pictures

    def watched(self: StableDiffusion, bundle: Any, pixels: torch.Tensor) -> torch.Tensor:
        seen.append(pixels.detach().clone())
        return original(self, bundle, pixels)

    monkeypatch.setattr(StableDiffusion, "encode_pictures", watched)
    job = make_job(model, folder, total=8, method=method, data={"crop": "piece", "flip": True})
    train(job, Recorded(tmp_path / "run").run, home)
    rows = [picture[0, 32] for batch in seen for picture in batch]
    assert all(len(row) == 64 for row in rows)
    assert all(abs(float(row[-1] - row[0])) < 0.6 for row in rows), "a quarter of the picture, at its own scale"
    assert len({round(float(row.min()), 3) for row in rows}) > 3, "from different places"
    assert len({bool(row[-1] > row[0]) for row in rows}) == 2, "some of them mirrored"


def test_a_cancel_is_heard_between_the_passes_of_one_step(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers: list[int] = []
    recorded = Recorded(tmp_path / "run")
    original = LoraMethod.loss

    def watched(self: LoraMethod, batch: Any) -> torch.Tensor:
        numbers.append(batch.number)
        recorded.stopping = batch.number == 2
        return original(self, batch)

    monkeypatch.setattr(LoraMethod, "loss", watched)
    with pytest.raises(Cancelled):
        train(make_job(model, pictures, steps={"accumulation": 64}), recorded.run, home)
    assert numbers == [0, 1, 2]


def test_folders_with_repeats_are_told_as_kohya_tells_them(model: Path, tmp_path: Path, home: Home) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    draw(folder / "3_square", 2)
    path, _ = train(make_job(model, folder, total=1, data={"repeats": 2}), Recorded(tmp_path / "run").run, home)
    with safe_open(path, "pt") as file:
        metadata = file.metadata()
    assert json.loads(metadata["ss_dataset_dirs"]) == {"3_square": {"n_repeats": 6, "img_count": 2}}
    assert metadata["ss_num_train_images"] == "12"


def test_captions_are_encoded_as_they_will_be_shown(
    model: Path, pictures: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []
    original = Feed._encode_captions
    monkeypatch.setattr(Feed, "_encode_captions", lambda self, words: encoded.extend(words) or original(self, words))
    prior = Prior(folder=str(draw(tmp_path / "class", 2)))
    data = {"prior": prior, "captions": Captions(prefix="kiki")}
    train(make_job(model, pictures, data=data), Recorded(tmp_path / "run").run, home)
    subject = {f"kiki a square, number {number}" for number in range(5)}
    assert sorted(encoded) == sorted({"", *subject, "a square, number 0", "a square, number 1"})


def test_shuffled_tags_do_not_fill_the_disk(model: Path, pictures: Path, tmp_path: Path, home: Home) -> None:
    data = {"captions": Captions(shuffle=True, keep_tags=0)}
    train(make_job(model, pictures, data=data), Recorded(tmp_path / "run").run, home)
    with feed_module.TensorStore(feed_module.store_folder(home.cache)) as store:
        assert {name for places in store._places.values() for name in places} == {"moments"}


def test_previews_leave_a_schedule_free_training_as_it_is(
    model: Path, pictures: Path, tmp_path: Path, home: Home
) -> None:
    for every in (0, 1):
        samples = Samples(prompts=("a square",), every=every, sampling=Sampling(steps=1))
        job = make_job(model, pictures, optimizer=ScheduleFree(), samples=samples)
        train(job, Recorded(tmp_path / str(every)).run, home)
    assert equal(weights(tmp_path / "0"), weights(tmp_path / "1"))
