"""GenerateJob: a prompt to pictures, from nothing or from a picture that is there."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from trainer.contract.common import Hardware, LoraUse, Sampling, Seed, Size
from trainer.contract.fields import About, Part

Strength = Annotated[
    float,
    Field(gt=0, le=1),
    About(
        "Strength",
        "How far the new picture may move away: 0.2 touches up, 0.5 keeps the composition, 1 starts from pure noise. "
        "Of the steps, so large a share is taken.",
    ),
]
Checksum = Annotated[
    str,
    Field(pattern="^([0-9a-f]{64})?$"),
    About(
        "Checksum",
        "SHA-256 of the file, noted in each picture that was made from it, so that a changed file is noticed. "
        "Empty takes the file as it is.",
        advanced=True,
    ),
]


class Mask(Part):
    """Which part of the source picture is painted anew. All else stays as it is, bit for bit."""

    path: Annotated[
        str,
        About(
            "Mask",
            "A picture that is white where to paint anew and black where to keep, stretched over the source. "
            "Empty takes the transparent parts of the source itself.",
        ),
    ] = ""
    sha256: Checksum = ""
    inverted: Annotated[bool, About("Inverted", "Keep what the mask marks, and paint all else anew.")] = False
    feather: Annotated[
        int,
        Field(ge=0, le=256),
        About("Feather", "How far inside the mask the old picture fades into the new one.", unit="px"),
    ] = 4
    fill: Annotated[
        Literal["original", "noise", "nothing"],
        About(
            "Begin with",
            "What the masked part begins as: the original picture, noise, or nothing (a flat grey). "
            "The last two need a strength near 1.",
        ),
    ] = "original"
    only_masked: Annotated[
        bool,
        About(
            "Only masked region",
            "Work on the region around the mask alone, at the full size that is set: fine detail in a small part "
            "of a large picture. The result has the size of the source.",
        ),
    ] = False
    padding: Annotated[
        int,
        Field(ge=0, le=1024),
        About("Padding", "How much around the mask is seen when only that region is worked on.", unit="px"),
    ] = 32


class SourcePicture(Part):
    """A picture to begin from, instead of noise alone (SDEdit, Meng et al. 2021, arXiv 2108.01073)."""

    path: Annotated[str, Field(min_length=1), About("Picture", "The picture to begin from.")]
    sha256: Checksum = ""
    strength: Strength = 0.6
    resize: Annotated[
        Literal["crop", "stretch"],
        About("Fit", "Where the source has another shape: crop cuts off what is too much, stretch distorts it."),
    ] = "crop"
    mask: Annotated[Mask | None, About("Mask", "Paint only a part of the picture anew.")] = None


class SecondPass(Part):
    """A finished picture, enlarged and gone over once more: detail that one pass at the large size would not give."""

    scale: Annotated[
        float, Field(ge=1, le=4), About("Enlarge", "Width and height of the result, in sizes of the first pass.")
    ] = 2.0
    strength: Strength = 0.4
    steps: Annotated[
        int, Field(ge=0, le=1000), About("Steps", "Steps of the second pass; 0 takes those of the first.")
    ] = 0
    upscaler: Annotated[
        Literal["lanczos", "latent"],
        About(
            "Upscaler",
            "lanczos enlarges the finished picture; latent enlarges what the VAE would decode, which is quicker and "
            "needs a strength above 0.5 to come out sharp.",
        ),
    ] = "lanczos"
    model: Annotated[
        str,
        About(
            "Model",
            "A model for the second pass, such as a refiner, in the library by name or a path; empty takes the same. "
            "LoRA files of the list act in the first model only.",
        ),
    ] = ""


class Variation(Part):
    """Pictures near the one of a seed: its noise, turned a little towards that of another seed."""

    seed: Annotated[
        int,
        Field(ge=0, le=2**63 - 1),
        About("Variation seed", "Whose noise it is turned to. The second picture takes this seed + 1, and so on."),
    ] = 0
    strength: Annotated[
        float,
        Field(ge=0, le=1),
        About("Variation strength", "How far it is turned: 0 not at all, 0.1 a little, 1 is the other seed's picture."),
    ] = 0.1


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
    variation: Annotated[Variation | None, About("Variation", "Stay near the picture of the seed.")] = None
    source: Annotated[SourcePicture | None, About("Source", "A picture to begin from.")] = None
    second_pass: Annotated[SecondPass | None, About("Second pass", "Enlarge the picture and go over it again.")] = None
    count: Annotated[
        int,
        Field(ge=1, le=1000),
        About("Count", "How many pictures; the second has seed + 1, and so on. In a variation the seed stays."),
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

    @model_validator(mode="after")
    def _one_at_a_time(self) -> "GenerateJob":
        if self.second_pass is not None and self.source is not None and self.source.mask is not None:
            raise ValueError("a mask, or a second pass, but not both: what is enlarged can't stay as it was")
        return self
