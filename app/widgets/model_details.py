"""What is known of one model, why, and what can be done with it: use, verify, show in folder, remove."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QProgressBar, QScrollArea, QVBoxLayout, QWidget

from app.errand import Errand
from app.settings import Settings
from app.widgets import model_about, model_words
from app.widgets.basics import button, column, label, open_folder, row, set_words
from app.widgets.model_defaults import DefaultsEditor
from trainer.files import human_size
from trainer.home import Home
from trainer.library.identity import Kind
from trainer.library.index import Entry
from trainer.library.install import remove
from trainer.library.notes import ModelNotes, read_notes
from trainer.library.verify import Verification, verify

NOTHING = "Choose a model in the list to see what it is, and why Gesso says so."
MARGIN = 16


class ModelDetails(QWidget):
    """`altered` is said after a model was verified or removed: the list has to be asked again. The others carry the
    name of the model that is to be used; `defaults` says that settings.model_defaults is another now."""

    altered = Signal()
    said = Signal(str)
    use_model = Signal(str)
    use_lora = Signal(str)
    train_from = Signal(str)
    defaults = Signal()

    def __init__(self, home: Home, settings: Settings) -> None:
        super().__init__()
        self._home, self._settings = home, settings
        self._entry: Entry | None = None
        self._outcomes: dict[Path, tuple[str, str]] = {}
        self._busy: dict[Path, Errand] = {}
        self._shares: dict[Path, int] = {}
        self._reading: dict[Path, Errand] = {}
        self._make_parts()
        self._make_buttons()
        self._lay_out()
        self._editor.changed.connect(self.defaults)
        self._draw()

    @property
    def entry(self) -> Entry | None:
        return self._entry

    @Slot(object)
    def show_entry(self, entry: Entry | None) -> None:
        if entry != self._entry:
            is_other = entry is None or self._entry is None or entry.path != self._entry.path
            self._entry = entry
            self._draw()
            if is_other:
                self._scroll.verticalScrollBar().setValue(0)

    def stop_work(self) -> None:
        """For the window that closes: what is being read is given up, what was typed is kept."""
        self._editor.keep()
        for errand in self._busy.values():
            errand.cancel()

    @Slot()
    def verify(self) -> None:
        entry = self._entry
        if entry is not None and entry.identity is not None and entry.path not in self._busy:
            self._shares[entry.path] = 0
            doing = f"Reading all {human_size(entry.size)} of it …"
            self._begin(entry, doing, partial(_verified, entry, self._home, self._shares), self._take_verified)

    @Slot()
    def stop_verifying(self) -> None:
        if self._entry is not None and (errand := self._busy.get(self._entry.path)):
            errand.cancel()

    @Slot()
    def remove(self) -> None:
        """Move the model to the trash. The button asks first."""
        if self._entry is not None and self._entry.path not in self._busy:
            doing = partial(_removed, self._entry, self._home)
            self._begin(self._entry, "Moving it to the trash …", doing, self._take_removed)

    @Slot()
    def show_folder(self) -> None:
        if self._entry is not None:
            open_folder(self._entry.path.parent)

    @Slot()
    def ask_to_remove(self) -> None:
        if self._entry is None or not self._remove.isEnabled():
            return
        self._question.setText(
            f"Move {model_words.breakable(self._entry.name)} to the trash? Jobs that use it will not find it any more."
        )
        self._ask_or_act(True)
        self._no.setFocus()

    @Slot()
    def _do_not(self) -> None:
        self._ask_or_act(False)
        self._remove.setFocus()

    def _ask_or_act(self, ask: bool) -> None:
        self._asking.setVisible(ask)
        self._actions.setVisible(not ask)
        self._outcome.setVisible(bool(self._outcome.text()) and not ask)

    def _begin(self, entry: Entry, doing: str, work: Callable[[Errand], object], then: Callable[..., None]) -> None:
        errand = Errand(entry, work)
        errand.told.done.connect(then)
        errand.told.failed.connect(self._failed)
        errand.told.stopped.connect(self._stopped)
        errand.told.progressed.connect(self._progressed)
        self._busy[entry.path] = errand
        self._conclude(entry, doing, "muted")
        errand.start()

    def _conclude(self, entry: Entry, text: str, words: str) -> None:
        self._outcomes[entry.path] = (text, words)
        self._draw_foot()

    def _end(self, entry: Entry) -> None:
        del self._busy[entry.path]
        self._shares.pop(entry.path, None)

    @Slot()
    def _progressed(self) -> None:
        if self._entry is not None:
            self._line.setValue(self._shares.get(self._entry.path, 0))

    @Slot(object, object)
    def _take_verified(self, entry: Entry, found: Verification) -> None:
        self._end(entry)
        self._conclude(entry, f"✓  {found.text}", "ok")
        self.said.emit(f"{entry.name} is sound.")
        self.altered.emit()

    @Slot(object, object)
    def _take_removed(self, entry: Entry, _nothing: object) -> None:
        self._end(entry)
        self._outcomes.pop(entry.path, None)
        self.said.emit(f"{entry.name} is in the trash.")
        self.altered.emit()

    @Slot(object, str)
    def _failed(self, entry: Entry, why: str) -> None:
        self._end(entry)
        self._conclude(entry, why, "error")

    @Slot(object)
    def _stopped(self, entry: Entry) -> None:
        self._end(entry)
        self._conclude(entry, "Not verified: you stopped it.", "muted")

    @Slot(object, object)
    def _take_notes(self, path: Path, notes: ModelNotes) -> None:
        del self._reading[path]
        if self._entry is not None and self._entry.path == path:
            _fill(self._notes, model_about.said_of_itself(notes))

    @Slot(object, str)
    def _no_notes(self, path: Path, _why: str) -> None:
        del self._reading[path]

    @Slot()
    def _generate(self) -> None:
        if self._entry is not None:
            self.use_model.emit(self._entry.name)

    @Slot()
    def _lora(self) -> None:
        if self._entry is not None:
            self.use_lora.emit(self._entry.name)

    @Slot()
    def _train(self) -> None:
        if self._entry is not None:
            self.train_from.emit(self._entry.name)

    def _draw(self) -> None:
        entry = self._entry
        _fill(self._notes, None)
        if entry is None:
            _fill(self._head, label(NOTHING, "muted"))
            _fill(self._facts, None)
        else:
            _fill(self._head, model_about.headline(entry, model_words.program(entry, self._settings.model_folders)))
            _fill(self._facts, model_about.facts(entry, self.verify))
            if entry.identity is not None:
                self._read_notes(entry.path)
        kind = entry.identity.kind if entry is not None and entry.identity is not None else None
        self._editor.setVisible(kind is Kind.CHECKPOINT)
        self._editor.show_model(entry.name if entry is not None and kind is Kind.CHECKPOINT else "")
        self._to_generate.setVisible(kind is Kind.CHECKPOINT)
        self._to_train.setVisible(kind is Kind.CHECKPOINT)
        self._to_lora.setVisible(kind is Kind.LORA)
        self._draw_foot()

    def _read_notes(self, path: Path) -> None:
        if path not in self._reading:  # else what is on its way is shown when it comes
            errand = self._reading[path] = Errand(path, partial(_noted, path))
            errand.told.done.connect(self._take_notes)
            errand.told.failed.connect(self._no_notes)
            errand.start()

    def _draw_foot(self) -> None:
        entry = self._entry
        text, words = self._outcomes.get(entry.path, ("", "muted")) if entry else ("", "muted")
        self._outcome.setText(model_words.breakable(text))
        set_words(self._outcome, words)
        busy = entry is not None and entry.path in self._busy
        self._actions.setEnabled(entry is not None)
        self._progress.setVisible(entry is not None and entry.path in self._shares)
        self._progressed()
        self._buttons.setVisible(entry is not None)
        self._verify.setEnabled(entry is not None and entry.identity is not None and not busy)
        self._remove.setEnabled(entry is not None and not entry.read_only and not busy)
        fixed = model_words.origin(entry) if entry else ""
        self._remove.setToolTip(f"It can't be removed: {fixed}" if fixed else "Move it to the trash; asks first")
        self._ask_or_act(False)

    def _make_parts(self) -> None:
        self._head, self._notes, self._facts = column(), column(), column()
        self._editor = DefaultsEditor(self._settings)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._outcome = label()
        self._outcome.setAccessibleName("What came of it")
        self._line = QProgressBar()
        self._line.setRange(0, 1000)
        self._line.setTextVisible(False)
        self._line.setFixedHeight(4)
        self._line.setAccessibleName("How much of the model is read")

    def _make_buttons(self) -> None:
        self._to_generate = button(
            "Generate with it",
            "Choose this model on the page Generate",
            self._generate,
            icon="generate",
            kind="primary",
        )
        self._to_train = button("Train from it", "Start a training from this model", self._train, icon="train")
        self._to_lora = button(
            "Use it in Generate", "Add this LoRA on the page Generate", self._lora, icon="generate", kind="primary"
        )
        self._verify = button(
            "Verify", "Read the whole file and compare it with its checksum", self.verify, icon="verify"
        )
        self._folder = button("Show in folder", "Open the folder that holds it", self.show_folder, icon="folder")
        self._remove = button("Remove", "Move it to the trash; asks first", self.ask_to_remove, icon="remove")
        self._stop = button("Stop", "Read no further", self.stop_verifying, icon="stop", kind="quiet")
        self._question = label()
        self._yes = button("Move to trash", "It can be put back from there", self.remove, icon="remove")
        self._no = button("Keep it", "Leave everything as it is", self._do_not, icon="close")

    def _lay_out(self) -> None:
        self._asking = column(self._question, row(self._yes, self._no, 0), spacing=12)
        self._buttons = column(
            row(self._to_generate, self._to_train, self._to_lora),
            row(self._verify, self._folder, self._remove),
        )
        self._progress = row(self._line, self._stop)
        self._actions = column(self._progress, self._buttons)
        told = column(
            self._head, self._notes, self._editor, self._facts, 0, margins=(MARGIN, MARGIN, MARGIN, MARGIN), spacing=12
        )
        self._scroll.setWidget(told)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._scroll, 1)
        foot = column(self._outcome, self._asking, self._actions, margins=(MARGIN, 8, MARGIN, MARGIN), spacing=12)
        layout.addWidget(foot)


def _fill(place: QWidget, content: QWidget | None) -> None:
    """Put `content` in place of what stands there; without any, the place is hidden."""
    layout = place.layout()
    while layout is not None and (item := layout.takeAt(0)) is not None:
        if old := item.widget():
            old.hide()
            old.deleteLater()
    if content is not None and layout is not None:
        layout.addWidget(content)
        content.show()
    place.setVisible(content is not None)


def _verified(entry: Entry, home: Home, shares: dict[Path, int], errand: Errand) -> Verification:
    """In the pool's thread. `shares` gets how far it is, in thousandths."""

    def progress(done: int, total: int) -> None:
        shares[entry.path] = done * 1000 // max(total, 1)
        errand.progress(done, total)

    return verify(entry, home, progress=progress, check=errand.check)


def _removed(entry: Entry, home: Home, _errand: Errand) -> None:
    remove(entry, home)


def _noted(path: Path, _errand: Errand) -> ModelNotes:
    return read_notes(path)
