"""Generate: what is wanted on the left, the picture as it forms in the middle, what was made on the right."""

from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QFocusEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from app.errand import Errand
from app.favourites import Favourites
from app.models_list import Models
from app.pages import generate_history
from app.pages.generate_begin import Beginning, How, enlarged
from app.pages.generate_form import GenerateForm, drawn_seed
from app.pages.generate_grids import Grids
from app.pages.generate_history import History
from app.pages.generate_mask import MaskPanel
from app.pages.generate_pair import Pair
from app.pages.generate_progress import Progress
from app.pages.generate_results import Results
from app.picture_clipboard import PictureClipboard
from app.picture_trash import Trash
from app.picture_words import Opened, open_picture
from app.queue import Queue
from app.settings import Settings
from app.widgets.basics import open_folder, side_by_side, surface
from app.widgets.compare import ComparePanel
from trainer.contract.common import LoraUse
from trainer.contract.jobfile import Job
from trainer.home import Home

SETTINGS_WIDTH = 340


class GeneratePage(QWidget):
    """`said` carries a sentence for the status bar."""

    said = Signal(str)

    def __init__(self, home: Home, models: Models, queue: Queue, settings: Settings, favourites: Favourites) -> None:
        super().__init__()
        self._home, self._queue, self._favourites = home, queue, favourites
        self._shown: Opened | None = None
        self._wanted = ""
        self._then: tuple[str, How] | None = None
        """A picture that is being opened, and how it is to be begun from."""
        self._waits_for_mask = False
        self._errands: dict[object, Errand] = {}
        self._form = GenerateForm(home, models, settings)
        self._results = Results()
        self._history = History(home, favourites.is_starred)
        self._comparison = ComparePanel()
        self._progress = Progress(queue, self._form, self._results, self)
        self._stack, self._middle = QStackedWidget(), QStackedWidget()
        self._mask_panel = MaskPanel(home)
        self._beginning = Beginning(self._form, models, self._mask_panel, self._middle)
        self._pair = Pair(self._results, self._history, self._comparison, self._stack)
        self._grids = Grids(self._form, queue, models, self._middle)
        self._trash, self._clipboard = Trash(self), PictureClipboard(self)
        self._lay_out()
        self._wire()

    def draft(self) -> dict[str, Any]:
        return {**self._form.draft(), "grid": self._grids.draft()}

    def set_draft(self, draft: dict[str, Any]) -> None:
        self._form.set_draft(draft)
        self._grids.set_draft(draft.get("grid", []))

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
        """Queue what the form says; what it says wrong is shown where it stands. A mask is written first."""
        if self._beginning.save():
            self._waits_for_mask = True
            return
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
        """The result once more with another seed. The form stays as it is; it decides where no result is shown."""
        job = self._shown.job if self._shown is not None else self._form.job()
        if job is not None:
            self._add(job.model_copy(update={"seed": drawn_seed(), "output": ""}))

    @Slot()
    def reuse(self) -> None:
        if self._shown is not None and self._shown.job is not None:
            self._beginning.take(self._shown.job, self._shown.path)

    @Slot()
    def start_from(self) -> None:
        """Vary the picture that is shown."""
        self._begin("vary")

    @Slot()
    def repaint_part(self) -> None:
        """Mark a part of the picture that is shown, to be made anew."""
        self._begin("repaint")

    @Slot()
    def animate(self) -> None:
        """Make a video that begins with the picture that is shown."""
        self._begin("move")

    @Slot()
    def enlarge(self) -> None:
        """Make the picture that is shown again, with a second pass."""
        job = self._shown.picture_job if self._shown is not None else None
        if job is not None:
            larger = enlarged(job)
            if larger is None:
                self._results.say("Only a part of this picture was made, so it can't be enlarged.", "warn")
            else:
                self._add(larger)

    @Slot()
    def grid(self) -> None:
        """Ask which fields of the form change from one picture to the next."""
        self._beginning.leave()
        self._grids.open()

    @Slot()
    def choose_picture(self) -> None:
        """To begin from, out of all folders."""
        self._form.source.choose()

    def begin_from(self, path: Path, how: How) -> None:
        """Show a picture, and begin from it."""
        self._then = (str(path), how)
        self.show_picture(str(path))

    def _begin(self, how: How) -> None:
        if self._shown is not None and not self._shown.image.isNull() and not self._shown.frames:
            self._beginning.begin(self._shown, how)

    @Slot()
    def keep(self) -> None:
        """Give the picture a star, or take it away."""
        if self._shown is not None:
            self._favourites.toggle(self._shown.path)

    @Slot()
    def copy(self) -> None:
        """The picture in its full size on the clipboard; programs that take files get the file."""
        if self._shown is not None:
            self._clipboard.copy(self._shown.path)

    @Slot()
    def compare(self) -> None:
        """Lay the picture over the next one that is chosen in the history."""
        if self._shown is not None and not self._shown.image.isNull():
            self._pair.begin(self._shown)

    @Slot()
    def to_trash(self) -> None:
        """Ask first, in place."""
        if self._shown is not None:
            self._pair.forget()
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
        self._beginning.take_settings_of(path)

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

    @Slot(object)
    def _add(self, job: Job) -> None:
        self._leave()
        if self._queue.add(job).state == "running":
            self._results.say("Starting")

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
        if self._then is not None and self._then[0] == path and not opened.image.isNull():
            how, self._then = self._then[1], None
            self._beginning.begin(opened, how)
        if path != self._wanted:
            return
        self._shown = opened
        self._results.show_opened(opened)
        self._results.set_starred(self._favourites.is_starred(path))
        if not opened.image.isNull() and self._progress.running is None:
            self._results.say(f"{opened.path.name}  ·  {opened.facts}")
        self._pair.opened(opened)

    @Slot()
    def _mask_saved(self) -> None:
        if self._waits_for_mask:
            self._waits_for_mask = False
            self.generate()

    @Slot(str)
    def _refused(self, why: str) -> None:
        self._waits_for_mask = False
        self._results.say(why, "warn")

    @Slot(str)
    def _picked(self, path: str) -> None:
        if self._results.question and not self._pair.is_asking:  # the question was about another picture
            self._results.ask("")
        self._beginning.leave()
        self._middle.setCurrentIndex(0)
        self.show_picture(path)

    @Slot()
    def _leave(self) -> bool:
        """Out of the comparison or an unanswered question. Whether there was one."""
        was_there = self._pair.leave()
        was_there = self._beginning.leave() or self._middle.currentIndex() > 0 or was_there
        self._middle.setCurrentIndex(0)
        return was_there

    @Slot()
    def _delete(self) -> None:
        """The question was answered with yes."""
        self._pair.forget()
        if self._shown is not None:
            self._trash.throw(str(self._shown.path))

    @Slot(object)
    def _thrown(self, gone: list[str]) -> None:
        following = self._history.beside(gone[0])
        self._favourites.drop(gone)
        self._history.drop(gone)
        self.said.emit("It is in the trash.")
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

    @Slot()
    def _forms(self) -> None:
        """A picture in progress is on the canvas now."""
        self._shown, self._wanted = None, ""

    @Slot(str)
    def _made(self, path: str) -> None:
        self._history.add(path)
        self.show_picture(path)

    def _wire(self) -> None:
        self._form.submitted.connect(self.generate)
        self._form.stopping.connect(self.stop)
        self._form.gridding.connect(self.grid)
        self._grids.wanted.connect(self._add)
        self._grids.left.connect(self._leave)
        for signal, then in (
            (self._results.starring, self.keep),
            (self._results.vary, self.vary),
            (self._results.start_from, self.start_from),
            (self._results.repainting, self.repaint_part),
            (self._results.enlarge, self.enlarge),
            (self._results.animate, self.animate),
            (self._beginning.told, self.said),
            (self._trash.gone, self._thrown),
            (self._trash.refused, self._results.say),
            (self._clipboard.said, self.said),
            (self._clipboard.refused, self._results.say),
            (self._beginning.refused, self._refused),
            (self._beginning.noted, self._results.say),
            (self._beginning.mask_saved, self._mask_saved),
            (self._results.reuse, self.reuse),
            (self._results.compare, self.compare),
            (self._results.copy, self.copy),
            (self._results.folder, self.show_folder),
            (self._results.deleting, self.to_trash),
            (self._results.confirmed, self._delete),
            (self._results.refused, self._leave),
            (self._history.picked, self._picked),
            (self._history.chosen, self._pair.choose),
            (self._history.starring, self.keep),
            (self._history.deleting, self.to_trash),
            (self._history.listed, self._listed),
            (self._comparison.left, self._leave),
            (self._favourites.changed, self._draw_stars),
            (self._progress.forming, self._forms),
            (self._progress.made, self._made),
        ):
            signal.connect(then)

    def _lay_out(self) -> None:
        right = surface(self._history, "panel", edge="left")
        right.setFixedWidth(generate_history.WIDTH)
        left = surface(self._form, "panel", edge="right")
        left.setFixedWidth(SETTINGS_WIDTH)
        for panel in (self._results, self._mask_panel):
            self._middle.addWidget(panel)
        work = QWidget()
        side_by_side(work, left, self._middle, right)
        self._stack.addWidget(work)
        self._stack.addWidget(self._comparison)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._stack)
