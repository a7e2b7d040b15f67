"""Changing many captions at once: what is to be done, and what it would do to each, before it is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QSpinBox, QStackedWidget, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.dataset_writing import checked
from app.errand import Errand
from app.widgets.basics import button, calm, column, label, named, row
from app.widgets.change_table import ChangeTable
from trainer.contract.errors import UserError
from trainer.dataset import edits
from trainer.dataset.book import Change

TYPING = 200
"""Milliseconds after the last letter before the changes are looked at."""


class Fields(QWidget):
    """The fields of one kind of change. `changed`: another change is wanted."""

    changed = Signal()

    def __init__(self, kind: "Kind") -> None:
        super().__init__()
        self._kind = kind
        self.first, self.second = QLineEdit(), QLineEdit()
        self.flag = QCheckBox(kind.flag)
        self.number = QSpinBox(minimum=0, maximum=99)
        calm(self.number)
        parts: list[QWidget | int] = [named(words, line) for words, line in zip(kind.lines, self.lines, strict=False)]
        if kind.number:
            parts.append(named(kind.number, self.number))
        if kind.flag:
            parts.append(self.flag)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(row(*parts, *(() if kind.lines else (0,))))
        for line in self.lines:
            line.textEdited.connect(self.changed)
        self.flag.toggled.connect(self.changed)
        self.number.valueChanged.connect(self.changed)

    @property
    def lines(self) -> tuple[QLineEdit, QLineEdit]:
        return self.first, self.second

    @property
    def operation(self) -> edits.Operation | None:
        """None where nothing is said yet. Raises UserError for what makes no sense."""
        if self._kind.lines and not self.first.text().strip():
            return None
        return self._kind.make(self.first.text(), self.second.text(), self.flag.isChecked(), self.number.value())

    @property
    def title(self) -> str:
        said = " → ".join(line.text().strip() for line in self.lines[: len(self._kind.lines)] if line.text().strip())
        return f"{self._kind.words}: {said}" if said else self._kind.words


@dataclass(frozen=True)
class Kind:
    """One kind of change: its words, the lines, tick and number that it asks for, and how it is made of them."""

    words: str
    lines: tuple[str, ...]
    make: Callable[[str, str, bool, int], edits.Operation]
    flag: str = ""
    number: str = ""


KINDS = (
    Kind(
        "Add tags",
        ("Tags, separated by commas",),
        lambda tags, _, first, __: edits.AddTags((tags,), after=0 if first else None),
        "at the beginning",
    ),
    Kind("Remove tags", ("Tags, separated by commas",), lambda tags, _, __, ___: edits.RemoveTags((tags,))),
    Kind(
        "Replace a tag",
        ("Tag", "By (may be several)"),
        lambda tag, by, _, __: edits.ReplaceTag(tag.strip(), by.strip()),
    ),
    Kind(
        "Replace text",
        ("Find", "Replace by"),
        lambda find, by, regex, _: edits.ReplaceText(find, by, regex=regex),
        "as a regular expression",
    ),
    Kind(
        "Sort tags",
        (),
        lambda _, __, ___, keep: edits.SortTags(keep=keep),
        number="Tags at the beginning that stay",
    ),
    Kind("Remove repeated tags", (), lambda _, __, ___, ____: edits.Deduplicate()),
    Kind("Put before", ("Text",), lambda text, _, __, ___: edits.WithPrefix(text)),
    Kind("Put behind", ("Text",), lambda text, _, __, ___: edits.WithSuffix(text)),
    Kind("Trigger word", ("Word",), lambda word, _, __, ___: edits.WithTrigger(word)),
)


class BatchPanel(QWidget):
    """`left`: it is done with, or was given up."""

    left = Signal()

    def __init__(self, folder: DatasetFolder) -> None:
        super().__init__()
        self._folder = folder
        self._places: list[int] = []
        self._looking: Errand | None = None
        self._wanted = 0
        self.kind = QComboBox()
        calm(self.kind)
        for kind in KINDS:
            self.kind.addItem(kind.words)
        self.fields = [Fields(kind) for kind in KINDS]
        self._stack = QStackedWidget()
        self.table = ChangeTable()
        self._words = label("", "muted")
        self._fault = label("", "error")
        self._apply = button("Change them", "One step, which Undo takes back", self.apply, icon="done", kind="primary")
        self._soon = QTimer(self, singleShot=True, interval=TYPING)
        self._lay_out()
        self.kind.activated.connect(self._turn)
        for fields in self.fields:
            fields.changed.connect(self._soon.start)
        self._soon.timeout.connect(self.look)
        self.table.ticked.connect(self._count)
        self._count()

    def open(self, places: Sequence[int]) -> None:
        self._places = list(places)
        self.look()
        self._fields.first.setFocus()

    def forget(self) -> None:
        """Another folder is open: what was worked out is about pictures that are not there any more."""
        self._places = []
        self._wanted += 1
        self._take(self._wanted, ())

    @property
    def _fields(self) -> Fields:
        return self.fields[self.kind.currentIndex()]

    @Slot()
    def look(self) -> None:
        """Show what would be changed, worked out in the pool."""
        self._soon.stop()
        self._say_fault("")
        if self._looking is not None:
            self._looking.cancel()
        try:
            operation = self._fields.operation
        except UserError as error:
            operation = None
            self._say_fault(str(error))
        self._wanted += 1
        if operation is None:
            self._take(self._wanted, ())
            return
        errand = Errand(self._wanted, partial(_preview, self._folder, operation, self._places))
        errand.told.done.connect(self._take)
        errand.told.failed.connect(self._failed)
        self._looking = errand
        errand.start()

    @Slot()
    def apply(self) -> None:
        chosen = self.table.chosen()
        if chosen:
            self._folder.write(self._fields.title, chosen)
            self.left.emit()

    @Slot(object, object)
    def _take(self, number: int, changes: tuple[Change, ...]) -> None:
        if number == self._wanted:
            self.table.set_changes(changes, [self._folder.rows[change.place].relative for change in changes])
            self._count()

    @Slot(object, str)
    def _failed(self, number: int, why: str) -> None:
        if number == self._wanted:
            self._take(number, ())
            self._say_fault(why)

    @Slot()
    def _turn(self) -> None:
        self._stack.setCurrentIndex(self.kind.currentIndex())
        self._soon.start()

    @Slot()
    def _count(self) -> None:
        chosen = len(self.table.chosen())
        self._words.setText(f"{chosen:,} of {len(self._places):,} captions change." if chosen else "Nothing changes.")
        self._apply.setEnabled(chosen > 0)

    def _say_fault(self, words: str) -> None:
        self._fault.setText(words)
        self._fault.setVisible(bool(words))

    def _lay_out(self) -> None:
        for fields in self.fields:
            self._stack.addWidget(fields)
        self._stack.setSizePolicy(self._stack.sizePolicy().horizontalPolicy(), QWidget().sizePolicy().Policy.Maximum)
        kind = named("What is to be done", self.kind)
        kind.setFixedWidth(200)
        back = button("Back", "Nothing is changed (Esc)", self.left.emit, icon="back")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                label("Change captions", "title"),
                row(kind, self._stack),
                self._fault,
                self.table,
                self._words,
                row(self._apply, back, 0),
                margins=(24, 20, 24, 16),
                spacing=12,
            )
        )


def _preview(
    folder: DatasetFolder, operation: edits.Operation, places: Sequence[int], errand: Errand
) -> tuple[Change, ...]:
    return folder.preview(checked(operation, errand), places)
