"""What is known of one model, why, and what can be done with it: verify, show in folder, remove."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from app.errand import Errand
from app.widgets import model_words
from app.widgets.basics import button, column, label, named, open_folder, row, set_words
from trainer.files import human_size
from trainer.home import Home
from trainer.library.identity import Identity
from trainer.library.index import Entry
from trainer.library.install import Verification, remove, verify

NOTHING = "Choose a model in the list to see what it is, and why Gesso says so."


class ModelDetails(QWidget):
    """`altered` is said after a model was verified or removed: the list has to be asked again."""

    altered = Signal()
    said = Signal(str)

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home
        self._entry: Entry | None = None
        self._outcomes: dict[Path, tuple[str, str]] = {}
        self._busy: dict[Path, Errand] = {}
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._outcome = label()
        self._outcome.setAccessibleName("What came of it")
        self._verify = button(
            "Verify", "Read the whole file and compare it with its checksum", self.verify, icon="verify"
        )
        self._folder = button("Show in folder", "Open the folder that holds it", self.show_folder, icon="folder")
        self._remove = button("Remove", "Move it to the trash; asks first", self._ask, icon="remove")
        self._question = label()
        self._yes = button("Move to trash", "It can be put back from there", self.remove, icon="remove")
        self._no = button("Keep it", "Leave everything as it is", self._do_not, icon="close")
        self._asking = column(self._question, row(self._yes, self._no, 0), spacing=12)
        self._actions = column(row(self._verify, self._folder, self._remove))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._scroll, 1)
        foot = column(self._outcome, self._asking, self._actions, margins=(16, 8, 16, 16), spacing=12)
        layout.addWidget(foot)
        self._draw()

    @property
    def entry(self) -> Entry | None:
        return self._entry

    @Slot(object)
    def show_entry(self, entry: Entry | None) -> None:
        if entry != self._entry or self._scroll.widget() is None:
            self._entry = entry
            self._draw()

    @Slot()
    def verify(self) -> None:
        if self._entry is not None and self._entry.identity is not None:
            doing = f"Reading all {human_size(self._entry.size)} of it …"
            self._begin(self._entry, doing, verify, self._verified)

    @Slot()
    def remove(self) -> None:
        """Move the model to the trash. The button asks first."""
        if self._entry is not None:
            self._begin(self._entry, "Moving it to the trash …", remove, self._removed)

    @Slot()
    def show_folder(self) -> None:
        if self._entry is not None:
            open_folder(self._entry.path.parent)

    @Slot()
    def _ask(self) -> None:
        if self._entry is None:
            return
        self._question.setText(
            f"Move {model_words.breakable(self._entry.name)} to the trash? Jobs that use it will not find it any more."
        )
        self._ask_or_act(True)
        self._no.setFocus()

    @Slot()
    def _do_not(self) -> None:
        self._ask_or_act(False)
        self._remove.setFocus()

    def _ask_or_act(self, ask: bool) -> None:
        self._asking.setVisible(ask)
        self._actions.setVisible(not ask)
        self._outcome.setVisible(bool(self._outcome.text()) and not ask)

    def _begin(self, entry: Entry, doing: str, work: Callable[[Entry, Home], Any], then: Callable[..., None]) -> None:
        if entry.path in self._busy:
            return
        errand = Errand(entry, partial(_done_with, entry, self._home, work))
        errand.told.done.connect(then)
        errand.told.failed.connect(self._failed)
        self._busy[entry.path] = errand
        self._conclude(entry, doing, "muted")
        errand.start()

    def _conclude(self, entry: Entry, text: str, words: str) -> None:
        self._outcomes[entry.path] = (text, words)
        self._draw_foot()

    @Slot(object, object)
    def _verified(self, entry: Entry, found: Verification) -> None:
        del self._busy[entry.path]
        self._conclude(entry, f"✓  {found.text}", "ok")
        self.said.emit(f"{entry.name} is sound.")
        self.altered.emit()

    @Slot(object, object)
    def _removed(self, entry: Entry, _nothing: object) -> None:
        del self._busy[entry.path]
        self._outcomes.pop(entry.path, None)
        self.said.emit(f"{entry.name} is in the trash.")
        self.altered.emit()

    @Slot(object, str)
    def _failed(self, entry: Entry, why: str) -> None:
        del self._busy[entry.path]
        self._conclude(entry, why, "error")

    def _draw(self) -> None:
        self._scroll.setWidget(_about(self._entry))
        self._draw_foot()

    def _draw_foot(self) -> None:
        entry = self._entry
        text, words = self._outcomes.get(entry.path, ("", "muted")) if entry else ("", "muted")
        self._outcome.setText(model_words.breakable(text))
        set_words(self._outcome, words)
        busy = entry is not None and entry.path in self._busy
        for one in (self._verify, self._folder, self._remove):
            one.setVisible(entry is not None)
        self._verify.setEnabled(entry is not None and entry.identity is not None and not busy)
        self._remove.setEnabled(entry is not None and not entry.read_only and not busy)
        fixed = model_words.origin(entry) if entry else ""
        self._remove.setToolTip(f"It can't be removed: {fixed}" if fixed else "Move it to the trash; asks first")
        self._ask_or_act(False)


def _done_with(entry: Entry, home: Home, work: Callable[[Entry, Home], Any], _errand: Errand) -> object:
    return work(entry, home)


def _about(entry: Entry | None) -> QWidget:
    """Everything but the buttons."""
    if entry is None:
        return column(label(NOTHING, "muted"), 0, margins=(16, 16, 16, 8))
    parts: list[QWidget | int] = [
        label(model_words.breakable(entry.name), "title"),
        label(_what(entry)),
    ]
    if entry.read_only:
        parts.append(label(f"It {_locked(entry)}, so Gesso leaves it as it is.", "muted"))
    if entry.identity is not None:
        parts += _why(entry.identity)
    else:
        parts += [label(model_words.breakable(entry.problem), "error"), label(model_words.breakable(entry.fix))]
    parts.append(_rule())
    parts.append(_table(entry))
    parts.append(_copyable("Where it is", model_words.breakable(str(entry.path)), str(entry.path)))
    if entry.identity is not None:
        parts.append(_checksum(entry.sha256))
    return column(*parts, 0, margins=(16, 16, 16, 16), spacing=12)


def _what(entry: Entry) -> str:
    if entry.identity is None:
        return "Gesso can't use this file."
    words = model_words.what(entry.identity)
    return words[:1].upper() + words[1:]


def _locked(entry: Entry) -> str:
    return "came with Gesso" if model_words.origin(entry) == "came with Gesso" else "lies in a read-only folder"


def _why(identity: Identity) -> list[QWidget | int]:
    reasons = [label(f"·  {model_words.breakable(reason)}", "muted") for reason in identity.reasons]
    sure = label(model_words.CERTAINTIES[identity.certainty], "warn" if identity.certainty == "unsure" else "muted")
    return [
        label(model_words.use(identity)),
        _rule(),
        column(label("Why we say so", "heading"), *reasons, sure, spacing=4),
    ]


def _table(entry: Entry) -> QWidget:
    made = QWidget()
    grid = QGridLayout(made)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(16)
    grid.setVerticalSpacing(4)
    grid.setColumnStretch(1, 1)
    for line, (name, value) in enumerate(model_words.facts(entry)):
        words = label(name, "muted")
        words.setWordWrap(False)
        grid.addWidget(words, line, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(label(model_words.breakable(value)), line, 1)
    return made


def _checksum(sha256: str | None) -> QWidget:
    if sha256 is None:
        return column(label("SHA-256", "muted"), label("Not known yet. Verify takes it."), spacing=4)
    pieces = " ".join(sha256[start : start + 8] for start in range(0, len(sha256), 8))
    return _copyable("SHA-256", pieces, sha256)


def _copyable(name: str, shown: str, text: str) -> QWidget:
    """A long text with its name above it, and a button that puts it on the clipboard as it really is."""
    copy = button("", f"Copy: {name}", partial(_copy, text), icon="copy", kind="quiet")
    words = label(shown)
    words.setAccessibleName(f"{name}: {text}")
    return named(name, words, beside=copy)


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)


def _rule() -> QFrame:
    made = QFrame()
    made.setFixedHeight(1)
    made.setProperty("edge", "top")
    return made
