"""The card that brings a model in: what it is and where it goes, a name that is taken, progress, what went wrong."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QCheckBox, QFrame, QProgressBar, QVBoxLayout

from app.errand import Errand
from app.widgets import model_words
from app.widgets.basics import button, label, row, set_words
from trainer.contract.errors import UserError
from trainer.contract.import_model import ImportJob
from trainer.files import human_size
from trainer.home import Home
from trainer.library.captioner_files import PICKLED, is_model_folder, needs_import, read_model_folder
from trainer.library.folders import model_folder
from trainer.library.identify import identify_file
from trainer.library.identity import Identity
from trainer.library.index import MODEL_SUFFIX, Entry
from trainer.library.install import OnClash, install


@dataclass(frozen=True, slots=True)
class Arrival:
    """A model that could be installed. `place` is where it would lie, or None where Gesso has no use for it.

    `identity` is None of a captioner that is published as a pickle: a job opens it, and makes another file of it.
    `taken` is the name of the model that has its name already, `free` the bytes free on the disk of `place`.
    """

    source: Path
    identity: Identity | None
    size: int
    place: Path | None
    taken: str
    free: int


def look_at(source: Path, home: Home) -> Arrival:
    """Find out what `source` is, before anything is written. Raises UserError if it can't be read as a model."""
    source = source.expanduser().absolute()
    if not source.exists():
        raise UserError(f"{source} is not there.", "Check that it was not moved, and try again.")
    if needs_import(source):
        return _pickled(source, home)
    if source.is_dir() and not is_model_folder(source):
        raise UserError(
            f"{source.name} is not a model folder: it has no model_index.json.",
            "Choose a .safetensors file, the folder of a model in diffusers layout, or that of a captioner.",
        )
    folder = read_model_folder(source) if source.is_dir() else None
    identity = folder.identity if folder else identify_file(source)
    size = folder.bytes if folder else source.stat().st_size
    named = model_folder(identity)
    place = home.models / named if named else None
    taken = _taken(place, source.name if folder else source.stem) if place else ""
    return Arrival(source, identity, size, place, taken, _free(home))


def _pickled(source: Path, home: Home) -> Arrival:
    place = home.models / "captioners"
    size = (source / PICKLED if source.is_dir() else source).stat().st_size
    taken = _taken(place, source.name if source.is_dir() else source.stem)
    return Arrival(source, None, size, place, taken, _free(home))


def _free(home: Home) -> int:
    existing = next(parent for parent in (home.models, *home.models.parents) if parent.exists())
    return shutil.disk_usage(existing).free


def pickle_in_words(arrival: Arrival) -> str:
    """What is to be known before a pickle is opened, after its name."""
    kind = "BLIP, a captioner" if arrival.source.is_dir() else "DeepBooru, a captioner for anime pictures"
    return (
        f"looks like {kind}, {human_size(arrival.size)}, as a pickle. Pickles can hide a program, so Gesso opens this "
        "one once, takes nothing but numbers and names from it, runs none of it, and keeps a safetensors file."
    )


def progress_in_words(done: int, total: int, seconds: float) -> str:
    """`1.2 GB of 4.0 GB  ·  210 MB/s  ·  14 s left`. Each byte is written and then read back, and counts once here."""
    rate = done / seconds if seconds > 0 else 0.0
    text = f"{human_size(done // 2)} of {human_size(total // 2)} copied and checked"
    if rate <= 0:
        return text
    left = (total - done) / rate
    clock = f"{left:.0f} s" if left < 60 else f"{left // 60:.0f} min {left % 60:.0f} s"
    return f"{text}  ·  {human_size(int(rate / 2))}/s  ·  {clock} left"


def _taken(place: Path, name: str) -> str:
    """The library compares names without regard to case; what escapes here, `install` still refuses."""
    if not place.is_dir():
        return ""
    models = [path for path in place.iterdir() if path.is_dir() or path.suffix.lower() == MODEL_SUFFIX]
    names = [path.name if path.is_dir() else path.stem for path in models]
    return next((found for found in names if found.casefold() == name.casefold()), "")


