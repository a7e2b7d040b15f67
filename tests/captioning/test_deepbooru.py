"""DeepBooru: network and preparation of pictures equal the published ones; its checkpoint is opened with care."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.captioning.models import drawing, fill_by_rule, write_deepbooru
from trainer.captioning.deepbooru import DeepBooru, fitted
from trainer.captioning.deepbooru_network import DeepBooruNetwork
from trainer.captioning.pickles import import_model, read_deepbooru
from trainer.contract.errors import UserError
from trainer.contract.import_model import ImportJob
from trainer.contract.run import Run
from trainer.home import Home
from trainer.library.identify import identify_file
from trainer.library.identity import Kind
from trainer.library.index import Index

# From AUTOMATIC1111/TorchDeepDanbooru (deep_danbooru_model.py, MIT), run with torch 2.13 in fp32. For the narrow ones
# its convolutions were made a sixteenth as wide, with 12 labels; weights are those of `fill_by_rule`.
NARROW = {
    (128, 128): (
        0.48919, 0.484727, 0.483606, 0.486071, 0.491585, 0.498944,
        0.506534, 0.512691, 0.51607, 0.515934, 0.512311, 0.505992,
    ),
    (192, 256): (
        0.476807, 0.465784, 0.462244, 0.466941, 0.478872, 0.495454,
        0.513041, 0.52775, 0.536368, 0.537045, 0.529635, 0.515727,
    ),
}  # fmt: skip
FULL = (0.499538, 0.498821, 0.499768, 0.501043, 0.500845, 0.499454)
KEYS = "711fb97ac5d950d8d588e3f5185c168a9c2e55fd1a9e09e9271dc479a8b86576"
PARAMETERS = 160_956_544

# From AUTOMATIC1111's resize_image in mode 2 (modules/images.py at 00952fb) with Pillow 13: pixels at PLACES (row,
# column), and the mean of each channel.
PLACES = (
    (0, 0), (1, 255), (60, 3), (100, 100), (255, 256), (256, 511), (300, 200), (400, 10), (510, 510), (511, 256),
)  # fmt: skip
FITTED = {
    (300, 200): (
        [[0, 59, 120], [15, 76, 138], [10, 71, 132], [93, 154, 215], [174, 255, 31],
         [125, 217, 101], [193, 70, 125], [82, 141, 229], [190, 50, 0], [135, 185, 0]],
        [126.9745, 127.1406, 127.6678],
    ),
    (200, 300): (
        [[0, 59, 120], [185, 166, 54], [196, 12, 62], [139, 200, 0], [243, 2, 99],
         [81, 146, 241], [255, 57, 101], [255, 27, 88], [76, 55, 157], [0, 71, 199]],
        [127.2555, 127.2992, 127.6785],
    ),
    (640, 641): (
        [[2, 63, 124], [136, 71, 175], [72, 73, 134], [255, 26, 105], [140, 217, 91],
         [42, 142, 169], [45, 47, 166], [60, 121, 193], [157, 94, 153], [143, 183, 136]],
        [127.5404, 127.6943, 127.7649],
    ),
    (700, 100): (
        [[1, 62, 123], [185, 156, 58], [30, 91, 152], [235, 193, 57], [63, 115, 186],
         [174, 101, 166], [176, 242, 64], [122, 178, 224], [118, 126, 182], [177, 184, 80]],
        [126.9867, 127.7146, 127.7345],
    ),
    (512, 512): (
        [[0, 61, 122], [57, 118, 179], [69, 130, 191], [160, 221, 26], [243, 48, 109],
         [44, 105, 166], [148, 209, 14], [182, 243, 48], [12, 73, 134], [38, 99, 160]],
        [127.5356, 127.5962, 127.7886],
    ),
    (90, 1000): (
        [[7, 68, 129], [100, 156, 231], [119, 64, 117], [109, 50, 127], [97, 136, 103],
         [116, 175, 103], [144, 134, 116], [144, 159, 131], [107, 195, 174], [172, 57, 94]],
        [127.3888, 127.7425, 127.696],
    ),
}  # fmt: skip
TAGS = ("1girl", "long_hair", "rating:safe", "sky")


def scores_of(network: DeepBooruNetwork, size: tuple[int, int]) -> list[float]:
    picture = torch.from_numpy(np.asarray(drawing(*size), dtype=np.float32) / 255)[None]
    with torch.inference_mode():
        return network.eval()(picture)[0].tolist()


@pytest.mark.parametrize("size", NARROW, ids=str)
def test_a_narrow_network_gives_the_numbers_of_the_published_one(size: tuple[int, int]) -> None:
    network = DeepBooruNetwork(12, 4)
    fill_by_rule(network)
    assert scores_of(network, size) == pytest.approx(NARROW[size], abs=3e-6)


@pytest.mark.slow
def test_the_full_network_gives_the_numbers_of_the_published_one() -> None:
    network = DeepBooruNetwork()
    fill_by_rule(network)
    assert scores_of(network, (128, 128))[: len(FULL)] == pytest.approx(FULL, abs=3e-6)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    with torch.device("meta"):
        weights = DeepBooruNetwork().state_dict()
    lines = [f"{name} {tuple(weight.shape)}" for name, weight in weights.items()]
    keys = sorted((name, tuple(weight.shape)) for name, weight in weights.items())
    assert hashlib.sha256("\n".join(f"{name} {shape}" for name, shape in keys).encode()).hexdigest() == KEYS
    assert len(lines) == 357
    assert sum(math.prod(weight.shape) for weight in weights.values()) == PARAMETERS


@pytest.mark.parametrize("size", FITTED, ids=str)
def test_pictures_are_prepared_as_a1111_does(size: tuple[int, int]) -> None:
    pixels = np.asarray(fitted(drawing(*size)))
    expected, means = FITTED[size]
    assert pixels.shape == (512, 512, 3)
    assert [pixels[place].tolist() for place in PLACES] == expected
    assert pixels.reshape(-1, 3).mean(0).tolist() == pytest.approx(means, abs=1e-3)


@pytest.mark.parametrize("size", [(5000, 3), (3, 5000), (1, 1)], ids=str)
def test_strips_too_thin_to_shrink_are_still_prepared(size: tuple[int, int]) -> None:
    assert fitted(drawing(*size)).size == (512, 512)


def test_scores_come_by_name_and_ratings_apart(tmp_path: Path) -> None:
    network = write_deepbooru(tmp_path / "booru.safetensors", TAGS)
    captioner = DeepBooru(tmp_path / "booru.safetensors", torch.device("cpu"), torch.float32)
    prepared = captioner.prepare(drawing(300, 200))
    with torch.inference_mode():
        expected = network.eval()(torch.from_numpy(prepared)[None])[0].tolist()
    (said,) = captioner.say([prepared], lambda: None)
    assert {**said.scores["general"], **said.scores["rating"]} == pytest.approx(
        dict(zip(TAGS, expected, strict=True)), abs=1e-4
    )
    assert list(said.scores["rating"]) == ["rating:safe"]


# --- the checkpoint -----------------------------------------------------------------------------------------------


def published(path: Path, **changes: object) -> Path:
    """A checkpoint as it is published, small."""
    network = DeepBooruNetwork(len(TAGS), 4)
    fill_by_rule(network)
    torch.save({**network.state_dict(), "tags": list(TAGS), **changes}, path)
    return path


def test_the_published_checkpoint_is_installed_as_safetensors(tmp_path: Path, home: Home) -> None:
    source = published(tmp_path / "model-resnet_custom_v3.pt")
    (path,) = import_model(ImportJob(source=str(source)), Run(lambda _: None), home)
    assert path == home.models / "captioners" / "model-resnet_custom_v3.safetensors"
    assert (identify_file(path).kind, identify_file(path).variant) == (Kind.CAPTIONER, "deepbooru")
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert Index(home).find("model-resnet_custom_v3", [Kind.CAPTIONER]).path == path
    assert DeepBooru(path, torch.device("cpu"), torch.float32).tags == list(TAGS)


def test_a_name_that_is_taken_stops_the_import(tmp_path: Path, home: Home) -> None:
    job = ImportJob(source=str(published(tmp_path / "booru.pt")))
    import_model(job, Run(lambda _: None), home)
    with pytest.raises(UserError, match="already"):
        import_model(job, Run(lambda _: None), home)
    (second,) = import_model(job.model_copy(update={"on_clash": "keep_both"}), Run(lambda _: None), home)
    assert second.name == "booru 2.safetensors"


class Payload:
    """Makes the file `marker` when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.marker,)


