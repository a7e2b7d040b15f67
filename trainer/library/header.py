"""Our own check of a safetensors header, made before any other code opens the file.

The format (huggingface/safetensors, README "Format"): eight bytes with the header's length N as a little-endian
unsigned integer, N bytes of JSON, then the tensors' bytes without holes. The safetensors library accepts duplicate
keys, odd names and headers of hundreds of thousands of tensors (which take it many seconds); this module refuses them,
and says of a file that is something else what it is.
"""

import json
import math
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

from trainer.contract.errors import UserError
from trainer.files import human_size

MAX_HEADER_BYTES = 100_000_000
MAX_TENSORS = 50_000
MAX_METADATA_BYTES = 16_000_000
MAX_NAME_LENGTH = 1_000
MAX_DIMENSIONS = 8
MAX_ELEMENTS = 1 << 40
"""No tensor of a model is larger; also the limit for the other dimensions of an empty tensor."""

BYTES_PER_ELEMENT = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 2),
    **dict.fromkeys(("I32", "U32", "F32"), 4),
    **dict.fromkeys(("I64", "U64", "F64"), 8),
}

_LENGTH_BYTES = 8
_AGAIN = "Download or copy the file again."
_OTHER_FILE = "Choose another file, or download this one again from its source."

# The structure of the JSON is looked at without parsing it: drop the strings, then the innermost lists, then the
# innermost objects. Possessive quantifiers keep all three linear in the size of the header, whatever it holds.
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_FLAT_LIST = re.compile(rb"\[[^\[\]{}]*+\]")
_FLAT_OBJECT = re.compile(rb"\{[^\[\]{}]*+\}")
_ONE_OBJECT = re.compile(rb"\{[^\[\]{}]*+\}\s*+")

# Control characters, direction overrides (they make a name read as another), surrogates, and what looks like a path.
_BAD_IN_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|\.\.[/\\]|^[/\\]")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One tensor: its number format as the file spells it, its shape, and where in the data section its bytes lie."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    """A header that passed every check. Offsets of tensors count from `data_start`."""

    tensors: dict[str, TensorInfo]
    metadata: dict[str, str]
    header_bytes: int
    file_bytes: int

    @property
    def data_start(self) -> int:
        return _LENGTH_BYTES + self.header_bytes


class _Refused(Exception):
    """What is wrong with the header and how to mend it, before the file's name is put in front."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


def read_header(path: Path) -> Header:
    """Read and check the header of the safetensors file `path`; no tensor is read.

    Raises UserError, with one sentence that names the file and a way out, if the file can't be read, is something
    else, is incomplete, or breaks a rule of the format or one of the limits above.
    """
    try:
        with _open(path) as file:
            file_bytes = os.fstat(file.fileno()).st_size
            start = file.read(1024)
            header_bytes = _header_bytes(start, file_bytes)
            file.seek(_LENGTH_BYTES)
            raw = file.read(header_bytes)
        return _checked(raw, file_bytes)
    except _Refused as refused:
        raise UserError(f"{path.name} {refused.what}.", refused.fix) from None
    except OSError as error:
        raise _unreadable(path, error) from error


def read_tensor_bytes(path: Path, header: Header, name: str) -> bytes:
    """The raw little-endian bytes of tensor `name`, without reading the rest of the file. KeyError if it has none."""
    tensor = header.tensors[name]
    try:
        with _open(path) as file:
            file.seek(header.data_start + tensor.begin)
            data = file.read(tensor.end - tensor.begin)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(data) != tensor.end - tensor.begin:
        raise UserError(f"{path.name} became shorter while it was read.", _AGAIN)
    return data


def is_flat_json(raw: bytes, levels: int) -> bool:
    """Whether the JSON in `raw` nests at most `levels` deep, found without parsing it (a parser may run out of stack).

    Malformed JSON may pass; it is then the parser that refuses it, still without nesting deeper than that.
    """
    skeleton = _STRING.sub(b"", raw)
    for _ in range(levels):
        skeleton = _FLAT_OBJECT.sub(b"", _FLAT_LIST.sub(b"", skeleton))
    return not re.search(rb"[\[\]{}]", skeleton)


def unique_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """For json's `object_pairs_hook`: the object as a dict; ValueError if a key stands twice in it."""
    value = dict(pairs)
    if len(value) != len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"lists {shown(twice)} twice")
    return value


def shown(name: str) -> str:
    """A name out of a file, fit for a message: quoted, short, without characters that a terminal would obey."""
    return json.dumps(name if len(name) <= 80 else name[:77] + "...")


