"""GenerateJob: a prompt to pictures."""

from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.common import Hardware, LoraUse, Sampling, Seed, Size
from trainer.contract.fields import About, Part


class Previews(Part):
    """The picture while it forms."""

    every: Annotated[
        int,
        Field(ge=0, le=1000),
        About("Preview every", "Show the predicted picture each so many steps; 0 switches previews off.", unit="steps"),
    ] = 1


class GenerateJob(Part):
    """Everything that decides what pictures come out; nothing else may."""

    kind: Annotated[Literal["generate"], About("Kind", "Makes pictures from a prompt.")] = "generate"
    model: Annotated[str, Field(min_length=1), About("Model", "A model in the library by name, or a path.")] = "starter"
    prompt: Annotated[str, Field(max_length=20_000), About("Prompt", "What the picture shows.")] = ""
    negative: Annotated[
        str, Field(max_length=20_000), About("Negative prompt", "What the picture should keep away from.")
    ] = ""
    loras: Annotated[tuple[LoraUse, ...], About("LoRA", "LoRA files laid over the model.")] = ()
    size: Annotated[Size | None, About("Size", "Size of the picture; empty takes the model's own.")] = None
    sampling: Annotated[Sampling, About("Sampling", "How noise becomes a picture.")] = Sampling()
    seed: Seed = 0
    count: Annotated[
        int, Field(ge=1, le=1000), About("Count", "How many pictures; the second has seed + 1, and so on.")
    ] = 1
    batch_size: Annotated[
        int,
        Field(ge=1, le=64),
        About(
            "At once",
            "How many are made side by side: memory against speed.",
            advanced=True,
        ),
    ] = 1
    previews: Annotated[Previews, About("Previews", "The picture while it forms.")] = Previews()
    hardware: Annotated[Hardware, About("Hardware", "Device and precision.")] = Hardware()
    output: Annotated[
        str, About("Folder", "Where the pictures go; empty is the outputs folder of your Gesso home.")
    ] = ""
