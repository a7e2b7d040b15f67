"""What tags are completed from on the page Dataset: its own, and a booru's list that the user may choose."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPoint, Signal, Slot
from PySide6.QtWidgets import QFileDialog, QMenu

from app.errand import Errands
from app.widgets.basics import button, downloads
from app.widgets.caption_edit import CaptionEdit
from trainer.dataset.completion import Completion, TagList, read_tag_list
from trainer.dataset.names import number_of, shown


class TagCompletion(QObject):
    """`said` is a sentence for the status bar. `button` asks for the list. It is read once a dataset is there."""

    said = Signal(str)

    def __init__(self, edit: CaptionEdit, parent: QObject) -> None:
        super().__init__(parent)
        self._edit = edit
        self._counts: Sequence[tuple[str, int]] = ()
        self._known = TagList()
        self._path = ""
        self._errands = Errands(self)
        self._wanted = 0
        """The number of the errand that reads the list asked for last."""
        self._is_read = False
        self.button = button(
            "Tag list…", "Complete tags from a booru's list too: a CSV file, as for a1111-tagcomplete", self.ask
        )
        self.button.setProperty("kind", "quiet")
        self._errands.failed.connect(self.said)

    def view(self) -> str:
        """The path of the list, or ""."""
        return self._path

    def set_view(self, path: str) -> None:
        self._path, self._is_read = path, False
        self._say_list()

    def set_counts(self, counts: Sequence[tuple[str, int]]) -> None:
        """The tags of the dataset, the commonest first."""
        self._counts = counts
        self._edit.complete_by(partial(Completion, counts, self._known))
        if self._path and not self._is_read and not self._errands:
            self._is_read = True
            self.use(Path(self._path))

    @Slot()
    def ask(self) -> None:
        """Choose a list; where there is one, another or none."""
        if not self._path:
            self.choose()
            return
        menu = QMenu(self.button)
        menu.addAction("Another list…", self.choose)
        menu.addAction("No list", self.forget)
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.button.mapToGlobal(QPoint(0, self.button.height())))

    @Slot()
    def choose(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self.button, "A list of tags", self._path or downloads(), "Tag lists (*.csv);;All files (*)"
        )
        if chosen:
            self.use(Path(chosen))

    def use(self, path: Path) -> None:
        """Read the list in the pool; one that can't be read leaves things as they are."""
        self._wanted += 1
        self._errands.run(self._wanted, lambda _errand: (path, TagList(read_tag_list(path))), self._take)

    @Slot()
    def forget(self) -> None:
        self._path, self._known = "", TagList()
        self._wanted += 1  # one that is being read is not wanted any more
        self._show()

    @Slot(object, object)
    def _take(self, number: object, read: tuple[Path, TagList]) -> None:
        if number != self._wanted:
            return
        path, known = read
        is_new = str(path) != self._path
        self._path, self._known, self._is_read = str(path), known, True
        self._show()
        if is_new:
            self.said.emit(f"{number_of(len(known.tags), 'tag')} of {shown(path.name)} can be chosen while you type.")

    def _show(self) -> None:
        self._edit.complete_by(partial(Completion, self._counts, self._known))
        self._say_list()

    def _say_list(self) -> None:
        name = Path(self._path).stem
        self.button.setText(f"Tags of {name[:16]}" if name else "Tag list…")
        self.button.setAccessibleName(f"List of tags: {name or 'none'}")
