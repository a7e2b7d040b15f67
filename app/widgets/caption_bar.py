"""The line below the page Dataset that lets a captioner look at pictures: which one, and what becomes of captions."""

from collections.abc import Sequence
from typing import get_args

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QWidget

from app.widgets.basics import button, calm, label
from trainer.contract.caption import BLIP_PRESETS, AnyCaptioner, CaptionJob, DeepBooru, FileName, Mode, Wd
from trainer.contract.captioners import wd_threshold
from trainer.library.index import Entry

MODES: dict[Mode, str] = {
    "fill": "fill empty only",
    "replace": "write over what is there",
    "prepend": "put before what is there",
    "append": "put behind what is there",
}
FILE_NAME = "File name"
NO_CAPTIONER = "No captioner is installed: see Models."


class CaptionBar(QWidget):
    """`wanted` carries a captioner and a mode; `changed`: which pictures it would look at may be others."""

    wanted = Signal()
    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.captioner, self.mode = QComboBox(), QComboBox()
        self.threshold = QDoubleSpinBox(minimum=0.01, maximum=1.0, singleStep=0.05, decimals=2)
        self.start = button("Caption pictures", "The captioner looks at them", self.wanted.emit, kind="primary")
        self._hint = label("", "muted")
        self._models: dict[str, Entry] = {}
        for field, name, does in (
            (self.captioner, "Captioner", "What looks at the pictures"),
            (self.mode, "Captions that are there", "What becomes of captions that are there already"),
            (self.threshold, "Threshold", "Tags that the model is less sure of are left out"),
        ):
            calm(field)
            field.setAccessibleName(name)
            field.setToolTip(does)
        for mode, words in MODES.items():
            self.mode.addItem(words, mode)
        assert set(MODES) == set(get_args(Mode))
        self.captioner.setMinimumWidth(180)
        self.captioner.addItem(FILE_NAME, "")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for part in (self.captioner, self.mode, self.threshold, self.start, self._hint):
            layout.addWidget(part)
        layout.setStretch(4, 1)
        self.captioner.currentIndexChanged.connect(self._chosen)
        self.mode.currentIndexChanged.connect(self.changed)
        self._chosen()

    def set_models(self, entries: Sequence[Entry]) -> None:
        """The captioners that are installed; the chosen one stays chosen."""
        before = self.captioner.currentText()
        self._models = {entry.name: entry for entry in entries}
        self.captioner.blockSignals(True)
        self.captioner.clear()
        for name in [*self._models, FILE_NAME]:
            self.captioner.addItem(name)
        self.captioner.setCurrentIndex(max(0, self.captioner.findText(before) if before != FILE_NAME else 0))
        self.captioner.blockSignals(False)
        self._chosen()

    def say_pictures(self, count: int) -> None:
        """How many it would look at now."""
        self.start.setText(f"Caption {count:,} pictures" if count != 1 else "Caption 1 picture")
        self.start.setEnabled(count > 0)

    @property
    def fills(self) -> bool:
        return self.mode.currentData() == "fill"

    def job(self, folder: str, only: Sequence[str]) -> CaptionJob:
        return CaptionJob(folder=folder, captioner=self._captioner(), mode=self.mode.currentData(), only=tuple(only))

    def _kind(self) -> str:
        entry = self._models.get(self.captioner.currentText())
        return entry.identity.variant if entry is not None and entry.identity is not None else ""

    def _captioner(self) -> AnyCaptioner:
        name = self.captioner.currentText()
        match self._kind():
            case "blip":
                return BLIP_PRESETS["kohya"].model_copy(update={"model": name})
            case "wd":
                return Wd(model=name, threshold=self.threshold.value())
            case "deepbooru":
                return DeepBooru(model=name, threshold=self.threshold.value())
            case _:
                return FileName()

    @Slot()
    def _chosen(self) -> None:
        kind = self._kind()
        self.threshold.setVisible(kind in ("wd", "deepbooru"))
        if kind == "wd":
            self.threshold.setValue(wd_threshold(self.captioner.currentText()))
        elif kind == "deepbooru":
            self.threshold.setValue(DeepBooru().threshold)
        self._hint.setText("" if self._models else NO_CAPTIONER)
        self.changed.emit()
