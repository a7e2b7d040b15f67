"""Pictures made during a training: a row for each prompt, one picture beside the other as the steps go on.

A slider walks through the steps: the large picture of each row shows that step, so that going back and forth shows
what changed. Two steps can be laid over one another.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPoint, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPen, QPixmap, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QListView,
    QScrollArea,
    QSlider,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from app.errand import Errand
from app.pictures import Index, read_image
from app.theme import theme
from app.widgets.basics import button, calm, label, row
from app.widgets.canvas import Canvas
from app.widgets.preview_pair import PreviewPair
from trainer.contract import events

SIDE = 96
GAP = 10
LINE = 18
LARGE = 144
DECODED = 288
"""Pixels that are decoded for a picture, so that it is sharp on a screen of twice the density."""
STEP = int(Qt.ItemDataRole.UserRole)


@dataclass(eq=False)
class _Asked:
    """One picture that is being read; the same sample may be asked for twice."""

    sample: events.Sample


class Previews(QWidget):
    """`add` takes samples in any order; one of the same prompt and step takes the place of the other."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, _Row] = {}
        self._samples: dict[tuple[str, int], str] = {}
        self._steps: list[int] = []
        self._follows = True
        """Whether the newest step is shown as it comes."""
        self._reading: dict[_Asked, Errand] = {}
        self._content = QWidget()
        self._layout = QVBoxLayout(self._content)
        self._layout.setContentsMargins(0, 0, 8, 0)
        self._layout.setSpacing(8)
        self._layout.addStretch(1)
        scroll = QScrollArea()
        scroll.setWidget(self._content)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._pair = PreviewPair()
        self._pair.left.connect(self._leave_pair)
        self._stack = QStackedWidget()
        self._stack.addWidget(scroll)
        self._stack.addWidget(self._pair)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setAccessibleName("Step of the previews")
        self._slider.setToolTip("Walk through the steps: the large pictures show what the model drew then")
        self._slider.valueChanged.connect(self._scrubbed)
        calm(self._slider)
        self._at = label("", "muted")
        self._at.setWordWrap(False)
        self._at.setMinimumWidth(90)
        self._compare = button("Compare two steps", "Lay the pictures of two steps over one another",
                               self.compare, icon="compare", kind="quiet")  # fmt: skip
        self._bar = row(self._at, self._slider, self._compare, margins=(0, 4, 8, 0), spacing=12)
        self._bar.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self._bar)

    @property
    def step(self) -> int | None:
        """The step whose pictures stand large."""
        return self._steps[self._slider.value()] if self._steps else None

    @property
    def pair(self) -> PreviewPair | None:
        """The comparison, while it is in front."""
        return self._pair if self._stack.currentWidget() is self._pair else None

    def clear(self) -> None:
        for one in self._rows.values():
            self._layout.removeWidget(one)
            one.hide()
            one.deleteLater()
        self._rows.clear()
        self._samples.clear()
        self._steps.clear()
        self._follows = True
        self._slider.setRange(0, 0)
        self._bar.hide()
        self._stack.setCurrentIndex(0)

    def add(self, sample: events.Sample) -> None:
        if sample.prompt not in self._rows:
            made = self._rows[sample.prompt] = _Row(sample.prompt)
            made.picked.connect(self.scrub)
            self._layout.insertWidget(self._layout.count() - 1, made)
        self._samples[sample.prompt, sample.step] = sample.path
        asked = _Asked(sample)
        errand = self._reading[asked] = Errand(asked, partial(_read, Path(sample.path)))
        errand.told.done.connect(self._take)
        errand.told.failed.connect(self._fail)
        errand.start()

    def shown(self) -> dict[str, list[int]]:
        """The steps whose pictures are there, by prompt."""
        return {prompt: one.steps() for prompt, one in self._rows.items()}

    @Slot(int)
    def scrub(self, step: int) -> None:
        """Show the pictures of this step."""
        if step in self._steps:
            self._slider.setValue(self._steps.index(step))

    @Slot()
    def compare(self) -> None:
        """Lay the first step and the one that is shown over one another."""
        if len(self._steps) > 1:
            second = self.step if self.step != self._steps[0] else self._steps[-1]
            self._pair.show_steps(self._samples, self._steps[0], second or self._steps[-1])
            self._stack.setCurrentWidget(self._pair)
            self._bar.hide()

    @Slot()
    def _leave_pair(self) -> None:
        self._stack.setCurrentIndex(0)
        self._bar.setVisible(len(self._steps) > 1)

    @Slot(object, object)
    def _take(self, asked: "_Asked", image: QImage) -> None:
        self._reading.pop(asked, None)
        sample = asked.sample
        one = self._rows.get(sample.prompt)
        if one is None or self._samples.get((sample.prompt, sample.step)) != sample.path or image.isNull():
            return  # another run is shown by now, or the file can't be read
        one.put(sample.step, image)
        if sample.step not in self._steps:
            self._insert(sample.step)
        one.show_step(self.step)

    @Slot(object, str)
    def _fail(self, asked: "_Asked", _words: str) -> None:
        self._reading.pop(asked, None)

    def _insert(self, step: int) -> None:
        at = self.step
        self._steps = sorted([*self._steps, step])
        self._slider.blockSignals(True)
        self._slider.setRange(0, len(self._steps) - 1)
        self._slider.setValue(len(self._steps) - 1 if self._follows or at is None else self._steps.index(at))
        self._slider.blockSignals(False)
        self._bar.setVisible(len(self._steps) > 1 and self.pair is None)
        self._show_step()

    @Slot(int)
    def _scrubbed(self, place: int) -> None:
        self._follows = place == len(self._steps) - 1
        self._show_step()

    def _show_step(self) -> None:
        if self.step is not None:
            self._at.setText(f"step {self.step:,}")
        for one in self._rows.values():
            one.show_step(self.step)


