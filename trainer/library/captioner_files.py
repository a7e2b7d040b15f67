"""Captioners on disk: folders of BLIP, Florence-2 and WD taggers, and DeepBooru's checkpoint, known by their content.

    BLIP        config.json (model_type "blip"), model.safetensors, vocab.txt or tokenizer.json, as on Hugging Face
    Florence-2  config.json (model_type "florence2"), model.safetensors, tokenizer.json or vocab.json and merges.txt
    WD tagger   model.onnx, selected_tags.csv (tag_id,name,category,count)
    DeepBooru   one safetensors file with n_Conv_0 to n_Conv_178 and its tags in the metadata, which Gesso makes of the
                published .pt when it is installed

Nothing in a folder is ever run.
"""

import csv
import io
import json
import math
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import cast

from trainer.contract.captioners import CaptionerName
from trainer.contract.errors import UserError
from trainer.library.folders import DiffusersFolder, is_diffusers_folder, read_folder
from trainer.library.header import is_flat_json, read_header, unique_pairs
from trainer.library.identify_unet import Shapes
from trainer.library.identity import Found, Identity, Kind, ModelFamily

CONFIG, WEIGHTS, ONNX, TAG_LIST = "config.json", "model.safetensors", "model.onnx", "selected_tags.csv"
PICKLED = "pytorch_model.bin"
"""The weights of BLIP base as they are published: Gesso makes a safetensors file of them when it is installed."""
TAGS = "tags"
"""The key of DeepBooru's tags: in the .pt a list, in the safetensors' metadata the same as JSON."""
DEEPBOORU_FIRST, DEEPBOORU_LAST = "n_Conv_0.weight", "n_Conv_178.weight"

_SMALL = 4_000_000
_TEXTS = ("LICENSE*", "README.md")
_BLIP_FILES = (
    "generation_config.json", "preprocessor_config.json", "special_tokens_map.json", "tokenizer.json",
    "tokenizer_config.json", "vocab.txt",
)  # fmt: skip
FLORENCE = "florence2"
_FLORENCE_FILES = (
    "added_tokens.json", "generation_config.json", "merges.txt", "preprocessor_config.json", "processor_config.json",
    "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.json",
)  # fmt: skip
_FLORENCE_WEIGHTS = ("model.language_model.shared.weight", "model.multi_modal_projector.image_projection.weight")
_BLIP_WEIGHTS = ("vision_model.embeddings.class_embedding", "text_decoder.bert.embeddings.word_embeddings.weight")
_CODE_FIX = "Gesso never runs code that comes with a model. Choose a model that needs none."


@dataclass(frozen=True, slots=True)
class CaptionerFolder:
    """A captioner that is a folder and passed every check. `files` are those worth keeping (relative, "/")."""

    path: Path
    captioner: CaptionerName
    files: tuple[PurePosixPath, ...]
    identity: Identity

    @property
    def bytes(self) -> int:
        return sum((self.path / file).stat().st_size for file in self.files)


ModelFolder = DiffusersFolder | CaptionerFolder


def is_model_folder(path: Path) -> bool:
    """Whether the folder is one model: in diffusers layout, or a captioner."""
    return is_diffusers_folder(path) or is_captioner_folder(path)


def read_model_folder(path: Path) -> ModelFolder:
    """Check and identify a folder that is one model. Raises UserError as `read_folder` and `read_captioner` do."""
    is_captioner = not is_diffusers_folder(path) and is_captioner_folder(path)
    return read_captioner(path) if is_captioner else read_folder(path)


def is_captioner_folder(path: Path) -> bool:
    return (path / TAG_LIST).is_file() or _model_type(path) in ("blip", FLORENCE)


def read_captioner(path: Path) -> CaptionerFolder:
    """Check and identify the captioner in the folder `path`. Raises UserError naming what is missing or damaged."""
    if (path / TAG_LIST).is_file():
        return _read_wd(path)
    return _read_florence(path) if _model_type(path) == FLORENCE else _read_blip(path)


def deepbooru(shapes: Shapes) -> Found | None:
    """What a single safetensors file is, if it is DeepBooru's network."""
    first, last = shapes.get(DEEPBOORU_FIRST, ()), shapes.get(DEEPBOORU_LAST, ())
    if len(first) != 4 or len(last) != 4:
        return None
    reason = f"it has {DEEPBOORU_FIRST} to {DEEPBOORU_LAST}: DeepDanbooru's network, for {last[0]:,} tags"
    return Found(Kind.CAPTIONER, ModelFamily.UNKNOWN, "certain", (reason,), variant="deepbooru")


