"""Thousands of pictures as tiles that fill the width: drawn by a delegate, walked by keyboard.

They are laid out all at once (2 ms for 20,000): in batches, each new picture would throw the scroll bar back.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import cast

from PySide6.QtCore import (
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.pictures import Index, PictureList
from app.theme import theme
from app.videos import is_video

GAP = 8
BADGE = 22
MOST_SELECTED = 200
"""Pictures whose selection is remembered."""


class PictureTile(QStyledItemDelegate):
    """A picture whole within its square; a frame where it is selected, a star where it is a favourite, a badge on
    films."""

    def __init__(self, is_starred: Callable[[str], bool], is_film: Callable[[str], bool] = is_video) -> None:
        super().__init__()
        self._is_starred, self._is_film = is_starred, is_film
        self.side = 160

    @property
    def words_height(self) -> int:
        """Of what is written below a picture: nothing here."""
        return 0

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(self.side + GAP, self.side + self.words_height + GAP)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        area: QRect = option.rect.adjusted(0, 0, -GAP, -GAP - self.words_height)
        pixmap = index.data(Qt.ItemDataRole.DecorationRole)
        colours = theme()
        place = area
        if isinstance(pixmap, QPixmap):
            size = pixmap.size().scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
            place = QRect(QPoint(0, 0), size)
            place.moveCenter(area.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(place, pixmap)
        else:
            painter.fillRect(area, colours.colour("raised"))
            if index.data(PictureList.BROKEN):
                self.badge(painter, area.center(), "warning", "warn")
        if self._is_film(str(index.data(PictureList.PATH))):
            self.badge(painter, place.bottomLeft() + QPoint(BADGE // 2 + 4, -BADGE // 2 - 4), "video", "text")
        if self._is_starred(str(index.data(PictureList.PATH))):
            self.badge(painter, place.topRight() + QPoint(-BADGE // 2 - 4, BADGE // 2 + 4), "starred", "accent")
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(colours.colour("accent"), 3))
            painter.drawRect(area.adjusted(1, 1, -2, -2))

    def badge(self, painter: QPainter, centre: QPoint, icon: str, role: str) -> None:
        spot = QRect(0, 0, BADGE, BADGE)
        spot.moveCenter(centre)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().colour("panel"))
        painter.drawEllipse(spot)
        theme().icon(icon, role).paint(painter, spot.adjusted(3, 3, -3, -3))
        painter.restore()


class PictureGrid(QListView):
    """`picked` carries the path of the picture that has the cursor now; `chosen` that of one clicked or confirmed with
    Enter; `selected` says that the selection changed."""

    VIEW = ("current", "selected", "scroll")
    """What `view` tells."""

    picked = Signal(str)
    chosen = Signal(str)
    selected = Signal()
    full = Signal()
    starring = Signal()
    deleting = Signal()

    def __init__(self, pictures: PictureList, tile: PictureTile) -> None:
        super().__init__()
        self._pictures = pictures
        self._wish = 160
        self._words = ""
        self._tile = tile  # without a parent: PySide crashes when it collects both of them at once
        self.setModel(pictures)
        self.setItemDelegate(self._tile)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)  # else the tiles would change with it
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setProperty("surface", "window")
        self.setAccessibleName("Pictures")
        self.setAccessibleDescription("Space shows a picture large, S gives it a star, Delete moves it to the trash.")
        self.selectionModel().currentChanged.connect(self._moved)
        self.selectionModel().selectionChanged.connect(self._selected)
        self.clicked.connect(self._choose)
        self.doubleClicked.connect(self._large)

    def say(self, words: str) -> None:
        """What stands there while there is no picture."""
        self._words = words
        self.viewport().update()

    @Slot(int)
    def set_tile(self, wish: int) -> None:
        """About how large a tile is: the columns share the width evenly."""
        self._wish = wish
        self._fit()
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())

    def current(self) -> str:
        place = self.currentIndex()
        return str(place.data(PictureList.PATH)) if place.isValid() else ""

    def selected_paths(self) -> list[str]:
        """In the order in which they stand."""
        paths = self._pictures.paths()
        return [paths[row] for row in sorted(self._selected_rows())]

    def count_selected(self) -> int:
        return len(self._selected_rows())

    def _selected_rows(self) -> set[int]:
        """From the ranges of the selection: an index for each of thousands of pictures takes long."""
        parts = self.selectionModel().selection().toList()
        return {row for part in parts for row in range(part.top(), part.bottom() + 1)}

    def set_paths(self, paths: Sequence[str], *, fallback: int = 0) -> None:
        """Show these; cursor, selection and scroll stay where they can. `fallback` is the row for a lost cursor."""
        current, selected, scroll = self.current(), self.selected_paths(), self.verticalScrollBar().value()
        self._pictures.set_paths(paths)
        if not paths:
            self.picked.emit("")
            return
        row = self._pictures.row_of(current)
        if row < 0:
            self.go_to(min(fallback, len(paths) - 1))
            return
        chosen = self._selection({self._pictures.row_of(path) for path in selected})
        self.selectionModel().setCurrentIndex(self._pictures.index(row), QItemSelectionModel.SelectionFlag.NoUpdate)
        self.selectionModel().select(chosen, QItemSelectionModel.SelectionFlag.Select)
        if scroll:
            self.executeDelayedItemsLayout()
            self.verticalScrollBar().setValue(scroll)

    def view(self) -> dict[str, object]:
        """What is selected, and where it is scrolled to; empty while there is no picture."""
        if not self.current():
            return {}
        selected = self.selected_paths()[:MOST_SELECTED]
        return {"current": self.current(), "selected": selected, "scroll": self.verticalScrollBar().value()}

    def set_view(self, view: Mapping[str, object]) -> None:
        """As `view` gave it. Pictures that are gone are passed over."""
        current, selected, scroll = (view.get(name) for name in self.VIEW)
        row = self._pictures.row_of(str(current))
        if row < 0:
            return
        paths = cast("list[object]", selected) if isinstance(selected, list) else []
        chosen = self._selection({row, *(self._pictures.row_of(str(path)) for path in paths)})
        flags = QItemSelectionModel.SelectionFlag
        self.selectionModel().setCurrentIndex(self._pictures.index(row), flags.NoUpdate)
        self.selectionModel().select(chosen, flags.ClearAndSelect)
        if isinstance(scroll, int):
            self.executeDelayedItemsLayout()
            self.verticalScrollBar().setValue(scroll)

    def _selection(self, rows: Iterable[int]) -> QItemSelection:
        """These rows, a range for each run of them; -1, a picture that is gone, is passed over."""
        made = QItemSelection()
        for _, run in itertools.groupby(enumerate(sorted({*rows} - {-1})), key=lambda place: place[1] - place[0]):
            rows_of_run = [row for _, row in run]
            made.select(self._pictures.index(rows_of_run[0]), self._pictures.index(rows_of_run[-1]))
        return made

    def go_to(self, row: int) -> None:
        """Put the cursor there and select that picture alone."""
        self.selectionModel().setCurrentIndex(
            self._pictures.index(row), QItemSelectionModel.SelectionFlag.ClearAndSelect
        )

    def step(self, by: int) -> None:
        row = self.currentIndex().row() + by
        if 0 <= row < self._pictures.rowCount():
            self.go_to(row)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Space:
                self._large()
            case Qt.Key.Key_Return | Qt.Key.Key_Enter:
                self._choose()
            case Qt.Key.Key_S if event.modifiers() == Qt.KeyboardModifier.NoModifier:
                self.starring.emit()
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.deleting.emit()
            case _:
                super().keyPressEvent(event)

    def keyboardSearch(self, _search: str) -> None:
        """Letters are no search here: pictures have no names that anybody knows."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.indexAt(event.position().toPoint()).isValid():  # a click beside the pictures keeps the selection
            super().mousePressEvent(event)

    def dataChanged(self, first: Index, _last: Index, roles: Sequence[int] = ()) -> None:
        """A thumbnail came: its tile is painted again. Qt would lay all of them out anew, for each one."""
        self.viewport().update(self.visualRect(first))

    def event(self, event: QEvent) -> bool:
        """Whoever comes back from another program may have changed pictures there."""
        if event.type() in (QEvent.Type.Show, QEvent.Type.WindowActivate):
            self._pictures.look_again()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()
        super().resizeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._words and not self._pictures.rowCount():
            painter = QPainter(self.viewport())
            painter.setPen(theme().colour("muted"))
            area = QRectF(self.viewport().rect()).adjusted(24, 24, -24, -24)
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._words)

    def _fit(self) -> None:
        width = self.viewport().width() - 1
        columns = max(1, round(width / (self._wish + GAP)))
        side = max(32, width // columns - GAP)
        if side != self._tile.side:
            self._tile.side = side
            self.scheduleDelayedItemsLayout()

    @Slot()
    def _choose(self) -> None:
        if self.current():
            self.chosen.emit(self.current())

    @Slot()
    def _large(self) -> None:
        if self.currentIndex().isValid():
            self.full.emit()

    @Slot(QModelIndex, QModelIndex)
    def _moved(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self.picked.emit(str(current.data(PictureList.PATH)))

    @Slot(QItemSelection, QItemSelection)
    def _selected(self, _now: QItemSelection, _before: QItemSelection) -> None:
        self.selected.emit()
