"""Models: their kinds on the left, the list in the middle, what one is on the right; and where new ones come in."""

from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QPoint, QSignalBlocker, Qt, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu, QStackedWidget, QWidget

from app.models_list import Models
from app.queue import Queued
from app.settings import Settings
from app.widgets.basics import button, column, downloads, label, row, side_by_side, surface
from app.widgets.model_details import ModelDetails
from app.widgets.model_install import InstallCard
from app.widgets.model_list import GROUPS, SCROLL_BAR, GroupList, Groups, ModelList, ModelRows
from trainer.contract import events
from trainer.contract.import_model import ImportJob
from trainer.home import Home
from trainer.library.index import Entry

KINDS_WIDTH, DETAILS_WIDTH = 180, 360
EMPTY = {
    "Checkpoints": "No checkpoint of your own yet: that is a whole model.",
    "LoRA": "No LoRA yet: a small file that teaches a model a subject or a style. Training makes one.",
    "Embeddings": "No embedding yet: a new word for the prompt. Training makes one.",
    "VAE": "No VAE by itself yet. Most models bring their own.",
    "Video": "No video model yet. Gesso uses Stable Video Diffusion.",
    "Captioners": "No captioner yet: it writes captions for pictures. BLIP, WD taggers and DeepBooru are such.",
}
HOW = "Drop a .safetensors file here, or press Install."

LARGEST_SCROLL = 2**31 - 1


