"""A choice among the user's models, with family and size beside each name."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox

from app.models_list import Models
from app.widgets.basics import calm
from trainer.files import human_size
from trainer.library.identity import Kind
from trainer.library.index import Entry


def in_words(entry: Entry) -> str:
    """`starter  ·  SD 1.x  ·  35.7 MB`."""
    family = entry.identity.family.label.replace("Stable Diffusion", "SD") if entry.identity else "unknown"
    return f"{entry.name}  ·  {family}  ·  {human_size(entry.size)}"


class ModelBox(QComboBox):
    """`chosen` is said when the user picks another model. A name that is not there (any more) stays, and says so."""

    chosen = Signal(str)

    def __init__(self, models: Models, *kinds: Kind, none: str = "") -> None:
        """`none` is what to call the choice of no model, where there is one."""
        super().__init__()
        self._models, self._kinds, self._none = models, kinds, none
        self._name = ""
        calm(self)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.setToolTip("The model that everything starts from. Install more on the page Models.")
        models.changed.connect(self._fill)
        self.activated.connect(self._picked)
        self._fill()

    @property
    def name(self) -> str:
        return self._name

    def set_name(self, name: str) -> None:
        self._name = name
        self._fill()

    def entry(self) -> Entry | None:
        return next((entry for entry in self._models.of_kind(*self._kinds) if entry.name == self._name), None)

    @Slot()
    def _fill(self) -> None:
        self.clear()
        if self._none:
            self.addItem(self._none, "")
        for entry in self._models.of_kind(*self._kinds):
            self.addItem(in_words(entry), entry.name)
        place = self.findData(self._name)
        if place < 0 and self._name:
            self.insertItem(0, f"{self._name}  ·  not found" if self._models.entries else self._name, self._name)
            place = 0
        self.setCurrentIndex(place)

    @Slot(int)
    def _picked(self, _place: int) -> None:
        self._name = str(self.currentData())
        self.chosen.emit(self._name)
