"""Changing many captions at once: what is to be done, and what it would do to each, before it is done."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.dataset_writing import checked
from app.errand import Errand
from app.widgets.basics import button, calm, column, label, named, row
from app.widgets.batch_kinds import GROUPS, KINDS, ORDERS, Kind, Said
from app.widgets.change_table import ChangeTable
from trainer.dataset import edits
from trainer.dataset.book import Change
from trainer.dataset.tags import counts

TYPING = 200
"""Milliseconds after the last letter before the changes are looked at."""
KIND_WIDTH = 200
LOOKING = "Looking at what would change …"


class Fields(QWidget):
    """The fields of one kind of change. `changed`: another change is wanted."""

    changed = Signal()

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind = kind
        self.first, self.second = QLineEdit(), QLineEdit()
        self.ticks = [QCheckBox(words) for words, _ in kind.ticks]
        for tick, (_, does) in zip(self.ticks, kind.ticks, strict=True):
            tick.setToolTip(does)
        self.order, self.number = QComboBox(), QSpinBox(minimum=0, maximum=99)
        for order, words in ORDERS.items():
            self.order.addItem(words, order)
        for field in (self.order, self.number):
            calm(field)
        parts: list[QWidget] = [named(words, line) for words, line in zip(kind.lines, self.lines, strict=False)]
        if kind.asks_order:
            parts.append(named("Order", self.order))
        if kind.number:
            parts.append(named(kind.number, self.number))
        rows = [row(*parts)] if parts else []
        if kind.ticks:
            rows.append(row(*self.ticks, 0, spacing=16))
        if kind.hint:
            rows.append(label(kind.hint, "muted"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(*rows))
        for line in self.lines:
            line.textEdited.connect(self.changed)
        for tick in self.ticks:
            tick.toggled.connect(self.changed)
        self.order.activated.connect(self.changed)
        self.number.valueChanged.connect(self.changed)

    @property
    def lines(self) -> tuple[QLineEdit, QLineEdit]:
        return self.first, self.second

    @property
    def is_filled(self) -> bool:
        """Whether it is said what to do."""
        return not self.kind.lines or bool(self.first.text())

    def said(self, folder: DatasetFolder) -> Said:
        ticks = tuple(tick.isChecked() for tick in self.ticks)
        order: edits.Order = self.order.currentData()
        count_tags = partial(_count_tags, folder)
        return Said(self.first.text(), self.second.text(), ticks, self.number.value(), order, count_tags)

    @property
    def title(self) -> str:
        lines = [line.text().strip() for line in self.lines[: len(self.kind.lines)]]
        said = self.order.currentText() if self.kind.asks_order else " → ".join(filter(None, lines))
        return f"{self.kind.words}: {said}" if said else self.kind.words


class BatchPanel(QWidget):
    """`left`: it is done with, or was given up.

    What the table shows is written as it is shown, under the title of what was asked for then; as soon as something
    else is asked for, it can't be written any more.
    """

    left = Signal()

    def __init__(self, folder: DatasetFolder) -> None:
        super().__init__()
        self._folder = folder
        self._places: list[int] = []
        self._errands: dict[object, Errand] = {}
        self._wanted = self._shown = 0
        """The numbers of the changes that are looked for, and of those in the table."""
        self._title = ""
        """Of the step that the table shows."""
        self.kind = QComboBox()
        calm(self.kind)
        self.fields = [Fields(kind) for kind in KINDS]
        self.table = ChangeTable()
        self._words = label("", "muted")
        self._fault = label("", "error")
        self._apply = button("Change them", "One step, which Undo takes back", self.apply, icon="done", kind="primary")
        self._soon = QTimer(self, singleShot=True, interval=TYPING)
        self._fill_kinds()
        self._lay_out()
        self.kind.activated.connect(self._turn)
        for fields in self.fields:
            fields.changed.connect(self._ask)
        self._soon.timeout.connect(self.look)
        self.table.ticked.connect(self._count)
        self._show_fields()
        self._count()

    def open(self, places: Sequence[int]) -> None:
        self._places = list(places)
        self._show(())
        self.look()
        (self._fields.first if self._fields.kind.lines else self.kind).setFocus()

    def forget(self) -> None:
        """Another folder is open: what was worked out is about pictures that are not there any more."""
        self._places = []
        self._await()
        self._show(())

    @property
    def _fields(self) -> Fields:
        return self.fields[self.kind.currentData()]

    @Slot()
    def look(self) -> None:
        """Show what would be changed, worked out in the pool."""
        self._await()
        fields = self._fields
        about = self._wanted, fields.title
        if not fields.is_filled:
            self._take(about, ())
            return
        make = partial(fields.kind.make, fields.said(self._folder))
        errand = Errand(about, partial(_preview, self._folder, make, self._places))
        errand.told.done.connect(self._take)
        errand.told.failed.connect(self._failed)
        errand.told.stopped.connect(self._stopped)
        self._errands[about] = errand
        errand.start()

    @Slot()
    def apply(self) -> None:
        chosen = self.table.chosen()
        if chosen and self._shown == self._wanted:
            self._folder.write(self._title, chosen)
            self.left.emit()

    @Slot()
    def _ask(self) -> None:
        self._await()
        self._soon.start()

    def _await(self) -> None:
        """What is in the table is not what is wanted any more."""
        self._soon.stop()
        for errand in self._errands.values():
            errand.cancel()
        self._wanted += 1
        self._apply.setEnabled(False)
        self._words.setText(LOOKING)
        self._say_fault("")

    @Slot(object, object)
    def _take(self, about: tuple[int, str], changes: tuple[Change, ...]) -> None:
        self._errands.pop(about, None)
        if about[0] == self._wanted:
            self._shown, self._title = about
            self._show(changes)

    @Slot(object, str)
    def _failed(self, about: tuple[int, str], why: str) -> None:
        self._take(about, ())
        if about[0] == self._wanted:
            self._say_fault(why)

    @Slot(object)
    def _stopped(self, about: tuple[int, str]) -> None:
        self._errands.pop(about, None)

    @Slot()
    def _turn(self) -> None:
        self._show_fields()
        self._ask()

    def _show_fields(self) -> None:
        for fields in self.fields:
            fields.setVisible(fields is self._fields)

    def _show(self, changes: tuple[Change, ...]) -> None:
        self.table.set_changes(changes, [self._folder.rows[change.place].relative for change in changes])
        self._count()

    @Slot()
    def _count(self) -> None:
        chosen, is_wanted = len(self.table.chosen()), self._shown == self._wanted
        if is_wanted:
            about = f"{chosen:,} of {len(self._places):,} captions change."
            self._words.setText(about if chosen else "Nothing changes.")
        self._apply.setEnabled(is_wanted and chosen > 0)

    def _say_fault(self, words: str) -> None:
        self._fault.setText(words)
        self._fault.setVisible(bool(words))

    def _fill_kinds(self) -> None:
        for place, kind in enumerate(KINDS):
            if place and kind in (group[0] for group in GROUPS):
                self.kind.insertSeparator(self.kind.count())
            self.kind.addItem(kind.words, place)
        self.kind.setMaxVisibleItems(self.kind.count())

    def _lay_out(self) -> None:
        kind = named("What is to be done", self.kind)
        kind.setFixedWidth(KIND_WIDTH)
        wanted = QWidget()
        beside = QHBoxLayout(wanted)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.addWidget(kind, 0, Qt.AlignmentFlag.AlignTop)
        beside.addWidget(column(*self.fields))
        back = button("Back", "Nothing is changed (Esc)", self.left.emit, icon="back")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                label("Change captions", "title"),
                wanted,
                self._fault,
                self.table,
                self._words,
                row(self._apply, back, 0),
                margins=(24, 20, 24, 16),
                spacing=12,
            )
        )


def _preview(
    folder: DatasetFolder, make: Callable[[], edits.Operation], places: Sequence[int], errand: Errand
) -> tuple[Change, ...]:
    return folder.preview(checked(make(), errand), places)


def _count_tags(folder: DatasetFolder) -> Mapping[str, int]:
    """Of the whole dataset."""
    return dict(counts(of.caption for of in folder.rows))