def may_be_deepbooru_pickle(path: Path) -> bool:
    """Whether a file looks like DeepBooru's published checkpoint, found without unpickling: by its names.

    torch saves a zip archive whose `data.pkl` spells them out. That says nothing of what else is in it.
    """
    return _spells_out(path, DEEPBOORU_FIRST, DEEPBOORU_LAST, TAGS)


def may_be_pickled_blip(path: Path) -> bool:
    """Whether a folder looks like BLIP with its weights in a pickle alone, found without unpickling."""
    is_blip = not (path / WEIGHTS).exists() and _model_type(path) == "blip"
    return is_blip and _spells_out(path / PICKLED, *_BLIP_WEIGHTS)


def needs_import(path: Path) -> bool:
    """Whether a file or folder looks like a captioner that has to be made into another format (see ImportJob)."""
    return may_be_pickled_blip(path) if path.is_dir() else may_be_deepbooru_pickle(path)


def blip_small_files(path: Path) -> tuple[str, ...]:
    """The files of BLIP beside weights and config that are worth keeping, those that there are."""
    return tuple(name for name in _BLIP_FILES if (path / name).is_file())


def _spells_out(path: Path, *names: str) -> bool:
    """Whether the pickle in a zip archive of torch's has these names in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            pickle = next((one for one in archive.infolist() if one.filename.endswith("/data.pkl")), None)
            if pickle is None or pickle.file_size > _SMALL:
                return False
            raw = archive.read(pickle)
    except (OSError, ValueError, RuntimeError, NotImplementedError, zipfile.BadZipFile):
        return False
    return all(name.encode() in raw for name in names)


@dataclass(frozen=True, slots=True)
class TagRow:
    """A row of selected_tags.csv: the tag in underscore form, and its category (0 general, 4 character, 9 rating)."""

    name: str
    category: int


def tag_rows(path: Path) -> tuple[TagRow, ...]:
    """The tags of a WD tagger, in the order of its output. Raises UserError if the list can't be read."""
    try:
        text = path.read_text(encoding="utf-8-sig") if path.stat().st_size <= _SMALL else ""
        rows = tuple(TagRow(row["name"], int(row["category"])) for row in csv.DictReader(io.StringIO(text)))
    except OSError as error:
        raise UserError(f"{path} can't be read.", "Check that you may read it.", str(error)) from error
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise UserError(
            f"The list of tags {path} is damaged.", "Get it again from where the model came from.", str(error)
        ) from error
    if not rows:
        raise UserError(f"The list of tags {path} is empty.", "Get it again from where the model came from.")
    return rows


def _read_wd(path: Path) -> CaptionerFolder:
    rows = tag_rows(path / TAG_LIST)
    weights = path / ONNX
    if not weights.is_file():
        raise UserError(
            f"The tagger {path.name} has no {ONNX}, the format in which Gesso runs taggers.",
            f"Get the {ONNX} that is published beside its other files, and put it there.",
        )
    with weights.open("rb") as file:
        start = file.read(200)
    if not start.startswith(b"\x08"):  # field 1 of ONNX's ModelProto, the version of the format, comes first
        pointer = b"git-lfs" in start
        raise UserError(
            f"{ONNX} of the tagger {path.name} is {'a Git LFS pointer, not the model' if pointer else 'no ONNX file'}.",
            "Download the file itself again.",
        )
    counts = Counter(row.category for row in rows)
    reason = f"{TAG_LIST} beside {ONNX}: a WD tagger of {counts[0]:,} tags and {counts[4]:,} characters"
    files = (PurePosixPath(ONNX), PurePosixPath(TAG_LIST), *_texts(path))
    return CaptionerFolder(path, "wd", files, _identity("wd", reason, {}, 0))


