"""What can be done to many captions at once: each kind with what it asks for, and the edit that comes of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trainer.dataset import edits

ORDERS: Mapping[edits.Order, str] = {
    "alphabet": "by alphabet",
    "natural": "naturally: 2 before 10",
    "count": "the commonest first",
}


@dataclass(frozen=True)
class Said:
    """What stands in the fields of a kind. `count_tags` tells how many captions of the dataset have each tag."""

    first: str
    second: str
    ticks: tuple[bool, ...]
    number: int
    order: edits.Order
    count_tags: Callable[[], Mapping[str, int]]


@dataclass(frozen=True)
class Kind:
    """`words` name it, `hint` says more, `make` is called in the pool with what stands in the fields that it asks for:
    up to two `lines`, `ticks` (each with its tooltip), a `number`, an order."""

    words: str
    make: Callable[[Said], edits.Operation]
    lines: tuple[str, ...] = ()
    ticks: tuple[tuple[str, str], ...] = ()
    number: str = ""
    asks_order: bool = False
    hint: str = ""


def _replace_text(said: Said) -> edits.ReplaceText:
    regex, whole_tag, ignore_case = said.ticks
    return edits.ReplaceText(said.first, said.second, regex, whole_tag, case=not ignore_case)


def _sort(said: Said) -> edits.SortTags:
    return edits.SortTags(said.order, said.number, said.count_tags() if said.order == "count" else {})


TAGS = "Tags, separated by commas"
GROUPS: tuple[tuple[Kind, ...], ...] = (
    (
        Kind(
            "Add tags",
            lambda said: edits.AddTags((said.first,), after=0 if said.ticks[0] else None),
            lines=(TAGS,),
            ticks=(("at the beginning", "Otherwise they come behind the tags that are there"),),
        ),
        Kind("Remove tags", lambda said: edits.RemoveTags((said.first,)), lines=(TAGS,)),
        Kind(
            "Replace a tag",
            lambda said: edits.ReplaceTag(said.first.strip(), said.second.strip()),
            lines=("Tag", "By (may be several)"),
        ),
        Kind("Trigger word", lambda said: edits.WithTrigger(said.first), lines=("Word",)),
        Kind(
            "Remove repeated tags",
            lambda _: edits.Deduplicate(),
            hint="What stands in a caption twice stays where it stands first.",
        ),
        Kind("Sort tags", _sort, number="Tags that stay first", asks_order=True),
    ),
    (
        Kind(
            "Replace text",
            _replace_text,
            lines=("Find", "Replace by"),
            ticks=(
                ("regular expression", r"As Python writes them; \1 in “Replace by” is the first group in brackets"),
                ("whole tags", "Only tags that are this from end to end"),
                ("ignore case", "Cat and cat are the same"),
            ),
        ),
        Kind("Put before", lambda said: edits.WithPrefix(said.first), lines=("Text",)),
        Kind("Put behind", lambda said: edits.WithSuffix(said.first), lines=("Text",)),
        Kind("Lower case", lambda _: edits.Lowercase(), hint="Cat becomes cat."),
    ),
    (
        Kind(
            "Underscores to spaces",
            lambda _: edits.UnderscoresToSpaces(),
            hint="blue_eyes becomes blue eyes; drawn faces such as ^_^ stay.",
        ),
        Kind(
            "Spaces to underscores",
            lambda _: edits.SpacesToUnderscores(),
            hint="blue eyes becomes blue_eyes, within each tag.",
        ),
        Kind(
            "Escape brackets",
            lambda _: edits.EscapeBrackets(),
            hint=r"saber (fate) becomes saber \(fate\), as prompts need it; captions for training do not.",
        ),
        Kind(
            "Unescape brackets",
            lambda _: edits.UnescapeBrackets(),
            hint=r"saber \(fate\) becomes saber (fate), as captions for training are written.",
        ),
    ),
)
"""In the order of the list, with a line between the groups."""
KINDS = tuple(kind for group in GROUPS for kind in group)
