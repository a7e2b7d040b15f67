"""Video files, decoded again: every frame, its colours, its time, and the job inside."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image, ImageSequence

from trainer.contract.errors import UserError
from trainer.contract.video import VideoExport, VideoFormat, VideoJob
from trainer.generation.video_file import SUFFIXES, h264_quality, read_video_job, write_video

SIZE = (64, 48)


def frames() -> list[Image.Image]:
    """A square that goes from left to right over a calm blue."""
    made: list[Image.Image] = []
    for number in range(5):
        frame = Image.new("RGB", SIZE, (40, 90, 200))
        frame.paste((220, 60, 40), (number * 10, 16, number * 10 + 16, 32))
        made.append(frame)
    return made


def job(format: VideoFormat, **export: Any) -> VideoJob:
    return VideoJob(model="moving", picture="/tmp/an été.png", seed=7, export=VideoExport(format=format, **export))


def written(folder: Path, of: VideoJob) -> Path:
    path = folder / f"00001-7{SUFFIXES[of.export.format]}"
    write_video(path, frames(), of)
    return path


def test_mp4_plays_in_its_colours_and_its_time(tmp_path: Path) -> None:
    path = written(tmp_path, job("mp4"))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == SIZE
        assert stream.average_rate == 6
        decoded = list(container.decode(stream))
    assert [float(frame.time or 0) for frame in decoded] == pytest.approx([number / 6 for number in range(5)])
    for original, frame in zip(frames(), decoded, strict=True):
        difference = np.asarray(original).astype(int) - frame.to_ndarray(format="rgb24").astype(int)
        assert np.abs(difference).mean() < 4  # in grey levels; the colours' edges have half the resolution


def test_webp_and_gif_move(tmp_path: Path) -> None:
    formats: tuple[VideoFormat, ...] = ("webp", "gif")
    for format in formats:
        path = written(tmp_path, job(format, quality=100))
        with Image.open(path) as image:
            assert image.info.get("loop") == 0
            found = [(frame.convert("RGB"), frame.info["duration"]) for frame in ImageSequence.Iterator(image)]
        assert abs(sum(duration for _, duration in found) - 5000 / 6) <= 10
        for original, (frame, _) in zip(frames(), found, strict=True):
            assert np.abs(np.asarray(original).astype(int) - np.asarray(frame).astype(int)).mean() < 6


def test_frames_are_kept_exactly(tmp_path: Path) -> None:
    path = written(tmp_path, job("frames"))
    found = sorted(path.iterdir())
    assert [file.name for file in found] == [f"{number:04d}.png" for number in range(1, 6)]
    for original, file in zip(frames(), found, strict=True):
        with Image.open(file) as image:
            assert image.tobytes() == original.tobytes()


@pytest.mark.parametrize("format", list(SUFFIXES))
def test_the_job_is_read_back_from_every_format(tmp_path: Path, format: VideoFormat) -> None:
    wanted = job(format, loop=False)
    assert read_video_job(written(tmp_path, wanted)) == wanted


def test_a_video_that_ends_says_so(tmp_path: Path) -> None:
    with Image.open(written(tmp_path, job("gif", loop=False))) as image:
        assert "loop" not in image.info
    with Image.open(written(tmp_path, job("webp", loop=False))) as image:
        assert image.info["loop"] == 1


def test_what_carries_no_job_gives_none(tmp_path: Path) -> None:
    frames()[0].save(tmp_path / "plain.png")
    assert read_video_job(tmp_path / "plain.png") is None
    frames()[0].save(tmp_path / "odd.gif", comment=b"[1, 2")
    assert read_video_job(tmp_path / "odd.gif") is None


def test_what_is_no_video_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "no.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(50))
    (tmp_path / "no.gif").write_bytes(b"text")
    for name in ("no.mp4", "no.gif", "absent.mp4"):
        with pytest.raises(UserError, match=name):
            read_video_job(tmp_path / name)


def test_quality_is_a_rate_factor() -> None:
    assert [h264_quality(quality) for quality in (0, 80, 100)] == [51, 19, 11]


def test_higher_quality_is_larger(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 48, 64, 3), dtype=np.uint8)
    pictures = [Image.fromarray(one) for one in noise]
    for format in ("mp4", "webp"):
        for quality in (10, 90):
            write_video(tmp_path / f"{format}{quality}", pictures, job(format, quality=quality))
        assert (tmp_path / f"{format}90").stat().st_size > 1.5 * (tmp_path / f"{format}10").stat().st_size
