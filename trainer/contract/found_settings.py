"""What is found in a picture of another program: the job it maps to, and all that Gesso has no field for."""

import json
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError

from trainer.contract.generate import GenerateJob

LONGEST_SHOWN = 300
"""Characters of a value that is only shown."""
MOST_UNREAD = 200
LARGEST_JSON = 16 * 1024 * 1024
"""Characters; the graphs of ComfyUI reach some hundred thousand."""

_SAYING_NOTHING: tuple[object, ...] = (None, "", [], {}, False, 0, "None")

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FoundSettings:
    """Read from a picture. What is not in `job` stands in `unread` (name and value) or is explained in `notes`."""

    source: str
    """The program, as people call it: `A1111`."""
    job: GenerateJob
    unread: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    """Sentences: what is taken otherwise than it stands there, and what may make the picture come out differently."""
    model_name: str = ""
    """Empty where the picture names none; `job.model` then is nobody's choice."""
    model_hash: str = ""
    """In hex: the first digits of the SHA-256, or 8 digits of A1111's first kind of hash."""
    lora_hashes: Mapping[str, str] = field(default_factory=dict[str, str])
    """By the names that the prompt or the list uses, in hex."""


class Reading:
    """Collects what a reader finds, field by field. A value that its field does not allow is left unread."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.lora_hashes: dict[str, str] = {}
        self._tree: Tree = {}
        self._job = GenerateJob()
        self._unread: dict[str, str] = {}
        self._notes: list[str] = []
        self._model_name = ""
        self._model_hash = ""

    @property
    def job(self) -> GenerateJob:
        """As far as it is known."""
        return self._job

    def set(self, path: str, value: object, key: str) -> bool:
        """Set the field at a dotted path to what the picture calls `key`. False where it was refused, and left."""
        return self.set_all({path: value}, key, value)

    def set_all(self, values: Mapping[str, object], key: str, shown: object) -> bool:
        """Set several fields, or none of them where one is refused."""
        tree = self._tree
        for path, value in values.items():
            tree = _with(tree, path.split("."), value)
        try:
            self._job = GenerateJob.model_validate(tree)
        except ValidationError:
            self.leave(key, shown)
            return False
        self._tree = tree
        return True

    def take(self, tree: Tree, name: str, path: str, read: Callable[[object], object]) -> None:
        """Set the field to what a stranger's JSON says under `name`, if it does, as `read` reads it."""
        if name in tree:
            self.set_all({path: read(tree[name])}, name, tree[name])

    def set_size(self, width: int | None, height: int | None, said: str) -> None:
        """Both sides in pixels, brought to the nearest multiples of 8 where they are none."""
        if width is None or height is None:
            self.leave("Size", said)
            return
        near = {"width": (width + 4) // 8 * 8, "height": (height + 4) // 8 * 8}
        if self.set_all({"size": near}, "Size", said) and (width, height) != (near["width"], near["height"]):
            taken = f"{near['width']}x{near['height']}"
            self.note(f"The size {said} was taken as {taken}: sides are multiples of 8.")

    def take_size(self, tree: Tree, width: str, height: str) -> None:
        """The size by the names that a stranger's JSON has for its sides, if it has them."""
        if width in tree and height in tree:
            said = f"{_printable(tree[width])}x{_printable(tree[height])}"
            self.set_size(whole_number(tree[width]), whole_number(tree[height]), said)

    def leave_rest(self, tree: Tree, read: Collection[str]) -> None:
        """All that a stranger's JSON says under other names than those, but for what says nothing."""
        for name, value in tree.items():
            if name not in read and value not in _SAYING_NOTHING:
                self.leave(name, value)

    def set_model(self, name: str, checksum: str = "") -> None:
        """What the picture says of its model; either may be empty."""
        if not name or self.set("model", name, "Model"):
            self._model_name, self._model_hash = name, checksum.strip().lower()

    def leave(self, key: str, value: object) -> None:
        """It is there, but no field takes it."""
        if len(self._unread) < MOST_UNREAD:
            self._unread[_printable(key)] = _printable(value)

    def note(self, sentence: str) -> None:
        if sentence not in self._notes:
            self._notes.append(_printable(sentence))

    def found(self) -> FoundSettings:
        return FoundSettings(
            self.source,
            self._job,
            tuple(self._unread.items()),
            tuple(self._notes),
            self._model_name,
            self._model_hash,
            dict(self.lora_hashes),
        )


def json_object(text: str) -> Tree | None:
    """The JSON object in a text from a stranger; None if it is none, is too large or nests too deep."""
    if len(text) > LARGEST_JSON or not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast(Tree, found) if isinstance(found, dict) else None


def whole_number(value: object) -> int | None:
    """An int, or a text or float that is one; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, int):
        return value
    try:
        return int(value.strip()) if isinstance(value, str) else None
    except ValueError:
        return None


def real_number(value: object) -> float | None:
    """A finite float, or what can be read as one; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def text_of(value: object) -> str:
    """A text, in which halves of characters (JSON may hold them, a job can't) are replaced; empty for what is none."""
    return value.encode("utf-8", "replace").decode("utf-8") if isinstance(value, str) else ""


def _with(tree: Tree, path: list[str], value: object) -> Tree:
    """A copy of a tree with one value set."""
    first, *rest = path
    inner = tree.get(first)
    return {**tree, first: _with(cast(Tree, inner) if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _printable(value: object) -> str:
    text = value if isinstance(value, str) else _written(value)
    text = text_of(text[: LONGEST_SHOWN + 1])
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "…"


def _written(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (ValueError, RecursionError):  # an int of thousands of digits, or a tree too deep to be written
        return "…"
