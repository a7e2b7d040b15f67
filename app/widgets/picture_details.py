"""What the Gallery says about the picture under the cursor, and what can be done with the selected ones."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.picture_words import NAMES, NEGATIVE, PROMPT, Opened, in_words
from app.pictures import PictureJob
from app.theme import theme
from app.widgets.basics import button, column, label, row
from app.widgets.canvas import Canvas

PICTURE_HEIGHT = 256


class PictureDetails(QWidget):
    """Signals say what was asked for; `confirmed` comes after the question about the trash was answered with yes."""

    reuse = Signal()
    compare = Signal()
    folder = Signal()
    starring = Signal()
    deleting = Signal()
    confirmed = Signal()
    refused = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._canvas = Canvas("Pick a picture to see how it was made.")
        self._canvas.setFixedHeight(PICTURE_HEIGHT)
        self._name = label("", "heading")
        self._facts = label("", "muted")
        self._settings = SettingsInWords()
        self._reuse = button(
            "Use these settings",
            "Fill the form on the page Generate with what made this picture",
            self.reuse.emit,
            icon="reuse",
            kind="primary",
        )
        self._compare = button(
            "Compare", "Lay two pictures over one another and list what differs", self.compare.emit, icon="compare"
        )
        self._folder = button("Show in folder", "Open the folder that holds it", self.folder.emit, icon="folder")
        self._star = button("Star", "Mark as a favourite (S)", self.starring.emit)
        self._delete = button(
            "Delete",
            "Move to the trash; you are asked first (Delete)",
            self.deleting.emit,
            icon="remove",
        )
        self._actions = column(self._reuse, row(self._compare, self._folder), row(self._star, self._delete))
        self._question = label()
        self._yes = button("Move to trash", "It can be taken back from there", self.confirmed.emit, icon="remove")
        self._no = button("Keep", "Change nothing (Esc)", self.refused.emit)
        self._asking = column(self._question, row(self._no, self._yes))
        self._asking.hide()
        self._fault = label("", "error")
        self._fault.hide()
        self._starred = False
        self._lay_out()
        theme().changed.connect(self._draw_star)
        self.clear("")

    def clear(self, words: str) -> None:
        """No picture."""
        self._canvas.clear(words)
        self._name.clear()
        self._facts.clear()
        self._settings.show_job(None, "")
        self._actions.setEnabled(False)
        self.ask("")

    def show_picture(self, opened: Opened, place: str) -> None:
        """`place` says where it comes from."""
        if opened.image.isNull():
            self._canvas.clear(opened.problem)
        else:
            self._canvas.show_image(opened.image, f"The picture {opened.path.name}")
        self._name.setText(opened.path.name)
        self._facts.setText("\n".join(line for line in (opened.facts, place) if line))
        self._settings.show_job(opened.job, "" if opened.image.isNull() else opened.problem)
        self._actions.setEnabled(True)
        self._reuse.setEnabled(opened.job is not None)

    def show_selection(self, count: int, starred: bool) -> None:
        self._starred = starred
        self._delete.setText(f"Delete {count:,}" if count > 1 else "Delete")
        self._compare.setText("Compare both" if count == 2 else "Compare")
        self._compare.setEnabled(count <= 2)
        self._draw_star()

    def ask(self, question: str, yes: str = "") -> None:
        """Put a question in place of the buttons; without `yes` it can only be left; an empty one ends it."""
        self._question.setText(question)
        self._yes.setText(yes)
        self._yes.setVisible(bool(yes))
        self._no.setText("Keep" if yes else "Cancel")
        self._asking.setVisible(bool(question))
        self._actions.setVisible(not question)
        self.say_fault("")
        if yes:
            self._yes.setFocus()

    @property
    def question(self) -> str:
        return self._question.text()

    def say_fault(self, text: str) -> None:
        self._fault.setText(text)
        self._fault.setVisible(bool(text))

    @Slot()
    def _draw_star(self) -> None:
        self._star.setText("Starred" if self._starred else "Star")
        self._star.setAccessibleName("Take the star away" if self._starred else "Give it a star")
        self._star.setIcon(theme().icon("starred" if self._starred else "star", "accent" if self._starred else "text"))

    def _lay_out(self) -> None:
        scroll = QScrollArea()
        scroll.setWidget(self._settings)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setAccessibleName("Settings of the picture")
        self._name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 16, 0, 16)
        layout.setSpacing(8)
        layout.addWidget(column(self._canvas, 4, self._name, self._facts, margins=(16, 0, 16, 0), spacing=4))
        layout.addWidget(scroll, 1)
        layout.addWidget(column(self._fault, self._asking, self._actions, margins=(16, 8, 16, 0)))


class SettingsInWords(QWidget):
    """The settings that made a picture: the prompts as text, the rest as a table."""

    def __init__(self) -> None:
        super().__init__()
        self._problem = label("", "muted")
        self._copy = button("", "Copy the prompt", self._copy_prompt, icon="copy", kind="quiet")
        self._texts = {name: _value() for name in (PROMPT, NEGATIVE)}
        self._blocks = {
            PROMPT: column(row(label(PROMPT, "muted"), 0, self._copy), self._texts[PROMPT], spacing=2),
            NEGATIVE: column(label(NEGATIVE, "muted"), self._texts[NEGATIVE], spacing=2),
        }
        self._table = QGridLayout()
        self._table.setContentsMargins(0, 0, 0, 0)
        self._table.setHorizontalSpacing(8)
        self._table.setVerticalSpacing(4)
        self._table.setColumnMinimumWidth(0, 96)
        self._table.setColumnStretch(1, 1)
        self._cells = {name: (label(name, "muted"), _value()) for name in NAMES if name not in self._blocks}
        for line, (words, value) in enumerate(self._cells.values()):
            self._table.addWidget(words, line, 0, Qt.AlignmentFlag.AlignTop)
            self._table.addWidget(value, line, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 0, 8, 8)
        layout.setSpacing(8)
        layout.addWidget(self._problem)
        for block in self._blocks.values():
            layout.addWidget(block)
        layout.addLayout(self._table)
        layout.addStretch(1)

    def show_job(self, job: PictureJob | None, problem: str) -> None:
        said = in_words(job) if job is not None else {}
        self._problem.setText(problem)
        self._problem.setVisible(bool(problem))
        for name, block in self._blocks.items():
            self._texts[name].setText(said.get(name, ""))
            block.setVisible(name in said)
        for name, (words, value) in self._cells.items():
            value.setText(said.get(name, ""))
            words.setVisible(name in said)
            value.setVisible(name in said)

    @Slot()
    def _copy_prompt(self) -> None:
        QGuiApplication.clipboard().setText(self._texts[PROMPT].text())


def _value() -> QLabel:
    made = label()
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return made
