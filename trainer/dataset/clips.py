"""Video clips as a source of pictures: what they are, their frames at any moments, and those written into a folder.

Moments are in seconds from the first frame. PyAV (FFmpeg) decodes; a frame is turned as the clip says it is held.
"""

import io
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from trainer.contract.errors import UserError
from trainer.dataset.adding import free_path, stems_in
from trainer.dataset.names import shown
from trainer.dataset.pictures import Size
from trainer.files import write_bytes_atomically

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

CLIP_SUFFIXES = (".mp4", ".webm", ".mov", ".gif")
USUAL_RATE = 25.0
FAR = 10.0
"""Seconds between two wanted frames from which on it is quicker to jump than to decode all between."""
MOST_TAKEN = 5000
"""Frames in one go."""
QUALITY = 95
"""Of a JPEG: what it loses can't be seen."""

FrameKind = Literal["png", "jpg"]
Watch = Callable[[int, int], bool]
"""Told how many of how many are done; says whether to go on."""


@dataclass(frozen=True, slots=True)
class Clip:
    """`seconds` from the first frame to the end of the last; `rate` in frames per second."""

    path: Path
    seconds: float
    rate: float
    size: Size

    @property
    def frames(self) -> int:
        return max(1, round(self.seconds * self.rate))


@dataclass(frozen=True, slots=True)
class Frame:
    """`moment` is when it begins, which may be a little before the one that was asked for."""

    moment: float
    picture: Image.Image


def is_clip(path: Path) -> bool:
    """By its name; of GIFs only those that move."""
    if path.suffix.lower() != ".gif":
        return path.suffix.lower() in CLIP_SUFFIXES
    try:
        with Image.open(path) as image:
            return bool(getattr(image, "is_animated", False))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return False


def open_clip(path: Path) -> Clip:
    """Raises UserError for what is no video that can be read."""
    with _opened(path) as (container, stream):
        rate = float(stream.average_rate or stream.guessed_rate or USUAL_RATE)
        if stream.duration and stream.time_base:
            seconds = float(stream.duration * stream.time_base)
        elif container.duration:
            seconds = container.duration / 1_000_000
        else:
            seconds = sum(1 for _ in container.decode(stream)) / rate
        first = next(iter(_frames(path, (0.0,))), None)
    if first is None:
        raise UserError(f"There is no picture in {shown(path.name)}.", "Choose another clip.")
    return Clip(path, max(seconds, 1 / rate), rate, Size(*first.picture.size))


def evenly(start: float, end: float, count: int) -> tuple[float, ...]:
    """`count` moments, each in the middle of one of as many equal parts from start to end."""
    part = (end - start) / count
    return tuple(start + (number + 0.5) * part for number in range(count))


def every(start: float, end: float, step: float) -> tuple[float, ...]:
    """Moments `step` seconds apart, from `start` on and before `end`; one at least."""
    count = min(MOST_TAKEN, max(1, int((end - start) / step + 1e-9) + 1))
    moments = (start + number * step for number in range(count))
    return tuple(moment for moment in moments if moment < end) or (start,)


def frames_at(path: Path, moments: Sequence[float], side: int = 0) -> Iterator[Frame]:
    """The frames that are seen at these moments, which rise; each frame once. With `side` at most so many pixels large.

    Raises UserError where the clip is damaged or gone.
    """
    last = -1.0
    for frame in _frames(path, moments, side):
        if frame.moment > last:
            last = frame.moment
            yield frame


def take_frames(
    clip: Clip, folder: Path, moments: Sequence[float], kind: FrameKind = "png", watch: Watch | None = None
) -> tuple[Path, ...]:
    """Write the frames into the folder as `clip-000123.png`, by the number of the frame, over no file that is there.

    What was written stays when `watch` ends it. Raises UserError.
    """
    taken: list[Path] = []
    stems = stems_in(folder)
    for frame in frames_at(clip.path, moments):
        if watch is not None and not watch(len(taken), len(moments)):
            break
        name = f"{clip.path.stem}-{round(frame.moment * clip.rate):06d}"
        path = free_path(folder, name, f".{kind}", stems)
        write_bytes_atomically(path, _encoded(frame.picture, kind))
        taken.append(path)
    return tuple(taken)


def _encoded(picture: Image.Image, kind: FrameKind) -> bytes:
    buffer = io.BytesIO()
    if kind == "png":
        picture.save(buffer, "PNG")
    else:
        picture.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


@contextmanager
def _opened(path: Path) -> "Generator[tuple[InputContainer, VideoStream]]":
    import av  # what only looks at pictures does without
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UserError(f"There is no picture in {shown(path.name)}.", "Choose another clip.")
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            yield container, stream
    except (FFmpegError, EOFError) as error:
        fix = "Choose another clip, or save it anew as MP4."
        raise UserError(f"{shown(path.name)} can't be read as a video.", fix, str(error)) from error


def _frames(path: Path, moments: Iterable[float], side: int = 0) -> Iterator[Frame]:
    with _opened(path) as (container, stream):
        base = stream.time_base or 1
        begins = float((stream.start_time or 0) * base)
        tick = float(base)
        decoded = container.decode(stream)
        held: VideoFrame | None = None
        ahead = next(decoded, None)
        for moment in moments:
            if ahead is not None and moment - _moment(ahead, begins) > FAR:
                container.seek(int((moment + begins) / base), stream=stream)
                decoded = container.decode(stream)
                held, ahead = None, next(decoded, None)
            while ahead is not None and _moment(ahead, begins) <= moment + tick / 2:
                held, ahead = ahead, next(decoded, None)
            chosen = held or ahead
            if chosen is None:
                return
            yield Frame(_moment(chosen, begins), _picture(chosen, stream, side))


def _moment(frame: "VideoFrame", begins: float) -> float:
    return max(0.0, (frame.time or 0.0) - begins)


def _picture(frame: "VideoFrame", stream: "VideoStream", side: int) -> Image.Image:
    """Upright, with square pixels."""
    width, height = frame.width, frame.height
    shape = stream.sample_aspect_ratio
    if shape:
        width = max(1, round(width * shape))
    scale = min(1.0, side / max(width, height)) if side else 1.0
    size = max(1, round(width * scale)), max(1, round(height * scale))
    picture = Image.fromarray(frame.to_ndarray(format="rgb24"))
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.BILINEAR if side else Image.Resampling.LANCZOS)
    return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture
