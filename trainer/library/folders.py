"""Models that are folders in the layout of diffusers, and where each kind of model lies in the user's folder.

A diffusers folder has a `model_index.json` that names the pipeline and its components, each a folder with a config
and weights. Nothing in it is ever run: a folder that asks for code of its own is refused, and so are weights that
are pickles.
"""

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NoReturn, cast

from trainer.contract.errors import UserError
from trainer.library.header import TensorInfo, is_flat_json, read_header, shown, unique_pairs
from trainer.library.identify_unet import UNet, diffusers_unet, judge_unet
from trainer.library.identity import Identity, Kind, ModelFamily, Part, Prediction

INDEX_FILE = "model_index.json"
BESIDE_FILE = "gesso.safetensors"
"""What the model's single file held beyond its networks, in folders that Gesso made of one."""
MODEL_FOLDERS = ("checkpoints", "loras", "embeddings", "vae", "video", "captioners")

_KIND_FOLDERS = {
    Kind.LORA: "loras",
    Kind.EMBEDDING: "embeddings",
    Kind.VAE: "vae",
    Kind.CAPTIONER: "captioners",
}


def model_folder(identity: Identity) -> str | None:
    """Which of MODEL_FOLDERS such a model belongs in; None for what Gesso has no use for."""
    if identity.family in (ModelFamily.SD3, ModelFamily.FLUX):
        return None
    if identity.kind == Kind.CHECKPOINT:
        if identity.family == ModelFamily.UNKNOWN:
            return None
        return "video" if identity.family == ModelFamily.SVD else "checkpoints"
    return _KIND_FOLDERS.get(identity.kind)


@dataclass(frozen=True, slots=True)
class DiffusersFolder:
    """A diffusers folder that passed every check.

    `weights` gives the safetensors files of each component, `files` all the files worth keeping (relative, "/").
    """

    path: Path
    pipeline: str
    weights: dict[str, tuple[Path, ...]]
    files: tuple[PurePosixPath, ...]
    identity: Identity

    @property
    def bytes(self) -> int:
        return sum((self.path / file).stat().st_size for file in self.files)


def is_diffusers_folder(path: Path) -> bool:
    return (path / INDEX_FILE).is_file()


_IMAGE_PARTS = ("unet", "vae", "text_encoder")
_REQUIRED_PARTS = {
    "StableDiffusionPipeline": _IMAGE_PARTS,
    "StableDiffusionImg2ImgPipeline": _IMAGE_PARTS,
    "StableDiffusionInpaintPipeline": _IMAGE_PARTS,
    "StableDiffusionInstructPix2PixPipeline": _IMAGE_PARTS,
    "StableDiffusionXLPipeline": (*_IMAGE_PARTS, "text_encoder_2"),
    "StableDiffusionXLInpaintPipeline": (*_IMAGE_PARTS, "text_encoder_2"),
    "StableDiffusionXLImg2ImgPipeline": ("unet", "vae", "text_encoder_2"),
    "StableVideoDiffusionPipeline": ("unet", "vae", "image_encoder"),
}
"""What each pipeline can't do without. Tokenizers are not listed: Gesso brings its own."""

_KNOWN_CLASSES = {
    "unet": {"UNet2DConditionModel", "UNetSpatioTemporalConditionModel"},
    "vae": {"AutoencoderKL", "AutoencoderKLTemporalDecoder"},
    "text_encoder": {"CLIPTextModel", "CLIPTextModelWithProjection"},
    "text_encoder_2": {"CLIPTextModelWithProjection"},
    "image_encoder": {"CLIPVisionModelWithProjection"},
}
_KNOWN_LIBRARIES = (None, "diffusers", "transformers", "stable_diffusion")
_SMALL_FOLDERS = ("tokenizer", "tokenizer_2", "scheduler", "feature_extractor")
ORIGINAL_REST = "original_rest.safetensors"
"""What a single file held beside the networks, kept so that it can be written again; diffusers does not look at it."""
_SMALL_SUFFIXES = (".json", ".txt")
_WEIGHT_STEMS = ("diffusion_pytorch_model", "model")
_FIX = "Get the complete model again in diffusers layout with safetensors weights, or its single .safetensors file."


