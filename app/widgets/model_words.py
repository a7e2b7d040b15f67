"""What the Models page says about a model, in words: what it is, what it is for, how sure that is."""

import html

from trainer.contract.captioners import LICENCES, label
from trainer.files import human_size
from trainer.library.identity import Certainty, Identity, Kind, ModelFamily, Part, Prediction
from trainer.library.index import SHIPPED_MODELS, Entry

NOUNS = {
    Kind.CHECKPOINT: "Checkpoint",
    Kind.LORA: "LoRA",
    Kind.EMBEDDING: "Embedding",
    Kind.VAE: "VAE",
    Kind.UNET: "UNet",
    Kind.TEXT_ENCODER: "Text encoder",
    Kind.CONTROLNET: "ControlNet",
    Kind.UPSCALER: "Upscaler",
    Kind.CAPTIONER: "Captioner",
    Kind.UNKNOWN: "Unknown",
}
CERTAINTIES: dict[Certainty, str] = {
    "certain": "Certain: only this kind of model is built this way.",
    "likely": "Likely, but the file leaves some room for doubt.",
    "unsure": "Unsure: treat this as a guess.",
}
PREDICTIONS: dict[Prediction, str] = {
    "epsilon": "the noise (epsilon)",
    "v_prediction": "the velocity (v-prediction)",
    "unknown": "the file does not say",
}
PARTS: dict[Part, str] = {
    "unet": "UNet",
    "vae": "VAE",
    "text_encoder": "text encoder",
    "image_encoder": "image encoder",
    "ema": "averaged weights (EMA)",
    "embedding": "embedding",
}
SHIPPED = "came with Gesso"
FORMATS = {"F16": "fp16", "BF16": "bf16", "F32": "fp32", "F64": "fp64", "F8_E4M3": "fp8", "F8_E5M2": "fp8"}
"""The number formats that weights come in, as people call them. Whole numbers are counters, not weights."""

USES = {
    Kind.CHECKPOINT: "Choose it as the model on the page Generate, or start a training from it.",
    Kind.LORA: "Add it under LoRA on the page Generate, over a model of the same family.",
    Kind.EMBEDDING: "Write its name in the prompt; it works with models of the same family.",
    Kind.VAE: "It turns latents into pictures, in place of a model's own VAE.",
    Kind.CAPTIONER: "Choose it on the page Dataset to caption pictures.",
}
USUAL_SIZES = {
    ModelFamily.SD1: (768, "512 × 512"),
    ModelFamily.SD2: (1024, "768 × 768, or 512 × 512 for the base model"),
    ModelFamily.SDXL: (2048, "1024 × 1024"),
    ModelFamily.SVD: (1024, "1024 × 576"),
}
"""Of each family: the width of the text embedding of its full-sized models, and the picture size they are made for."""


def noun(entry: Entry) -> str:
    return NOUNS[entry.identity.kind] if entry.identity else "Can't be used"


def precision(identity: Identity) -> str:
    """`fp16`, or `fp16, some fp32`: the formats by the number of tensors in them."""
    counts: dict[str, int] = {}
    for name, count in identity.precision.items():
        if name in FORMATS:
            counts[FORMATS[name]] = counts.get(FORMATS[name], 0) + count
    most, *others = sorted(counts, key=lambda name: -counts[name]) or [""]
    return f"{most}, some {' and '.join(others)}" if others else most


def second_line(entry: Entry) -> str:
    """What stands below the name in the list."""
    if entry.identity is None:
        return entry.problem
    identity = entry.identity
    of = label(identity.variant) if identity.kind is Kind.CAPTIONER else identity.family.label
    return "  ·  ".join(filter(None, (noun(entry), of, precision(identity))))


def origin(entry: Entry) -> str:
    """Why it can't be removed; empty for the user's own."""
    if not entry.read_only:
        return ""
    return SHIPPED if entry.path.is_relative_to(SHIPPED_MODELS) else "used in place"


def program(entry: Entry, folders: list[str]) -> str:
    """The folder of another program, as the user named it, in which the model lies; empty if it does not."""
    return next((folder for folder in folders if entry.path.is_relative_to(folder)), "")


def left_alone(entry: Entry, folder: str) -> str:
    """Why Gesso does not touch it. `folder`: the folder of another program that holds it."""
    if origin(entry) == SHIPPED:
        return "It came with Gesso, so Gesso leaves it as it is."
    return f"It lies in {folder or entry.path.parent}. Gesso uses it there and leaves it as it is."


def what(identity: Identity) -> str:
    """`a LoRA for Stable Diffusion 1.x`."""
    known = identity.family is not ModelFamily.UNKNOWN
    return identity.kind.label + (f" for {identity.family.label}" if known else "")


def use(identity: Identity) -> str:
    if identity.family is ModelFamily.SVD and identity.kind is Kind.CHECKPOINT:
        return "It makes a short video from a picture. Usual size: 1024 × 576."
    words = USES.get(identity.kind, "Gesso has no use for it by itself.")
    width, size = USUAL_SIZES.get(identity.family, (0, ""))
    full = identity.kind is Kind.CHECKPOINT and identity.context_width == width
    return f"{words} Usual size: {size}." if full else words


def facts(entry: Entry) -> list[tuple[str, str]]:
    """Names and values for the table in the details."""
    found: list[tuple[str, str]] = [("Size", human_size(entry.size) + (", a folder" if entry.is_folder else ""))]
    identity = entry.identity
    if identity is None:
        return found
    if identity.parameters:
        found.append(("Parameters", count_in_words(identity.parameters)))
    if identity.kind is Kind.CAPTIONER:
        found.append(("Licence", LICENCES[identity.variant]))
    if precision(identity):
        found.append(("Numbers", precision(identity)))
    if identity.variant not in ("standard", ""):
        found.append(("Variant", identity.variant.replace("_", " ")))
    if identity.parts:
        found.append(("Parts", ", ".join(PARTS[part] for part in identity.parts)))
    if identity.kind in (Kind.CHECKPOINT, Kind.UNET):
        rescaled = ", down to pure noise (zero terminal SNR)" if identity.zero_terminal_snr else ""
        found.append(("Predicts", PREDICTIONS[identity.prediction] + rescaled))
    if identity.layout:
        found.append(("Naming", identity.layout))
    return found


def count_in_words(count: int) -> str:
    """`18.7 million`, from a million on; below, the whole number."""
    for size, word in ((10**9, "billion"), (10**6, "million")):
        if count >= size:
            return f"{count / size:.3g} {word}"
    return f"{count:,}"


def breakable(text: str) -> str:
    """Lets a label break long names after dots, strokes and underscores; what is seen stays the same."""
    for sign in "._/\\-":
        text = text.replace(sign, sign + "\u200b")
    return text


def tip(text: str) -> str:
    """A tooltip that shows `text`, which came from a file, as it stands."""
    return f"<qt>{html.escape(text)}</qt>"
