"""Videos as files, each with the job that made it inside: MP4, animated WebP and GIF, and a folder of PNG frames.

MP4 is H.264, which every player shows, written by PyAV: FFmpeg with the encoder x264. Where a build of FFmpeg comes
without that encoder (it is licensed under the GPL), MPEG-4 part 2 takes its place. The job stands as JSON, with the
format number of job files, in MP4's and GIF's comment, in the EXIF UserComment of a WebP, and in the chunk `gesso` of
each PNG as in single pictures.
"""

import io
import itertools
import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.reformatter import ColorRange, Colorspace
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from trainer.contract.errors import UserError
from trainer.contract.jobfile import FORMAT, JOB_CHUNK, job_from_tree
from trainer.contract.video import VideoFormat, VideoJob
from trainer.files import folder_written_atomically, write_bytes_atomically
from trainer.generation.metadata import COMPRESSION

SUFFIXES: dict[VideoFormat, str] = {"mp4": ".mp4", "webp": ".webp", "gif": ".gif", "frames": ""}

_ASCII = b"ASCII\0\0\0"
"""How EXIF's UserComment says in what characters it is written."""


def write_video(path: Path, frames: Sequence[Image.Image], job: VideoJob) -> None:
    """Write RGB frames of one size as `job.export` says, atomically, with `job` inside.

    Raises UserError if the disk refuses.
    """
    text = json.dumps({"format": FORMAT, **job.model_dump(mode="json")})
    match job.export.format:
        case "mp4":
            write_bytes_atomically(path, _mp4(frames, job, text))
        case "webp":
            write_bytes_atomically(path, _webp(frames, job, text))
        case "gif":
            write_bytes_atomically(path, _gif(frames, job, text))
        case "frames":
            _write_frames(path, frames, text)


def read_video_job(path: Path) -> VideoJob | None:
    """The job inside a video file or a folder of frames; None where there is none that can be read.

    Raises UserError if the path is no video.
    """
    first = path / "0001.png" if path.is_dir() else path
    try:
        with first.open("rb") as file:
            text = _mp4_comment(first) if file.read(12)[4:8] == b"ftyp" else _picture_comment(first)
    except OSError as error:
        raise UserError(f"{path} could not be opened as a video.", "Check the path.", str(error)) from error
    except (ValueError, SyntaxError, av.FFmpegError, Image.DecompressionBombError) as error:
        raise UserError(
            f"{path} is not a video that can be read.", "Give a video that Gesso made.", str(error)
        ) from error
    try:
        tree = json.loads(text)
        job = job_from_tree(tree, f"the job inside {path}") if isinstance(tree, dict) else None
    except (ValueError, RecursionError, UserError):
        return None
    return job if isinstance(job, VideoJob) else None


def h264_quality(quality: int) -> int:
    """x264's constant rate factor, 0 (lossless) to 51: 80 is 19, which the eye takes for the original."""
    return round(51 - 0.4 * quality)


def _mp4(frames: Sequence[Image.Image], job: VideoJob, text: str) -> bytes:
    buffer = io.BytesIO()
    width, height = (side - side % 2 for side in frames[0].size)  # colours have half the resolution
    has_x264 = "libx264" in av.codecs_available
    # MPEG-4's scale goes from 1 to 31
    options = {"crf": str(h264_quality(job.export.quality))} if has_x264 else {"qmin": "1", "qmax": "3"}
    with av.open(buffer, "w", format="mp4") as container:
        container.metadata["comment"] = text
        stream: Any = container.add_stream(
            "libx264" if has_x264 else "mpeg4", rate=Fraction(job.motion.fps), options=options
        )
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = Colorspace.ITU709.value
        context.color_range = ColorRange.MPEG.value
        for frame in frames:
            picture = av.VideoFrame.from_image(frame.crop((0, 0, width, height)))
            converted = picture.reformat(
                format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
            )
            container.mux(stream.encode(converted))
        container.mux(stream.encode())
    return buffer.getvalue()


def _webp(frames: Sequence[Image.Image], job: VideoJob, text: str) -> bytes:
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = _ASCII + text.encode("ascii")
    return _animated(frames, "WEBP", job, 1, quality=job.export.quality, exif=exif.tobytes(), method=4)


def _gif(frames: Sequence[Image.Image], job: VideoJob, text: str) -> bytes:
    return _animated(frames, "GIF", job, 10, comment=text.encode("ascii"))


def _animated(frames: Sequence[Image.Image], format: str, job: VideoJob, unit: int, **options: Any) -> bytes:
    """An animation of a format that tells time in `unit` milliseconds: no rounding adds up over the frames."""
    ends = [round(1000 * number / job.motion.fps / unit) * unit for number in range(len(frames) + 1)]
    durations = [end - start for start, end in itertools.pairwise(ends)]
    # GIF's counts how often it is repeated, WebP's how often it is shown; 0 is for ever in both
    if job.export.loop:
        options["loop"] = 0
    elif format == "WEBP":
        options["loop"] = 1
    buffer = io.BytesIO()
    first, *others = frames
    first.save(buffer, format, save_all=True, append_images=others, duration=durations, **options)
    return buffer.getvalue()


def _write_frames(path: Path, frames: Sequence[Image.Image], text: str) -> None:
    chunks = PngInfo()
    chunks.add_itxt(JOB_CHUNK, text)
    with folder_written_atomically(path) as partial:
        for number, frame in enumerate(frames, start=1):
            frame.save(partial / f"{number:04d}.png", pnginfo=chunks, compress_level=COMPRESSION)


def _mp4_comment(path: Path) -> str:
    with path.open("rb") as file, av.open(file, format="mp4") as container:
        return container.metadata.get("comment", "")


def _picture_comment(path: Path) -> str:
    with Image.open(path, formats=("PNG", "GIF", "WEBP")) as image:
        if image.format == "WEBP":
            comment = image.getexif().get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
        else:
            comment = image.info.get("comment" if image.format == "GIF" else JOB_CHUNK, "")
    text = comment.decode("ascii", errors="replace") if isinstance(comment, bytes) else str(comment)
    return text.removeprefix(_ASCII.decode())
