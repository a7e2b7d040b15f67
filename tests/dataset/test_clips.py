"""Frames out of clips: each frame of the clips drawn here says its number by its grey, so that it can be counted."""

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from trainer.contract.errors import UserError
from trainer.dataset.clips import evenly, every, frames_at, is_clip, open_clip, take_frames

RATE, COUNT, SIZE = 10, 24, (64, 48)
GREY = 10
"""Of 255, from one frame to the next."""


def drawn(path: Path, count: int = COUNT, rate: int = RATE) -> Path:
    if path.suffix == ".gif":
        pictures = [Image.new("L", SIZE, GREY * number) for number in range(count)]
        pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=1000 // rate)
        return path
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=Fraction(rate))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(count):
            grey = np.full((SIZE[1], SIZE[0], 3), GREY * (number % 25), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def number_of(picture: Image.Image) -> int:
    return round(float(np.asarray(picture.convert("L"), np.float64).mean()) / GREY)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".gif"])
def test_the_frame_of_a_moment_is_the_one_on_the_screen_then(tmp_path: Path, suffix: str) -> None:
    clip = open_clip(drawn(tmp_path / f"clip{suffix}"))
    assert (clip.size, clip.frames) == (SIZE, COUNT)
    assert clip.rate == pytest.approx(RATE, rel=0.05)
    assert clip.seconds == pytest.approx(COUNT / RATE, abs=0.11)
    found = list(frames_at(clip.path, (0.0, 0.05, 0.1, 0.55, 1.0, 2.35, 9.0)))
    assert [number_of(frame.picture) for frame in found] == [0, 1, 5, 10, 23]
    assert [frame.moment for frame in found] == pytest.approx([0, 0.1, 0.5, 1.0, 2.3], abs=0.011)


def test_far_jumps_land_on_the_same_frames_as_decoding_all(tmp_path: Path) -> None:
    path = drawn(tmp_path / "long.mp4", count=500)
    moments = (0.05, 15.05, 16.05, 49.05)
    assert [number_of(frame.picture) for frame in frames_at(path, moments)] == [0, 0, 10, 15]  # 150, 160, 490 of 25


def test_moments_are_spread_as_they_were_asked_for() -> None:
    assert evenly(1.0, 3.0, 4) == pytest.approx((1.25, 1.75, 2.25, 2.75))
    assert every(1.0, 3.0, 0.5) == pytest.approx((1.0, 1.5, 2.0, 2.5))
    assert every(0.0, 0.3, 0.1) == pytest.approx((0.0, 0.1, 0.2))
    assert every(2.0, 2.0, 1.0) == (2.0,)


@pytest.mark.parametrize("kind", ["png", "jpg"])
def test_frames_are_written_by_their_number_over_no_file(tmp_path: Path, kind: str) -> None:
    clip = open_clip(drawn(tmp_path / "my clip.mp4"))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "my clip-000012.txt").write_text("mine", encoding="utf-8")
    taken = take_frames(clip, folder, (0.25, 1.25, 1.28, 2.25), kind)  # pyright: ignore[reportArgumentType]
    names = [f"my clip-000002.{kind}", f"my clip-000012-2.{kind}", f"my clip-000022.{kind}"]
    assert [path.name for path in taken] == names
    for path, number in zip(taken, (2, 12, 22), strict=True):
        with Image.open(path) as image:
            assert (image.size, image.format) == (SIZE, "PNG" if kind == "png" else "JPEG")
            assert number_of(image) == number


def test_ending_early_keeps_what_was_written(tmp_path: Path) -> None:
    clip = open_clip(drawn(tmp_path / "clip.mp4"))

    taken = take_frames(clip, tmp_path, evenly(0, clip.seconds, 8), "png", lambda done, _total: done < 2)
    assert len(taken) == 2
    assert len(list(tmp_path.glob("clip-*.png"))) == 2
    assert not list(tmp_path.glob(".gesso-partial-*"))


def test_previews_are_small_and_keep_their_shape(tmp_path: Path) -> None:
    (frame,) = frames_at(drawn(tmp_path / "clip.mp4"), (0.0,), side=32)
    assert frame.picture.size == (32, 24)


def test_only_gifs_that_move_are_clips(tmp_path: Path) -> None:
    Image.new("L", SIZE).save(tmp_path / "still.gif")
    assert not is_clip(tmp_path / "still.gif")
    assert is_clip(drawn(tmp_path / "moving.gif"))
    assert is_clip(Path("a.MOV"))
    assert not is_clip(Path("a.png"))


@pytest.mark.parametrize("name", ["broken.mp4", "gone.webm", "broken.gif"])
def test_what_is_no_video_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    if "broken" in name:
        (tmp_path / name).write_bytes(b"this is no video at all" * 50)
    with pytest.raises(UserError, match=name):
        open_clip(tmp_path / name)


def test_a_clip_that_was_filmed_upright_is_turned_upright(tmp_path: Path) -> None:
    """The matrix of a phone that is held upright (ISO 14496-12, 8.3.2): x' = -y, y' = x, a quarter turn clockwise."""
    path = tmp_path / "phone.mp4"
    half = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    half[:, : SIZE[0] // 2] = 255
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(RATE))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(half, format="rgb24")))
        container.mux(stream.encode(None))
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, SIZE[1] << 16, 0, 1 << 30)
    path.write_bytes(data)
    clip = open_clip(path)
    assert clip.size == (SIZE[1], SIZE[0])
    (frame,) = frames_at(path, (0.0,))
    pixels = np.asarray(frame.picture.convert("L"), np.float64)
    assert pixels[:20].mean() > 230  # its left half became the upper one
    assert pixels[-20:].mean() < 25
