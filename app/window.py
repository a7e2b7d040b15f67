"""The main window: its pages, how they speak with one another, and what it does with files, actions and its own end."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from PySide6.QtCore import QEvent, QSize, Slot
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import (
    QFileDialog,
    QLineEdit,
    QMainWindow,
    QMessageBox,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from app.actions import Actions
from app.drop_target import DropTarget
from app.end_notices import EndNotices
from app.engine import EngineLink
from app.favourites import Favourites
from app.frame import Frame
from app.models_list import Models
from app.queue import Queue, Queued
from app.rail import Rail
from app.remember import Remember, keep_pages, restore_page
from app.settings import Settings, SettingsFile
from app.status_bar import StatusBar
from app.theme import theme
from app.widgets.basics import downloads, open_folder
from trainer.contract import events
from trainer.home import Home

if TYPE_CHECKING:  # each page is imported when it is made: the first paint waits for one of them only
    from app.drops import Zone
    from app.pages.dataset import DatasetPage
    from app.pages.gallery import GalleryPage
    from app.pages.generate import GeneratePage
    from app.pages.models import ModelsPage
    from app.pages.queue import QueuePage
    from app.pages.settings import SettingsPage
    from app.pages.train import TrainPage
    from app.pages.welcome import WelcomePage
    from app.widgets.command_box import CommandBox
    from trainer.contract.train import TrainJob
    from trainer.library.index import Entry

PAGES = ("generate", "train", "dataset", "models", "gallery", "queue", "settings")
"""In the order of the rail."""
ATTRIBUTES = {"models": "models_page", "queue": "queue_page", "settings": "settings_page"}
"""Where a page is not simply the attribute of its name. Each is made when it is first asked for."""
LEAST_SIZE = QSize(1024, 640)
FIRST_PROMPT = "a large red cat on a mint background"
"""Of the first picture: something that the starter model can draw."""
OPENED = "Models and pictures (*.safetensors *.png *.jpg *.jpeg *.webp);;All files (*)"

Page = TypeVar("Page", bound=QWidget)


@runtime_checkable
class WithWork(Protocol):
    """A page that reads or writes in the pool of threads, and can be asked to leave it."""

    def stop_work(self) -> None: ...


class MainWindow(QMainWindow):
    """Everything in it lives as long as it does. `start_work` is called once the first paint is done."""

    def __init__(self, home: Home, engine: EngineLink | None = None) -> None:
        super().__init__()
        self.setWindowTitle("Gesso")
        self.setMinimumSize(LEAST_SIZE)
        self._is_leaving = False
        self.home = home
        file = SettingsFile(home)
        loaded = file.load()
        self.settings: Settings = loaded.settings
        theme().set_wish(self.settings.theme)
        self.engine = engine or EngineLink(home, self)
        self.queue = Queue(self.engine, home, self)
        self.models = Models(home, self)
        self.favourites = Favourites(home, self.settings, self)
        self.actions_table = Actions(self, self.settings)
        self.end_notices = EndNotices(self, self.queue, self.settings)
        self.frame = Frame(Rail(PAGES), StatusBar(self.engine, self.queue))
        self.notice, self._stack, self._say = self.frame.notice, self.frame.stack, self.frame.status.say
        self.drops = DropTarget(self, self.frame.overlay, self.models)
        self._remember = Remember(file, self.settings, self._collect, self)
        self.setCentralWidget(self.frame)
        self._connect()
        # Not self.screen(): PySide makes what that gives a child of the window, and deletes Qt's screen with it.
        self.resize(QSize(1280, 800).boundedTo(QGuiApplication.primaryScreen().availableSize()))
        if self.settings.geometry:
            self.restoreGeometry(self.settings.geometry_bytes())
        self.show_page(self.settings.page)
        if not self.settings.welcomed:
            self.welcome()
        self._say(loaded.note)

    # ---- The pages

    @cached_property
    def generate(self) -> "GeneratePage":
        from app.pages.generate import GeneratePage

        page = self._added(GeneratePage(self.home, self.models, self.queue, self.settings, self.favourites), "generate")
        page.said.connect(self._say)
        return page

    @cached_property
    def train(self) -> "TrainPage":
        from app.pages.train import TrainPage

        page = self._added(TrainPage(self.home, self.models, self.queue), "train")
        page.said.connect(self._say)
        page.try_it.connect(self.try_lora)
        page.show_model.connect(self.show_model)
        page.show_pictures.connect(self._show_in_dataset)
        return page

    @cached_property
    def dataset(self) -> "DatasetPage":
        from app.pages.dataset import DatasetPage

        page = self._added(DatasetPage(self.home, self.models, self.queue), "dataset")
        page.said.connect(self._say)
        page.train_on.connect(self.train_on)
        page.captioning.bar.getting.connect(self.show_models)
        page.views.training.ask = self._training_settings
        return page

    @cached_property
    def models_page(self) -> "ModelsPage":
        from app.pages.models import ModelsPage

        page = self._added(ModelsPage(self.home, self.models, self.settings), "models_page")
        page.said.connect(self._say)
        page.use_model.connect(self.use_model)
        page.use_lora.connect(self.use_lora)
        page.train_from.connect(self.train_from)
        page.changed.connect(self._remember.soon)
        page.importing.connect(self.queue.add)
        self.queue.ended.connect(page.ended)
        return page

    @cached_property
    def gallery(self) -> "GalleryPage":
        from app.pages.gallery import GalleryPage

        page = self._added(GalleryPage(self.home, self.favourites), "gallery")
        page.said.connect(self._say)
        page.reuse.connect(self.use_settings_of)
        self.queue.happened.connect(self._show_in_gallery)
        return page

    @cached_property
    def queue_page(self) -> "QueuePage":
        from app.pages.queue import QueuePage

        return self._added(QueuePage(self.queue), "queue_page")

    @cached_property
    def settings_page(self) -> "SettingsPage":
        from app.pages.settings import SettingsPage

        parts = self.actions_table, self.engine, self.queue, self.models
        page = self._added(SettingsPage(self.home, self.settings, *parts), "settings_page")
        page.said.connect(self._say)
        page.changed.connect(self._remember.soon)
        page.folders_changed.connect(self._remember.now)
        return page

    @cached_property
    def _welcome_page(self) -> "WelcomePage":
        from app.pages.welcome import WelcomePage

        page = self._added(WelcomePage(), "welcome")
        page.chosen.connect(self._begin)
        return page

    @cached_property
    def _command_box(self) -> "CommandBox":
        from app.widgets.command_box import CommandBox

        box = CommandBox(self)
        theme().dress(box)
        box.chosen.connect(self._do)
        return box

    @Slot(str)
    def show_page(self, name: str) -> None:
        if name not in PAGES:
            name = "generate"
        page = self._page(name)
        self._stack.setCurrentWidget(page)
        self.frame.rail.mark(name)
        self.actions_table.bring_to_front(ATTRIBUTES.get(name, name))
        page.setFocus()
        self.settings.page = name
        self._remember.soon()

    def _page(self, name: str) -> QWidget:
        page = getattr(self, ATTRIBUTES.get(name, name))
        assert isinstance(page, QWidget)
        return page

    def _added(self, page: Page, name: str) -> Page:
        """Put a page into the stack, as it was left."""
        for field in page.findChildren(QWidget):
            if isinstance(field, QLineEdit | QTextEdit | QPlainTextEdit):
                field.setAcceptDrops(False)  # a file dropped on it is for the window, not its address for the text
        theme().dress(page)
        self._stack.addWidget(page)
        if note := restore_page(page, name, self.settings):
            self._say(note)
        return page

    # ---- Work, and its end

    @Slot()
    def start_work(self) -> None:
        """Load the engine, list the models, go on with the queue and make the other pages, behind the first paint."""
        self.engine.start()
        self.models.refresh()
        for name in PAGES:
            self._page(name)
        self.actions_table.dress()
        self.train.live.prepare()
        self.queue.restore()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.queue.running is not None and not self._is_leaving and not self._may_close():
            event.ignore()
            return
        self.settings.welcomed = True
        for page in vars(self).values():
            if isinstance(page, WithWork):
                page.stop_work()
        self._remember.now()  # what could not be written any more too
        self.hide()  # a training may take seconds to save
        self.queue.leave()
        self.engine.close()
        event.accept()

    @Slot()
    def leave(self) -> None:
        """Close without a question: the system wants the process to end."""
        self._is_leaving = True
        self.close()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange:
            if self.isActiveWindow():
                self.models.refresh()  # files may have come or gone meanwhile
                if self._stack.currentWidget() is vars(self).get("dataset"):
                    self.dataset.look_again()
            else:
                self._remember.soon()

    @Slot(str)
    def tell_of_crash(self, details: str, *, before: bool = False) -> None:
        """Something of ours went wrong: just now, or `before`, so that the window closed without being asked."""
        if before:
            text = (
                "Gesso did not close properly last time. Your files are whole, and a training can be resumed on Train."
            )
        else:
            text = "Something went wrong inside Gesso. You can go on; if it happens again, start Gesso anew."
        self.notice.say(text, kind="warning" if before else "error", details=details, topic="crash")

    def _may_close(self) -> bool:
        asked = QMessageBox(self)
        theme().dress(asked)
        asked.setIcon(QMessageBox.Icon.Question)
        asked.setText("A job is still running. Stop it and close Gesso?")
        asked.setInformativeText("A training saves a checkpoint first, and can go on from it later.")
        stop = asked.addButton("Stop and close", QMessageBox.ButtonRole.AcceptRole)
        asked.addButton("Go on working", QMessageBox.ButtonRole.RejectRole)
        asked.exec()
        return asked.clickedButton() is stop

    def _collect(self) -> None:
        """Bring the settings up to date with what is shown."""
        self.settings.keep_geometry(self.saveGeometry())
        keep_pages(vars(self), self.settings)

    # ---- Files that come from outside

    @Slot(list)
    def come_to_front(self, files: Sequence[Path]) -> None:
        """Another start of Gesso brought these files."""
        self.setWindowState(self.windowState() & ~self.windowState().WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()
        self.take(files)

    def take(self, paths: Sequence[Path]) -> None:
        """Do with files and folders what they are for."""
        from app.drops import uses_of

        self._use(tuple(uses_of(paths)))

    @Slot(object)
    def _use(self, zone: "Zone") -> None:
        """Do what was offered."""
        from app.drop_deeds import do

        do(zone, self)

    # ---- Actions

    @Slot()
    def open_menu(self) -> None:
        sign = self.frame.rail.sign
        menu = self.actions_table.menu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(sign.mapToGlobal(sign.rect().bottomLeft()))

    def find_action(self) -> None:
        """Offer every action, page and model by its name."""
        from app.widgets.command_box import choices_of

        self._command_box.open_with(choices_of(self.actions_table, self.models))

    def open_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "Open a model or picture", downloads(), OPENED)
        if chosen:
            self.take([Path(chosen)])

    def open_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "A folder of pictures")
        if chosen:
            self.take([Path(chosen)])

    def change_scheme(self) -> None:
        self.settings.theme = "light" if theme().scheme == "dark" else "dark"
        theme().set_wish(self.settings.theme)
        self._remember.soon()

    def stop_job(self) -> None:
        if self.queue.running is not None:
            self.queue.cancel(self.queue.running)
        else:
            self._say("Nothing is running.")

    def show_home(self) -> None:
        open_folder(self.home.root)

    def welcome(self) -> None:
        self._stack.setCurrentWidget(self._welcome_page)
        self._welcome_page.setFocus()

    def quit(self) -> None:
        self.close()

    @Slot(str)
    def use_model(self, name: str) -> None:
        self.show_page("generate")
        self.generate.choose_model(name)

    @Slot(str)
    def use_lora(self, name: str) -> None:
        self.show_page("generate")
        self.generate.use_lora(name)

    @Slot(str, str)
    def try_lora(self, name: str, prompt: str) -> None:
        """The one that was just trained, alone, with a prompt that shows it."""
        self.show_page("generate")
        self.generate.try_lora(name, prompt)

    @Slot(str)
    def train_from(self, name: str) -> None:
        self.show_page("train")
        self.train.form.model.set_name(name)

    @Slot()
    def show_models(self) -> None:
        self.show_page("models")

    @Slot(object)
    def train_on(self, folder: Path) -> None:
        self.show_page("train")
        self.train.open_folder(folder)

    @Slot(str)
    def show_model(self, name: str) -> None:
        self.show_page("models")
        self.models_page.select(name)

    @Slot(str)
    @Slot(str, str)
    def _do(self, name: str, about: str = "") -> None:
        """Do an action by its name; one of a page brings that page to the front first."""
        group, _, what = name.partition(".")
        if group == "go":
            self.show_page(what)
            return
        if group != "window":
            page = next(page for page in PAGES if ATTRIBUTES.get(page, page) == group)
            if self._stack.currentWidget() is not getattr(self, group):
                self.show_page(page)
        does = getattr(self if group == "window" else getattr(self, group), what)
        if about:
            does(about)
        else:
            does()

    # ---- What the parts say to one another

    def _connect(self) -> None:
        self.drops.dropped.connect(self._use)
        self.drops.adding_to = self._dataset_in_front
        self.frame.rail.picked.connect(self.show_page)
        self.frame.rail.menu_asked.connect(self.open_menu)
        self.actions_table.asked.connect(self._do)
        self.actions_table.changed.connect(self._keys_changed)
        self.queue.changed.connect(self._count_jobs)
        self.queue.ended.connect(self._remember.soon)
        self.queue.trouble.connect(self._say)
        self.queue.happened.connect(self._listen_for_silence)
        self.models.trouble.connect(self._say)
        self.favourites.changed.connect(self._remember.soon)
        self._remember.trouble.connect(self._say)
        self.engine.state_changed.connect(self._engine_changed)
        self._keys_changed()

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
                self.show_page("dataset")
                self.open_folder()
            case _:
                self.show_page("generate")

    @Slot(object, str)
    def _show_in_dataset(self, folder: Path, query: str) -> None:
        self.show_page("dataset")
        self.dataset.find_in(folder, query)

    def _dataset_in_front(self) -> Path | None:
        return self.dataset.folder.folder if self.settings.page == "dataset" else None

    def _training_settings(self) -> "tuple[TrainJob | None, Entry | None]":
        return self.train.form.draft_job(), self.train.form.entry

    @Slot(object)
    def use_settings_of(self, picture: Path) -> None:
        self.generate.take_settings_of(picture)
        self.show_page("generate")

    @Slot(object, object)
    def _show_in_gallery(self, _queued: Queued, event: events.Event) -> None:
        match event:
            case events.Saved(what="picture", path=path) | events.Sample(path=path):
                self.gallery.add(path)
            case _:
                pass

    @Slot(object, object)
    def _listen_for_silence(self, _queued: Queued, event: events.Event) -> None:
        if isinstance(event, events.Warning) and event.cause == "silence":
            self.notice.say(f"{event.title} {event.fix}", does="Stop it now", then=self.queue.stop_now, topic="silence")
        else:
            self.notice.forget("silence")

    @Slot()
    def _engine_changed(self) -> None:
        if self.engine.state == "lost":
            self.notice.say(
                "The engine, which does the work, did not start. Pictures and models can be looked at all the same.",
                kind="error",
                details=self.engine.last_words(),
                does="Try again",
                then=self.engine.start,
                topic="engine",
            )
        else:
            self.notice.forget("engine")

    @Slot()
    def _keys_changed(self) -> None:
        for name in PAGES:
            self.frame.rail.show_keys(name, self.actions_table.keys(f"go.{name}").toString())
        self._remember.soon()

    @Slot()
    def _count_jobs(self) -> None:
        self.frame.rail.count("queue", len(self.queue.waiting) + (self.queue.running is not None))
