"""VideoJob: a picture to a short video of it."""

from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.common import Hardware, SamplerName, Seed, Size
from trainer.contract.fields import About, Part
from trainer.contract.generate import Previews

VideoFormat = Literal["mp4", "webp", "gif", "frames"]


class Motion(Part):
    """What the model is told of the movement."""

    fps: Annotated[
        int,
        Field(ge=1, le=60),
        About("Frame rate", "How many frames pass in a second, in the movement and in the file.", unit="frames/s"),
    ] = 6
    bucket: Annotated[
        int, Field(ge=1, le=255), About("Motion", "How much moves: low is calm, high is lively; 127 is usual.")
    ] = 127
    noise: Annotated[
        float,
        Field(ge=0, le=10),
        About(
            "Noise on the picture",
            "Noise laid over the picture before it moves: more frees the movement, and keeps less of the picture.",
            advanced=True,
        ),
    ] = 0.02


class VideoGuidance(Part):
    """How closely the frames follow the picture, rising evenly from the first frame to the last."""

    first: Annotated[
        float,
        Field(ge=0, le=50),
        About("Guidance, first frame", "Of the first frame, which is near the picture; 1 is off."),
    ] = 1.0
    last: Annotated[
        float,
        Field(ge=0, le=50),
        About("Guidance, last frame", "Of the last frame; higher keeps it nearer, 3 is usual."),
    ] = 3.0


class VideoSampling(Part):
    """How noise becomes a video."""

    sampler: Annotated[SamplerName, About("Sampler", "The method of taking the noise away; Euler is usual here.")] = (
        "euler"
    )
    steps: Annotated[
        int, Field(ge=1, le=1000), About("Steps", "More steps are finer and slower; 20 to 30 are usual.")
    ] = 25
    decode_at_once: Annotated[
        int,
        Field(ge=1, le=100),
        About(
            "Frames at once",
            "How many frames are turned from latents to pixels at a time: more flicker less, and need more memory.",
            unit="frames",
            advanced=True,
        ),
    ] = 2


class VideoExport(Part):
    """What file comes out."""

    format: Annotated[
        VideoFormat,
        About("Format", "MP4 plays everywhere; WebP and GIF move in web pages; frames is a folder of PNG pictures."),
    ] = "mp4"
    quality: Annotated[int, Field(ge=0, le=100), About("Quality", "Of MP4 and WebP: higher is better, and larger.")] = (
        80
    )
    loop: Annotated[bool, About("Loop", "Whether WebP and GIF begin again when they have ended.")] = True


class VideoJob(Part):
    """Everything that decides what video comes out; nothing else may."""

    kind: Annotated[Literal["video"], About("Kind", "Makes a video from a picture.")] = "video"
    model: Annotated[
        str, Field(min_length=1), About("Model", "A Stable Video Diffusion model in the library by name, or a path.")
    ]
    picture: Annotated[str, Field(min_length=1), About("Picture", "Path of the picture that begins to move.")]
    size: Annotated[
        Size | None,
        About(
            "Size", "Size of the video; empty takes the model's own. The picture is cut to its shape, round the middle."
        ),
    ] = None
    frames: Annotated[
        int | None,
        Field(ge=1, le=100),
        About("Frames", "How many frames; empty takes what the model was trained on, 14 or 25.", unit="frames"),
    ] = None
    motion: Annotated[Motion, About("Motion", "What the model is told of the movement.")] = Motion()
    guidance: Annotated[VideoGuidance, About("Guidance", "How closely the frames follow the picture.")] = (
        VideoGuidance()
    )
    sampling: Annotated[VideoSampling, About("Sampling", "How noise becomes a video.")] = VideoSampling()
    seed: Seed = 0
    count: Annotated[
        int, Field(ge=1, le=1000), About("Count", "How many videos; the second has seed + 1, and so on.")
    ] = 1
    export: Annotated[VideoExport, About("Export", "What file comes out.")] = VideoExport()
    previews: Annotated[Previews, About("Previews", "The video while it forms.")] = Previews()
    hardware: Annotated[Hardware, About("Hardware", "Device and precision.")] = Hardware()
    output: Annotated[str, About("Folder", "Where the videos go; empty is the outputs folder of your Gesso home.")] = ""