def _read_blip(path: Path) -> CaptionerFolder:
    config = _config(path)
    if config is None:
        raise UserError(f"{path.name} is no captioner: {CONFIG} can't be read.", "Get the complete model again.")
    if "auto_map" in config:
        raise UserError(f"The captioner {path.name} asks to run code of its own (auto_map in {CONFIG}).", _CODE_FIX)
    if not (path / WEIGHTS).is_file():
        if (path / PICKLED).is_file():
            raise UserError(
                f"The captioner {path.name} has its weights only as a pickle ({PICKLED}).",
                "Install it on the page Models, or by `models install`: that makes a safetensors file of them, once.",
            )
        raise UserError(
            f"The captioner {path.name} has no {WEIGHTS}.",
            f"Get the {WEIGHTS} that is published beside its other files, and put it there.",
        )
    if not (path / "vocab.txt").is_file() and not (path / "tokenizer.json").is_file():
        raise UserError(
            f"The captioner {path.name} has neither vocab.txt nor tokenizer.json.",
            "Get one of them from where the model came from, and put it there.",
        )
    header = read_header(path / WEIGHTS)
    if _BLIP_WEIGHTS[1] not in header.tensors:
        raise UserError(
            f"{path.name} is a BLIP model without text decoder: it does not write captions.",
            "Choose BLIP's captioning model, base or large.",
        )
    size = "large" if _vision_width(config) >= 1024 else "base" if _vision_width(config) == 768 else "small"
    files = tuple(map(PurePosixPath, (CONFIG, WEIGHTS, *blip_small_files(path))))
    precision = dict(Counter(tensor.dtype for tensor in header.tensors.values()))
    parameters = sum(math.prod(tensor.shape) for tensor in header.tensors.values())
    reason = f"{CONFIG} names BLIP ({size}), and its weights have a text decoder"
    return CaptionerFolder(path, "blip", (*files, *_texts(path)), _identity("blip", reason, precision, parameters))


def _read_florence(path: Path) -> CaptionerFolder:
    config = _config(path) or {}
    if "auto_map" in config:
        raise UserError(
            f"The captioner {path.name} asks to run code of its own (auto_map in {CONFIG}).",
            "Gesso never runs code that comes with a model. Choose the same model by florence-community.",
        )
    if not (path / WEIGHTS).is_file():
        raise UserError(
            f"The captioner {path.name} has no {WEIGHTS}.",
            f"Get the {WEIGHTS} that is published beside its other files, and put it there.",
        )
    has_words = (path / "vocab.json").is_file() and (path / "merges.txt").is_file()
    if not has_words and not (path / "tokenizer.json").is_file():
        raise UserError(
            f"The captioner {path.name} has no tokenizer.json.",
            "Get it from where the model came from, and put it there.",
        )
    header = read_header(path / WEIGHTS)
    if not set(_FLORENCE_WEIGHTS) <= set(header.tensors):
        raise UserError(
            f"The weights of {path.name} have other names than transformers gives those of Florence-2.",
            "Choose the same model by florence-community.",
        )
    kept = (CONFIG, WEIGHTS, *(name for name in _FLORENCE_FILES if (path / name).is_file()))
    precision = dict(Counter(tensor.dtype for tensor in header.tensors.values()))
    parameters = sum(math.prod(tensor.shape) for tensor in header.tensors.values())
    identity = _identity("florence", f"{CONFIG} names Florence-2, and its weights fit", precision, parameters)
    return CaptionerFolder(path, "florence", (*map(PurePosixPath, kept), *_texts(path)), identity)


def _identity(variant: CaptionerName, reason: str, precision: dict[str, int], parameters: int) -> Identity:
    return Identity(
        kind=Kind.CAPTIONER,
        family=ModelFamily.UNKNOWN,
        variant=variant,
        layout="",
        prediction="unknown",
        zero_terminal_snr=False,
        certainty="certain",
        reasons=(reason,),
        parts=(),
        context_width=None,
        in_channels=None,
        precision=precision,
        parameters=parameters,
    )


def _texts(path: Path) -> Iterator[PurePosixPath]:
    return (PurePosixPath(file.name) for pattern in _TEXTS for file in sorted(path.glob(pattern)) if file.is_file())


def _model_type(path: Path) -> str:
    config = _config(path)
    return str(config.get("model_type", "")) if config else ""


def _config(path: Path) -> dict[str, object] | None:
    """config.json, if there is one that can be read."""
    file = path / CONFIG
    try:
        raw = file.read_bytes() if file.stat().st_size <= _SMALL else b""
        parsed = cast(object, json.loads(raw, object_pairs_hook=unique_pairs)) if is_flat_json(raw, 16) else None
    except (OSError, ValueError):
        return None
    return cast("dict[str, object]", parsed) if isinstance(parsed, dict) else None


def _vision_width(config: dict[str, object]) -> int:
    vision = config.get("vision_config")
    width = cast("dict[str, object]", vision).get("hidden_size", 768) if isinstance(vision, dict) else 768
    return width if isinstance(width, int) else 0
