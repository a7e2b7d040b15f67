"""Above the grid of the page Dataset: what is the matter with the pictures shown, and what Gesso can do about it."""

from collections.abc import Sequence

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from app.widgets.basics import button, column, label, surface
from trainer.dataset.health_problem import Problem
from trainer.dataset.mending import Mending


class ProblemStrip(QWidget):
    """`mending` carries the Mending that was asked for; `bringing_back`: the last one is to be undone."""

    mending = Signal(object)
    bringing_back = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._words = label("", "heading")
        self._reason = label("", "muted")
        self._mendings: list[tuple[QPushButton, Mending]] = []
        self._buttons = QWidget()
        self._line = QHBoxLayout(self._buttons)
        self._line.setContentsMargins(0, 0, 0, 0)
        self._back = button("Bring them back", "Undo what was done to the files", self.bringing_back.emit, icon="reset")
        self._line.addWidget(self._back)
        self._line.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 8, 16, 0)
        inner = column(self._words, self._reason, self._buttons, margins=(12, 10, 12, 10), spacing=6)
        layout.addWidget(surface(inner, "raised"))
        self.show_kind("", (), (), can_bring_back=False)

    def show_kind(
        self, kind: str, problems: Sequence[Problem], mendings: Sequence[Mending], *, can_bring_back: bool
    ) -> None:
        """One kind of problem, with what mends all of it; hidden where there is nothing to say or to undo."""
        for made, _ in self._mendings:
            made.deleteLater()
        self._mendings = [(self._button(mending), mending) for mending in mendings]
        count = f"{len(problems):,}: " if len(problems) > 1 else ""
        self._words.setText(f"{kind[:1].upper()}{kind[1:]}" if problems else "")
        self._reason.setText(f"{count}{problems[0].reason} {problems[0].fix}" if problems else "")
        for words in (self._words, self._reason):
            words.setVisible(bool(problems))
        self._back.setVisible(can_bring_back)
        self._buttons.setVisible(can_bring_back or bool(mendings))
        self.setVisible(bool(problems) or can_bring_back)

    def _button(self, mending: Mending) -> QPushButton:
        made = button(mending.title, "For all of these; it can be undone", self._ask)
        self._line.insertWidget(0, made)
        return made

    @Slot()
    def _ask(self) -> None:
        asked = self.sender()
        self.mending.emit(next(mending for made, mending in self._mendings if made is asked))
