"""What begins from a picture on the page Generate: varied, repainted, enlarged, moved. It fills the form, or queues."""

from pathlib import Path
from typing import Literal

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QStackedWidget

from app.models_list import Models
from app.pages.generate_form import GenerateForm
from app.pages.generate_mask import MaskPanel
from app.picture_words import Opened, not_taken
from app.pictures import PictureJob, read_job
from trainer.contract.errors import UserError
from trainer.contract.generate import GenerateJob, SecondPass
from trainer.library.identity import ModelFamily
from trainer.library.index import SHIPPED_MODELS

How = Literal["show", "vary", "repaint", "move"]
VARIED, REPAINTED = 0.6, 1.0
"""Strengths to begin with: a new picture near the old one; a part that may become anything."""
NO_VIDEO_MODEL = "To make a picture move, a Stable Video Diffusion model is needed. Install one on the page Models."


class Beginning(QObject):
    """Owns the panel in which a mask is painted. `told` says what was done or is to be done next, `refused` why not."""

    told = Signal(str)
    refused = Signal(str)
    noted = Signal(str, str)
    """A sentence to stand below the canvas, and its role: muted, warn or error."""
    mask_saved = Signal()
    """The mask that was painted is in the form, or there was nothing in it."""

    def __init__(self, form: GenerateForm, models: Models, panel: MaskPanel, middle: QStackedWidget) -> None:
        super().__init__(middle)
        self._form, self._models, self._panel, self._middle = form, models, panel, middle
        form.source.painting.connect(self.paint)
        panel.done.connect(self.leave)
        panel.saved.connect(self._take_mask)
        panel.failed.connect(self.refused)

    @property
    def is_painting(self) -> bool:
        return self._middle.currentWidget() is self._panel

    def begin(self, opened: Opened, how: How) -> None:
        """Fill the form so that this picture is begun from. One that remembers its settings brings them along."""
        match how:
            case "vary":
                self._start_from(opened, VARIED)
                self.told.emit(f"Press Generate for pictures near {opened.path.name}.")
            case "repaint":
                self._start_from(opened, REPAINTED)
                self.paint()
            case "move":
                self._move(opened)
            case "show":
                self.told.emit(f"Below {opened.path.name} stands what can be done with it.")

    def take(self, job: PictureJob, path: Path) -> None:
        """Fill the form with a job that was read from this file."""
        self._form.set_job(job)
        self.told.emit(f"The settings of {path.name} are in the form.")

    def take_settings_of(self, path: Path) -> None:
        """Fill the form with what a picture or video remembers. What the form has no place for is said."""
        from trainer.library.pictures.reading import read_settings  # the first paint does without
        from trainer.library.pictures.resolve import resolved

        try:
            job = read_job(path)
            found = read_settings(path) if job is None else None
        except UserError as error:
            self.noted.emit(str(error), "error")
            return
        if job is not None:
            self.take(job, path)
        elif found is None:
            self.noted.emit(f"{path.name} holds no settings.", "warn")
        else:
            found = resolved(found, self._models.entries, self._form.model_name)
            self._form.set_found(found.job)
            self.told.emit(f"The settings of {path.name}, made by {found.source}, are in the form.")
            self.noted.emit(" ".join([*found.notes, *not_taken(found)]), "warn" if found.notes else "muted")

    @Slot()
    def paint(self) -> None:
        """Show the picture that is begun from, to be painted on."""
        source = self._form.source
        if source.path:
            self._middle.setCurrentWidget(self._panel)
            self._panel.open(source.path, source.mask_path)

    @Slot()
    def leave(self) -> bool:
        """Out of painting, with what was painted. Whether it was going on."""
        if not self.is_painting:
            return False
        self.save()
        self._middle.setCurrentIndex(0)
        return True

    def save(self) -> bool:
        """Write the mask, unless it is written. Whether `mask_saved` follows."""
        if self.is_painting and self._panel.is_changed:
            self._panel.save()
            return True
        return False

    def _start_from(self, opened: Opened, strength: float) -> None:
        job = opened.picture_job
        if job is not None:
            bare = {"source": None, "second_pass": None, "variation": None, "size": None}
            self._form.set_job(job.model_copy(update=bare))
            self._form.forget_seed()
        self._form.source.set_picture(str(opened.path), strength)

    def _move(self, opened: Opened) -> None:
        found = [one for one in self._models.entries if one.identity and one.identity.family is ModelFamily.SVD]
        if not found:
            self.refused.emit(NO_VIDEO_MODEL)
            return
        if not self._form.is_video:  # one of the user's own before the small one that ships with Gesso
            self._form.choose_model(min(found, key=lambda one: one.path.is_relative_to(SHIPPED_MODELS)).name)
        self._form.source.set_picture(str(opened.path))
        self.told.emit(f"Press Generate for a video that begins with {opened.path.name}.")

    @Slot(str)
    def _take_mask(self, path: str) -> None:
        self._form.source.set_mask(path)
        self.mask_saved.emit()


def enlarged(job: GenerateJob) -> GenerateJob | None:
    """The same picture with a second pass; None where all but a part of it has to stay as it is."""
    if job.source is not None and job.source.mask is not None:
        return None
    return job.model_copy(update={"second_pass": job.second_pass or SecondPass(), "count": 1, "output": ""})
