"""The line below the page Dataset that lets a captioner look at pictures: which one, and what becomes of captions."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QWidget

from app.widgets.basics import button, calm
from app.widgets.caption_options import TEMPLATE, CaptionOptions
from trainer.contract.caption import CaptionJob, Mode
from trainer.library.index import Entry

MODES: dict[Mode, str] = {
    "fill": "fill empty only",
    "replace": "write over",
    "prepend": "put before",
    "append": "put behind",
}
FILE_NAME, SEVERAL = "File name", "Several in one text"


class CaptionBar(QWidget):
    """`wanted`: it is to begin; `changed`: which pictures it would look at may be others. `options` stands above it.
    `moving`: thresholds are to be moved after the run; `getting`: a captioner is to be installed."""

    wanted = Signal()
    changed = Signal()
    moving = Signal()
    getting = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.captioner, self.mode = QComboBox(), QComboBox()
        self.options = CaptionOptions()
        self.options.hide()
        self.more = button(
            "Options", "How the captioner is asked, and how tags are written", self._show_options, kind="tool"
        )
        self.more.setCheckable(True)
        self.start = button("Caption pictures", "The captioner looks at them", self.wanted.emit, kind="primary")
        self.thresholds = button(
            "Thresholds…", "Move a tagger's thresholds after it ran, without running it again", self.moving.emit
        )
        self.get = button(
            "Get a captioner…",
            "None is installed yet, and file names say little; Models says how to come to one",
            self.getting.emit,
            icon="models",
            kind="quiet",
        )
        self._models: dict[str, Entry] = {}
        self._is_open = False
        """Whether the options are to be in sight where there is room for them."""
        self._wished = ""
        """The captioner that was chosen last time, until another is."""
        for field, name, does in (
            (self.captioner, "Captioner", "What looks at the pictures"),
            (self.mode, "Captions that are there", "What becomes of captions that are there already"),
        ):
            calm(field)
            field.setAccessibleName(name)
            field.setToolTip(does)
        for mode, words in MODES.items():
            self.mode.addItem(words, mode)
        assert set(MODES) == set(get_args(Mode))
        self.captioner.setMinimumWidth(160)
        self._fill()
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        for part in (self.captioner, self.mode, self.more, self.start, self.thresholds, self.get):
            layout.addWidget(part)
        layout.addStretch(1)
        self.captioner.currentIndexChanged.connect(self._picked)
        self.mode.currentIndexChanged.connect(self.changed)
        self.options.changed.connect(self._say_options)
        self._chosen()

    def set_models(self, entries: Sequence[Entry]) -> None:
        """The captioners that are installed; the chosen one stays chosen."""
        before = self._wished or self.captioner.currentText()
        self._models = {entry.name: entry for entry in entries}
        by_kind: dict[str, list[str]] = {}
        for name in self._models:
            by_kind.setdefault(self._kind_of(name), []).append(name)
        self.options.set_models(by_kind)
        self.captioner.blockSignals(True)
        self._fill()
        self.captioner.setCurrentIndex(max(0, self.captioner.findText(before) if before != FILE_NAME else 0))
        self.captioner.blockSignals(False)
        self._chosen()

    def _fill(self) -> None:
        self.captioner.clear()
        self.captioner.addItems([*self._models, FILE_NAME, SEVERAL])

    def view(self) -> dict[str, object]:
        """What is to be remembered: the captioner, the mode, and every option."""
        chosen = {"captioner": self._wished or self.captioner.currentText(), "mode": self.mode.currentData()}
        return {**chosen, "open": self._is_open, "options": self.options.view()}

    def set_view(self, view: Mapping[str, Any]) -> None:
        """As `view` gave it; the captioner is chosen once the models have been listed."""
        self._wished = str(view.get("captioner", ""))
        if self.captioner.findText(self._wished) >= 0:
            self.captioner.setCurrentText(self._wished)
        self.mode.setCurrentIndex(max(0, self.mode.findData(view.get("mode"))))
        self.options.set_view(view.get("options", {}))
        self.more.setChecked(bool(view.get("open")))
        self._show_options()

    def give_room(self, has_room: bool) -> None:
        """Without room the options are folded away, until there is some again or they are asked for."""
        self.more.setChecked(self._is_open and has_room)
        self.options.setVisible(self.more.isChecked())

    def say_pictures(self, count: int, left_out: int = 0) -> None:
        """How many it would look at now, and how many it leaves out, as they have a caption."""
        if count:
            words = f"Caption {count:,} pictures" if count > 1 else "Caption 1 picture"
            does = "The captioner looks at them"
        elif left_out:
            words, does = "All have captions", f"To caption them anew, choose “{MODES['replace']}”"
        else:
            words, does = "Caption pictures", "There are no pictures here"
        self.start.setText(words)
        self.start.setToolTip(does)
        self.start.setEnabled(count > 0)

    @property
    def fills(self) -> bool:
        return self.mode.currentData() == "fill"

    def job(self, folder: str, only: Sequence[str]) -> CaptionJob | None:
        """None where an option makes no sense, which is shown where it stands."""
        captioner = self.options.captioner(self.captioner.currentText())
        if captioner is None:
            self.more.setChecked(True)
            self._show_options()
            return None
        return CaptionJob(
            folder=folder,
            captioner=captioner,
            mode=self.mode.currentData(),
            only=tuple(only),
            **self.options.of_job(),
        )

    def _kind_of(self, name: str) -> str:
        entry = self._models.get(name)
        return entry.identity.variant if entry is not None and entry.identity is not None else ""

    @Slot()
    def _picked(self) -> None:
        self._wished = ""
        self._chosen()

    def _chosen(self) -> None:
        name = self.captioner.currentText()
        self.options.show_kind(TEMPLATE if name == SEVERAL else self._kind_of(name) or "filename")
        self.thresholds.setVisible(self._kind_of(name) in ("wd", "deepbooru") or name == SEVERAL)
        self.get.setVisible(not self._models)
        self._say_options()
        self.changed.emit()

    @Slot()
    def _show_options(self) -> None:
        self._is_open = self.more.isChecked()
        self.options.setVisible(self._is_open)

    @Slot()
    def _say_options(self) -> None:
        changes = self.options.changes
        self.more.setText(f"Options · {changes}" if changes else "Options")
        self.more.setAccessibleName(f"Options, {changes} of them set" if changes else "Options")
