"""Generate: what is wanted on the left, the picture as it forms in the middle, what was made on the right."""

import random
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QProgressBar, QWidget

from app.forms.editors import CHOICES, field_editor
from app.forms.form import Form
from app.models_list import Models
from app.pictures import PictureList, read_image, read_job
from app.queue import Queue, Queued, in_words
from app.thumbnails import Thumbnails
from app.widgets.basics import (
    button,
    column,
    label,
    named,
    open_folder,
    row,
    scrolled_above,
    set_words,
    side_by_side,
    surface,
)
from app.widgets.canvas import Canvas
from app.widgets.fold import Fold
from app.widgets.lora_list import LoraList
from app.widgets.model_box import ModelBox
from app.widgets.strip import Strip
from trainer.contract import events
from trainer.contract.common import Hardware, LoraUse, Sampling
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob
from trainer.home import Home
from trainer.library.identity import Kind

SETTINGS_WIDTH, HISTORY_WIDTH = 340, 184
LARGEST_SEED = 2**32 - 1
"""Of seeds that are drawn here: short enough to be read out. Any that a job takes can be typed."""
HISTORY = 200


class GeneratePage(QWidget):
    """`said` carries a sentence for the status bar."""

    said = Signal(str)

    def __init__(self, home: Home, models: Models, queue: Queue) -> None:
        super().__init__()
        self._home, self._models, self._queue = home, models, queue
        self._mine: Queued | None = None
        self._shown: Path | None = None
        self._pictures = PictureList(256, self, read=Thumbnails(home).read)
        self._form = GenerateForm(models)
        self._form.submitted.connect(self.generate)
        self._canvas = Canvas("Say what you want to see, and press Generate. The picture forms here, step by step.")
        self._line = QProgressBar()
        self._line.setTextVisible(False)
        self._line.setFixedHeight(4)
        self._line.setAccessibleName("Progress")
        self._words = label("", "muted")
        self._words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._vary = button("Vary", "The same again with another seed", self.vary, icon="vary")
        self._reuse = button(
            "Use these settings", "Fill the form with this picture's settings", self.reuse, icon="reuse"
        )
        self._folder = button(
            "Show in folder", "Open the folder that holds this picture", self.show_folder, icon="folder"
        )
        strip = Strip(self._pictures, (HISTORY_WIDTH - 48) // 2)
        strip.picked.connect(self.show_picture)
        self._lay_out(strip)
        self._progress(None)
        queue.preview.connect(self._on_preview)
        queue.happened.connect(self._on_event)
        queue.progressed.connect(self._progress)
        queue.ended.connect(self._on_ended)
        self._load_history()
        self.setFocusProxy(self._form.first_field)
        stop = QShortcut(QKeySequence(Qt.Key.Key_Escape), self)
        stop.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        stop.activated.connect(self.stop)

    def draft(self) -> dict[str, Any]:
        return self._form.draft()

    def set_draft(self, draft: dict[str, Any]) -> None:
        self._form.set_draft(draft)

    @Slot()
    def generate(self) -> None:
        """Queue what the form says; what it says wrong is shown where it stands."""
        job = self._form.job()
        if job is not None:
            self._mine = self._queue.add(job)
            self._say("Waiting for its turn" if self._mine.state == "waiting" else "Starting")

    @Slot()
    def vary(self) -> None:
        self._form.draw_seed()
        self.generate()

    @Slot()
    def stop(self) -> None:
        if self._mine is not None and self._mine.state in ("running", "waiting"):
            self._queue.cancel(self._mine)

    @Slot()
    def reuse(self) -> None:
        if self._shown is not None:
            self.take_settings_of(self._shown)

    @Slot()
    def show_folder(self) -> None:
        open_folder(self._shown.parent if self._shown else self._home.outputs)

    def try_prompt(self, prompt: str) -> None:
        """Make a picture of this prompt with everything else as it is."""
        self._form.set_prompt(prompt)
        self.generate()

    def try_lora(self, name: str) -> None:
        """Lay a LoRA that was just trained over the model it was trained on, and nothing else."""
        self._form.set_loras((LoraUse(name=name),))
        self.said.emit(f"{name} is laid over the model: say its word in the prompt, and press Generate.")

    def take_settings_of(self, path: Path) -> None:
        """Fill the form with what a picture remembers."""
        try:
            job = read_job(path)
        except UserError as error:
            self._say(str(error), "error")
            return
        if job is None:
            self._say(f"{path.name} holds no settings of Gesso's.", "warn")
        else:
            self._form.set_job(job)
            self.said.emit(f"The settings of {path.name} are in the form.")

    @Slot(str)
    def show_picture(self, path: str) -> None:
        image = read_image(Path(path))
        if image.isNull():
            self._say(f"{Path(path).name} can't be shown: the file is gone or damaged.", "error")
            return
        self._shown = Path(path)
        self._canvas.show_image(image, f"The picture {Path(path).name}")
        self._say(f"{Path(path).name}  ·  {image.width()} × {image.height()}")
        self._can_act(True)

    def _lay_out(self, strip: Strip) -> None:
        actions = row(0, self._vary, self._reuse, self._folder, 0)
        middle = column(self._canvas, self._line, self._words, actions, margins=(24, 24, 24, 16), spacing=12)
        history = column(label("History", "heading"), strip, margins=(12, 16, 4, 8))
        right = surface(history, "panel", edge="left")
        right.setFixedWidth(HISTORY_WIDTH)
        left = surface(self._form, "panel", edge="right")
        left.setFixedWidth(SETTINGS_WIDTH)
        side_by_side(self, left, middle, right)
        self._can_act(False)

    def _load_history(self) -> None:
        found = sorted(self._home.outputs.glob("????-??-??/*.png"), key=lambda path: path.stat().st_mtime, reverse=True)
        self._pictures.set_paths([str(path) for path in found[:HISTORY]])

    @Slot(object, object, QImage)
    def _on_preview(self, queued: Queued, preview: events.Preview, image: QImage) -> None:
        if isinstance(queued.job, GenerateJob):
            self._canvas.show_image(image, f"Preview after step {preview.step} of {preview.total}")
            self._can_act(False)

    @Slot(object, object)
    def _on_event(self, queued: Queued, event: events.Event) -> None:
        if isinstance(queued.job, GenerateJob) and isinstance(event, events.Saved) and event.what == "picture":
            self._pictures.add(event.path)
            self.show_picture(event.path)

    @Slot(object)
    def _progress(self, queued: Queued | None) -> None:
        if queued is not None and not isinstance(queued.job, GenerateJob):
            return
        running = queued is not None and queued.state == "running"
        self._line.setRange(0, queued.total if running and queued and queued.total else 1)
        self._line.setValue(queued.step if running and queued and queued.total else 0)
        if running and queued:
            self._say(in_words(queued))

    @Slot(object)
    def _on_ended(self, queued: Queued) -> None:
        if not isinstance(queued.job, GenerateJob):
            return
        self._progress(None)
        match queued.ending:
            case events.Failed(title=title, fix=fix):
                self._say(f"{title} {fix}", "error")
            case events.Stopped():
                self._say("Stopped.")
            case events.Finished(seconds=seconds):
                count = len(queued.pictures)
                self._say(f"{count} picture{'s' if count != 1 else ''} in {seconds:.1f} s")
            case _:
                pass

    def _say(self, text: str, words: str = "muted") -> None:
        self._words.setText(text)
        set_words(self._words, words)

    def _can_act(self, can: bool) -> None:
        for one in (self._vary, self._reuse, self._folder):
            one.setEnabled(can)


class GenerateForm(QWidget):
    """The settings column. `job()` is what it says, or None with the faults shown in place."""

    submitted = Signal()

    def __init__(self, models: Models) -> None:
        super().__init__()
        self._model = ModelBox(models, Kind.CHECKPOINT)
        self._prompt = _prompt_box("a red cat on the left of a mint background", 96)
        self._negative = _prompt_box("what the picture should keep away from", 52)
        self._loras = LoraList(models)
        self._size = field_editor(GenerateJob, "size")
        self._count = field_editor(GenerateJob, "count")
        self._steps = field_editor(Sampling, "steps")
        self._guidance = field_editor(Sampling, "guidance")
        self._seed = QLineEdit()
        self._seed.setPlaceholderText("random")
        self._seed.setToolTip(
            "The same seed and settings give the same picture again; empty draws a new one each time."
        )
        self._sampling = Form(Sampling, ("sampler", "eta", "spacing", "compatibility"))
        self._batch = Form(GenerateJob, ("batch_size",))
        self._hardware = Form(Hardware, ("device", "precision"))
        self._fold = Fold("Sampler and more", column(self._sampling, self._batch, self._hardware, spacing=10))
        self._fault = label("", "error")
        self._fault.hide()
        self._sampling.changed.connect(self._summarise)
        self._start = button(
            "Generate",
            "Make the pictures (Ctrl+Enter). While one is made, the next waits in the queue.",
            self._submit,
            icon="generate",
            kind="primary",
        )
        for keys in ("Ctrl+Return", "Ctrl+Enter"):
            QShortcut(QKeySequence(keys), self, self._submit)
        self._lay_out()
        self.set_job(GenerateJob(prompt=""))
        self._seed.clear()

    @property
    def first_field(self) -> QWidget:
        return self._prompt

    def job(self) -> GenerateJob | None:
        seed = self._seed.text().strip()
        tree = {
            "model": self._model.name,
            "prompt": self._prompt.toPlainText(),
            "negative": self._negative.toPlainText(),
            "loras": self._loras.value(),
            "size": self._size.value(),
            "count": self._count.value(),
            "seed": seed if seed else random.SystemRandom().randrange(LARGEST_SEED),
            "sampling": {
                **self._sampling.value(),
                "steps": self._steps.value(),
                "guidance": self._guidance.value(),
            },
            "hardware": self._hardware.value(),
            **self._batch.value(),
        }
        try:
            job = GenerateJob.model_validate(tree)
        except ValidationError as error:
            self._show(error)
            return None
        self._fault.hide()
        return job

    def set_job(self, job: GenerateJob) -> None:
        self._model.set_name(job.model)
        self._prompt.setPlainText(job.prompt)
        self._negative.setPlainText(job.negative)
        self._loras.set_value(job.loras)
        self._size.set_value(job.size)
        self._count.set_value(job.count)
        self._seed.setText(str(job.seed))
        self._steps.set_value(job.sampling.steps)
        self._guidance.set_value(job.sampling.guidance)
        self._sampling.set_value(dict(job.sampling))
        self._batch.set_value({"batch_size": job.batch_size})
        self._hardware.set_value(dict(job.hardware))
        self._fault.hide()
        self._summarise()

    def set_prompt(self, prompt: str) -> None:
        self._prompt.setPlainText(prompt)

    def set_loras(self, loras: tuple[LoraUse, ...]) -> None:
        self._loras.set_value(loras)

    def draft(self) -> dict[str, Any]:
        job = self.job()
        kept = job.model_dump(mode="json") if job is not None else {}
        return {"job": kept, "seed": self._seed.text(), "open": self._fold.is_open} if kept else {}

    def set_draft(self, draft: dict[str, Any]) -> None:
        try:
            self.set_job(GenerateJob.model_validate(draft["job"]))
        except (KeyError, ValidationError):  # of another version: the form stays as it is
            return
        self._seed.setText(str(draft.get("seed", "")))
        self._fold.set_open(bool(draft.get("open")))

    def draw_seed(self) -> None:
        self._seed.setText(str(random.SystemRandom().randrange(LARGEST_SEED)))

    @Slot()
    def _submit(self) -> None:
        self.submitted.emit()

    @Slot()
    def _summarise(self) -> None:
        values = self._sampling.value()
        eta = f", eta {values['eta']:g}" if values["sampler"] == "ddim" else ""
        self._fold.set_summary(CHOICES.get(str(values["sampler"]), str(values["sampler"])) + eta)

    def _show(self, error: ValidationError) -> None:
        self._sampling.show_faults(error, "sampling")
        first = error.errors(include_url=False)[0]
        place = " ".join(str(part) for part in first["loc"])
        self._fault.setText(f"{place}: {first['msg']}")
        self._fault.show()

    def _lay_out(self) -> None:
        dice = button("", "Draw a new seed each time", self._seed.clear, icon="dice", kind="quiet")
        fields = column(
            named("Model", self._model),
            named("Prompt", self._prompt),
            named("Not in the picture", self._negative),
            self._loras,
            row(named("Size", self._size.widget), named("Pictures", self._count.widget), spacing=8),
            row(
                named("Steps", self._steps.widget),
                named("Guidance", self._guidance.widget),
                named("Seed", self._seed, beside=dice),
                spacing=8,
            ),
            self._fold,
            0,
            margins=(16, 16, 16, 8),
            spacing=12,
        )
        scrolled_above(self, fields, column(self._fault, self._start, margins=(16, 8, 16, 16)))


def _prompt_box(example: str, height: int) -> QPlainTextEdit:
    box = QPlainTextEdit()
    box.setPlaceholderText(example)
    box.setFixedHeight(height)
    box.setTabChangesFocus(True)
    return box