class InstallCard(QFrame):
    """Hidden while there is nothing to install. Several arrivals are taken one after the other.

    `importing` carries the job that installs a captioner which is published as a pickle.
    """

    installed = Signal(object)
    importing = Signal(object)
    said = Signal(str)

    def __init__(self, home: Home) -> None:
        super().__init__()
        self._home = home
        self._waiting: list[Path] = []
        self._arrival: Arrival | None = None
        self._errand: Errand | None = None
        self._began = 0.0
        self.setProperty("surface", "raised")
        self._head = label("", "heading")
        self._words = label("", "muted")
        self._link = QCheckBox("Link to it instead of copying")
        self._link.setToolTip("Takes no room, but if that file is changed or deleted, so is the model in Gesso.")
        self._line = QProgressBar()
        self._line.setTextVisible(False)
        self._line.setFixedHeight(4)
        self._line.setAccessibleName("Progress of the installation")
        self._install = button("Install", "Put it into your Gesso folder", partial(self._bring, "ask"), kind="primary")
        self._replace = button("Replace", "Put the new one in its place", partial(self._bring, "replace"))
        self._both = button("Keep both", "Install it under a numbered name", partial(self._bring, "keep_both"))
        self._cancel = button("Cancel", "Install nothing", self.cancel)
        self._more = label("", "muted")
        self._more.setWordWrap(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 12, 16, 12)
        layout.setSpacing(8)
        for one in (self._head, self._words, self._link, self._line):
            layout.addWidget(one)
        layout.addWidget(row(self._install, self._replace, self._both, self._cancel, 0, self._more))
        self.hide()

    @property
    def is_busy(self) -> bool:
        """Whether something is being looked at or copied."""
        return self._errand is not None

    def take(self, path: Path) -> None:
        """Look at what arrived, then ask; after what is on the card already."""
        self._waiting.append(path)
        if self.isHidden():
            self._next()
        else:  # a question, or a message, is not wiped away
            self._count()

    @Slot()
    def cancel(self) -> None:
        """Stop what is being copied, or put away what is asked."""
        if self._errand is None:
            self._next()
            return
        self._errand.cancel()
        self._cancel.setEnabled(False)
        self._words.setText("Stopping …")

    def stop_all(self) -> None:
        """For the window that closes: nothing more is begun, and what is being copied is given up."""
        self._waiting.clear()
        if self._errand is not None:
            self._errand.cancel()

    @Slot()
    def _next(self) -> None:
        self._arrival = None
        if not self._waiting:
            self.hide()
            return
        source, home = self._waiting.pop(0), self._home
        self._show(f"Looking at {model_words.breakable(source.name)} …", "")
        self._run(Errand(source, lambda _: look_at(source, home)), self._seen)

    def _run(self, errand: Errand, then: Callable[..., None]) -> None:
        self._errand = errand
        errand.told.done.connect(then)
        errand.told.failed.connect(self._failed)
        errand.told.stopped.connect(self._stopped)
        errand.told.progressed.connect(self._progress)
        errand.start()

    @Slot(object, object)
    def _seen(self, _source: Path, arrival: Arrival) -> None:
        self._errand = None
        self._arrival = arrival
        if arrival.place is None:  # the library says best why not
            self._bring("ask")
            return
        name = model_words.breakable(arrival.source.name)
        taken = model_words.breakable(arrival.taken)
        what = f"{model_words.what(arrival.identity)}, {human_size(arrival.size)}." if arrival.identity else ""
        self._show(
            f"There is a model named {taken} already" if taken else f"Install {name}?",
            f"{name} {f'is {what}' if what else pickle_in_words(arrival)} "
            f"It goes to {model_words.breakable(str(arrival.place))}, where {human_size(arrival.free)} are free.",
        )
        self._offer(bool(arrival.taken), can_link=arrival.identity is not None)

    def _offer(self, taken: bool, *, can_link: bool) -> None:
        self._link.setVisible(can_link)
        self._install.setVisible(not taken)
        self._replace.setVisible(taken)
        self._both.setVisible(taken)
        (self._both if taken else self._install).setFocus()

    def _bring(self, on_clash: OnClash) -> None:
        arrival, home = self._arrival, self._home
        if arrival is None or self._errand is not None:
            return
        if arrival.identity is None:
            self.importing.emit(ImportJob(source=str(arrival.source), on_clash=on_clash))
            self.said.emit(f"{arrival.source.name} is being installed: see Queue.")
            self._next()
            return
        how = "link" if self._link.isChecked() else "copy"
        self._show(f"Installing {model_words.breakable(arrival.source.name)}", "Starting …")
        self._line.setVisible(True)
        self._line.setRange(0, 1000)
        self._line.setValue(0)
        self._began = time.monotonic()
        errand = Errand(
            arrival.source,
            lambda mine: install(
                arrival.source, home, how=how, on_clash=on_clash, progress=mine.progress, check=mine.check
            ),
        )
        self._run(errand, self._arrived)

    @Slot(object, object)
    def _progress(self, done: int, total: int) -> None:
        self._line.setValue(done * 1000 // max(total, 1))
        if self._cancel.isEnabled():
            self._words.setText(progress_in_words(done, total, time.monotonic() - self._began))

    @Slot(object, object)
    def _arrived(self, _source: Path, entry: Entry) -> None:
        self._errand = None
        self.said.emit(f"{entry.name} is installed.")
        self.installed.emit(entry)
        self._next()

    @Slot(object, str)
    def _failed(self, source: Path, why: str) -> None:
        self._errand = None
        self._show(f"{model_words.breakable(source.name)} was not installed", model_words.breakable(why), "error")
        self._cancel.setText("Close")
        self._cancel.setToolTip("Put this message away")

    @Slot(object)
    def _stopped(self, source: Path) -> None:
        self._errand = None
        self.said.emit(f"{source.name} was not installed.")
        self._next()

    def _show(self, head: str, words: str, role: str = "muted") -> None:
        """The card with these words and only Cancel below them."""
        self._head.setText(head)
        self._words.setText(words)
        self._words.setVisible(bool(words))
        set_words(self._words, role)
        for one in (self._link, self._line, self._install, self._replace, self._both):
            one.setVisible(False)
        self._cancel.setText("Cancel")
        self._cancel.setToolTip("Install nothing")
        self._cancel.setEnabled(True)
        self._count()
        self.show()

    def _count(self) -> None:
        self._more.setText(f"{len(self._waiting)} more after this" if self._waiting else "")
