"""What is wrong with captions: missing, empty, over-long, copied, in another encoding, with letters lost."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from trainer.dataset.captions import GUESSED, Caption, alternatives, count_words
from trainer.dataset.check import HEARD_TOKENS, about_caption
from trainer.dataset.edits import SetText
from trainer.dataset.findings import Finding
from trainer.dataset.health_problem import Language, Problem, Words
from trainer.dataset.items import Dataset, Item
from trainer.dataset.mending import Edit, Mending, MoveAway, Recode
from trainer.dataset.names import shown

_DOCUMENTS = frozenset(
    ("changelog", "contributing", "credits", "info", "license", "licence", "notes", "readme", "requirements")
)
_SPECIFIC_WORDS = 10
"""A caption of fewer words may fit many pictures; one of more describes a single one."""


@dataclass(frozen=True, slots=True)
class Unscramble:
    """Undo what comes of reading UTF-8 as Windows-1252 and saving it (`cafÃ©` for `café`); other text stays."""

    def __call__(self, text: str) -> str:
        try:
            return text.encode("cp1252").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            return text


def about_words(item: Item, path: Path, place: int, caption: Caption, language: Language) -> Iterator[Problem]:
    """Of one picture and its caption file, `path`."""
    for finding in about_caption(path, caption):
        if finding.kind != "long caption":
            yield _problem(finding, place, caption, item)
    if caption.encoding == "utf-8-sig":
        reason = "It begins with a byte order mark, which other training programs take for part of the first word."
        yield _recoded(Problem("encoding", "note", (path,), (place,), reason, "Save the caption as plain UTF-8 text."))
    if Unscramble()(caption.text) != caption.text:
        reason = "Its accented letters have turned into two strange ones each."
        mending = Edit("Bring the letters back", (place,), Unscramble())
        yield Problem("lost letters", "warning", (path,), (place,), reason, "Write them again.", (mending,))
    elif "\ufffd" in caption.text and caption.encoding not in GUESSED:
        reason = "Some of its letters were lost when it was saved, and a replacement character stands for them."
        yield Problem("lost letters", "warning", (path,), (place,), reason, "Write them again.")
    longest = max(map(language.count_tokens, alternatives(caption.text)))
    if longest > HEARD_TOKENS:
        reason = f"The caption has {longest} {language.unit}; the model hears the first {HEARD_TOKENS}."
        yield Problem("long caption", "note", (path,), (place,), reason, "Put what matters first.")


def _problem(finding: Finding, place: int, caption: Caption, item: Item) -> Problem:
    problem = Problem(finding.kind, finding.severity, (finding.path,), (place,), finding.reason, finding.fix)
    if finding.kind == "encoding" and caption.complete:
        return _recoded(problem)
    if finding.kind == "empty caption":
        return replace(problem, mendings=folder_words(item, place))
    return problem


def _recoded(problem: Problem) -> Problem:
    return replace(problem, mendings=(Recode("Save as UTF-8", problem.paths),))


def folder_words(item: Item, place: int) -> tuple[Mending, ...]:
    """To write what the folder's name says into the caption, where it says something."""
    return (Edit("Write the folder's words", (place,), SetText(item.class_words)),) if item.class_words else ()


def orphans(dataset: Dataset) -> Iterator[Problem]:
    """Captions that no picture bears the name of. Files with the usual names of documents are none."""
    for path in dataset.orphans:
        if path.stem.casefold() not in _DOCUMENTS:
            reason = "No picture has its name, so nothing reads it."
            mending = MoveAway("Take it out of the folder", (path,))
            fix = "Rename it like its picture, or take it out."
            yield Problem("orphan caption", "warning", (path,), (), reason, fix, (mending,))


def copied(words: Sequence[Words], dataset: Dataset, alike: Sequence[frozenset[int]]) -> Iterator[Problem]:
    """Captions of ten words and marks and more that several pictures have, but not most of their folder.

    One caption for a whole folder is a way of training (a style, a subject without words), and copies of a picture
    (`alike`: sets of places) may well be described alike.
    """
    in_folder: defaultdict[Path, list[Words]] = defaultdict(list)
    for one in words:
        if one.path is not None:
            in_folder[one.path.parent].append(one)
    for those in in_folder.values():
        same: defaultdict[str, dict[Path, int]] = defaultdict(dict)
        for one in those:
            if one.path is not None and count_words(one.text) >= _SPECIFIC_WORDS:
                same[" ".join(one.text.casefold().split())].setdefault(one.path, one.place)
        for pictures in same.values():
            places = frozenset(pictures.values())
            if 1 < len(places) <= len(those) / 2 and not any(places <= group for group in alike):
                first = dataset.items[min(places)]
                reason = f"{len(places)} pictures have this very caption, {shown(first.relative)} and others."
                fix = "Say of each picture what it shows."
                yield Problem("same caption", "note", tuple(pictures), tuple(pictures.values()), reason, fix)
