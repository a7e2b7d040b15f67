"""Parts that more than one kind of job uses."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from trainer.contract.fields import About, Part

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""What the networks compute in. `auto` is bf16 where the hardware has it, else fp16 on a GPU and fp32 on a CPU."""

SavedPrecision = Literal["fp16", "bf16", "fp32"]
SamplerName = Literal[
    "ddim",
    "ddpm",
    "pndm",
    "euler",
    "euler_a",
    "heun",
    "dpm_2",
    "dpmpp_2m",
    "dpmpp_2m_sde",
    "dpmpp_sde",
    "dpmpp_3m_sde",
    "unipc",
    "lcm",
]
SpacingName = Literal["auto", "leading", "trailing", "linspace", "karras", "exponential", "beta", "ays"]

USUAL_ETA: Mapping[SamplerName, float] = {
    "ddim": 0.0,
    "euler_a": 1.0,
    "dpmpp_2m_sde": 1.0,
    "dpmpp_sde": 1.0,
    "dpmpp_3m_sde": 1.0,
}
"""The samplers that eta acts on, and what it is when nothing is said."""

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
        SamplerName,
        About(
            "Sampler",
            "The method of taking the noise away. DDIM is the classic, DPM++ 2M is quicker; Heun, DPM2 and DPM++ SDE "
            "take twice the time for each step; LCM is for models made for it, with 4 to 8 steps and guidance 1 to 2.",
        ),
    ] = "ddim"
    steps: Annotated[
        int, Field(ge=1, le=1000), About("Steps", "More steps are finer and slower; 20 to 30 are usual.")
    ] = 25
    guidance: Annotated[
        float,
        Field(ge=0, le=50),
        About("Guidance", "How closely the picture follows the prompt; 1 switches guidance off, 7 is usual."),
    ] = 7.0
    guidance_rescale: Annotated[
        float,
        Field(ge=0, le=1),
        About(
            "Guidance rescale",
            "Takes back the contrast that guidance adds: 0 not at all, 1 all of it; 0.7 for models of zero terminal "
            "SNR.",
            advanced=True,
        ),
    ] = 0.0
    eta: Annotated[
        float | None,
        Field(ge=0, le=1),
        About(
            "Eta",
            "Fresh noise mixed in at each step: 0 is none, 1 all that there may be. Acts on DDIM (0 unless set, 1 is "
            "DDPM), Euler ancestral and the SDE samplers (1 unless set).",
            advanced=True,
        ),
    ] = None
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

    @property
    def eta_or_usual(self) -> float:
        """Eta as the sampler takes it: its own habit where nothing was said; 0 for samplers that it doesn't act on."""
        usual = USUAL_ETA.get(self.sampler)
        if usual is None:
            return 0.0
        return usual if self.eta is None else self.eta
