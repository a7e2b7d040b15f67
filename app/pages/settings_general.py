"""Settings, General: the colours of the window, and what the system is to say."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QComboBox, QVBoxLayout, QWidget

from app.settings import Settings
from app.theme import theme
from app.widgets.basics import calm, column, label, named

SCHEMES = (("system", "as the system has it"), ("dark", "dark"), ("light", "light"))


class GeneralSettings(QWidget):
    """`changed` says that the settings are to be written down."""

    changed = Signal()

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._scheme = QComboBox()
        for value, words in SCHEMES:
            self._scheme.addItem(words, value)
        self._scheme.setToolTip("The colours of the window")
        self._scheme.setMaximumWidth(240)
        calm(self._scheme)
        self._notify = QCheckBox("Say when a long job has ended")
        self._notify.setToolTip("By a notice of the system, while another window is in front")
        self._notify.setAccessibleDescription(self._notify.toolTip())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                label("Look", "heading"),
                named("Colours", self._scheme),
                16,
                label("Notices", "heading"),
                self._notify,
                label("The system says it while another window is in front. In Gesso itself nothing pops up.", "muted"),
                0,
                spacing=12,
            )
        )
        self.read()
        self._scheme.activated.connect(self._choose_scheme)
        self._notify.clicked.connect(self._choose_notices)
        theme().changed.connect(self.read)

    @Slot()
    def read(self) -> None:
        """Show what the settings say: the colours can also be changed by a shortcut."""
        self._scheme.setCurrentIndex(max(0, self._scheme.findData(theme().wish)))
        self._notify.setChecked(self._settings.notify)

    @Slot()
    def _choose_scheme(self) -> None:
        self._settings.theme = self._scheme.currentData()
        theme().set_wish(self._settings.theme)
        self.changed.emit()

    @Slot(bool)
    def _choose_notices(self, wanted: bool) -> None:
        self._settings.notify = wanted
        self.changed.emit()
