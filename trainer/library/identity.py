"""What a model file is: the words that identification, index, installation and the rest of Gesso share."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Literal, cast, get_args


class Kind(StrEnum):
    """What a file is for."""

    CHECKPOINT = "checkpoint"
    LORA = "lora"
    EMBEDDING = "embedding"
    VAE = "vae"
    UNET = "unet"
    TEXT_ENCODER = "text_encoder"
    CONTROLNET = "controlnet"
    UPSCALER = "upscaler"
    CAPTIONER = "captioner"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        """With its article, for the middle of a sentence."""
        return _KIND_LABELS[self]


_KIND_LABELS = {
    Kind.CHECKPOINT: "a whole model (checkpoint)",
    Kind.LORA: "a LoRA",
    Kind.EMBEDDING: "an embedding (textual inversion)",
    Kind.VAE: "a VAE",
    Kind.UNET: "a UNet alone",
    Kind.TEXT_ENCODER: "a text encoder alone",
    Kind.CONTROLNET: "a ControlNet",
    Kind.UPSCALER: "an upscaler",
    Kind.CAPTIONER: "a captioner",
    Kind.UNKNOWN: "of an unknown kind",
}


class ModelFamily(StrEnum):
    """Which architecture a file belongs to. SD3 and Flux are named only to say that Gesso can't use them."""

    SD1 = "sd1"
    SD2 = "sd2"
    SDXL = "sdxl"
    SDXL_REFINER = "sdxl_refiner"
    SVD = "svd"
    SD3 = "sd3"
    FLUX = "flux"
    UNKNOWN = "unknown"

    @property
    def label(self) -> str:
        return _FAMILY_LABELS[self]


_FAMILY_LABELS = {
    ModelFamily.SD1: "Stable Diffusion 1.x",
    ModelFamily.SD2: "Stable Diffusion 2.x",
    ModelFamily.SDXL: "Stable Diffusion XL",
    ModelFamily.SDXL_REFINER: "Stable Diffusion XL refiner",
    ModelFamily.SVD: "Stable Video Diffusion",
    ModelFamily.SD3: "Stable Diffusion 3",
    ModelFamily.FLUX: "Flux",
    ModelFamily.UNKNOWN: "unknown family",
}

Prediction = Literal["epsilon", "v_prediction", "unknown"]
Certainty = Literal["certain", "likely", "unsure"]
Part = Literal["unet", "vae", "text_encoder", "image_encoder", "ema", "embedding"]


@dataclass(frozen=True, slots=True)
class Identity:
    """What a model file is, how sure that is, and why.

    `variant` is "standard", or what sets the file apart within its family: "inpainting", "pix2pix", "depth", "unclip",
    "x4_upscaler", "cosxl", "playground", "ssd_1b", "vega", "koala", "sv3d", "temporal" (the video VAE), "taesd";
    for a LoRA its algorithm: "lora", "dora", "loha", "lokr", "full";
    for a captioner which one: "blip", "florence", "wd", "deepbooru".
    `layout` is the naming of its tensors: "original" (as the first Stable Diffusion release), "diffusers", "kohya",
    "peft", or "". `context_width` is the width of the text embedding that its cross-attention reads, `in_channels` what
    its UNet takes; None where the file doesn't tell. `precision` counts tensors by number format, `parameters` their
    elements.
    `zero_terminal_snr` is set by a file that asks for a noise schedule rescaled to end in pure noise.
    """

    kind: Kind
    family: ModelFamily
    variant: str
    layout: str
    prediction: Prediction
    zero_terminal_snr: bool
    certainty: Certainty
    reasons: tuple[str, ...]
    parts: tuple[Part, ...]
    context_width: int | None
    in_channels: int | None
    precision: dict[str, int]
    parameters: int

    def to_dict(self) -> dict[str, object]:
        """Plain JSON types; `from_dict` is the way back."""
        saved: dict[str, object] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**saved, "reasons": list(self.reasons), "parts": list(self.parts), "precision": dict(self.precision)}

    @classmethod
    def from_dict(cls, saved: dict[str, object]) -> "Identity":
        """Raises KeyError, TypeError or ValueError if `saved` isn't what `to_dict` gave."""
        return cls(
            kind=Kind(_text(saved["kind"])),
            family=ModelFamily(_text(saved["family"])),
            variant=_text(saved["variant"]),
            layout=_text(saved["layout"]),
            prediction=cast(Prediction, _one_of(saved["prediction"], get_args(Prediction))),
            zero_terminal_snr=bool(saved["zero_terminal_snr"]),
            certainty=cast(Certainty, _one_of(saved["certainty"], get_args(Certainty))),
            reasons=tuple(_text(reason) for reason in _items(saved["reasons"])),
            parts=tuple(cast(Part, _one_of(part, get_args(Part))) for part in _items(saved["parts"])),
            context_width=_whole_or_none(saved["context_width"]),
            in_channels=_whole_or_none(saved["in_channels"]),
            precision={_text(name): _whole(count) for name, count in _pairs(saved["precision"])},
            parameters=_whole(saved["parameters"]),
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What the keys told, before the counts are added."""

    kind: Kind
    family: ModelFamily
    certainty: Certainty
    reasons: tuple[str, ...]
    variant: str = "standard"
    layout: str = ""
    parts: tuple[Part, ...] = ()
    context_width: int | None = None
    in_channels: int | None = None
    prediction: Prediction = "unknown"
    zero_terminal_snr: bool = False


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def _one_of(value: object, allowed: tuple[object, ...]) -> object:
    if value not in allowed:
        raise ValueError(f"{value!r} is none of {allowed}")
    return value


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError(f"{value!r} is not a whole number")
    return value


def _whole_or_none(value: object) -> int | None:
    return None if value is None else _whole(value)


def _items(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is not a list")
    return list(cast("list[object]", value))


def _pairs(value: object) -> list[tuple[object, object]]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is not an object")
    return list(cast("dict[object, object]", value).items())
