"""Generate: what is wanted on the left, the picture as it forms in the middle, what was made on the right."""

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QMimeData, QUrl, Signal, Slot
from PySide6.QtGui import QFocusEvent, QGuiApplication, QImage, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.errand import Errand
from app.favourites import Favourites
from app.models_list import Models
from app.pages import generate_history
from app.pages.generate_form import GenerateForm, drawn_seed
from app.pages.generate_history import History
from app.pages.generate_progress import Progress
from app.pages.generate_results import Results
from app.picture_trash import move_to_trash
from app.picture_words import Opened, not_taken, open_picture
from app.pictures import read_image
from app.queue import Queue, Queued
from app.settings import Settings
from app.widgets.basics import open_folder, side_by_side, surface
from app.widgets.compare import ComparePanel
from trainer.contract import events
from trainer.contract.common import LoraUse
from trainer.contract.errors import UserError
from trainer.contract.found_settings import FoundSettings
from trainer.contract.generate import GenerateJob
from trainer.home import Home
from trainer.library.pictures.reading import OWN, read_settings
from trainer.library.pictures.resolve import resolved

SETTINGS_WIDTH = 340


class GeneratePage(QWidget):
    """`said` carries a sentence for the status bar."""

    said = Signal(str)

    def __init__(self, home: Home, models: Models, queue: Queue, settings: Settings, favourites: Favourites) -> None:
        super().__init__()
        self._home, self._queue, self._favourites, self._models = home, queue, favourites, models
        self._shown: Opened | None = None
        self._wanted = ""
        self._first: Opened | None = None
        self._second = ""
        self._errands: dict[object, Errand] = {}
        self._form = GenerateForm(models, settings)
        self._results = Results()
        self._history = History(home, favourites.is_starred)
        self._comparison = ComparePanel()
        self._progress = Progress(queue, self._form, self._results, self)
        self._stack = QStackedWidget()
        self._lay_out()
        self._wire()

    def draft(self) -> dict[str, Any]:
        return self._form.draft()

    def set_draft(self, draft: dict[str, Any]) -> None:
        self._form.set_draft(draft)

    def view(self) -> dict[str, Any]:
        """Beside the form: what is shown, where the history stands, whether the fold is open."""
        return {"picture": self._wanted, "scroll": self._history.scroll_place(), "open": self._form.is_open}

    def set_view(self, view: dict[str, Any]) -> None:
        picture, scroll = view.get("picture"), view.get("scroll")
        if isinstance(picture, str) and picture:
            self.show_picture(picture)
            self._history.go_to(picture)
        if isinstance(scroll, int):
            self._history.set_scroll_place(scroll)
        if "open" in view:
            self._form.set_open(bool(view["open"]))

    @Slot()
    def generate(self) -> None:
        """Queue what the form says; what it says wrong is shown where it stands."""
        job = self._form.job()
        if job is not None:
            self._add(job)

    @Slot()
    def stop(self) -> None:
        """Leave the comparison or a question; where there is none, stop the pictures in progress."""
        if not self._leave():
            self._progress.stop()

    @Slot()
    def vary(self) -> None:
        """The picture once more with another seed. The form stays as it is; it decides where no picture is shown."""
        job = self._shown.job if self._shown is not None else self._form.job()
        if job is not None:
            self._add(job.model_copy(update={"seed": drawn_seed(), "output": ""}))

    @Slot()
    def reuse(self) -> None:
        if self._shown is not None and self._shown.job is not None:
            self._take_job(self._shown.job, self._shown.path)

    @Slot()
    def keep(self) -> None:
        """Give the picture a star, or take it away."""
        if self._shown is not None:
            self._favourites.toggle(self._shown.path)

    @Slot()
    def copy(self) -> None:
        """The picture in its full size on the clipboard; programs that take files get the file."""
        if self._shown is not None:
            self._start("copy", partial(_read_whole, self._shown.path), self._copied)

    @Slot()
    def compare(self) -> None:
        """Lay the picture over the next one that is chosen in the history."""
        if self._shown is not None and not self._shown.image.isNull():
            self._first = self._shown
            self._results.ask("Now choose the other picture in the history.")
            self._history.focus()

    @Slot()
    def to_trash(self) -> None:
        """Ask first, in place."""
        if self._shown is not None:
            self._forget_question()
            self._results.ask("Move this picture to the trash?", yes=True)

    @Slot()
    def show_folder(self) -> None:
        open_folder(self._shown.path.parent if self._shown else self._home.outputs)

    @Slot()
    def swap_size(self) -> None:
        self._form.swap_size()

    @Slot()
    def draw_seed(self) -> None:
        self._form.draw_seed()

    @Slot()
    def more_weight(self) -> None:
        self._form.more_weight()

    @Slot()
    def less_weight(self) -> None:
        self._form.less_weight()

    def choose_model(self, name: str) -> None:
        """As if it had been chosen here, with its defaults."""
        self._form.choose_model(name)

    def use_lora(self, name: str) -> None:
        """Lay it over the model, beside those that are."""
        self._form.use_lora(name)

    def try_prompt(self, prompt: str) -> None:
        """Make a picture of this prompt with everything else as it is."""
        self._form.set_prompt(prompt)
        self.generate()

    def try_lora(self, name: str, prompt: str = "") -> None:
        """Lay a LoRA that was just trained over the model it was trained on, and nothing else."""
        self._form.set_loras((LoraUse(name=name),))
        if prompt:
            self._form.set_prompt(prompt)
        self.said.emit(f"Press Generate to see what {name} has learned.")

    def take_settings_of(self, path: Path) -> None:
        """Fill the form with what a picture remembers, whichever program made it."""
        try:
            found = read_settings(path)
        except UserError as error:
            self._results.say(str(error), "error")
            return
        if found is None:
            self._results.say(f"{path.name} holds no settings.", "warn")
        elif found.source == OWN:
            self._take_job(found.job, path)
        else:
            self._take_found(resolved(found, self._models.entries, self._form.model_name), path)

    @Slot(str)
    def show_picture(self, path: str) -> None:
        """Read in the pool, and shown unless another was asked for meanwhile."""
        self._wanted = path
        self._start(path, partial(open_picture, Path(path)), self._opened)

    @Slot()
    def refresh(self) -> None:
        """Pictures may have come or gone on disk."""
        self._history.refresh()

    def focusInEvent(self, _event: QFocusEvent) -> None:
        self._form.first_field.setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    def _add(self, job: GenerateJob) -> None:
        self._leave()
        if self._queue.add(job).state == "running":
            self._results.say("Starting")

    def _take_job(self, job: GenerateJob, path: Path) -> None:
        self._form.set_job(job)
        self.said.emit(f"The settings of {path.name} are in the form.")

    def _take_found(self, found: FoundSettings, path: Path) -> None:
        """Say beside the picture what the form has no place for."""
        self._form.set_found(found.job)
        self.said.emit(f"The settings of {path.name}, made by {found.source}, are in the form.")
        self._results.say(" ".join([*found.notes, *not_taken(found)]), "warn" if found.notes else "muted")

    def _start(self, about: str, work: Any, done: Any) -> None:
        if about not in self._errands:
            errand = Errand(about, work)
            errand.told.done.connect(done)
            errand.told.failed.connect(self._failed)
            self._errands[about] = errand
            errand.start()

    @Slot(object, str)
    def _failed(self, about: object, why: str) -> None:
        self._errands.pop(about, None)
        self._results.say(why, "error")

    @Slot(object, object)
    def _opened(self, path: str, opened: Opened) -> None:
        self._errands.pop(path, None)
        if path != self._wanted:
            return
        self._shown = opened
        self._results.show_opened(opened)
        self._results.set_starred(self._favourites.is_starred(path))
        if not opened.image.isNull() and self._progress.running is None:
            self._results.say(f"{opened.path.name}  ·  {opened.facts}")
        if self._first is not None and path == self._second:
            self._compare_with(opened)

    @Slot(object, object)
    def _copied(self, about: str, image: QImage) -> None:
        self._errands.pop(about, None)
        if self._shown is None or image.isNull():
            return
        both = QMimeData()
        both.setImageData(image)
        both.setUrls([QUrl.fromLocalFile(str(self._shown.path))])
        QGuiApplication.clipboard().setMimeData(both)
        self.said.emit(f"{self._shown.path.name} is on the clipboard.")

    @Slot(str)
    def _picked(self, path: str) -> None:
        if self._results.question and self._first is None:  # the question was about another picture
            self._results.ask("")
        self.show_picture(path)

    @Slot(str)
    def _chosen(self, path: str) -> None:
        if self._first is None or str(self._first.path) == path:
            return
        self._second = path
        if self._shown is not None and str(self._shown.path) == path:
            self._compare_with(self._shown)

    def _compare_with(self, second: Opened) -> None:
        if self._first is not None and not second.image.isNull():
            self._comparison.show_pair(self._first, second)
            self._stack.setCurrentWidget(self._comparison)
        self._forget_question()

    @Slot()
    def _leave(self) -> bool:
        """Out of the comparison or an unanswered question. Whether there was one."""
        was_there = bool(self._results.question) or self._stack.currentWidget() is self._comparison
        self._stack.setCurrentIndex(0)
        self._forget_question()
        return was_there

    def _forget_question(self) -> None:
        self._first, self._second = None, ""
        self._results.ask("")

    @Slot()
    def _delete(self) -> None:
        """The question was answered with yes."""
        self._forget_question()
        if self._shown is not None:
            self._start("trash", partial(move_to_trash, [str(self._shown.path)]), self._deleted)

    @Slot(object, object)
    def _deleted(self, about: str, outcome: tuple[list[str], str]) -> None:
        self._errands.pop(about, None)
        gone, problem = outcome
        if problem:
            self._results.say(problem, "error")
            return
        following = self._history.beside(gone[0])
        self._favourites.drop(gone)
        self._history.drop(gone)
        self.said.emit("The picture is in the trash.")
        if self._shown is not None and str(self._shown.path) in gone:
            self._show_next(following)

    def _show_next(self, path: str) -> None:
        """What is shown once the picture on the canvas is gone."""
        self._shown, self._wanted = None, ""
        self._history.go_to(path)
        if path:
            self.show_picture(path)
        else:
            self._results.clear()

    @Slot()
    def _listed(self) -> None:
        """Other pages may have thrown away what is shown here."""
        if self._shown is not None and str(self._shown.path) not in self._history.pictures.paths():
            if self._shown.path.is_relative_to(self._home.outputs) and not self._shown.path.exists():
                self._show_next(next(iter(self._history.pictures.paths()), ""))
        elif self._wanted:
            self._history.go_to(self._wanted)

    @Slot()
    def _draw_stars(self) -> None:
        self._results.set_starred(self._shown is not None and self._favourites.is_starred(self._shown.path))
        self._history.redraw()

    @Slot(object, object, QImage)
    def _on_preview(self, queued: Queued, preview: events.Preview, image: QImage) -> None:
        if isinstance(queued.job, GenerateJob):
            self._shown, self._wanted = None, ""
            self._results.show_preview(image, f"Preview after step {preview.step} of {preview.total}")

    @Slot(object, object)
    def _on_event(self, queued: Queued, event: events.Event) -> None:
        if isinstance(queued.job, GenerateJob) and isinstance(event, events.Saved) and event.what == "picture":
            self._history.add(event.path)
            self.show_picture(event.path)

    def _wire(self) -> None:
        self._form.submitted.connect(self.generate)
        self._form.stopping.connect(self.stop)
        for signal, then in (
            (self._results.starring, self.keep),
            (self._results.vary, self.vary),
            (self._results.reuse, self.reuse),
            (self._results.compare, self.compare),
            (self._results.copy, self.copy),
            (self._results.folder, self.show_folder),
            (self._results.deleting, self.to_trash),
            (self._results.confirmed, self._delete),
            (self._results.refused, self._leave),
            (self._history.picked, self._picked),
            (self._history.chosen, self._chosen),
            (self._history.starring, self.keep),
            (self._history.deleting, self.to_trash),
            (self._history.listed, self._listed),
            (self._comparison.left, self._leave),
            (self._favourites.changed, self._draw_stars),
            (self._queue.preview, self._on_preview),
            (self._queue.happened, self._on_event),
        ):
            signal.connect(then)

    def _lay_out(self) -> None:
        right = surface(self._history, "panel", edge="left")
        right.setFixedWidth(generate_history.WIDTH)
        left = surface(self._form, "panel", edge="right")
        left.setFixedWidth(SETTINGS_WIDTH)
        work = QWidget()
        side_by_side(work, left, self._results, right)
        self._stack.addWidget(work)
        self._stack.addWidget(self._comparison)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)


def _read_whole(path: Path, _errand: Errand) -> QImage:
    return read_image(path)
