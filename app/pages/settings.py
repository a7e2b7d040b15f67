"""Settings: its sections on the left, the chosen one beside them."""

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QStringListModel, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QStackedWidget, QWidget

from app.actions import Actions
from app.engine import EngineLink
from app.models_list import Models
from app.pages.settings_about import AboutSettings
from app.pages.settings_folders import FolderSettings
from app.pages.settings_general import GeneralSettings
from app.pages.settings_shortcuts import ShortcutSettings
from app.pages.settings_storage import StorageSettings
from app.queue import Queue
from app.settings import Settings
from app.widgets.basics import column, label, row, side_by_side, surface
from app.widgets.model_list import GroupRow, Rows
from trainer.home import Home

SECTIONS = ("General", "Folders", "Shortcuts", "Storage", "About")
SECTIONS_WIDTH, WIDTH, MARGIN = 180, 640, 24


class SettingsPage(QWidget):
    """Each change is in force at once. `changed` says that the settings are to be written down, `folders_changed` that
    it must be done now because the library reads them next, `said` is a sentence for the status bar."""

    changed = Signal()
    folders_changed = Signal()
    said = Signal(str)

    def __init__(
        self, home: Home, settings: Settings, actions: Actions, engine: EngineLink, queue: Queue, models: Models
    ) -> None:
        super().__init__()
        self.general = GeneralSettings(settings)
        self.folders = FolderSettings(home, settings, models)
        self.shortcuts = ShortcutSettings(actions)
        self.storage = StorageSettings(home, queue)
        self.about = AboutSettings(engine)
        self._names = QStringListModel(SECTIONS, self)
        self._list = Rows("Sections of the settings", self._names, GroupRow(), "panel")
        self._list.setToolTip("What the settings are about")
        self._stack = QStackedWidget()
        for section in (self.general, self.folders):
            self._stack.addWidget(_scrolled(section))
        self._stack.addWidget(_framed(self.shortcuts))
        for section in (self.storage, self.about):
            self._stack.addWidget(_scrolled(section))
        for section in (self.general, self.shortcuts):
            section.changed.connect(self.changed)
        self.folders.changed.connect(self.folders_changed)
        for section in (self.shortcuts, self.storage, self.about):
            section.said.connect(self.said)
        self._list.selectionModel().currentChanged.connect(self._moved)
        title = label("Settings", "title")
        left = surface(
            column(row(title, margins=(8, 0, 0, 0)), self._list, margins=(8, 16, 8, 16)), "panel", edge="right"
        )
        left.setFixedWidth(SECTIONS_WIDTH)
        side_by_side(self, left, self._stack)
        self.show_section(SECTIONS[0])

    def focusInEvent(self, _event: QFocusEvent) -> None:
        self._list.setFocus()

    def show_section(self, name: str) -> None:
        if name in SECTIONS:
            self._list.setCurrentIndex(self._names.index(SECTIONS.index(name)))

    def view(self) -> dict[str, object]:
        return {"section": SECTIONS[self._stack.currentIndex()]}

    def set_view(self, view: Mapping[str, object]) -> None:
        self.show_section(str(view.get("section", "")))

    def stop_work(self) -> None:
        """For the window that closes."""
        self.storage.leave()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.storage.leave()

    @Slot(QModelIndex, QModelIndex)
    def _moved(self, current: QModelIndex, _before: QModelIndex) -> None:
        self._stack.setCurrentIndex(max(0, current.row()))
        if self.isVisible():
            self._look()

    def _look(self) -> None:
        """What the chosen section has to ask the disk for is asked when it is looked at."""
        match SECTIONS[self._stack.currentIndex()]:
            case "Folders":
                self.folders.look()
            case "Storage":
                self.storage.look()
            case _:
                self.storage.leave()


def _framed(section: QWidget) -> QWidget:
    """At the left, and no wider than is good to read."""
    section.setMaximumWidth(WIDTH)
    made = row(section, margins=(MARGIN, MARGIN, MARGIN, MARGIN))
    layout = made.layout()
    if isinstance(layout, QHBoxLayout):
        layout.setStretch(0, 1)
        layout.addStretch(0)
    return made


def _scrolled(section: QWidget) -> QScrollArea:
    made = QScrollArea()
    made.setWidget(_framed(section))
    made.setWidgetResizable(True)
    made.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return made
