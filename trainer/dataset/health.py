"""The health of a dataset as its editor shows it: everything that may be wrong with pictures, captions and tags.

Where `check` decodes every picture as training will, this reads each once, quickly, and remembers what it saw.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from trainer.contract.errors import UserError
from trainer.dataset.buckets import Buckets
from trainer.dataset.check import about_file, about_size, broken_mask, nothing_usable, true_extension, unreadable
from trainer.dataset.findings import Finding, Kind
from trainer.dataset.health_captions import about_words, copied, folder_words, orphans
from trainer.dataset.health_copies import near_duplicates, same_files
from trainer.dataset.health_picture import Look, LookCache, look_at_all
from trainer.dataset.health_problem import Language, Problem, Words, places_by_path
from trainer.dataset.health_tags import conflicts, lists_of_tags, misspelt, outweighing, repeated, without_trigger
from trainer.dataset.items import CAPTION_EXTENSIONS, Captions, Dataset, Item, OnDisk
from trainer.dataset.masks import mask_path
from trainer.dataset.mending import Mending, MoveAway, Rename, together
from trainer.dataset.names import natural_key, shown
from trainer.dataset.pictures import PictureError, read_header
from trainer.dataset.recipes import Recipe, Recipes
from trainer.dataset.sharpness import BLURRED_BELOW

_OUTWEIGHS = 4.0
_TAKE_OUT = "Take it out of the folder"


@dataclass(frozen=True, slots=True)
class HealthReport:
    """`problems` in the order of their kinds, within one by the first path. `looks` are what was seen of each picture,
    `recipes` how it is prepared, `buckets` those of the training."""

    dataset: Dataset
    looks: tuple[Look, ...]
    recipes: tuple[Recipe, ...]
    problems: tuple[Problem, ...]
    buckets: Buckets

    @property
    def usable(self) -> int:
        """How many pictures can be trained on."""
        return sum(not look.problem for look in self.looks)

    def require_usable(self) -> None:
        """Raise UserError where there is no picture to train on, with the first reason if all were bad."""
        if not self.usable:
            bad = [problem for problem in self.problems if problem.severity == "bad"]
            findings = [Finding(one.paths[0], one.severity, one.reason, one.fix, one.kind) for one in bad]
            raise nothing_usable(self.dataset.folder, findings)

    def by_kind(self) -> dict[Kind, tuple[Problem, ...]]:
        """The problems of each kind that there are any of."""
        found: dict[Kind, list[Problem]] = {}
        for problem in self.problems:
            found.setdefault(problem.kind, []).append(problem)
        return {kind: tuple(problems) for kind, problems in found.items()}

    def by_place(self) -> dict[int, frozenset[Kind]]:
        """What is the matter with each picture that something is the matter with."""
        found: defaultdict[int, set[Kind]] = defaultdict(set)
        for problem in self.problems:
            for place in problem.places:
                found[place].add(problem.kind)
        return {place: frozenset(kinds) for place, kinds in found.items()}

    def mendings(self, kind: Kind) -> tuple[Mending, ...]:
        """What mends all problems of a kind at once, like mendings joined. Where there is a choice nothing does."""
        problems = self.by_kind().get(kind, ())
        return together(problem.mendings[0] for problem in problems if len(problem.mendings) == 1)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, for `--json`."""
        severities = Counter(problem.severity for problem in self.problems)
        prepared = zip(self.looks, self.recipes, strict=True)
        sizes = (recipe.size(look.size) for look, recipe in prepared if not look.problem)
        filled = Counter(self.buckets.place(size).bucket_size for size in sizes)
        return {
            "folder": str(self.dataset.folder),
            "pictures": len(self.dataset.items),
            "usable": self.usable,
            "bad": severities["bad"],
            "warnings": severities["warning"],
            "notes": severities["note"],
            "buckets": {f"{size.width}x{size.height}": filled[size] for size in sorted(filled)},
            "findings": [
                {
                    "kind": problem.kind,
                    "severity": problem.severity,
                    "path": str(problem.paths[0]),
                    "paths": [str(path) for path in problem.paths],
                    "reason": problem.reason,
                    "fix": problem.fix,
                    "mendings": [mending.title for mending in problem.mendings],
                }
                for problem in self.problems
            ],
        }


