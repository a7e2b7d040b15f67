"""The tags of the selected pictures: which all of them have, which only some; to be given to all or taken away."""

from collections.abc import Sequence

from PySide6.QtCore import QStringListModel, Qt, Signal, Slot
from PySide6.QtWidgets import QCompleter, QLineEdit, QVBoxLayout, QWidget

from app.widgets.basics import button, column, row
from app.widgets.count_list import ROW, CountList

ROWS_SHOWN = 5


class SelectionTags(QWidget):
    """`added` and `removed` carry a tag, for every selected picture."""

    added = Signal(str)
    removed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.tags = CountList("Tags of the selection", grows=True)
        self.tags.setProperty("surface", "field")
        self.line = QLineEdit()
        self.line.setAccessibleName("Add a tag")
        self.line.setToolTip("Enter gives it to every selected picture that lacks it")
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        self.line.setCompleter(completer)
        self._give = button("Give to all", "Every selected picture gets this tag", self._add_chosen, icon="add")
        self._take = button("Take away", "No selected picture keeps this tag", self._remove_chosen, icon="remove")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(self.line, self.tags, row(self._give, self._take, 0)))
        self.line.returnPressed.connect(self._add_typed)
        self.tags.selectionModel().currentChanged.connect(self._choose)
        self._choose()

    def set_names(self, names: Sequence[str]) -> None:
        """Tags that are offered while typing."""
        self._names.setStringList(list(names))

    def show_tags(self, counts: Sequence[tuple[str, int]], pictures: int) -> None:
        """How many of the selected pictures have each tag."""
        chosen = self._chosen()
        self.tags.set_counts(counts)
        self.tags.setFixedHeight(min(max(len(counts), 1), ROWS_SHOWN) * ROW + 2)
        names = [tag for tag, _ in counts]
        if chosen in names:
            self.tags.setCurrentIndex(self.tags.model().index(names.index(chosen), 0))
        self.tags.setAccessibleDescription(f"Each with how many of {pictures:,} pictures have it")
        self.tags.count_aloud(pictures > 1)
        self.line.setPlaceholderText("Add a tag to all of them" if pictures > 1 else "Add a tag")
        self._give.setVisible(pictures > 1)
        self.setVisible(pictures > 0)
        self._choose()

    def _chosen(self) -> str:
        index = self.tags.currentIndex()
        return str(index.data()) if index.isValid() else ""

    @Slot()
    def _choose(self) -> None:
        for each in (self._give, self._take):
            each.setEnabled(bool(self._chosen()))

    @Slot()
    def _add_chosen(self) -> None:
        self.added.emit(self._chosen())

    @Slot()
    def _remove_chosen(self) -> None:
        self.removed.emit(self._chosen())

    @Slot()
    def _add_typed(self) -> None:
        tag = self.line.text().strip()
        if tag:
            self.line.clear()
            self.added.emit(tag)
