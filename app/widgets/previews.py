"""Pictures made during a training: a row for each prompt, one picture beside the other as the steps go on."""

from pathlib import Path

from PySide6.QtCore import QObject, QRunnable, QSize, Qt, QThreadPool, Signal, Slot
from PySide6.QtGui import QImage, QPixmap, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QAbstractItemView, QListView, QScrollArea, QVBoxLayout, QWidget

from app.pictures import read_image
from app.widgets.basics import label
from trainer.contract import events

SIDE = 112
DECODED = 224
"""Pixels that are decoded for a picture, so that it is sharp on a screen of twice the density."""
STEP = int(Qt.ItemDataRole.UserRole)


class _Decoded(QObject):
    done = Signal(str, int, QImage)


class _Decode(QRunnable):
    def __init__(self, sample: events.Sample, told: _Decoded) -> None:
        super().__init__()
        self._sample, self._told = sample, told

    def run(self) -> None:
        image = read_image(Path(self._sample.path), DECODED)
        if not image.isNull():
            image.setDevicePixelRatio(max(image.width(), image.height()) / SIDE)  # so large it is drawn, at any density
            self._told.done.emit(self._sample.prompt, self._sample.step, image)


class Previews(QScrollArea):
    """`add` takes samples in any order; one of the same prompt and step takes the place of the other."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, _Row] = {}
        self._told = _Decoded()
        self._told.done.connect(self._take)
        self._content = QWidget()
        self._layout = QVBoxLayout(self._content)
        self._layout.setContentsMargins(0, 0, 8, 0)
        self._layout.setSpacing(8)
        self._layout.addStretch(1)
        self.setWidget(self._content)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def clear(self) -> None:
        for row in self._rows.values():
            self._layout.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows.clear()

    def add(self, sample: events.Sample) -> None:
        if sample.prompt not in self._rows:
            row = _Row(sample.prompt)
            self._rows[sample.prompt] = row
            self._layout.insertWidget(self._layout.count() - 1, row)
        QThreadPool.globalInstance().start(_Decode(sample, self._told))

    def shown(self) -> dict[str, list[int]]:
        """The steps whose pictures are there, by prompt."""
        return {prompt: row.steps() for prompt, row in self._rows.items()}

    @Slot(str, int, QImage)
    def _take(self, prompt: str, step: int, image: QImage) -> None:
        row = self._rows.get(prompt)
        if row is not None:  # else another run is shown by now
            row.put(step, image)


class _Row(QWidget):
    def __init__(self, prompt: str) -> None:
        super().__init__()
        self._model = QStandardItemModel(self)
        view = QListView()
        view.setModel(self._model)
        view.setViewMode(QListView.ViewMode.IconMode)
        view.setFlow(QListView.Flow.LeftToRight)
        view.setWrapping(False)
        view.setMovement(QListView.Movement.Static)
        view.setUniformItemSizes(True)
        view.setIconSize(QSize(SIDE, SIDE))
        view.setGridSize(QSize(SIDE + 8, SIDE + 22))
        view.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setFixedHeight(SIDE + 36)
        view.setStyleSheet("background: transparent;")
        view.setAccessibleName(f"Previews of {prompt}")
        self._view = view
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(label(prompt or "without a prompt"))
        layout.addWidget(view)

    def steps(self) -> list[int]:
        return [self._model.item(place).data(STEP) for place in range(self._model.rowCount())]

    def put(self, step: int, image: QImage) -> None:
        there = self.steps()
        item = QStandardItem(f"step {step:,}")
        item.setData(QPixmap.fromImage(image), Qt.ItemDataRole.DecorationRole)
        item.setData(step, STEP)
        if step in there:
            self._model.setItem(there.index(step), item)
        else:
            self._model.insertRow(sum(other < step for other in there), item)
        self._view.scrollToBottom()
        self._view.horizontalScrollBar().setValue(self._view.horizontalScrollBar().maximum())
