"""VideoJob on a tiny model: files, events, cancel, and what is refused before any work."""

import base64
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from tests import tiny, tiny_video
from trainer.contract import events
from trainer.contract.common import Size
from trainer.contract.errors import Cancelled, UserError
from trainer.contract.generate import Previews
from trainer.contract.run import Run
from trainer.contract.video import VideoExport, VideoJob, VideoSampling
from trainer.generation.video_file import read_video_job
from trainer.generation.video_job import animate, filmstrip
from trainer.home import Home
from trainer.models.svd import SVDBundle


@pytest.fixture(scope="module")
def bundle() -> SVDBundle:
    return tiny_video.bundle()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "still.png"
    Image.linear_gradient("L").convert("RGB").resize((96, 64)).save(path)
    return path


def job(picture: Path, folder: Path, **fields: object) -> VideoJob:
    tree: dict[str, object] = {
        "model": "tiny",
        "picture": str(picture),
        "sampling": VideoSampling(steps=2),
        "export": VideoExport(format="frames"),
        "output": str(folder),
    }
    return VideoJob.model_validate({**tree, **fields})


def test_a_video_is_made_saved_and_made_again(bundle: SVDBundle, picture: Path, tmp_path: Path, home: Home) -> None:
    told: list[events.Event] = []
    first, second = animate(job(picture, tmp_path / "out", count=2, seed=5), Run(told.append), home, bundle)
    assert (first.name, second.name) == ("00001-5", "00002-6")
    assert [event.path for event in told if isinstance(event, events.Saved)] == [str(first), str(second)]
    assert {event.what for event in told if isinstance(event, events.Saved)} == {"video"}
    assert [event.step for event in told if isinstance(event, events.Step)] == [1, 2, 1, 2]
    of_frames = [event.done for event in told if isinstance(event, events.Progress) and event.what == "frames"]
    assert of_frames == [2, 3] * 2
    stored = read_video_job(second)
    assert stored is not None
    assert (stored.seed, stored.count, stored.frames, stored.output) == (6, 1, 3, "")
    assert stored.size == Size(width=48, height=32)
    (again,) = animate(stored.model_copy(update={"output": str(tmp_path / "again")}), Run(told.append), home, bundle)
    assert [file.read_bytes() for file in sorted(again.iterdir())] == [
        file.read_bytes() for file in sorted(second.iterdir())
    ]


def test_previews_hold_all_frames(bundle: SVDBundle, picture: Path, tmp_path: Path, home: Home) -> None:
    told: list[events.Event] = []
    animate(job(picture, tmp_path / "out"), Run(told.append), home, bundle)
    shown = [event for event in told if isinstance(event, events.Preview)]
    assert shown  # the second step may come within an eighth of a second
    assert (shown[0].frames, shown[0].width, shown[0].height) == (3, 12, 3 * 8)
    with Image.open(io.BytesIO(base64.b64decode(shown[0].data))) as image:
        assert image.size == (12, 24)
    told.clear()
    animate(job(picture, tmp_path / "out", previews=Previews(every=0)), Run(told.append), home, bundle)
    assert not [event for event in told if isinstance(event, events.Preview)]


def test_a_filmstrip_goes_from_top_to_bottom() -> None:
    clean = torch.stack([torch.full((4, 2, 3), level) for level in (-1.0, 0.0, 1.0)])
    matrix = torch.zeros(5, 3)
    matrix[0] = 1.0
    strip = filmstrip(clean, matrix)
    assert strip.size == (3, 6)
    assert [strip.getpixel((1, row)) for row in (1, 3, 5)] == [(0,) * 3, (128,) * 3, (255,) * 3]


def cancels_after(count: int) -> Callable[[], bool]:
    """A wish that comes at its `count`-th asking."""
    asked = iter(range(count - 1))
    return lambda: next(asked, None) is None


def test_cancel_leaves_nothing_behind(bundle: SVDBundle, picture: Path, tmp_path: Path, home: Home) -> None:
    out = tmp_path / "out"
    for count in (1, 2, 3, 4, 5, 6):  # before all, before and in the steps, before the frames, between them, after them
        with pytest.raises(Cancelled):
            animate(job(picture, out), Run(lambda _event: None, cancels_after(count)), home, bundle)
        assert not out.exists() or not list(out.iterdir())


def test_what_is_cut_off_is_said(bundle: SVDBundle, tmp_path: Path, home: Home) -> None:
    Image.new("RGB", (96, 96), "red").save(tmp_path / "square.png")
    told: list[events.Event] = []
    animate(job(tmp_path / "square.png", tmp_path / "out"), Run(told.append), home, bundle)
    (warning,) = [event for event in told if isinstance(event, events.Warning)]
    assert "33%" in warning.title


def test_what_will_not_do_is_refused_before_the_work(
    bundle: SVDBundle, picture: Path, tmp_path: Path, home: Home
) -> None:
    run = Run(lambda _event: None)
    with pytest.raises(UserError, match=r"nothing\.png"):
        animate(job(tmp_path / "nothing.png", tmp_path / "out"), run, home, bundle)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a file"):
        animate(job(picture, tmp_path / "file"), run, home, bundle)
    with pytest.raises(UserError, match="single pictures"):
        animate(job(picture, tmp_path / "out"), run, home, tiny.bundle())
    assert not (tmp_path / "out").exists()
