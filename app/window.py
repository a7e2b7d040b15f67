"""The main window: the rail of pages, the page in front, the status bar; and what it remembers between two starts."""

from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QEvent, QSize, Slot
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMainWindow, QMessageBox, QStackedWidget, QVBoxLayout, QWidget

from app import rail
from app.engine import EngineLink
from app.models_list import Models
from app.queue import Queue, Queued
from app.rail import Rail
from app.settings import Settings, SettingsFile
from app.status_bar import StatusBar
from app.theme import theme
from app.widgets.basics import surface
from trainer.contract import events
from trainer.contract.errors import UserError
from trainer.home import Home
from trainer.library.folders import is_diffusers_folder
from trainer.library.index import MODEL_SUFFIX

if TYPE_CHECKING:  # each page is imported when it is made: the first paint waits for one of them only
    from app.pages.gallery import GalleryPage
    from app.pages.generate import GeneratePage
    from app.pages.models import ModelsPage
    from app.pages.queue import QueuePage
    from app.pages.settings import SettingsPage
    from app.pages.train import TrainPage

PAGES = ("generate", "train", "models", "gallery", "queue", "settings")
"""In the order of the rail. Each is an attribute of the window, made when it is first asked for."""
PICTURES = (".png",)
"""Files that may carry settings of ours."""
LEAST_SIZE = QSize(1024, 640)
FIRST_PROMPT = "a large red cat on a mint background"
"""Of the first picture: something that the starter model can draw."""

Page = TypeVar("Page", bound=QWidget)


