"""Exporting a dataset on its page: for which program, how, and where to; what would be written is shown first."""

from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError
from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QFileDialog, QLineEdit, QProgressBar, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.errand import Errand
from app.forms.form import Form
from app.widgets.basics import button, column, label, named, open_folder, row, scrolled
from trainer.contract.export import Export
from trainer.dataset.book import CaptionBook
from trainer.dataset.export import Exported, export
from trainer.dataset.export_plan import Plan, plan

FIELDS = ("to", "pictures", "format", "longest", "prefix", "trigger", "brackets")
SHOWN = 6
"""Pictures of which the preview shows what becomes."""


class ExportPanel(QWidget):
    """`left`: it is done with; `said` carries a sentence for the status bar."""

    left = Signal()
    said = Signal(str)

    def __init__(self, folder: DatasetFolder) -> None:
        super().__init__()
        self._folder = folder
        self._working: Errand | None = None
        self._wanted: Export | None = None
        """What the preview is to be of."""
        self.form = Form(Export, FIELDS)
        self.form.set_value({"to": "kohya"})
        self.where = QLineEdit()
        self.where.setToolTip("A new folder; nothing is ever written over")
        self._preview, self._fault = label("", "muted"), label("", "error")
        self._progress = QProgressBar()
        self._progress.hide()
        self._write = button(
            "Write the export", "A new folder, read again by the other program's rules", self.write, kind="primary"
        )
        self._lay_out()
        self.form.changed.connect(self.look)
        folder.read.connect(self._read_anew)

    def open(self) -> None:
        """For the folder that is open."""
        if self._folder.folder is not None:
            self.where.setText(str(self._folder.folder.with_name(f"{self._folder.folder.name}-export")))
            self.look()

    @Slot()
    def look(self) -> None:
        """Show what would be written, worked out in the pool."""
        self._wanted = options = self._options()
        if options is not None and self._working is None:
            book = self._folder.book
            self._start(options, lambda _errand: _planned(book, options))

    @Slot()
    def _read_anew(self) -> None:
        """Pictures came or went."""
        if self.isVisible():
            self.look()

    @Slot()
    def write(self) -> None:
        options, where = self._options(), self.where.text().strip()
        if options is None or not where or self._working is not None:
            return

        book = self._folder.book

        def work(errand: Errand) -> Exported:
            def watch(done: int, total: int) -> None:
                errand.check()
                errand.progress(done, total)

            return export(_planned(book, options), Path(where).expanduser(), watch)

        self._write.setEnabled(False)
        self._start("write", work)

    def _options(self) -> Export | None:
        try:
            return Export.model_validate(self.form.value())
        except ValidationError as error:
            self.form.show_faults(error)
            return None

    def _start(self, about: object, work: Callable[[Errand], object]) -> None:
        self._fault.setText("")
        errand = Errand(about, work)
        errand.told.done.connect(self._take)
        errand.told.failed.connect(self._failed)
        errand.told.stopped.connect(self._stopped)
        errand.told.progressed.connect(self._progressed)
        self._working = errand
        errand.start()

    @Slot(object, object)
    def _take(self, about: object, outcome: Plan | Exported) -> None:
        self._ended()
        if isinstance(outcome, Exported):
            self.said.emit(f"{outcome.pictures:,} pictures are in {outcome.folder}, and were read again as planned.")
            open_folder(outcome.folder)
            self.left.emit()
            return
        self._preview.setText(in_words(outcome))
        if about is not self._wanted:
            self.look()

    @Slot(object, str)
    def _failed(self, _about: object, why: str) -> None:
        self._ended()
        self._fault.setText(why)

    @Slot(object)
    def _stopped(self, _about: object) -> None:
        self._ended()

    @Slot(object, object)
    def _progressed(self, done: int, total: int) -> None:
        self._progress.setRange(0, total)
        self._progress.setValue(done)
        self._progress.show()

    def _ended(self) -> None:
        self._working = None
        self._progress.hide()
        self._write.setEnabled(True)

    @Slot()
    def back(self) -> None:
        """Stop what is being written, which leaves nothing behind, or go back to the grid."""
        if self._working is not None:
            self._working.cancel()
        self.left.emit()

    @Slot()
    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Where the new folder is to be", self.where.text())
        if chosen and self._folder.folder is not None:
            self.where.setText(str(Path(chosen) / f"{self._folder.folder.name}-export"))

    def _lay_out(self) -> None:
        choose = button("", "Choose where the new folder is to be", self._choose, icon="folder", kind="quiet")
        back = button("Back", "Stop, and back to the pictures (Esc)", self.back, icon="back")
        fields = column(
            label("Export", "title"),
            label("A copy as other programs read it. The dataset itself is not changed.", "muted"),
            self.form,
            named("New folder", self.where, after=choose),
            label("What will be written", "heading"),
            self._preview,
            self._fault,
            self._progress,
            row(self._write, back, 0),
            0,
            margins=(24, 20, 24, 16),
            spacing=12,
        )
        fields.setMaximumWidth(760)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolled(fields))


def _planned(book: CaptionBook, options: Export) -> Plan:
    """From the captions as they are on the disk now."""
    book.reread(range(len(book.dataset.items)))
    return plan(book.dataset, book, options)


def in_words(made: Plan) -> str:
    """The first pictures with the captions that the other program will take, what is left out, and what gets lost."""
    lines = [f"{one.name}: {made.seen(one)[0] or 'no caption'}" for one in made.pictures[:SHOWN]]
    more = len(made.pictures) - len(lines)
    lines += [f"and {more:,} more"] if more > 0 else []
    lines += [f"Left out: {item.relative}: {reason}." for item, reason in made.left_out[:SHOWN]]
    return "\n".join([*lines, *made.notes])