def read_folder(path: Path) -> DiffusersFolder:
    """Check and identify the diffusers folder `path`, by its configs and the headers of its weights.

    Raises UserError naming the file that is missing, damaged, a pickle, or asks to run code.
    """
    index = _json_object(path, INDEX_FILE)
    pipeline = _pipeline(path, index)
    required = _REQUIRED_PARTS[pipeline]
    if "text_encoder" not in required and _names_text_encoder(index):
        required = (*required, "text_encoder")
    weights: dict[str, tuple[Path, ...]] = {}
    configs: dict[str, dict[str, object]] = {}
    files = [PurePosixPath(INDEX_FILE)]
    for part in required:
        configs[part] = _component_config(path, part)
        weights[part], listed = _weights(path, part)
        files += [
            PurePosixPath(part, "config.json"),
            *(PurePosixPath(part, file.name) for file in (*listed, *weights[part])),
        ]
    scheduler = _json_object(path, "scheduler/scheduler_config.json")
    files += _small_files(path)
    if (path / ORIGINAL_REST).is_file():
        files.append(PurePosixPath(ORIGINAL_REST))
    tensors = {part: _tensors(of_part) for part, of_part in weights.items()}
    identity = _identity(path, pipeline, configs["unet"], scheduler, tensors)
    return DiffusersFolder(path, pipeline, weights, tuple(files), identity)


def _refuse(path: Path, what: str, fix: str = _FIX) -> NoReturn:
    raise UserError(f"The model folder {path.name} {what}.", fix)


def _json_object(path: Path, name: str) -> dict[str, object]:
    file = path / name
    try:
        raw = file.read_bytes() if file.stat().st_size <= 4_000_000 else b""
    except (FileNotFoundError, NotADirectoryError):
        _refuse(path, f"is incomplete: {name} is missing")
    except OSError as error:
        raise UserError(
            f"The model folder {path.name} can't be read.", f"Check that you may read {name} in it.", str(error)
        ) from error
    try:
        parsed = cast(object, json.loads(raw, object_pairs_hook=unique_pairs)) if is_flat_json(raw, 16) else None
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        _refuse(path, f"is damaged: {name} is not a JSON object")
    return cast("dict[str, object]", parsed)


_CODE_FIX = "Gesso never runs code that comes with a model. Choose a model that needs none."


def _pipeline(path: Path, index: dict[str, object]) -> str:
    pipeline = index.get("_class_name")
    foreign = [
        name
        for name, value in index.items()
        if isinstance(value, list) and value and cast("list[object]", value)[0] not in _KNOWN_LIBRARIES
    ]
    if "custom_pipeline" in index or "auto_map" in index or isinstance(pipeline, list) or foreign:
        part = foreign[0] if foreign else "custom_pipeline"
        _refuse(path, f"asks to run code of its own ({shown(part)} in {INDEX_FILE})", _CODE_FIX)
    if not isinstance(pipeline, str):
        _refuse(path, f"is damaged: {INDEX_FILE} names no pipeline (_class_name)")
    if pipeline not in _REQUIRED_PARTS:
        _refuse(
            path,
            f"is for the pipeline {shown(pipeline)}, which Gesso doesn't know",
            "Choose a Stable Diffusion 1.x, 2.x, XL or Video model.",
        )
    return pipeline


def _names_text_encoder(index: dict[str, object]) -> bool:
    """Whether an XL pipeline for pictures from pictures belongs to XL itself: the refiner goes without the first."""
    named = index.get("text_encoder")
    return isinstance(named, list) and any(word is not None for word in cast("list[object]", named))


def _component_config(path: Path, part: str) -> dict[str, object]:
    config = _json_object(path, f"{part}/config.json")
    if "auto_map" in config:
        _refuse(path, f"asks to run code of its own (auto_map in {part}/config.json)", _CODE_FIX)
    named = config.get("_class_name") or config.get("architectures")
    names = cast("list[object]", named) if isinstance(named, list) else [named]
    if not any(name in _KNOWN_CLASSES[part] for name in names):
        _refuse(
            path, f"has a {part} of the class {shown(str(names[0]))} in {part}/config.json, which Gesso doesn't know"
        )
    return config


