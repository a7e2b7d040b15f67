"""What a search on the page Dataset gives, worked out in the pool."""

from collections import Counter
from dataclasses import dataclass
from typing import get_args

from app.errand import Errand
from trainer.dataset.findings import Kind
from trainer.dataset.query import Query, Row
from trainer.dataset.tags import counts

KINDS = get_args(Kind)
OF_CAPTIONS = frozenset({"no caption", "empty caption"})
"""What the health check says too, but is counted anew at each change."""


@dataclass(frozen=True)
class Found:
    """Places in order; of the whole folder how often each tag comes, how many pictures have no caption, and how many
    each kind of problem. `number` tells one search from the next."""

    number: int
    places: list[int]
    tags: list[tuple[str, int]]
    uncaptioned: int
    problems: list[tuple[str, int]]


def search(number: int, query: Query, rows: list[Row], errand: Errand) -> Found:
    places = [place for place, of in enumerate(rows) if query(of)]
    errand.check()
    tags = counts(of.caption for of in rows)
    errand.check()
    problems = Counter(problem for of in rows for problem in of.problems)
    uncaptioned = sum(1 for of in rows if not of.caption.strip())
    kinds = [(kind, problems[kind]) for kind in KINDS if problems[kind] and kind not in OF_CAPTIONS]
    return Found(number, places, tags, uncaptioned, kinds)