def _read(path: Path, _errand: Errand) -> QImage:
    return read_image(path, DECODED)


class _Tile(QStyledItemDelegate):
    """A picture as it is, framed where it is the one shown large, and its step below."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(SIDE + GAP, SIDE + GAP + LINE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        is_shown = bool(option.state & QStyle.StateFlag.State_Selected)
        area: QRect = option.rect
        square = QRect(area.left() + 2, area.top() + 2, SIDE, SIDE)
        pixmap = index.data(Qt.ItemDataRole.DecorationRole)
        if isinstance(pixmap, QPixmap):
            place = QRect(QPoint(0, 0), pixmap.size().scaled(square.size(), Qt.AspectRatioMode.KeepAspectRatio))
            place.moveCenter(square.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, pixmap)
            if is_shown:
                painter.setPen(QPen(theme().colour("accent"), 3))
                painter.drawRect(place)
        painter.setPen(theme().colour("text" if is_shown else "muted"))
        below = QRect(square.left(), square.bottom() + 4, SIDE, LINE)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, str(index.data()))


class _Row(QWidget):
    """`picked` carries the step of a picture that was clicked."""

    picked = Signal(int)

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self._images: dict[int, QImage] = {}
        self._model = QStandardItemModel(self)
        self._large = Canvas("")
        self._large.setMinimumSize(LARGE, LARGE)
        self._large.setFixedSize(LARGE, LARGE)
        self._large.setAccessibleName(f"Preview of {prompt}")
        self._tile = _Tile()
        self._view = self._strip(prompt)
        across = QHBoxLayout()
        across.setSpacing(12)
        across.addWidget(self._large)
        across.addWidget(self._view, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(label(prompt or "without a prompt"))
        layout.addLayout(across)
        theme().changed.connect(self._large.update)

    def steps(self) -> list[int]:
        return [self._model.item(place).data(STEP) for place in range(self._model.rowCount())]

    def put(self, step: int, image: QImage) -> None:
        self._images[step] = image
        item = QStandardItem(f"step {step:,}")
        item.setData(QPixmap.fromImage(image), Qt.ItemDataRole.DecorationRole)
        item.setData(step, STEP)
        there = self.steps()
        if step in there:
            self._model.setItem(there.index(step), item)
        else:
            self._model.insertRow(sum(other < step for other in there), item)

    def show_step(self, step: int | None) -> None:
        """Show the picture of this step large; where this prompt has none, the last one before it."""
        there = [one for one in self.steps() if step is not None and one <= step]
        if not there:
            return
        self._large.show_image(self._images[there[-1]], f"The picture of step {there[-1]:,}")
        place = self._model.index(self.steps().index(there[-1]), 0)
        self._view.setCurrentIndex(place)
        self._view.scrollTo(place)

    def _strip(self, prompt: str) -> QListView:
        view = QListView()
        view.setModel(self._model)
        view.setViewMode(QListView.ViewMode.IconMode)
        view.setFlow(QListView.Flow.LeftToRight)
        view.setWrapping(False)
        view.setMovement(QListView.Movement.Static)
        view.setUniformItemSizes(True)
        view.setItemDelegate(self._tile)
        view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setFixedHeight(LARGE)
        view.setStyleSheet("QListView { background: transparent; }")
        view.setAccessibleName(f"Previews of {prompt}")
        view.setToolTip("What the model drew at each step; click one to see it large")
        view.clicked.connect(self._clicked)
        return view

    @Slot(QModelIndex)
    def _clicked(self, place: QModelIndex) -> None:
        self.picked.emit(int(place.data(STEP)))
