"""Settings: what concerns the whole program."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from app.settings import Settings
from app.theme import theme
from app.widgets.basics import button, calm, column, label, named, open_folder, row
from trainer.home import Home

SCHEMES = (("system", "as the system has it"), ("dark", "dark"), ("light", "light"))
WIDTH = 560


class SettingsPage(QWidget):
    """Each change is in force at once; it is written down when the window closes."""

    def __init__(self, home: Home, settings: Settings) -> None:
        super().__init__()
        self._home, self._settings = home, settings
        self._scheme = QComboBox()
        for value, words in SCHEMES:
            self._scheme.addItem(words, value)
        self._scheme.setCurrentIndex(self._scheme.findData(settings.theme))
        self._scheme.setToolTip("The colours of the window.")
        self._scheme.activated.connect(self._choose_scheme)
        calm(self._scheme)
        place = label(str(home.root))
        place.setToolTip("Set another folder with --home, or with the environment variable GESSO_HOME.")
        open_home = button("Open", "Open the folder in your file manager", self._open_home, icon="folder")
        content = column(
            label("Settings", "title"),
            named("Colours", self._scheme),
            label("Your Gesso folder: models, datasets, runs and pictures", "muted"),
            row(place, open_home),
            0,
            margins=(24, 24, 24, 24),
            spacing=16,
        )
        content.setMaximumWidth(WIDTH)
        QVBoxLayout(self).addWidget(content)

    @Slot()
    def _choose_scheme(self) -> None:
        self._settings.theme = self._scheme.currentData()
        theme().set_wish(self._settings.theme)

    @Slot()
    def _open_home(self) -> None:
        open_folder(self._home.root)
