"""Two pictures of the dataset side by side, with what their captions do not have in common; one may be all to keep."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QTextEdit, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errand
from app.pictures import read_image
from app.theme import theme
from app.widgets.basics import button, column, label, row
from app.widgets.prompt_marks import qt_places
from app.widgets.zoom_view import ZoomView, move_together
from trainer.dataset.differences import Span, differing
from trainer.dataset.mending import MoveAway
from trainer.dataset.names import shown

LARGEST = 4096
"""Pixels of the longer side that are read."""
CAPTION_HEIGHT = 84


class _Side(QWidget):
    """One of the two. `keeping`: it is the one to keep."""

    keeping = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.view = ZoomView(f"The picture on the {name}")
        self.about = label("", "muted")
        self.caption = QPlainTextEdit()
        self.caption.setReadOnly(True)
        self.caption.setTabChangesFocus(True)
        self.caption.setFixedHeight(CAPTION_HEIGHT)
        self.caption.setAccessibleName(f"The caption on the {name}")
        self.keep = button(
            "Keep this one",
            "Take the other one out of the folder; it can be brought back",
            self.keeping.emit,
            icon="done",
        )
        self._apart: tuple[Span, ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view, 1)
        layout.addWidget(row(column(self.about), 0, self.keep))
        layout.addWidget(self.caption)
        theme().changed.connect(self._mark)

    def show_words(self, about: str, caption: str, apart: tuple[Span, ...]) -> None:
        """`apart`: the places in the caption that the other one lacks."""
        self.about.setText(about)
        self.caption.setPlainText(caption)
        self.caption.setPlaceholderText("no caption")
        self._apart = apart
        self._mark()

    def marked(self) -> list[str]:
        """What is marked, as text."""
        return [mark.cursor.selectedText() for mark in self.caption.extraSelections()]

    @Slot()
    def _mark(self) -> None:
        look = QTextCharFormat()
        look.setForeground(theme().colour("accent"))
        look.setFontUnderline(True)
        places = qt_places(self.caption.toPlainText())
        marks: list[QTextEdit.ExtraSelection] = []
        for begin, end in self._apart:
            mark = QTextEdit.ExtraSelection()
            cursor = QTextCursor(self.caption.document())
            cursor.setPosition(places[begin])
            cursor.setPosition(places[end], QTextCursor.MoveMode.KeepAnchor)
            mark.cursor, mark.format = cursor, look
            marks.append(mark)
        self.caption.setExtraSelections(marks)


class PairPanel(QWidget):
    """`left`: back to the grid. `mending` carries what takes one of the two away. `drawn`: both are there."""

    left = Signal()
    mending = Signal(object)
    drawn = Signal()

    def __init__(self, folder: DatasetFolder) -> None:
        super().__init__()
        self._folder = folder
        self._paths: tuple[Path, Path] | None = None
        self._reading: dict[object, Errand] = {}
        self.sides = _Side("left"), _Side("right")
        self.words = label("", "muted")
        move_together(self.sides[0].view, self.sides[1].view)
        self.sides[0].keeping.connect(self._keep_first)
        self.sides[1].keeping.connect(self._keep_second)
        back = button("Back", "Back to the pictures (Esc)", self.left.emit, icon="back")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 16)
        layout.addWidget(row(label("Compare", "heading"), self.words, 0, back))
        layout.addWidget(row(*self.sides, spacing=16), 1)
        self.words.setWordWrap(False)

    def open(self, first: int, second: int) -> None:
        """Show the pictures at these places of the dataset."""
        places = first, second
        rows = [self._folder.rows[place] for place in places]
        self._paths = Path(self._folder.paths[first]), Path(self._folder.paths[second])
        apart = differing(rows[0].caption, rows[1].caption)
        for side, row_of, spans in zip(self.sides, rows, apart, strict=True):
            size = f"{row_of.width} × {row_of.height}  ·  " if row_of.width else ""
            side.show_words(f"{size}{shown(row_of.relative)}", row_of.caption, spans)
            side.view.show_image(QImage(), "Reading…")
        self.words.setText(self._twins_in_words(first, second))
        work = Errand(self._paths, partial(_both, self._paths))
        work.told.done.connect(self._take)
        work.told.failed.connect(self._fail)
        self._reading[self._paths] = work
        work.start()
        self.sides[0].view.setFocus()

    def _twins_in_words(self, *places: int) -> str:
        report = self._folder.report
        problems = report.problems if report is not None else ()
        kinds = {problem.kind for problem in problems if set(places) <= set(problem.places)}
        if "same file" in kinds:
            return "They are the same file."
        return "They are nearly the same picture." if "near duplicate" in kinds else ""

    @Slot(object, object)
    def _take(self, paths: object, images: tuple[QImage, QImage]) -> None:
        self._reading.pop(paths, None)
        if paths == self._paths:
            for side, image in zip(self.sides, images, strict=True):
                side.view.show_image(image, "This picture can't be shown")
            self.drawn.emit()

    @Slot(object, str)
    def _fail(self, paths: object, why: str) -> None:
        self._reading.pop(paths, None)
        for side in self.sides:
            side.view.show_image(QImage(), why)

    @Slot()
    def _keep_first(self) -> None:
        self._keep(0)

    @Slot()
    def _keep_second(self) -> None:
        self._keep(1)

    def _keep(self, kept: int) -> None:
        if self._paths is not None:
            self.mending.emit(MoveAway(f"Keep {shown(self._paths[kept].name)}", (self._paths[1 - kept],)))


def _both(paths: tuple[Path, Path], errand: Errand) -> tuple[QImage, QImage]:
    first = read_image(paths[0], LARGEST)
    errand.check()
    return first, read_image(paths[1], LARGEST)