def examine(
    dataset: Dataset,
    book: Captions | None = None,
    *,
    resolution: int = 512,
    trigger: str = "",
    language: Language | None = None,
    watch: Callable[[int, int], None] | None = None,
    cache: Path | None = None,
) -> HealthReport:
    """Look at every picture and read every caption.

    `book` has the captions (else the disk), `resolution` is that of the training, `trigger` its word if it has one,
    `cache` the user's cache folder. `watch(done, total)` is called after each picture and may raise to stop.
    """
    captions = book or OnDisk(dataset)
    looks = look_at_all(dataset.items, LookCache(cache, dataset.folder) if cache else None, watch)
    buckets = Buckets.around(resolution)
    kept = Recipes(dataset.folder)
    recipes = tuple(kept.of(item.relative) for item in dataset.items)
    problems = [*_of_scan(dataset), *_of_recipes(kept), *_of_pictures(dataset, looks, recipes, buckets)]
    copies = list(same_files(dataset, looks, recipes))
    near = list(near_duplicates(dataset, looks))
    words, of_files = _read(dataset, captions, language or Language())
    problems += [*copies, *near, *of_files, *orphans(dataset)]
    problems += copied(words, dataset, [frozenset(problem.places) for problem in (*copies, *near)])
    problems += [*conflicts(words, dataset), *repeated(words, dataset)]
    problems += misspelt(words, dataset, language or Language())
    problems += [*outweighing(words), *without_trigger(words, dataset, trigger), *_heavy_folders(dataset)]
    kinds = get_args(Kind)
    keys = {path: natural_key(str(path)) for problem in problems for path in problem.paths[:1]}
    problems.sort(key=lambda problem: (kinds.index(problem.kind), keys[problem.paths[0]]))
    return HealthReport(dataset, looks, recipes, tuple(problems), buckets)


def _of_scan(dataset: Dataset) -> Iterator[Problem]:
    places = places_by_path(dataset) if dataset.findings else {}
    for finding in dataset.findings:
        mine = places.get(finding.path, ())
        yield _problem(finding, mine, _for_scanned(finding, [(place, dataset.items[place]) for place in mine]))
    if len(dataset.items) == 1:
        fix = "Add more pictures: ten or twenty different ones teach a subject far better."
        path = dataset.items[0].path
        yield Problem("only picture", "warning", (path,), (0,), "It is the only picture to train on.", fix)


def _for_scanned(finding: Finding, items: Sequence[tuple[int, Item]]) -> tuple[Mending, ...]:
    match finding.kind:
        case "unreadable" if finding.path.is_symlink() or not finding.path.is_dir():
            return (MoveAway(_TAKE_OUT, (finding.path,)),)
        case "no caption":
            return tuple(mending for place, item in items for mending in folder_words(item, place))
        case "shared caption":
            return (Rename("Give it a name of its own", ((finding.path, _free_name(finding.path)),)),)
        case "two captions":
            unused = [
                path for path in _captions_of(finding.path) if path not in {item.caption_path for _, item in items}
            ]
            return (MoveAway("Take the unused one out", tuple(unused)),)
        case _:
            return ()


def _captions_of(picture: Path) -> list[Path]:
    candidates = (picture.with_suffix(f".{extension}") for extension in CAPTION_EXTENSIONS)
    return [path for path in candidates if path.is_file()]