def _open(path: Path) -> BinaryIO:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a named pipe would block for ever
            raise UserError(f"{path.name} is not a file.", "Choose a .safetensors file.")
        return path.open("rb")
    except FileNotFoundError:
        raise UserError(f"There is no file {path}.", "Check the spelling, or choose the file again.") from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(f"{path.name} can't be read.", "Check that the file is there and you may read it.", str(error))


def _header_bytes(start: bytes, file_bytes: int) -> int:
    if file_bytes < _LENGTH_BYTES:
        raise _Refused(f"is not a model file: it is too short ({file_bytes} bytes)", _AGAIN)
    length = int.from_bytes(start[:_LENGTH_BYTES], "little")
    if length > MAX_HEADER_BYTES or start[_LENGTH_BYTES : _LENGTH_BYTES + 1] not in (b"{", b""):
        _refuse_as_what_it_is(start, file_bytes, length)
    if length < 2:
        if not any(start):
            raise _Refused("holds only zeros: it was never written completely (a power failure does that)", _AGAIN)
        raise _Refused("has an empty header", _OTHER_FILE)
    if _LENGTH_BYTES + length > file_bytes:
        raise _Refused(
            f"is incomplete: got {file_bytes:,} of at least {_LENGTH_BYTES + length:,} bytes, not even a whole header",
            _AGAIN,
        )
    return length


_PICKLE_FIX = (
    "Such files can run programs when opened, so Gesso does not read them. Get the .safetensors version of this model."
)


