"""Videos on disk as the window needs them: their frames, the first of them, and the job inside. All of it slow: for
threads of the pool.

Gesso writes MP4, animated WebP and GIF, and folders of PNG frames (trainer.generation.video_file). The job stands as
JSON in MP4's and GIF's comment, in a WebP's EXIF UserComment, and in the chunk `gesso` of each PNG.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QImageReader

from trainer.contract.errors import UserError
from trainer.contract.jobfile import job_from_tree
from trainer.contract.video import VideoJob

if TYPE_CHECKING:
    from av import VideoFrame

SUFFIXES = (".mp4", ".webp", ".gif")
FIRST = "0001.png"
"""In a folder of frames."""
MOST_FRAMES = 240
"""So many are shown: 0.6 GB of memory at the usual 1024 x 576."""
USUAL_RATE = 6.0
_ASCII = b"ASCII\0\0\0"
"""How EXIF's UserComment says in what characters it is written."""


def is_video(path: str | Path) -> bool:
    """By its name, among what Gesso makes: its pictures are PNG, and a folder holds frames."""
    suffix = Path(path).suffix.lower()
    return suffix in SUFFIXES or not suffix


def frames_of(path: Path, side: int = 0) -> tuple[list[QImage], float]:
    """All frames, with `side` at most so many pixels large, and how many pass in a second.

    Raises UserError for what can't be shown.
    """
    if path.is_dir():
        names = sorted(path.glob("[0-9]*.png"))[:MOST_FRAMES]
        return [_within(QImage(str(name)), side) for name in names], USUAL_RATE
    if path.suffix.lower() == ".mp4":
        import av

        try:
            with av.open(str(path)) as container:
                rate = float(container.streams.video[0].average_rate or USUAL_RATE)
                return [_within(_image(frame), side) for frame in islice(container.decode(video=0), MOST_FRAMES)], rate
        except (av.FFmpegError, IndexError) as error:
            raise _damaged(path, error) from error
    reader = QImageReader(str(path))
    frames, delays = [], []
    for image in _read_on(reader):
        frames.append(_within(image, side))
        delays.append(reader.nextImageDelay())
    total = sum(delays)
    return frames, 1000 * len(delays) / total if total > 0 else USUAL_RATE


def first_frame(path: Path, side: int = 0) -> QImage:
    """The poster of an MP4; null if it can't be read."""
    import av

    try:
        with av.open(str(path)) as container:
            frame = next(container.decode(video=0), None)
            return QImage() if frame is None else _within(_image(frame), side)
    except (av.FFmpegError, IndexError):
        return QImage()


def video_job(path: Path) -> VideoJob | None:
    """The job that makes a video again; None where the file carries none that can be read. Raises UserError for a file
    that is no video."""
    try:
        tree = json.loads(_job_text(path))
        job = job_from_tree(tree, f"the settings in {path.name}") if isinstance(tree, dict) else None
    except (ValueError, RecursionError):
        return None
    return job if isinstance(job, VideoJob) else None


def _job_text(path: Path) -> str:
    """The JSON of the job inside a video; "" where there is none. Raises UserError for a file that is no video."""
    from PIL import ExifTags, Image  # the window starts without it

    if path.is_dir():
        return QImageReader(str(path / FIRST)).text("gesso")
    try:
        if path.suffix.lower() == ".mp4":
            import av

            try:
                with av.open(str(path)) as container:
                    return container.metadata.get("comment", "")
            except av.FFmpegError as error:
                raise _damaged(path, error) from error
        with Image.open(path) as image:
            if image.format == "WEBP":
                comment: Any = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
            else:
                comment = image.info.get("comment", b"")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise _damaged(path, error) from error
    data = comment if isinstance(comment, bytes) else str(comment).encode()
    return data.removeprefix(_ASCII).decode("utf-8", "replace")


def words_of_video(path: Path) -> str:
    """What a video is found by."""
    try:
        job = video_job(path)
    except UserError:
        job = None
    return f"video\n{job.model}\n{job.picture}\n{job.seed}" if job is not None else "video"


def filmstrip(strip: QImage, count: int) -> list[QImage]:
    """The frames of a preview: equal parts from top to bottom."""
    height = strip.height() // max(1, count)
    return [strip.copy(0, place * height, strip.width(), height) for place in range(count)]


def _read_on(reader: QImageReader) -> Iterator[QImage]:
    for _ in range(MOST_FRAMES):
        image = reader.read()
        if image.isNull():
            return
        yield image


def _image(frame: "VideoFrame") -> QImage:
    pixels = frame.to_ndarray(format="rgb24")
    height, width, _ = pixels.shape
    return QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _within(image: QImage, side: int) -> QImage:
    if not side or max(image.width(), image.height()) <= side:
        return image.convertToFormat(QImage.Format.Format_RGB32)
    shape, smooth = Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    return image.scaled(QSize(side, side), shape, smooth).convertToFormat(QImage.Format.Format_RGB32)


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path.name} is damaged: it can't be shown.", "Make it again.", str(error))
