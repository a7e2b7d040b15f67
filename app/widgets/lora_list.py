"""The LoRA files in use, each with a slider for its weight, and a button to add one."""

from functools import partial

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QLabel, QMenu, QSizePolicy, QSlider, QVBoxLayout, QWidget

from app.models_list import Models
from app.widgets.basics import button, calm, label, row
from trainer.contract.common import LoraUse
from trainer.library.identity import Kind

SHOWN_FROM, SHOWN_TO = -100, 200
"""Hundredths: what the slider reaches. Job files may go further."""


class LoraList(QWidget):
    """`value()` is the job's `loras`. `changed` is said when the user changed something."""

    changed = Signal()

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._models = models
        self._uses: list[LoraUse] = []
        self._rows: list[QWidget] = []
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._add = button("Add a LoRA", "Lay a trained LoRA over the model", self._offer, icon="add", kind="quiet")
        head = label("LoRA", "muted")
        self._layout.addWidget(row(head, 0, self._add))
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def value(self) -> tuple[LoraUse, ...]:
        return tuple(self._uses)

    def set_value(self, uses: tuple[LoraUse, ...]) -> None:
        self._uses = list(uses)
        self._draw()

    @Slot()
    def _offer(self) -> None:
        menu = QMenu(self)
        taken = {use.name for use in self._uses}
        free = [entry.name for entry in self._models.of_kind(Kind.LORA) if entry.name not in taken]
        for name in free:
            menu.addAction(name.replace("&", "&&"), partial(self._take, name))
        if not free:
            nothing = menu.addAction("There is none yet: train one, or install one on the page Models.")
            nothing.setEnabled(False)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self._add.mapToGlobal(self._add.rect().bottomLeft()))

    def _take(self, name: str) -> None:
        self._uses.append(LoraUse(name=name))
        self._draw()
        self.changed.emit()

    def _drop(self, place: int) -> None:
        del self._uses[place]
        self._draw()
        self.changed.emit()

    def _weigh(self, place: int, shown: QLabel, hundredths: int) -> None:
        self._uses[place] = self._uses[place].model_copy(update={"weight": hundredths / 100})
        shown.setText(f"{hundredths / 100:.2f}")
        self.changed.emit()

    def _draw(self) -> None:
        for old in self._rows:
            self._layout.removeWidget(old)
            old.deleteLater()
        self._rows = [self._row(place, use) for place, use in enumerate(self._uses)]
        for made in self._rows:
            self._layout.addWidget(made)

    def _row(self, place: int, use: LoraUse) -> QWidget:
        name = label(use.name)
        name.setWordWrap(False)
        name.setToolTip(use.name)
        name.setMaximumWidth(110)
        shown = label(f"{use.weight:.2f}", "muted")
        shown.setFixedWidth(36)
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setRange(SHOWN_FROM, SHOWN_TO)
        slider.setValue(round(use.weight * 100))
        slider.setAccessibleName(f"Weight of {use.name}")
        slider.setToolTip("How strongly it acts: 0 not at all, 1 as it was trained.")
        calm(slider)
        slider.valueChanged.connect(partial(self._weigh, place, shown))
        drop = button("", f"Take {use.name} away", partial(self._drop, place), icon="close", kind="quiet")
        return row(name, slider, shown, drop)
