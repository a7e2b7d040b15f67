"""What an export of a dataset is asked for: another program's folder, its pictures and its captions."""

from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.fields import About, Part

Target = Literal["kohya", "onetrainer", "imagefolder", "plain"]


class Export(Part):
    """A copy of a dataset as another program reads it; the dataset itself is never changed."""

    to: Annotated[
        Target,
        About(
            "For",
            "kohya: folders <repeats>_<class> and a dataset.toml. onetrainer: pictures, captions, masks and a "
            "concepts.json. imagefolder: Hugging Face's, with metadata.jsonl. plain: pictures and captions.",
        ),
    ]
    pictures: Annotated[
        Literal["copy", "link"],
        About(
            "Pictures",
            "Copy the files, or link them, which needs no room; a linked file is the same file in both folders.",
        ),
    ] = "copy"
    format: Annotated[
        Literal["keep", "png", "jpeg", "webp"],
        About("Format", "Keep each picture's format where the program reads it, or write all of them in one."),
    ] = "keep"
    quality: Annotated[
        int, Field(ge=1, le=100), About("Quality", "Of JPEG and WebP pictures that are written anew.", advanced=True)
    ] = 95
    longest: Annotated[
        int,
        Field(ge=0, le=65_536),
        About("Longest side", "Shrink larger pictures to this; 0 leaves them as they are.", unit="pixels"),
    ] = 0
    prefix: Annotated[str, About("Prefix", "Words that begin every caption.")] = ""
    trigger: Annotated[str, About("Trigger word", "Put first in every caption in which it is missing.")] = ""
    brackets: Annotated[
        Literal["keep", "escape", "unescape"],
        About("Brackets", r"Write ( as \( for prompts, or \( as ( for training programs.", advanced=True),
    ] = "keep"
    resolution: Annotated[
        int, Field(ge=64, le=8192), About("Resolution", "Written into kohya's dataset.toml.", unit="pixels")
    ] = 512
