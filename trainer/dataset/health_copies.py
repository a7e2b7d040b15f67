"""Pictures that a dataset has twice, as the same file or as nearly the same picture."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from trainer.dataset.findings import Kind
from trainer.dataset.health_picture import Look
from trainer.dataset.health_problem import Problem
from trainer.dataset.items import Dataset
from trainer.dataset.mending import MoveAway
from trainer.dataset.names import shown
from trainer.dataset.phash import colour_distance, near_pairs
from trainer.dataset.recipes import Recipe

NEAR_BITS = 8
NEAR_COLOURS = 24.0
"""Two pictures are near duplicates within both: what scaling to a half, JPEG at quality 30, 10 % of brightness or a
border of 1 % cut off changes stays below in photographs and drawings, and of 45,000 pairs of drawings of the starter
model's world none is."""


def same_files(dataset: Dataset, looks: Sequence[Look], recipes: Sequence[Recipe]) -> Iterator[Problem]:
    """Files of the same bytes that are prepared alike, in groups; where they lie does not matter."""
    groups: defaultdict[tuple[str, Recipe], list[int]] = defaultdict(list)
    for place, (look, recipe) in enumerate(zip(looks, recipes, strict=True)):
        if look.content:
            groups[look.content, recipe].append(place)
    for places in groups.values():
        if len(places) > 1:
            best, others = _best(dataset, looks, places)
            reason = f"{_names(dataset, others)} the same file as this one, so this picture counts {len(places)} times."
            fix = "Keep one of them; use repeats to weigh a picture more."
            yield _copies("same file", dataset, (best, *others), reason, fix)


def near_duplicates(dataset: Dataset, looks: Sequence[Look]) -> Iterator[Problem]:
    """Groups in which each picture is near another; of files that are the same the first stands for all."""
    firsts = {look.content: place for place, look in reversed(list(enumerate(looks))) if look.content}
    places = sorted(firsts.values())
    leader = {place: place for place in places}

    def lead(place: int) -> int:
        while leader[place] != place:
            place = leader[place] = leader[leader[place]]
        return place

    colours = [bytes.fromhex(looks[place].colours) for place in places]
    for one, other in near_pairs([looks[place].shape for place in places], NEAR_BITS):
        first, second = lead(places[one]), lead(places[other])
        if first != second and colour_distance(colours[one], colours[other]) <= NEAR_COLOURS:
            leader[second] = first
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for place in places:
        groups[lead(place)].append(place)
    for group in groups.values():
        if len(group) > 1:
            best, others = _best(dataset, looks, group)
            reason = f"{_names(dataset, others)} nearly the same picture as this one."
            fix = "Keep the best of them, unless the difference is what you want to teach."
            yield _copies("near duplicate", dataset, (best, *others), reason, fix)


def _best(dataset: Dataset, looks: Sequence[Look], places: Sequence[int]) -> tuple[int, list[int]]:
    """The one with the most pixels, then one with a caption file, then the one that was compressed least, then the
    first; and the others."""

    def worth(place: int) -> tuple[int, bool, int, int]:
        look = looks[place]
        return look.width * look.height, bool(dataset.items[place].caption_name), look.length, -place

    best = max(places, key=worth)
    return best, [place for place in places if place != best]


def _names(dataset: Dataset, places: Sequence[int]) -> str:
    names = [shown(dataset.items[place].relative) for place in places[:3]]
    if len(places) > len(names):
        return f"{', '.join(names)} and {len(places) - len(names)} more are"
    return f"{', '.join(names[:-1])} and {names[-1]} are" if len(names) > 1 else f"{names[0]} is"


def _copies(kind: Kind, dataset: Dataset, places: tuple[int, ...], reason: str, fix: str) -> Problem:
    """The first of `places` is kept."""
    paths = tuple(dataset.items[place].path for place in places)
    mending = MoveAway("Keep the best one", paths[1:])
    severity = "warning" if kind == "same file" else "note"
    return Problem(kind, severity, paths, places, reason, fix, (mending,))