class ModelsPage(QWidget):
    """`said` carries a sentence for the status bar, the next three the name of a model that is to be used, `importing`
    a job that installs one; `changed` says that settings.model_defaults is another now, so that it can be kept."""

    said = Signal(str)
    use_model = Signal(str)
    use_lora = Signal(str)
    train_from = Signal(str)
    importing = Signal(object)
    changed = Signal()

    def __init__(self, home: Home, models: Models, settings: Settings) -> None:
        super().__init__()
        self._models = models
        self._group = "All"
        self._chosen: Path | None = None
        self._awaited: Path | None = None
        self._notes: tuple[str, ...] = ()
        self._listed = False
        self._scroll_to = 0
        self._groups, self._rows = Groups(self), ModelRows(self)
        self._kinds = GroupList(self._groups)
        self._list = ModelList(self._rows)
        self._details = ModelDetails(home, settings)
        self._card = InstallCard(home)
        self._search = QLineEdit()
        self._search.setPlaceholderText("Search name, kind, family, checksum")
        self._search.setToolTip("Show only models that have all of these words (Ctrl+F)")
        self._search.setAccessibleName("Search the models")
        self._search.setClearButtonEnabled(True)
        self._empty = label("Looking for your models …", "muted")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._everything = button("Show all models", "Clear the search and show every kind", self.show_all)
        self._bring = button(
            "Install …",
            "Bring in a model: a .safetensors file, DeepBooru's .pt, or the folder of a model or captioner",
            self._offer,
            icon="install",
            kind="primary",
        )
        self._middle = QStackedWidget()
        self._lay_out()
        self._connect()
        self._draw()

    def install(self, path: Path) -> None:
        """Look at a file or folder, say what would happen, and install it once the user agrees."""
        self._card.take(path)

    def choose(self, path: Path) -> None:
        """Select the model at `path`, as soon as it is in the list, whatever is shown now."""
        self._awaited = path
        self.show_all()

    def select(self, name: str) -> None:
        """Select the model of this name, if it is in the library."""
        entry = next((entry for entry in self._models.entries if entry.name == name), None)
        if entry is not None:
            self.choose(entry.path)

    def stop_work(self) -> None:
        """For the window that closes: what is copied or read is given up, and leaves nothing behind."""
        self._card.stop_all()
        self._details.stop_work()

    def view(self) -> dict[str, object]:
        """What is shown: the kind, the search, the chosen model and where the list is scrolled to."""
        chosen = str(self._chosen or "")
        return {
            "kind": self._group,
            "search": self._search.text(),
            "selected": chosen,
            "scroll": self._list.verticalScrollBar().value(),
        }

    def set_view(self, view: Mapping[str, object]) -> None:
        """As `view` gave it; what makes no sense is passed over."""
        kind, search, chosen, scroll = (view.get(key) for key in ("kind", "search", "selected", "scroll"))
        if isinstance(kind, str) and kind in dict(GROUPS):
            self._group = kind
        if isinstance(search, str):
            with QSignalBlocker(self._search):
                self._search.setText(search)
        if isinstance(chosen, str) and chosen:
            self._chosen = Path(chosen)
        self._scroll_to = min(scroll, LARGEST_SCROLL) if isinstance(scroll, int) else 0
        self._draw()

    @Slot()
    def search(self) -> None:
        self._search.setFocus()
        self._search.selectAll()

    @Slot()
    def install_file(self) -> None:
        found, _ = QFileDialog.getOpenFileNames(
            self, "Install models", downloads(), "Models (*.safetensors *.pt);;All files (*)"
        )
        for path in found:
            self.install(Path(path))

    @Slot()
    def install_folder(self) -> None:
        found = QFileDialog.getExistingDirectory(self, "Install the folder of a model or captioner", downloads())
        if found:
            self.install(Path(found))

    @Slot()
    def verify_selected(self) -> None:
        self._details.verify()

    @Slot()
    def remove_selected(self) -> None:
        """Ask whether the model is to go to the trash."""
        self._details.ask_to_remove()

    @Slot()
    def show_selected_in_folder(self) -> None:
        self._details.show_folder()

    @Slot()
    def show_all(self) -> None:
        self._search.clear()
        self._kinds.setCurrentIndex(self._groups.index(0))
        self._draw()

    def _connect(self) -> None:
        self._models.changed.connect(self._take)
        self._kinds.picked.connect(self._pick_group)
        self._search.textChanged.connect(self._draw)
        self._list.picked.connect(self._pick)
        self._details.altered.connect(self._models.refresh)
        self._details.said.connect(self.said)
        self._card.said.connect(self.said)
        self._card.installed.connect(self._installed)
        self._card.importing.connect(self.importing)
        for mine, its in (
            (self.use_model, self._details.use_model),
            (self.use_lora, self._details.use_lora),
            (self.train_from, self._details.train_from),
            (self.changed, self._details.defaults),
        ):
            its.connect(mine)

    @Slot()
    def _take(self) -> None:
        self._listed = True
        if self._models.notes != self._notes:
            self._notes = self._models.notes
            self.said.emit(" ".join(self._notes))
        self._draw()

    @Slot(str)
    def _pick_group(self, name: str) -> None:
        self._group = name
        self._draw()

    @Slot(object)
    def _pick(self, entry: Entry | None) -> None:
        if entry is not None:
            self._chosen = entry.path
        self._details.show_entry(entry)

    @Slot(object)
    def _installed(self, entry: Entry) -> None:
        self._models.refresh()
        self.choose(entry.path)

    @Slot(object)
    def ended(self, queued: Queued) -> None:
        """Of a job of the queue that installed a model, or tried to."""
        match queued.job, queued.ending:
            case ImportJob(), events.Finished(paths=(path,)):
                self.said.emit(f"{Path(path).stem} is installed.")
                self._models.refresh()
                self.choose(Path(path))
            case ImportJob(), events.Failed(title=title, fix=fix):
                self.said.emit(f"{queued.title} was not installed: {title} {fix}")
            case _:
                pass

    @Slot()
    def _draw(self) -> None:
        """Fill both lists; what was chosen stays chosen, and in sight, as long as it is there."""
        self._groups.count(self._models.entries)
        kind = self._groups.row_of(self._group)
        if kind != self._kinds.currentIndex().row():
            self._kinds.setCurrentIndex(self._groups.index(kind))
        scrolled = self._scroll_to or self._list.verticalScrollBar().value()
        changed = self._rows.show_entries(self._models.entries, self._group, self._search.text())
        place = self._rows.row_of(self._awaited)
        if place >= 0:
            self._awaited = None
        else:
            place = self._rows.row_of(self._chosen)
        if place != self._list.currentIndex().row():
            select = QItemSelectionModel.SelectionFlag.ClearAndSelect
            self._list.selectionModel().setCurrentIndex(self._rows.index(place), select)
        if changed:
            self._list.executeDelayedItemsLayout()
            self._list.verticalScrollBar().setValue(scrolled)
            self._scroll_to = 0
            if place < 0:
                self._details.show_entry(None)
        self._draw_empty()

    def _draw_empty(self) -> None:
        empty = self._rows.rowCount() == 0
        self._middle.setCurrentIndex(1 if empty else 0)
        searched = self._search.text().strip()
        if not self._listed:
            self._empty.setText("Looking for your models …")
        elif searched:
            self._empty.setText(f"Nothing here fits “{searched}”.")
        else:
            self._empty.setText(f"{EMPTY.get(self._group, 'No model yet.')}\n\n{HOW}")
        self._everything.setVisible(self._listed and bool(self._models.entries))

    @Slot()
    def _offer(self) -> None:
        menu = QMenu(self)
        menu.addAction("A file (.safetensors) …", self.install_file)
        menu.addAction("A folder (diffusers layout, or a captioner) …", self.install_folder)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self._bring.mapToGlobal(QPoint(0, -menu.sizeHint().height())))

    def _lay_out(self) -> None:
        hint = label("or drop a file or folder", "muted")
        kinds = column(self._kinds, self._bring, hint, margins=(8, 16, 8, 16), spacing=8)
        left = surface(kinds, "panel", edge="right")
        left.setFixedWidth(KINDS_WIDTH)
        nothing = column(0, self._empty, row(0, self._everything, 0), 0, margins=(48, 0, 48, 0), spacing=16)
        self._middle.addWidget(self._list)
        self._middle.addWidget(nothing)
        above = column(self._search, self._card, margins=(0, 0, SCROLL_BAR, 0), spacing=12)
        middle = column(above, self._middle, margins=(16, 16, 0, 8), spacing=12)
        right = surface(self._details, "panel", edge="left")
        right.setFixedWidth(DETAILS_WIDTH)
        side_by_side(self, left, middle, right)
