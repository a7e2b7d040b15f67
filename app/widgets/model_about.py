"""The facts about one model, laid out to be read: what it is, what it says of itself, why we say so, its numbers."""

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QWidget

from app.widgets import model_words
from app.widgets.basics import button, column, label, named, row
from trainer.library.identity import Identity
from trainer.library.index import Entry
from trainer.library.notes import ModelNotes

SHORT_HASH = 10
"""Characters of the SHA-256 that A1111 and Civitai call AutoV2."""


def headline(entry: Entry, program: str) -> QWidget:
    """Name, what it is and what it is for, or what is wrong. `program`: whose folder it lies in, if not ours."""
    parts: list[QWidget | int] = [label(model_words.breakable(entry.name), "title"), label(_what(entry))]
    if entry.read_only:
        parts.append(label(model_words.breakable(model_words.left_alone(entry, program)), "muted"))
    if entry.identity is not None:
        parts.append(label(model_words.use(entry.identity)))
    else:
        parts += [label(model_words.breakable(entry.problem), "error"), label(model_words.breakable(entry.fix))]
    return column(*parts, spacing=8)


def said_of_itself(notes: ModelNotes) -> QWidget | None:
    """Trigger words to copy, licence, author and the rest; None where the file says nothing."""
    parts: list[QWidget | int] = []
    if notes.triggers:
        words = ", ".join(notes.triggers)
        parts.append(copyable("Trigger words", words, words))
    if notes.tags:
        words = ", ".join(notes.tags)
        parts.append(copyable("Most used in its captions", words, words))
    lines = [
        ("Licence", notes.licence),
        ("Author", notes.author),
        ("Trained from", notes.base),
        ("Rank", notes.rank),
    ]
    known = [(name, text) for name, text in lines if text]
    if known:
        parts.append(table(known))
    parts += [label(text, "muted") for text in (notes.description, notes.hint) if text]
    return column(label("What it says of itself", "heading"), *parts, spacing=8) if parts else None


def facts(entry: Entry, compute: Callable[[], object]) -> QWidget:
    """Why we say so, numbers, place and checksums. `compute` takes the checksum."""
    parts: list[QWidget | int] = []
    if entry.identity is not None:
        parts += [rule(), _why(entry.identity)]
    parts += [rule(), table(model_words.facts(entry))]
    parts.append(copyable("Where it is", model_words.breakable(str(entry.path)), str(entry.path)))
    if entry.identity is not None:
        parts.append(_checksum(entry, compute))
    return column(*parts, spacing=12)


def table(lines: list[tuple[str, str]]) -> QWidget:
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(1, 1)
    for line, (name, value) in enumerate(lines):
        words = label(name, "muted")
        words.setWordWrap(False)
        text = label(model_words.breakable(value))
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        grid.addWidget(words, line, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(text, line, 1)
    return made


def copyable(name: str, shown: str, text: str) -> QWidget:
    """A long text with its name above it, and a button that puts it on the clipboard as it really is."""
    copy = button("", f"Copy: {name}", partial(_copy, text), icon="copy", kind="quiet")
    words = label(shown)
    words.setAccessibleName(f"{name}: {text}")
    made = named(name, words, beside=copy)
    made.setSizePolicy(
        QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred
    )  # as high as its words are at this width
    return made


def rule() -> QFrame:
    made = QFrame()
    made.setFixedHeight(1)
    made.setProperty("edge", "top")
    return made


def _what(entry: Entry) -> str:
    if entry.identity is None:
        return "Gesso can't use this file."
    words = model_words.what(entry.identity)
    return words[:1].upper() + words[1:]


def _why(identity: Identity) -> QWidget:
    reasons = [label(f"·  {model_words.breakable(reason)}", "muted") for reason in identity.reasons]
    sure = label(model_words.CERTAINTIES[identity.certainty], "warn" if identity.certainty == "unsure" else "muted")
    return column(label("Why we say so", "heading"), *reasons, sure, spacing=4)


def _checksum(entry: Entry, compute: Callable[[], object]) -> QWidget:
    if entry.sha256 is None:
        take = button("Compute", "Read the whole file once and keep its checksum", compute)
        return column(label("SHA-256", "muted"), row(label("Not known yet."), 0, take), spacing=4)
    pieces = " ".join(entry.sha256[start : start + 8] for start in range(0, len(entry.sha256), 8))
    whole = copyable("SHA-256", pieces, entry.sha256)
    if entry.is_folder:
        return whole
    short = entry.sha256[:SHORT_HASH]
    return column(whole, copyable("Short hash, as A1111 and Civitai show it (AutoV2)", short, short), spacing=12)


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