def _refuse_as_what_it_is(start: bytes, file_bytes: int, length: int) -> NoReturn:
    """Name the kind of file by its first bytes, whatever its extension says."""
    text = start[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(b"version https://git-lfs"):
        size = re.search(rb"size (\d{1,18})\s", start)
        of = f" of {human_size(int(size[1]))}" if size else ""
        raise _Refused(
            f"is a Git LFS pointer of {file_bytes} bytes, not the model{of} that it points to",
            "Run `git lfs pull` where it came from, or download the file itself.",
        )
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")):
        raise _Refused(
            "is a web page saved under the name of a model",
            "Open the download page in a browser; you may have to log in or accept a licence first.",
        )
    if start.startswith(b"PK\x03\x04"):
        raise _Refused("is a zip archive, most likely a PyTorch .ckpt or .pt file, not safetensors", _PICKLE_FIX)
    if re.match(rb"\x80[\x02-\x05]", start):
        raise _Refused("is a Python pickle (a .ckpt, .pt or .bin file), not safetensors", _PICKLE_FIX)
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            raise _Refused(f"is {name}, not safetensors", _OTHER_FILE)
    if not any(start):
        raise _Refused("holds only zeros: it was never written completely (a power failure does that)", _AGAIN)
    if length > MAX_HEADER_BYTES and start[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{":
        raise _Refused(f"claims a header of {length:,} bytes; 100 MB is the most the format allows", _OTHER_FILE)
    raise _Refused("is not a safetensors file: it has no header", _OTHER_FILE)


_MAGIC = {
    b"GGUF": "a GGUF file",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
    b"Rar!": "a RAR archive",
    b"\x89HDF": "a Keras (HDF5) file",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"RIFF": "a media file",
    b"%PDF": "a PDF document",
    b'{"': "a JSON text",
}


def _checked(raw: bytes, file_bytes: int) -> Header:
    _check_structure(raw)
    try:
        parsed = cast(object, json.loads(raw.decode("utf-8"), object_pairs_hook=unique_pairs))
    except UnicodeDecodeError:
        raise _Refused("is damaged: its header is not UTF-8 text", _AGAIN) from None
    except json.JSONDecodeError:
        raise _Refused("is damaged: its header is not valid JSON", _AGAIN) from None
    except ValueError as error:  # a key that stands twice, or a number of thousands of digits
        raise _Refused(f"is damaged: its header {error}", _OTHER_FILE) from None
    entries = cast("dict[str, object]", parsed)  # the structure check admits nothing but an object
    metadata = _metadata(entries.pop("__metadata__", None))
    tensors = {name: _tensor(name, value) for name, value in entries.items()}
    _check_layout(tensors, _LENGTH_BYTES + len(raw), file_bytes)
    return Header(tensors, metadata, len(raw), file_bytes)


def _check_structure(raw: bytes) -> None:
    """Refuse what would make the JSON parser slow or run out of stack, before it sees the text."""
    if raw.count(b'"data_offsets"') > MAX_TENSORS:
        _refuse_count(raw.count(b'"data_offsets"'))
    without_lists = _FLAT_LIST.sub(b"", _STRING.sub(b"", raw))
    outermost, objects = _FLAT_OBJECT.subn(b"", without_lists)
    if objects > MAX_TENSORS + 1:
        _refuse_count(objects)
    if not _ONE_OBJECT.fullmatch(outermost) and not (objects == 1 and not outermost.strip()):
        raise _Refused("is damaged: its header is not a plain list of tensors", _OTHER_FILE)
    if without_lists.count(b":") > 8 * MAX_TENSORS:
        raise _Refused("has far too many entries in its header", _OTHER_FILE)


def _refuse_count(count: int) -> NoReturn:
    raise _Refused(f"lists {count:,} tensors; no model has more than {MAX_TENSORS:,}", _OTHER_FILE)


def _metadata(value: object) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Refused("is damaged: its metadata is not a list of names and texts", _OTHER_FILE)
    size = 0
    for name, text in cast("dict[str, object]", value).items():
        if not isinstance(text, str):
            raise _Refused(f"is damaged: its metadata {shown(name)} is not a text", _OTHER_FILE)
        if _SURROGATE.search(name) or _SURROGATE.search(text):
            raise _Refused(f"is damaged: its metadata {shown(name)} is not valid text", _OTHER_FILE)
        size += len(name) + len(text)
    if size > MAX_METADATA_BYTES:
        raise _Refused(f"carries {human_size(size)} of metadata; the limit is 16 MB", _OTHER_FILE)
    return cast("dict[str, str]", value)


def _tensor(name: str, value: object) -> TensorInfo:
    if not 0 < len(name) <= MAX_NAME_LENGTH or _BAD_IN_NAME.search(name):
        raise _Refused(f"has a tensor with an unusable name ({shown(name)})", _OTHER_FILE)
    entry = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    if len(entry) != 3 or "dtype" not in entry or "shape" not in entry or "data_offsets" not in entry:
        raise _Refused(f"is damaged: tensor {shown(name)} is not described by dtype, shape and offsets", _OTHER_FILE)
    dtype, shape, offsets = entry["dtype"], _integers(entry["shape"]), _integers(entry["data_offsets"])
    width = BYTES_PER_ELEMENT.get(dtype) if isinstance(dtype, str) else None
    if width is None:
        raise _Refused(
            f"stores tensor {shown(name)} in the number format {shown(str(dtype))}, which this version can't read",
            "Get the fp16 or fp32 version of this model, or use a newer version of Gesso.",
        )
    if shape is None or offsets is None or len(offsets) != 2 or offsets[0] > offsets[1]:
        raise _Refused(f"is damaged: tensor {shown(name)} has an impossible shape or place", _OTHER_FILE)
    elements = math.prod(shape)
    # An empty tensor fits any place, so its other dimensions are looked at by themselves.
    if len(shape) > MAX_DIMENSIONS or (elements or math.prod(d or 1 for d in shape)) > MAX_ELEMENTS:
        raise _Refused(f"is damaged: tensor {shown(name)} has an impossible shape", _OTHER_FILE)
    begin, end = offsets
    if elements * width != end - begin:
        raise _Refused(
            f"is damaged: tensor {shown(name)} needs {elements * width:,} bytes by its shape and has {end - begin:,}",
            _OTHER_FILE,
        )
    return TensorInfo(cast(str, dtype), shape, begin, end)


def _integers(value: object) -> tuple[int, ...] | None:
    """A list of integers >= 0 as a tuple, else None. JSON's true and false are no integers."""
    if not isinstance(value, list):
        return None
    items = cast("list[int]", value)
    for item in items:
        if type(item) is not int or item < 0:
            return None
    return tuple(items)


def _check_layout(tensors: dict[str, TensorInfo], data_start: int, file_bytes: int) -> None:
    """The tensors' bytes follow one another from 0 to the end of the file: no hole, no overlap, nothing after them."""
    expected = 0
    for begin, end, name in sorted((tensor.begin, tensor.end, name) for name, tensor in tensors.items()):
        if begin != expected:
            fault = "overlaps the tensor before it" if begin < expected else "leaves a hole before it"
            raise _Refused(f"is damaged: tensor {shown(name)} {fault}", _OTHER_FILE)
        expected = end
    needed = data_start + expected
    if file_bytes < needed:
        raise _Refused(f"is incomplete: got {file_bytes:,} of {needed:,} bytes", _AGAIN)
    if file_bytes > needed:
        raise _Refused(f"has {file_bytes - needed:,} bytes too many after the end of the model", _OTHER_FILE)