def _weights(path: Path, part: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The safetensors files of a component, a whole one before pieces, and the file that lists the pieces."""
    folder = path / part
    for stem in _WEIGHT_STEMS:
        for name in (f"{stem}.safetensors", f"{stem}.fp16.safetensors"):
            if (folder / name).is_file():
                return (folder / name,), ()
    for stem in _WEIGHT_STEMS:
        for name in (f"{stem}.safetensors.index.json", f"{stem}.safetensors.index.fp16.json"):
            if (folder / name).is_file():
                return _pieces(path, part, name), (folder / name,)
    pickles = sorted(file.name for pattern in ("*.bin", "*.ckpt", "*.pt") for file in folder.glob(pattern))
    if pickles:
        _refuse(
            path,
            f"has the weights of its {part} only as a pickle ({part}/{pickles[0]})",
            "Such files can run programs when opened, so Gesso does not read them. Get the safetensors version.",
        )
    _refuse(path, f"is incomplete: {part}/ has no safetensors weights")


def _pieces(path: Path, part: str, name: str) -> tuple[Path, ...]:
    listed = _json_object(path, f"{part}/{name}").get("weight_map")
    if not isinstance(listed, dict) or not listed:
        _refuse(path, f"is damaged: {part}/{name} lists no weights")
    pieces: list[Path] = []
    for piece in sorted({str(piece) for piece in cast("dict[str, object]", listed).values()}):
        if not piece.endswith(".safetensors") or piece != PurePosixPath(piece).name or "\\" in piece:
            _refuse(path, f"is damaged: {part}/{name} names the piece {shown(piece)}")
        if not (path / part / piece).is_file():
            _refuse(path, f"is incomplete: {part}/{piece} is missing")
        pieces.append(path / part / piece)
    return tuple(pieces)


def _small_files(path: Path) -> list[PurePosixPath]:
    small = [
        PurePosixPath(part, file.name)
        for part in _SMALL_FOLDERS
        for file in sorted((path / part).glob("*"))
        if file.suffix in _SMALL_SUFFIXES and file.is_file()
    ]
    texts = sorted(
        file for pattern in ("LICENSE*", "README.md", BESIDE_FILE) for file in path.glob(pattern) if file.is_file()
    )
    return small + [PurePosixPath(file.name) for file in texts]


def _tensors(files: tuple[Path, ...]) -> dict[str, TensorInfo]:
    return {name: tensor for file in files for name, tensor in read_header(file).tensors.items()}


def _identity(
    path: Path,
    pipeline: str,
    config: dict[str, object],
    scheduler: dict[str, object],
    tensors: dict[str, dict[str, TensorInfo]],
) -> Identity:
    unet = diffusers_unet({name: tensor.shape for name, tensor in tensors["unet"].items()})
    if unet is None:
        _refuse(path, "has weights in unet/ that are not those of a UNet")
    _compare_with_config(path, unet, config)
    judged = judge_unet(unet)
    prediction, about = _prediction(judged.family, scheduler)
    every = [tensor for of_part in tensors.values() for tensor in of_part.values()]
    return Identity(
        kind=Kind.CHECKPOINT,
        family=judged.family,
        variant=judged.variant,
        layout="diffusers",
        prediction=prediction,
        zero_terminal_snr=scheduler.get("rescale_betas_zero_snr") is True,
        certainty=judged.certainty,
        reasons=(f"{INDEX_FILE} names {pipeline}", *judged.reasons, about),
        parts=_parts(tensors),
        context_width=unet.context,
        in_channels=unet.in_channels,
        precision=dict(Counter(tensor.dtype for tensor in every)),
        parameters=sum(math.prod(tensor.shape) for tensor in every),
    )


def _parts(tensors: dict[str, dict[str, TensorInfo]]) -> tuple[Part, ...]:
    parts: list[Part] = ["unet", "vae"]
    if any(part.startswith("text_encoder") for part in tensors):
        parts.append("text_encoder")
    if "image_encoder" in tensors:
        parts.append("image_encoder")
    return tuple(parts)


def _compare_with_config(path: Path, unet: UNet, config: dict[str, object]) -> None:
    """Refuse a config whose sizes are not those of the weights: loading would fail later, and less clearly."""
    context, channels = config.get("cross_attention_dim", 1280), config.get("block_out_channels")
    widths = cast("list[object]", context) if isinstance(context, list) else [context]
    first = cast("list[object]", channels)[0] if isinstance(channels, list) and channels else 320
    for name, claimed, has in (
        ("in_channels", config.get("in_channels", 4), unet.in_channels),
        ("cross_attention_dim", widths[0] if widths else None, unet.context),
        ("block_out_channels", first, unet.channels),
    ):
        if claimed != has:
            _refuse(
                path, f"contradicts itself: unet/config.json says {name} {shown(str(claimed))}, the weights have {has}"
            )


def _prediction(family: ModelFamily, scheduler: dict[str, object]) -> tuple[Prediction, str]:
    named = scheduler.get("prediction_type", "epsilon")  # diffusers' own default
    if named == "v_prediction" or family == ModelFamily.SVD:
        return "v_prediction", "its scheduler asks for v-prediction"
    if named == "epsilon":
        return "epsilon", "its scheduler asks for the noise (epsilon)"
    return "unknown", f"its scheduler asks for {shown(str(named))}, which is not known here"
