"""Videos as the window reads them: every format that Gesso writes, and files that are none."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo
from PySide6.QtGui import QImage

from app.pages.generate_history import newest
from app.picture_index import scan, words_of
from app.picture_words import in_words, open_picture
from app.pictures import read_image, read_job
from app.thumbnails import Thumbnails
from app.videos import filmstrip, frames_of
from trainer.contract.errors import UserError
from trainer.contract.jobfile import FORMAT
from trainer.contract.video import VideoJob
from trainer.home import Home

JOB = VideoJob(model="moving", picture="/pictures/cat.png", frames=5, seed=7)
SIZE = (64, 48)


def frames() -> list[Image.Image]:
    return [Image.new("RGB", SIZE, (50 * place, 120, 200 - 40 * place)) for place in range(5)]


def write(path: Path, kind: str) -> Path:
    """As trainer.generation.video_file lays them out, 5 frames at 10 in a second."""
    text = json.dumps({"format": FORMAT, **JOB.model_dump(mode="json")})
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = frames()
    whole: dict[str, Any] = {"save_all": True, "append_images": others, "duration": 100}
    match kind:
        case "gif":
            first.save(path, **whole, comment=text.encode())
        case "webp":
            exif = Image.Exif()
            exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = b"ASCII\0\0\0" + text.encode()
            first.save(path, **whole, exif=exif.tobytes())
        case "mp4":
            with av.open(str(path), "w") as container:
                container.metadata["comment"] = text
                stream: Any = container.add_stream("mpeg4", rate=Fraction(10))
                stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
                for frame in frames():
                    container.mux(stream.encode(av.VideoFrame.from_image(frame)))
                container.mux(stream.encode())
        case _:
            path.mkdir()
            chunks = PngInfo()
            chunks.add_itxt("gesso", text)
            for number, frame in enumerate(frames(), start=1):
                frame.save(path / f"{number:04d}.png", pnginfo=chunks)
    return path


def place(home: Home, kind: str) -> Path:
    return home.outputs / "2026-11-24" / ("00007" if kind == "frames" else f"00007.{kind}")


@pytest.fixture(params=["mp4", "webp", "gif", "frames"])
def video(request: pytest.FixtureRequest, home: Home) -> Path:
    return write(place(home, request.param), request.param)


def test_a_video_is_opened_with_its_frames_its_rate_and_its_job(video: Path) -> None:
    opened = open_picture(video)
    assert len(opened.frames) == 5
    assert opened.image.size().toTuple() == SIZE
    assert opened.job == JOB
    assert opened.picture_job is None
    assert "5 frames" in opened.facts
    assert opened.rate == (6.0 if video.is_dir() else pytest.approx(10.0))
    red = [frame.pixelColor(30, 20).red() for frame in opened.frames]
    assert red == sorted(red)
    assert red[-1] > red[0] + 150


def test_its_words_name_the_picture_that_moves(video: Path) -> None:
    assert "cat.png" in words_of(str(video), "7")
    job = read_job(video)
    assert isinstance(job, VideoJob)
    assert in_words(job)["From picture"] == "cat.png"


def test_history_and_gallery_list_it_with_its_first_frame(video: Path, home: Home) -> None:
    assert newest(home) == [str(video)]
    assert [found.path for found in scan(home)] == [str(video)]
    poster = Thumbnails(home).read(video)
    assert abs(poster.pixelColor(30, 20).red() - 0) < 30
    assert not read_image(video, 16).isNull()
    assert max(read_image(video, 16).size().toTuple()) == 16


def test_a_folder_without_frames_is_no_video(home: Home) -> None:
    (home.outputs / "2026-11-24" / "notes").mkdir(parents=True)
    assert newest(home) == []
    assert scan(home) == []


def test_a_damaged_video_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video at all")
    with pytest.raises(UserError, match="damaged"):
        frames_of(broken)
    assert "damaged" in open_picture(broken).problem
    assert read_image(broken).isNull()


def test_a_still_webp_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "still.webp"
    Image.new("RGB", SIZE).save(path)
    opened = open_picture(path)
    assert opened.frames == ()
    assert not opened.image.isNull()


def test_a_filmstrip_is_cut_into_equal_frames() -> None:
    strip = QImage(4, 9, QImage.Format.Format_RGB32)
    for line in range(9):
        for x in range(4):
            strip.setPixel(x, line, 0xFF000000 + line // 3)
    cut = filmstrip(strip, 3)
    assert [one.size().toTuple() for one in cut] == [(4, 3)] * 3
    assert [one.pixel(0, 1) & 0xFF for one in cut] == [0, 1, 2]
