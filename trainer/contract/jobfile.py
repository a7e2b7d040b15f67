"""Job files: a job as TOML, with a format number, upgraded from older formats and refused in plain words when bad."""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from pydantic import Field, TypeAdapter, ValidationError

from trainer.contract.caption import CaptionJob
from trainer.contract.convert import ConvertJob
from trainer.contract.errors import UserError
from trainer.contract.fields import Part
from trainer.contract.generate import GenerateJob
from trainer.contract.grid import GridJob
from trainer.contract.import_model import ImportJob
from trainer.contract.measure import MeasureJob
from trainer.contract.train import TrainJob
from trainer.contract.video import VideoJob

Job = Annotated[
    GenerateJob | GridJob | VideoJob | TrainJob | CaptionJob | ConvertJob | ImportJob | MeasureJob,
    Field(discriminator="kind"),
]
JOB_KINDS: dict[
    str,
    type[GenerateJob]
    | type[GridJob]
    | type[VideoJob]
    | type[TrainJob]
    | type[CaptionJob]
    | type[ConvertJob]
    | type[ImportJob]
    | type[MeasureJob],
] = {
    "generate": GenerateJob,
    "grid": GridJob,
    "video": VideoJob,
    "train": TrainJob,
    "caption": CaptionJob,
    "convert": ConvertJob,
    "import": ImportJob,
    "measure": MeasureJob,
}

Tree = dict[str, Any]
AnyPart = TypeVar("AnyPart", bound=Part)


def _without_idle_eta(tree: Tree) -> Tree:
    """Format 1 wrote eta 0 with every sampler, and only DDIM had it. Now empty is a sampler's habit, and 0 is 0."""
    tree = _copied(tree)
    samples = tree.get("samples")
    for holder in (tree, cast(Tree, samples) if isinstance(samples, dict) else {}):
        sampling = holder.get("sampling")
        if isinstance(sampling, dict):
            inner = cast(Tree, sampling)
            if inner.get("sampler", "ddim") != "ddim" or inner.get("eta") == 0:
                inner.pop("eta", None)
    return tree


UPGRADES: tuple[Callable[[Tree], Tree], ...] = (_without_idle_eta,)
"""UPGRADES[n] turns a tree of format n + 1 into format n + 2: pure functions, oldest first."""

FORMAT = len(UPGRADES) + 1
JOB_CHUNK = "gesso"
"""The PNG chunk that holds the job of a picture, as JSON with its format."""

_ADAPTER: TypeAdapter[Job] = TypeAdapter(Job)


def read_job(path: Path) -> Job:
    """The job in a TOML file. Raises UserError that names the field, what was given and what is allowed."""
    return job_from_tree(read_tree(path), str(path))


def read_tree(path: Path) -> Tree:
    """The raw tree of a job file, for overrides to be applied before it is checked."""
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as error:
        raise UserError(f"There is no job file {path}.", "Check the path.") from error
    except (IsADirectoryError, PermissionError) as error:
        raise UserError(f"{path} could not be read as a job file.", "Give the path of a .toml file.") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not a text file in UTF-8.", "Save it as UTF-8.", str(error)) from error
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        raise UserError(f"{path} is not valid TOML: {error}.", "Mend that place in the file.") from error


def job_from_tree(tree: Mapping[str, Any], where: str = "the job") -> Job:
    """Check a tree (as from TOML or JSON) and make the job. Raises UserError."""
    tree = dict(tree)
    kind = tree.get("kind")
    if not isinstance(kind, str) or kind not in JOB_KINDS:
        known = ", ".join(JOB_KINDS)
        raise UserError(f"{where}: kind is {kind!r}, which is no kind of job.", f"Set kind to one of: {known}.")
    tree = _upgraded(tree, where)
    try:
        return _ADAPTER.validate_python(tree)
    except ValidationError as error:
        raise _refusal(error, where) from error


def part_from_tree(part: type[AnyPart], tree: Mapping[str, Any], where: str) -> AnyPart:
    """Check a tree and make what is no job by itself. Raises UserError."""
    try:
        return part.model_validate(tree)
    except ValidationError as error:
        raise _refusal(error, where) from error


def job_to_toml(job: Job) -> str:
    """The job as TOML text, with its format number first. Fields that are empty (None) are left out."""
    import tomlkit  # not above: the window starts without it

    document = tomlkit.document()
    document["format"] = FORMAT
    for name, value in job.model_dump(mode="json", exclude_none=True).items():
        document[name] = value
    return tomlkit.dumps(document)


def with_overrides(tree: Tree, overrides: list[str]) -> Tree:
    """Apply `a.b=value` overrides: the value is read as TOML, or taken as text when it is none. Raises UserError."""
    result = _copied(tree)
    for override in overrides:
        path, equals, text = override.partition("=")
        if not equals or not path.strip():
            raise UserError(f"--set {override!r} is not understood.", "Write it as a.b=value.")
        *parents, last = path.strip().split(".")
        node = result
        for parent in parents:
            inner = node.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise UserError(f"--set {override!r}: {parent} holds a value, not fields.", "Check the path.")
            node = cast(Tree, inner)
        node[last] = _value(text.strip())
    return result


def _copied(tree: Tree) -> Tree:
    return {key: _copied(cast(Tree, value)) if isinstance(value, dict) else value for key, value in tree.items()}


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:  # TOMLDecodeError, and numbers of thousands of digits
        return text


def _upgraded(tree: Tree, where: str) -> Tree:
    number = tree.pop("format", FORMAT)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UserError(f"{where}: format is {number!r}.", f"Set format to a number from 1 to {FORMAT}.")
    if number > FORMAT:
        raise UserError(
            f"{where} was written by a newer Gesso (format {number}; this one knows up to {FORMAT}).",
            "Open it with the newer version.",
        )
    for upgrade in UPGRADES[number - 1 :]:
        tree = upgrade(tree)
    return tree


def _refusal(error: ValidationError, where: str) -> UserError:
    """The first fault in one sentence, the others as detail."""
    lines = [_sentence(fault) for fault in error.errors(include_url=False)]
    first, fix = lines[0]
    rest = "\n".join(line for line, _ in lines[1:])
    more = f" (and {len(lines) - 1} more)" if len(lines) > 1 else ""
    return UserError(f"{where}: {first}{more}.", fix, detail=rest)


_TAGS = frozenset(JOB_KINDS)


def _sentence(fault: Any) -> tuple[str, str]:
    """(`loss.min_snr_gamma is -1`, `It must be greater than or equal to 0.`) from one of pydantic's faults."""
    location = [str(part) for part in fault["loc"]]
    if location and location[0] in _TAGS:
        location = location[1:]
    # pydantic names the chosen member of a tagged union in the path: method.lora.rank is written method.rank
    path = ".".join(part for index, part in enumerate(location) if not _is_tag(location, index)) or "the job"
    if fault["type"] == "extra_forbidden":
        return f"there is no field {path}", "Remove it, or check its spelling."
    if fault["type"] == "missing":
        return f"the field {path} is missing", "Add it."
    message = str(fault["msg"]).removeprefix("Value error, ")
    allowed = message[0].lower() + message[1:]
    return f"{path} is {_shown(fault['input'])}", f"What is allowed: {allowed}."


def _is_tag(location: list[str], index: int) -> bool:
    return index > 0 and location[index - 1] in ("method", "optimizer", "captioner") and index <= 2


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