def test_a_checkpoint_with_more_in_it_is_refused_and_runs_nothing(tmp_path: Path, home: Home) -> None:
    source = published(tmp_path / "evil.pt", extra=Payload(tmp_path / "ran"))
    with pytest.raises(UserError, match="not that file"):
        import_model(ImportJob(source=str(source)), Run(lambda _: None), home)
    assert not (tmp_path / "ran").exists()
    assert not list(home.models.rglob("*.safetensors"))


@pytest.mark.parametrize(
    "changes",
    [
        {"tags": ["one"]},
        {"tags": [1, 2, 3, 4]},
        {"tags": "1girl"},
        {"other": torch.zeros(1)},
        {"n_Conv_5.weight": torch.zeros(1)},
        {"n_Conv_0.bias": torch.zeros(4, dtype=torch.int64)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_checkpoint_that_is_not_the_network_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(UserError, match="not that file"):
        read_deepbooru(published(tmp_path / "odd.pt", **changes))


def test_any_other_pickle_is_refused_unopened(tmp_path: Path) -> None:
    torch.save({"state_dict": Payload(tmp_path / "ran")}, tmp_path / "model.pt")
    with pytest.raises(UserError, match="zip archive"):
        read_deepbooru(tmp_path / "model.pt")
    assert not (tmp_path / "ran").exists()
