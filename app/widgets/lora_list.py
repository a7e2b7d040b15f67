"""The LoRA files in use, each with a slider and a number for its weight, and a button to add one."""

from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QDoubleSpinBox, QLabel, QMenu, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.models_list import Models
from app.widgets.basics import button, calm, column, label, row
from trainer.contract.common import LoraUse
from trainer.library.identity import Kind, ModelFamily

SHOWN_FROM, SHOWN_TO = -100, 200
"""Hundredths: what the slider reaches. The number beside it goes as far as a job may."""
LOWEST, HIGHEST = -4.0, 4.0
NAME_WIDTH = 104
WEIGHT_HELP = "How strongly it acts: 0 not at all, 1 as it was trained."


class LoraList(QWidget):
    """`value()` is the job's `loras`. `changed` is said when the user changed something."""

    changed = Signal()

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._models = models
        self._family = ModelFamily.UNKNOWN
        self._uses: list[LoraUse] = []
        self._rows: list[LoraRow] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._add = button("Add a LoRA", "Lay a trained LoRA over the model", self._offer, icon="add", kind="quiet")
        self._layout.addWidget(row(label("LoRA", "muted"), 0, self._add))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        models.changed.connect(self._check)

    def value(self) -> tuple[LoraUse, ...]:
        return tuple(self._uses)

    def set_value(self, uses: tuple[LoraUse, ...]) -> None:
        self._uses = list(uses)
        self._draw()

    def set_family(self, family: ModelFamily) -> None:
        """Of the model that they are laid over."""
        self._family = family
        self._check()

    @Slot(object)
    def use(self, uses: tuple[LoraUse, ...]) -> None:
        """Add these; one that is there already takes the new weight."""
        wanted = {use.name: use for use in uses}
        self._uses = [wanted.pop(use.name, use) for use in self._uses] + list(wanted.values())
        self._draw()
        self.changed.emit()

    @Slot()
    def _offer(self) -> None:
        menu = QMenu(self)
        taken = {use.name for use in self._uses}
        free = [entry for entry in self._models.of_kind(Kind.LORA) if entry.name not in taken]
        fitting = [entry.name for entry in free if not self._misfit(entry.name)]
        for name in fitting:
            menu.addAction(name.replace("&", "&&"), partial(self._take, name))
        if not fitting:
            words = (
                "None is made for this model: train one, or install one on the page Models."
                if free
                else "There is none yet: train one, or install one on the page Models."
            )
            menu.addAction(words).setEnabled(False)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self._add.mapToGlobal(self._add.rect().bottomLeft()))

    def _take(self, name: str) -> None:
        self.use((LoraUse(name=name),))

    def _drop(self, place: int) -> None:
        del self._uses[place]
        self._draw()
        self.changed.emit()

    def _weigh(self, place: int, weight: float) -> None:
        self._uses[place] = self._uses[place].model_copy(update={"weight": weight})
        self.changed.emit()

    def _draw(self) -> None:
        for old in self._rows:
            self._layout.removeWidget(old)
            old.hide()
            old.deleteLater()
        self._rows = [LoraRow(use, partial(self._drop, place)) for place, use in enumerate(self._uses)]
        for place, made in enumerate(self._rows):
            made.weighed.connect(partial(self._weigh, place))
            self._layout.addWidget(made)
        self._check()

    @Slot()
    def _check(self) -> None:
        for use, shown in zip(self._uses, self._rows, strict=True):
            shown.say(self._misfit(use.name))

    def _misfit(self, name: str) -> str:
        """Why it can't act; "" where it can, or as long as that is not known."""
        if not self._models.entries or "/" in name or "\\" in name:
            return ""
        entry = next((one for one in self._models.of_kind(Kind.LORA) if one.name.casefold() == name.casefold()), None)
        if entry is None or entry.identity is None:
            return "This LoRA is not among your models."
        family = entry.identity.family
        if ModelFamily.UNKNOWN in (family, self._family) or family is self._family:
            return ""
        return f"Made for {family.label}, not for this model."


class LoraRow(QWidget):
    """One of them. `weighed` carries its new weight."""

    weighed = Signal(float)

    def __init__(self, use: LoraUse, drop: "partial[None]") -> None:
        super().__init__()
        name = _elided(use.name)
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(SHOWN_FROM, SHOWN_TO)
        self._slider.setAccessibleName(f"Weight of {use.name}")
        self._number = QDoubleSpinBox()
        self._number.setRange(LOWEST, HIGHEST)
        self._number.setSingleStep(0.05)
        self._number.setFixedWidth(56)
        self._number.setAccessibleName(f"Weight of {use.name} as a number")
        self._slider.setValue(round(use.weight * 100))
        self._number.setValue(use.weight)
        for field in (self._slider, self._number):
            field.setToolTip(WEIGHT_HELP)
            calm(field)
        self._slider.valueChanged.connect(self._slid)
        self._number.valueChanged.connect(self._typed)
        away = button("", f"Take {use.name} away", drop, icon="close", kind="quiet")
        self._fault = label("", "warn")
        self._fault.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(column(row(name, self._slider, self._number, away), self._fault, spacing=2))

    def say(self, fault: str) -> None:
        self._fault.setText(fault)
        self._fault.setVisible(bool(fault))

    @Slot(int)
    def _slid(self, hundredths: int) -> None:
        with QSignalBlocker(self._number):
            self._number.setValue(hundredths / 100)
        self.weighed.emit(hundredths / 100)

    @Slot(float)
    def _typed(self, weight: float) -> None:
        with QSignalBlocker(self._slider):
            self._slider.setValue(round(weight * 100))
        self.weighed.emit(round(weight, 2))


def _elided(name: str) -> QLabel:
    shown = label()
    shown.setWordWrap(False)
    shown.setText(shown.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, NAME_WIDTH))
    shown.setToolTip(name)
    shown.setFixedWidth(NAME_WIDTH)
    return shown