def _free_name(picture: Path) -> str:
    """`a-2.png` for `a.png`, or the next number that no file beside it bears."""
    stems = {path.name.partition(".")[0].casefold() for path in picture.parent.iterdir()}
    number = 2
    while f"{picture.stem}-{number}".casefold() in stems:
        number += 1
    return f"{picture.stem}-{number}{picture.suffix}"


def _of_recipes(recipes: Recipes) -> Iterator[Problem]:
    if recipes.note:
        fix = "Look at the pictures that were cropped or turned, and prepare them again."
        yield Problem("unreadable", "warning", (recipes.path,), (), recipes.note, fix)


def _of_pictures(
    dataset: Dataset, looks: Sequence[Look], recipes: Sequence[Recipe], buckets: Buckets
) -> Iterator[Problem]:
    for place, (item, look, recipe) in enumerate(zip(dataset.items, looks, recipes, strict=True)):
        path = item.path
        out = MoveAway(_TAKE_OUT, (path,))
        if look.problem:
            yield _problem(unreadable(item, look.problem, look.fix), (place,), (out,))
            continue
        mask = mask_path(path)
        if mask.is_file():
            try:
                read_header(mask)
            except PictureError as error:
                yield _problem(broken_mask(item, error), (place,), (MoveAway("Take the mask out", (mask,)),))
        for finding in about_file(item, look.format, look.remarks):
            yield _problem(finding, (place,), _renamed(item, look) if finding.kind == "file format" else ())
        size = recipe.size(look.size)
        for finding in about_size(item, size, buckets.place(size), buckets):
            yield _problem(finding, (place,), (out,) if finding.kind == "too small" else ())
        if look.sharp is not None and look.sharp < BLURRED_BELOW:
            reason = "It looks blurred: nothing in it is sharp, even at 512 pixels."
            fix = "Leave it out, unless that is the look you want to teach."
            yield Problem("blurred", "warning", (path,), (place,), reason, fix, (out,))


def _renamed(item: Item, look: Look) -> tuple[Mending, ...]:
    name = f"{item.path.stem}.{true_extension(look.format)}"
    return () if item.path.with_name(name).exists() else (Rename(f"Name it .{name[-3:]}", ((item.path, name),)),)


def _problem(finding: Finding, places: tuple[int, ...], mendings: tuple[Mending, ...] = ()) -> Problem:
    return Problem(finding.kind, finding.severity, (finding.path,), places, finding.reason, finding.fix, mendings)


def _read(dataset: Dataset, captions: Captions, language: Language) -> tuple[list[Words], list[Problem]]:
    words: list[Words] = []
    problems: list[Problem] = []
    told: set[Path] = set()
    for place, item in enumerate(dataset.items):
        try:
            caption = captions.caption(place)
        except UserError as error:
            reason = f"{error.title} An empty one will be used."
            problems.append(Problem("no caption", "warning", (item.path,), (place,), reason, error.fix))
            continue
        path = item.caption_path
        words.append(Words(place, path, caption.text, lists_of_tags(caption.text)))
        if path is not None and path not in told:  # what several pictures share is told once
            problems += about_words(item, path, place, caption, language)
            told.add(path)
    return words, problems


def _heavy_folders(dataset: Dataset) -> Iterator[Problem]:
    """A folder whose pictures, with their repeats, are shown over four times as often as those of the next one."""
    weights: Counter[str] = Counter()
    for item in dataset.items:
        if item.class_words:
            weights[item.head] += item.repeats
    ranked = weights.most_common(2)
    if len(ranked) > 1 and ranked[0][1] > _OUTWEIGHS * ranked[1][1]:
        (head, weight), (less_head, less) = ranked
        folder, following = Path(head), Path(less_head)
        reason = f"Its pictures are shown {weight} times in an epoch, those of {shown(following.name)} {less} times."
        fix = f"Raise the repeats of {shown(following.name)} in its name, or add pictures to it."
        places = tuple(place for place, item in enumerate(dataset.items) if item.head == head)
        yield Problem("folder balance", "note", (folder,), places, reason, fix)
