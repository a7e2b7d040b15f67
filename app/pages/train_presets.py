"""Presets of trainings (resources/presets): each a part of a job's tree, with a title and a sentence."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.contract.train import TrainJob
from trainer.home import RESOURCES

FOLDER = RESOURCES / "presets"
SAMPLES = "starter"
"""The preset of the sample pictures."""

Tree = dict[str, Any]

OWN = (("model",), ("data", "folder"), ("data", "prior"), ("data", "captions", "prefix"),
       ("samples", "prompts"), ("output", "name"), ("output", "description"))  # fmt: skip
"""What belongs to the user's subject: a preset that says nothing of it leaves it as it is."""


@dataclass(frozen=True)
class Preset:
    """`name` is that of its file. `tree` holds only what the preset says."""

    name: str
    title: str
    about: str
    order: int
    tree: Tree

    def laid_over(self, tree: Tree) -> Tree:
        """A whole tree: the defaults, what is the user's own in `tree`, and then all that the preset says."""
        kept: Tree = {}
        for path in OWN:
            value = _at(tree, path)
            if value is not None:
                _put(kept, path, value)
        return merged(kept, self.tree)

    def job(self, tree: Tree) -> TrainJob:
        """What this preset makes of a form that says `tree`: what isn't the user's own is as the preset has it."""
        return TrainJob.model_validate(filled(self.laid_over(tree)))


def presets() -> tuple[Preset, ...]:
    """In the order in which they are offered."""
    return tuple(sorted((_read(path) for path in FOLDER.glob("*.toml")), key=lambda preset: preset.order))


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> Tree:
    """`above` laid over `below`, branch by branch. A method or optimizer of another kind takes its place whole."""
    result = dict(below)
    for name, value in above.items():
        there = result.get(name)
        if isinstance(there, Mapping) and isinstance(value, Mapping) and _are_alike(there, value):
            result[name] = merged(there, value)
        else:
            result[name] = value
    return result


def filled(tree: Tree) -> Tree:
    """The tree with stand-ins for a folder and a name that are still to come, and without class pictures whose folder
    is, so that the rest can be validated."""
    data, output = tree.get("data", {}), tree.get("output", {})
    prior = data.get("prior")
    return {
        **tree,
        "data": {
            **data,
            "folder": data.get("folder") or ".",
            "prior": None if isinstance(prior, Mapping) and not prior.get("folder") else prior,
        },
        "output": {**output, "name": output.get("name") or "unnamed"},
    }


def _are_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return "kind" not in one or "kind" not in other or one["kind"] == other["kind"]


def _read(path: Path) -> Preset:
    tree = tomllib.loads(path.read_text(encoding="utf-8"))
    title, about, order = tree.pop("title"), tree.pop("about"), tree.pop("order")
    data = tree.get("data", {})
    for place in (data, data.get("prior", {})):
        if "folder" in place:
            place["folder"] = str(RESOURCES.parent / place["folder"])
    return Preset(path.stem, title, about, order, tree)


def value_at(part: Any, path: str, otherwise: Any = None) -> Any:
    """The value of a job or of a tree at a path such as `data.resolution`."""
    for name in path.split("."):
        part = part.get(name, otherwise) if isinstance(part, Mapping) else getattr(part, name, otherwise)
        if part is otherwise:
            return otherwise
    return part


def _at(tree: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        tree = tree.get(name) if isinstance(tree, Mapping) else None
    return tree


def _put(tree: Tree, path: tuple[str, ...], value: Any) -> None:
    *above, last = path
    for name in above:
        tree = tree.setdefault(name, {})
    tree[last] = value
