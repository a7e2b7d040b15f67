"""Above the foot of the page Dataset while thousands of captions are written: how far that is, and a way to stop it."""

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QProgressBar, QVBoxLayout, QWidget

from app.dataset_folder import DatasetFolder
from app.widgets.basics import button, label, row, surface

MANY = 500
"""Files. Fewer are written before it could be read."""


class WritingStrip(QWidget):
    """Hidden while nothing large is written."""

    def __init__(self, folder: DatasetFolder) -> None:
        super().__init__()
        self._folder = folder
        self._words = label("", "muted")
        self._words.setWordWrap(False)
        self._bar = QProgressBar(textVisible=False)
        self._bar.setAccessibleName("Captions written")
        self.stop = button("Stop", "Every caption becomes what it was before", self._stop, icon="stop")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(surface(row(self._words, self._bar, self.stop, margins=(16, 8, 16, 8)), "panel", edge="top"))
        folder.progressed.connect(self._show_progress)
        folder.rested.connect(self.hide)
        self.hide()

    @Slot(object, object)
    def _show_progress(self, done: int, total: int) -> None:
        if self.isHidden():
            self.stop.setEnabled(True)
        if self.stop.isEnabled():
            self._words.setText(f"Writing captions: {done:,} of {total:,}")
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self.setVisible(total > MANY)

    @Slot()
    def _stop(self) -> None:
        self.stop.setEnabled(False)
        self._words.setText("Putting the captions back…")
        self._folder.stop_writing()
