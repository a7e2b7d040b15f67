"""Settings, Folders: the user's own, and those of other programs whose models are used where they lie."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.errand import Errand
from app.models_list import Models
from app.settings import Settings
from app.widgets.basics import button, column, label, open_folder, row
from app.widgets.model_words import breakable
from trainer.home import Home
from trainer.library.index import Entry
from trainer.library.other_programs import require_other_folder, shelves

WHY = (
    "Models that you have for AUTOMATIC1111, Forge or ComfyUI can be used where they lie. Choose the program's own "
    "folder or any folder of models; Gesso copies nothing and changes nothing there."
)


@dataclass(frozen=True)
class Looked:
    """What is at a folder now: whether it is there, and where in it models are looked for."""

    is_there: bool
    shelves: tuple[Path, ...] = ()


class FolderSettings(QWidget):
    """`changed` says that the settings are to be written down; the models are listed again right after it."""

    changed = Signal()

    def __init__(self, home: Home, settings: Settings, models: Models) -> None:
        super().__init__()
        self._home, self._settings, self._models = home, settings, models
        self._looked: dict[str, Looked] = {}
        self._looking: Errand | None = None
        self._adding: Errand | None = None
        self._rows = column(spacing=8)
        self._fault = label("", "error")
        self._fault.hide()
        self._add = button("Add a folder …", "Use the models of another program in place", self._ask, icon="add")
        own = button("Open", "Open the folder in your file manager", self._open_home, icon="folder")
        moved = "Another folder is chosen when Gesso is started: with --home, or the environment variable GESSO_HOME."
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                label("Your Gesso folder", "heading"),
                label("It holds your models, datasets, runs and pictures.", "muted"),
                _card(_beside(label(breakable(str(home.root))), own)),
                label(moved, "muted"),
                16,
                label("Models of other programs", "heading"),
                label(WHY, "muted"),
                self._rows,
                self._fault,
                row(self._add, 0),
                0,
                spacing=12,
            )
        )
        models.changed.connect(self._draw)
        self._draw()

    @Slot()
    def look(self) -> None:
        """Ask the disk about the folders, in the pool."""
        if self._looking is None and self._settings.model_folders:
            self._looking = Errand(None, partial(_look, tuple(self._settings.model_folders)))
            self._looking.told.done.connect(self._take_look)
            self._looking.told.failed.connect(self._no_look)
            self._looking.start()

    def add(self, folder: Path) -> None:
        """Use the models in `folder`; what speaks against it is said in place."""
        if self._adding is None:
            self._say("")
            self._adding = Errand(folder, partial(_checked, folder, self._home))
            self._adding.told.done.connect(self._take_new)
            self._adding.told.failed.connect(self._refused)
            self._adding.start()

    @Slot(str)
    def remove(self, folder: str) -> None:
        """Forget a folder. Nothing in it is touched."""
        self._settings.model_folders = [one for one in self._settings.model_folders if one != folder]
        self._say("")
        self._told()

    @Slot()
    def _ask(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "A folder of models, or of a program that has some")
        if found:
            self.add(Path(found))

    @Slot(object, object)
    def _take_new(self, _asked: Path, folder: Path) -> None:
        self._adding = None
        known = self._settings.model_folders
        around = next((one for one in known if folder.is_relative_to(one)), "")
        if around:
            self._say(f"{folder} is listed already" + (f", with {around}." if around != str(folder) else "."))
            return
        inside = [one for one in known if Path(one).is_relative_to(folder)]
        self._settings.model_folders = [*(one for one in known if one not in inside), str(folder)]
        self._told()

    @Slot(object, str)
    def _refused(self, _folder: Path, why: str) -> None:
        self._adding = None
        self._say(why)

    @Slot(object, object)
    def _take_look(self, _about: object, looked: dict[str, Looked]) -> None:
        self._looking = None
        self._looked = looked
        self._draw()

    @Slot(object, str)
    def _no_look(self, _about: object, _why: str) -> None:
        self._looking = None

    def _told(self) -> None:
        self.changed.emit()
        self._models.refresh()
        self.look()
        self._draw()

    def _say(self, text: str) -> None:
        self._fault.setText(breakable(text))
        self._fault.setVisible(bool(text))

    @Slot()
    def _open_home(self) -> None:
        self._home.root.mkdir(parents=True, exist_ok=True)
        open_folder(self._home.root)

    @Slot()
    def _draw(self) -> None:
        layout = self._rows.layout()
        while layout is not None and (item := layout.takeAt(0)) is not None:
            if old := item.widget():
                old.hide()
                old.deleteLater()
        for folder in self._settings.model_folders:
            made = self._row(folder)
            if layout is not None:
                layout.addWidget(made)
            made.show()
        self._rows.setVisible(bool(self._settings.model_folders))

    def _row(self, folder: str) -> QFrame:
        looked = self._looked.get(folder, Looked(True))
        found = in_words(folder, looked, self._models.entries)
        words = column(
            label(breakable(folder)), label(breakable(found), "muted" if looked.is_there else "warn"), spacing=4
        )
        show = button("Open", f"Open {folder} in your file manager", partial(open_folder, Path(folder)), icon="folder")
        show.setEnabled(looked.is_there)
        leave = button("Remove", "Use its models no longer; nothing in it is touched", partial(self.remove, folder))
        leave.setAccessibleName(f"Remove {folder}")
        return _card(_beside(words, show, leave))


def in_words(folder: str, looked: Looked, entries: tuple[Entry, ...]) -> str:
    """`12 models in models/Lora, models/Stable-diffusion`."""
    if not looked.is_there:
        return "This folder is not there now."
    mine = [entry for entry in entries if entry.path.is_relative_to(folder)]
    usable = sum(entry.identity is not None for entry in mine)
    text = "1 model" if usable == 1 else f"{usable:,} models"
    if usable < len(mine):
        text += f" and {len(mine) - usable:,} that can't be used"
    below = [one.relative_to(folder).as_posix() for one in looked.shelves if one != Path(folder)]
    return text + (f", in {', '.join(below)}" if below else "")


def _beside(words: QWidget, *buttons: QWidget) -> QWidget:
    """The words take all the room that the buttons leave."""
    made = row(words, *buttons)
    layout = made.layout()
    if isinstance(layout, QHBoxLayout):
        layout.setStretch(0, 1)
    return made


def _card(content: QWidget) -> QFrame:
    made = QFrame()
    made.setProperty("surface", "raised")
    layout = QVBoxLayout(made)
    layout.setContentsMargins(16, 12, 12, 12)
    layout.addWidget(content)
    return made


def _look(folders: tuple[str, ...], _errand: Errand) -> dict[str, Looked]:
    there = {folder: Path(folder).is_dir() for folder in folders}
    return {folder: Looked(is_there, shelves(Path(folder)) if is_there else ()) for folder, is_there in there.items()}


def _checked(folder: Path, home: Home, _errand: Errand) -> Path:
    return require_other_folder(folder, home)
