"""Above the grid of the page Dataset: what is the matter with the pictures shown, and what Gesso can do about it."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.widgets.basics import button, column, label, surface
from trainer.dataset.health_problem import Problem
from trainer.dataset.mending import Mending
from trainer.dataset.names import shown

NAMED = 6
"""Files that are no pictures: so many are named, the others counted."""
TRAINED_ON = "They are trained on, and exported, like all others until they are taken out."


class ProblemStrip(QWidget):
    """`mending` carries the Mending that was asked for; `bringing_back`: the last one is to be undone."""

    mending = Signal(object)
    bringing_back = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "heading")
        self._reason = label("", "muted")
        self._done = label("", "muted")
        for names in (self._reason, self._done):  # a long one without a space is cut off, rather than the page widened
            names.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._mendings: list[tuple[QPushButton, Mending]] = []
        self._buttons = QWidget()
        self._line = QHBoxLayout(self._buttons)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._back = button("Bring them back", "Undo what was done to the files", self.bringing_back.emit, icon="reset")
        self._line.addWidget(self._back)
        self._line.addWidget(self._done, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 8, 16, 0)
        inner = column(self._words, self._reason, self._buttons, margins=(12, 10, 12, 10), spacing=6)
        layout.addWidget(surface(inner, "raised"))
        self.show_kind("", (), (), mended="")

    def show_kind(self, kind: str, problems: Sequence[Problem], mendings: Sequence[Mending], *, mended: str) -> None:
        """One kind of problem, with what mends all of it. `mended`: what was done to files last, and can be undone."""
        self._show(f"{kind[:1].upper()}{kind[1:]}" if problems else "", _in_words(problems), mendings, mended)

    def show_rejects(self, mendings: Sequence[Mending], *, mended: str) -> None:
        """The pictures that were flagged as rejects."""
        self._show("Rejected", TRAINED_ON, mendings, mended)

    def _show(self, heading: str, reason: str, mendings: Sequence[Mending], mended: str) -> None:
        """Hidden where there is nothing to say or to undo."""
        for made, _ in self._mendings:
            made.deleteLater()
        self._mendings = [(self._button(mending), mending) for mending in mendings]
        self._words.setText(heading)
        self._reason.setText(reason)
        self._done.setText(f"Done: {mended}" if mended else "")
        for words in (self._words, self._reason):
            words.setVisible(bool(heading))
        self._back.setVisible(bool(mended))
        self._buttons.setVisible(bool(mended or mendings))
        self.setVisible(bool(heading or mended))

    def _button(self, mending: Mending) -> QPushButton:
        made = button(mending.title, "For all of these; it can be undone", self._ask)
        self._line.insertWidget(0, made)
        return made

    @Slot()
    def _ask(self) -> None:
        asked = self.sender()
        self.mending.emit(next(mending for made, mending in self._mendings if made is asked))


def _in_words(problems: Sequence[Problem]) -> str:
    """How many pictures, with the reason of the first; then the files that are no picture, by name."""
    pictures = [problem for problem in problems if problem.places]
    count = f"{len(pictures):,}: " if len(pictures) > 1 else ""
    lines = [f"{count}{problem.reason} {problem.fix}" for problem in pictures[:1]]
    files: dict[str, list[Path]] = {}
    for problem in problems:
        if not problem.places:
            files.setdefault(f"{problem.reason} {problem.fix}", []).append(problem.paths[0])
    for reason, paths in files.items():
        more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
        lines.append(f"{', '.join(shown(path.name) for path in paths[:NAMED])}{more}: {reason}")
    return "\n".join(lines)