class MainWindow(QMainWindow):
    """Everything in it lives as long as it does. `start_work` is called once the first paint is done."""

    def __init__(self, home: Home, engine: EngineLink | None = None) -> None:
        super().__init__()
        self.setWindowTitle("Gesso")
        self.setMinimumSize(LEAST_SIZE)
        self.setAcceptDrops(True)
        self.home = home
        self._file = SettingsFile(home)
        loaded = self._file.load()
        self.settings: Settings = loaded.settings
        theme().set_wish(self.settings.theme)
        self.engine = engine or EngineLink(home, self)
        self.queue = Queue(self.engine, home, self)
        self.models = Models(home, self)
        self._status = StatusBar(self.engine, self.queue)
        self._stack = QStackedWidget()
        self._rail = Rail(PAGES)
        self._lay_out()
        self._rail.picked.connect(self.show_page)
        self.queue.changed.connect(self._count_jobs)
        self.queue.trouble.connect(self._status.say)
        self.models.trouble.connect(self._status.say)
        self.resize(1280, 800)
        if self.settings.geometry:
            self.restoreGeometry(self.settings.geometry_bytes())
        self.show_page(self.settings.page)
        if not self.settings.welcomed:
            self._welcome()
        self._status.say(loaded.note)

    @cached_property
    def generate(self) -> "GeneratePage":
        from app.pages.generate import GeneratePage

        page = self._added(GeneratePage(self.home, self.models, self.queue))
        page.said.connect(self._status.say)
        page.set_draft(self.settings.drafts.get("generate", {}))
        return page

    @cached_property
    def train(self) -> "TrainPage":
        from app.pages.train import TrainPage

        page = self._added(TrainPage(self.home, self.models, self.queue))
        page.said.connect(self._status.say)
        page.try_it.connect(self._try)
        page.set_draft(self.settings.drafts.get("train", {}))
        return page

    @cached_property
    def models_page(self) -> "ModelsPage":
        from app.pages.models import ModelsPage

        page = self._added(ModelsPage(self.home, self.models))
        page.said.connect(self._status.say)
        return page

    @cached_property
    def gallery(self) -> "GalleryPage":
        from app.pages.gallery import GalleryPage

        page = self._added(GalleryPage(self.home, self.settings))
        page.said.connect(self._status.say)
        page.reuse.connect(self._use_again)
        page.starred.connect(self._save)
        self.queue.happened.connect(self._show_in_gallery)
        return page

    @cached_property
    def queue_page(self) -> "QueuePage":
        from app.pages.queue import QueuePage

        return self._added(QueuePage(self.queue))

    @cached_property
    def settings_page(self) -> "SettingsPage":
        from app.pages.settings import SettingsPage

        return self._added(SettingsPage(self.home, self.settings))

    @Slot(str)
    def show_page(self, name: str) -> None:
        if name not in PAGES:
            name = "generate"
        page = self._page(name)
        self._stack.setCurrentWidget(page)
        self._rail.mark(name)
        page.setFocus()
        self.settings.page = name

    @Slot()
    def start_work(self) -> None:
        """Load the engine, list the models, go on with the queue and make the other pages, behind the first paint."""
        self.engine.start()
        self.models.refresh()
        for name in PAGES:
            self._page(name)
        self.queue.restore()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.queue.running is not None and not self._may_close():
            event.ignore()
            return
        self._keep()
        if "models_page" in vars(self):
            self.models_page.stop_work()
        self.engine.close()
        event.accept()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self.models.refresh()  # files may have come or gone meanwhile

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        uses = [use for path in _dropped(event) if (use := _use_of(path))]
        if uses:
            event.acceptProposedAction()
            self._status.say("; ".join(uses))

    def dropEvent(self, event: QDropEvent) -> None:
        for path in _dropped(event):
            if path.suffix.lower() in PICTURES:
                self.show_page("generate")
                self.generate.take_settings_of(path)
            elif path.suffix.lower() == MODEL_SUFFIX or is_diffusers_folder(path):
                self.show_page("models")
                self.models_page.install(path)
            elif path.is_dir():
                self.show_page("train")
                self.train.open_folder(path)
        event.acceptProposedAction()

    def _welcome(self) -> None:
        from app.pages.welcome import WelcomePage

        page = self._added(WelcomePage())
        page.chosen.connect(self._begin)
        self._stack.setCurrentWidget(page)

    @Slot(str)
    def _begin(self, offer: str) -> None:
        """Do what the first start offers."""
        match offer:
            case "generate":
                self.show_page("generate")
                self.generate.try_prompt(FIRST_PROMPT)
            case "train":
                self.show_page("train")
                self.train.start()
            case "folder":
                self.show_page("train")
                folder = QFileDialog.getExistingDirectory(self, "A folder of pictures")
                if folder:
                    self.train.open_folder(Path(folder))
            case _:
                self.show_page("generate")

    def _page(self, name: str) -> QWidget:
        match name:
            case "generate":
                return self.generate
            case "train":
                return self.train
            case "models":
                return self.models_page
            case "gallery":
                return self.gallery
            case "queue":
                return self.queue_page
            case _:
                return self.settings_page

    def _added(self, page: Page) -> Page:
        self._stack.addWidget(page)
        return page

    @Slot(str)
    def _try(self, lora: str) -> None:
        self.generate.try_lora(lora)
        self.show_page("generate")

    @Slot(object)
    def _use_again(self, picture: Path) -> None:
        self.generate.take_settings_of(picture)
        self.show_page("generate")

    @Slot(object, object)
    def _show_in_gallery(self, _queued: Queued, event: events.Event) -> None:
        match event:
            case events.Saved(what="picture", path=path) | events.Sample(path=path):
                self.gallery.add(path)
            case _:
                pass

    @Slot()
    def _count_jobs(self) -> None:
        self._rail.count("queue", len(self.queue.waiting) + (self.queue.running is not None))

    def _may_close(self) -> bool:
        asked = QMessageBox(self)
        asked.setIcon(QMessageBox.Icon.Question)
        asked.setText("A job is still running. Stop it and close Gesso?")
        asked.setInformativeText("A training saves a checkpoint first, and can go on from it later.")
        stop = asked.addButton("Stop and close", QMessageBox.ButtonRole.AcceptRole)
        asked.addButton("Go on working", QMessageBox.ButtonRole.RejectRole)
        asked.exec()
        return asked.clickedButton() is stop

    def _lay_out(self) -> None:
        framed = surface(self._rail, "window", edge="right")
        framed.setFixedWidth(rail.WIDTH)
        middle = QWidget()
        across = QHBoxLayout(middle)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addWidget(framed)
        across.addWidget(self._stack, 1)
        whole = QWidget()
        down = QVBoxLayout(whole)
        down.setContentsMargins(0, 0, 0, 0)
        down.setSpacing(0)
        down.addWidget(middle, 1)
        down.addWidget(surface(self._status, "panel", edge="top"))
        self.setCentralWidget(whole)
        for number, name in enumerate(PAGES, start=1):
            action = QAction(name.capitalize(), self)
            action.setShortcut(QKeySequence(f"Ctrl+{number}"))
            action.triggered.connect(partial(self.show_page, name))
            self.addAction(action)
        leave = QAction("Quit", self)
        leave.setShortcut(QKeySequence(QKeySequence.StandardKey.Quit))
        leave.triggered.connect(self.close)
        self.addAction(leave)

    def _keep(self) -> None:
        self.settings.welcomed = True
        self.settings.keep_geometry(self.saveGeometry())
        drafts = {name: getattr(self, name).draft() for name in ("generate", "train") if name in vars(self)}
        self.settings.drafts = {**self.settings.drafts, **drafts}
        self._save()

    @Slot()
    def _save(self) -> None:
        try:
            self._file.save(self.settings)
        except UserError as error:
            self._status.say(f"The settings could not be kept. {error}")


def _use_of(path: Path) -> str:
    """What dropping this would do, in words; "" where nothing can be done with it."""
    if path.suffix.lower() in PICTURES:
        return f"Use the settings of {path.name}"
    if path.suffix.lower() == MODEL_SUFFIX or is_diffusers_folder(path):
        return f"Install {path.name}"
    return f"Train on the pictures in {path.name}" if path.is_dir() else ""


def _dropped(event: QDropEvent) -> list[Path]:
    """The files and folders on this machine that are being dragged."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
