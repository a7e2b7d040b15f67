"""Thresholds moved after a tagger ran: what each caption would become is seen while they move, and written at once."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal, Slot
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSlider, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errand
from app.widgets.basics import button, calm, column, label, named, row
from app.widgets.change_table import ChangeTable
from trainer.contract.caption import Tagger, Wd
from trainer.contract.captioners import CAPTIONERS, USUAL_CHARACTER_THRESHOLD, CaptionerName, wd_threshold
from trainer.dataset.book import CaptionBook, Change
from trainer.dataset.readings import FLOOR
from trainer.dataset.retagging import Told, changes, scored
from trainer.dataset.tag_scores import Reading

MOVING = 80
"""Milliseconds after the last move before the changes are looked at."""
NOBODY = "No tagger has looked at these pictures yet. Let one caption them; its scores are kept, and can be used here."
Found = dict[Told, dict[str, Reading]]


class Level(QWidget):
    """A threshold from 0.05, below which no scores are kept, to 1: by slider or number."""

    moved = Signal()

    def __init__(self, name: str, does: str) -> None:
        super().__init__()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(FLOOR * 100), 100)
        self.slider.setPageStep(5)
        self.number = QDoubleSpinBox(minimum=FLOOR, maximum=1.0, singleStep=0.01, decimals=4)
        for field in (self.slider, self.number):
            calm(field)
            field.setToolTip(does)
        self.number.setAccessibleName(f"{name}, as a number")
        self.number.setFixedWidth(88)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(named(name, row(self.slider, self.number)))
        self.slider.setAccessibleName(name)
        self.slider.valueChanged.connect(self._slid)
        self.number.valueChanged.connect(self._typed)

    @property
    def value(self) -> float:
        return round(self.number.value(), 4)

    def set_value(self, value: float) -> None:
        with QSignalBlocker(self.number), QSignalBlocker(self.slider):
            self.number.setValue(value)
            self.slider.setValue(round(value * 100))

    @Slot(int)
    def _slid(self, value: int) -> None:
        self.set_value(value / 100)
        self.moved.emit()

    @Slot(float)
    def _typed(self, value: float) -> None:
        self.set_value(value)
        self.moved.emit()


class ThresholdPanel(QWidget):
    """`left`: it is done with, or was given up. `options` gives a tagger as it is asked now."""

    left = Signal()

    def __init__(self, folder: DatasetFolder, options: Callable[[CaptionerName], Tagger]) -> None:
        super().__init__()
        self._folder, self._options = folder, options
        self._places: list[int] = []
        self._found: Found = {}
        self._wanted = self._shown = 0
        """The numbers of the changes that are looked for, and of those in the table."""
        self._errands: dict[object, Errand] = {}
        self.tagger = QComboBox()
        calm(self.tagger)
        self.general = Level("Threshold", "Tags that the tagger is less sure of are left out")
        self.character = Level("For characters", "The threshold for names of characters")
        self.table = ChangeTable()
        self._words, self._fault = label("", "muted"), label("", "error")
        self._apply = button("Change them", "One step, which Undo takes back", self.apply, icon="done", kind="primary")
        self._soon = QTimer(self, singleShot=True, interval=MOVING)
        self._lay_out()
        self.tagger.activated.connect(self._choose)
        for level in (self.general, self.character):
            level.moved.connect(self._move)
        self._soon.timeout.connect(self.look)
        self.table.ticked.connect(self._count)

    def open(self, places: Sequence[int]) -> None:
        """About these pictures; what taggers said of them is read in the pool."""
        self._places = list(places)
        self._wanted += 1
        self._show(())
        self._words.setText("Reading what the taggers said …")
        self._start("scores", partial(_scored, self._folder.book), self._take_scores)

    def forget(self) -> None:
        """Another folder is open."""
        self._places, self._found = [], {}
        self._wanted += 1
        self._show(())

    @Slot()
    def _move(self) -> None:
        """What the table shows is of thresholds that are no more, and can't be written."""
        self._apply.setEnabled(False)
        self._wanted += 1
        self._soon.start()

    @Slot()
    def look(self) -> None:
        """Show what would change with the thresholds as they are."""
        self._soon.stop()
        self._apply.setEnabled(False)
        told, options = self._told, self.options
        if told is None or options is None:
            return
        for number, errand in self._errands.items():
            if isinstance(number, int):
                errand.cancel()
        self._wanted += 1
        work = partial(_changes, self._folder.book, self._places, self._found[told], options)
        self._start(self._wanted, work, self._take_changes)

    @property
    def options(self) -> Tagger | None:
        """The tagger with the thresholds that are chosen here; None while there is none."""
        told = self._told
        if told is None:
            return None
        asked = self._options(told[0])
        if isinstance(asked, Wd):
            levels = {"threshold": self.general.value, "character_threshold": self.character.value}
            return asked.model_copy(update=levels)
        return asked.model_copy(update={"threshold": self.general.value})

    @Slot()
    def apply(self) -> None:
        chosen, told = self.table.chosen(), self._told
        if chosen and told is not None and self._apply.isEnabled():
            self._folder.write(f"Threshold {self.general.value:g} of {_name(told)}", chosen)
            self.left.emit()

    @property
    def _told(self) -> Told | None:
        told = list(self._found)
        return told[self.tagger.currentIndex()] if 0 <= self.tagger.currentIndex() < len(told) else None

    @Slot(object, object)
    def _take_scores(self, about: object, found: Found) -> None:
        self._errands.pop(about, None)
        self._found = found
        self.tagger.clear()
        self.tagger.addItems([f"{_name(told)} ({len(readings):,} pictures)" for told, readings in found.items()])
        for part in self._levels:
            part.setEnabled(bool(found))
        self._words.setText("" if found else NOBODY)
        if found:
            self._choose()
            self.general.slider.setFocus()

    @Slot()
    def _choose(self) -> None:
        """Begin from the thresholds that the tagger is asked with."""
        told = self._told
        if told is None:
            return
        asked = self._options(told[0])
        general = wd_threshold(told[1]) if asked.threshold is None else asked.threshold
        self.general.set_value(general)
        self.character.setVisible(isinstance(asked, Wd))
        if isinstance(asked, Wd):
            self.character.set_value(
                USUAL_CHARACTER_THRESHOLD if asked.character_threshold is None else asked.character_threshold
            )
        self.look()

    @Slot(object, object)
    def _take_changes(self, number: object, found: tuple[Change, ...]) -> None:
        self._errands.pop(number, None)
        if number == self._wanted:
            self._shown = self._wanted
            self._show(found)

    @Slot(object, str)
    def _failed(self, about: object, why: str) -> None:
        self._errands.pop(about, None)
        self._show(())
        self._fault.setText(why)
        self._fault.show()

    @Slot(object)
    def _stopped(self, about: object) -> None:
        self._errands.pop(about, None)

    def _start(self, about: object, work: Callable[[Errand], object], then: Callable[..., None]) -> None:
        errand = Errand(about, work)
        errand.told.done.connect(then)
        errand.told.failed.connect(self._failed)
        errand.told.stopped.connect(self._stopped)
        self._errands[about] = errand
        errand.start()

    def _show(self, found: tuple[Change, ...]) -> None:
        self._fault.hide()
        self.table.set_changes(found, [self._folder.rows[change.place].relative for change in found])
        self._count()

    @Slot()
    def _count(self) -> None:
        chosen, told = len(self.table.chosen()), self._told
        about = f"{chosen:,} of {len(self._places):,} captions change."
        self._words.setText(about if chosen else "Nothing changes." if told else self._words.text())
        self._apply.setEnabled(chosen > 0 and self._shown == self._wanted)

    def _lay_out(self) -> None:
        self._levels = (self.tagger, self.general, self.character)
        tagger = named("Tagger", self.tagger)
        tagger.setFixedWidth(220)
        back = button("Back", "Nothing is changed (Esc)", self.left.emit, icon="back")
        about = label(
            "The tagger is not asked again: its scores were kept. Its tags follow the threshold, "
            "and what you wrote yourself stays.",
            "muted",
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                label("Move thresholds", "title"),
                about,
                row(tagger, self.general, self.character, spacing=16),
                self._fault,
                self.table,
                self._words,
                row(self._apply, back, 0),
                margins=(24, 20, 24, 16),
                spacing=12,
            )
        )


def _name(told: Told) -> str:
    return told[1] or CAPTIONERS[told[0]].label


def _scored(book: CaptionBook, _errand: Errand) -> Found:
    return scored(book)


def _changes(
    book: CaptionBook, places: Sequence[int], readings: dict[str, Reading], options: Tagger, errand: Errand
) -> tuple[Change, ...]:
    return changes(book, places, readings, options, errand.check)
