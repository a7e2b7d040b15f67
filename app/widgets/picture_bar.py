"""The line above the grid of the Gallery: what is searched for, in which order, how large the tiles are, how many."""

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSlider, QVBoxLayout, QWidget

from app.picture_index import Order
from app.widgets.basics import calm, column, label, row

SMALLEST_TILE, LARGEST_TILE, TILE = 96, 256, 160
TYPING = 150
"""Milliseconds after the last letter before the search begins."""
ORDERS: dict[Order, str] = {
    "newest": "Newest first",
    "oldest": "Oldest first",
    "name": "By name",
    "largest": "Largest file first",
}


class PictureBar(QWidget):
    """`changed`: other pictures are wanted, or in another order. `resized` carries the wished size of the tiles."""

    changed = Signal()
    resized = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.only = QCheckBox("Favourites only")
        self._order = QComboBox()
        self._size = QSlider(Qt.Orientation.Horizontal)
        self._count = label("", "muted")
        self._typing = QTimer(self, singleShot=True, interval=TYPING)
        self._make_fields()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(row(self.search, self.only, self._order, self._size, spacing=16), row(self._count, 0)))
        self.search.textChanged.connect(self._typing.start)
        self._typing.timeout.connect(self.changed)
        self.only.toggled.connect(self._at_once)
        self._order.activated.connect(self._at_once)
        self._size.valueChanged.connect(self.resized)

    @property
    def words(self) -> list[str]:
        """What is searched for, in one case."""
        return self.search.text().casefold().split()

    @property
    def order(self) -> Order:
        return self._order.currentData()

    @property
    def is_filtering(self) -> bool:
        return self.only.isChecked() or bool(self.words)

    @property
    def tile(self) -> int:
        return self._size.value()

    def view(self) -> dict[str, object]:
        return {
            "search": self.search.text(),
            "only": self.only.isChecked(),
            "order": self.order,
            "tile": self.tile,
        }

    def set_view(self, view: Mapping[str, object]) -> None:
        """As `view` gave it; what makes no sense is passed over. Says nothing but `resized`."""
        search, only, order, tile = (view.get(key) for key in ("search", "only", "order", "tile"))
        with QSignalBlocker(self.search), QSignalBlocker(self.only):
            self.search.setText(search if isinstance(search, str) else "")
            self.only.setChecked(only is True)
        self._order.setCurrentIndex(max(0, self._order.findData(order)))
        if isinstance(tile, int):
            self._size.setValue(tile)

    def say_count(self, total: int, shown: int, unread: int) -> None:
        text = f"{total:,} pictures" if total != 1 else "1 picture"
        if self.is_filtering:
            text = f"{shown:,} of {text}"
        if unread:
            text += f"  ·  settings read of {total - unread:,} so far"
        self._count.setText(text)

    @property
    def count_in_words(self) -> str:
        return self._count.text()

    @Slot()
    def _at_once(self) -> None:
        self._typing.stop()
        self.changed.emit()

    def _make_fields(self) -> None:
        self.search.setPlaceholderText("Search prompt, model, LoRA, seed")
        self.search.setAccessibleName("Search")
        self.search.setToolTip("Shows the pictures in whose settings all these words stand")
        self.search.setClearButtonEnabled(True)
        self.only.setToolTip("Show only pictures with a star")
        for order, words in ORDERS.items():
            self._order.addItem(words, order)
        self._order.setToolTip("In which order the pictures stand")
        self._order.setAccessibleName("Order")
        calm(self._order)
        self._size.setRange(SMALLEST_TILE, LARGEST_TILE)
        self._size.setValue(TILE)
        self._size.setFixedWidth(96)
        self._size.setAccessibleName("Size of the pictures in the grid")
        self._size.setToolTip("How large the pictures stand in the grid")
        calm(self._size)
        self._count.setWordWrap(False)
