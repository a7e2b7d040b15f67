"""Parts that more than one kind of job uses."""

from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.fields import About, Part

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""What the networks compute in. `auto` is bf16 where the hardware has it, else fp16 on a GPU and fp32 on a CPU."""

SavedPrecision = Literal["fp16", "bf16", "fp32"]
SamplerName = Literal["ddim", "euler", "euler_a", "dpmpp_2m"]
SpacingName = Literal["auto", "leading", "trailing", "linspace", "karras"]

EmphasisName = Literal["original", "comfyui", "none"]
NoiseName = Literal["cpu", "nv"]

Seed = Annotated[
    int, Field(ge=0, le=2**63 - 1), About("Seed", "The same seed and settings give the same result again.")
]


class Size(Part):
    """Width and height of a picture, in pixels; both must be multiples of 8."""

    width: Annotated[int, Field(ge=16, le=4096, multiple_of=8), About("Width", "Width of the picture.", unit="px")]
    height: Annotated[int, Field(ge=16, le=4096, multiple_of=8), About("Height", "Height of the picture.", unit="px")]


class Hardware(Part):
    """Where and in what number format the work is done. Changes speed and memory; pictures only by rounding."""

    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"],
        About("Device", "The graphics card where there is one, else the processor.", advanced=True),
    ] = "auto"
    precision: Annotated[
        Precision,
        About("Precision", "Number format of the networks; auto takes the fastest that is safe here.", advanced=True),
    ] = "auto"
    tiles: Annotated[
        Literal["auto", "on", "off"],
        About(
            "Tiles",
            "Let the VAE decode a large picture piece by piece, in overlapping tiles: it needs less memory, and tones "
            "may differ a little. auto does so where memory would not do.",
            advanced=True,
        ),
    ] = "auto"


class LoraUse(Part):
    """A LoRA laid over the model while it generates."""

    name: Annotated[str, Field(min_length=1), About("LoRA", "A LoRA in the library by name, or the path of a file.")]
    weight: Annotated[
        float, Field(ge=-4, le=4), About("Weight", "How strongly it acts: 0 not at all, 1 as it was trained.")
    ] = 1.0


class Sampling(Part):
    """How noise becomes a picture."""

    sampler: Annotated[
        SamplerName, About("Sampler", "The method of taking the noise away. DDIM is the classic, DPM++ 2M is quicker.")
    ] = "ddim"
    steps: Annotated[
        int, Field(ge=1, le=1000), About("Steps", "More steps are finer and slower; 20 to 30 are usual.")
    ] = 25
    guidance: Annotated[
        float,
        Field(ge=0, le=50),
        About("Guidance", "How closely the picture follows the prompt; 1 switches guidance off, 7 is usual."),
    ] = 7.0
    eta: Annotated[
        float,
        Field(ge=0, le=1),
        About("Eta", "Fresh noise mixed in by DDIM at each step: 0 is deterministic, 1 is DDPM.", advanced=True),
    ] = 0.0
    spacing: Annotated[
        SpacingName,
        About("Spacing", "Which noise levels the steps visit; auto is the sampler's own habit.", advanced=True),
    ] = "auto"
    emphasis: Annotated[
        EmphasisName,
        About(
            "Emphasis",
            "How weights like (cat:1.3) act. original is AUTOMATIC1111's way; comfyui goes from the empty prompt "
            "towards the words; none reads brackets and numbers as plain words.",
            advanced=True,
        ),
    ] = "original"
    clip_skip: Annotated[
        int,
        Field(ge=1, le=12),
        About(
            "Clip skip",
            "Which layer of the text encoder is read, counted from its end: 1 is the usual one, 2 is what many anime "
            "models were trained with.",
            advanced=True,
        ),
    ] = 1
    noise: Annotated[
        NoiseName,
        About(
            "Noise",
            "What draws the noise: cpu is torch on the processor, as in ComfyUI; nv draws on the processor what an "
            "NVIDIA card draws, as AUTOMATIC1111 does unless it is told otherwise.",
            advanced=True,
        ),
    ] = "cpu"
    compatibility: Annotated[
        Literal["gesso", "diffusers"],
        About(
            "Compatibility",
            "diffusers reproduces how that library counts timesteps; gesso steps to the next listed timestep.",
            advanced=True,
        ),
    ] = "gesso"
