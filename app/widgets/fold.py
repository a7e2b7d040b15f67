"""A group that opens and closes, with its summary beside its name."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.basics import label, row


class Fold(QWidget):
    """Closed at first. The summary says what is set inside, so that nobody has to open it to know."""

    toggled = Signal(bool)

    def __init__(self, name: str, content: QWidget) -> None:
        super().__init__()
        self._name = name
        self._content = content
        self._head = QPushButton(name)
        self._head.setProperty("kind", "fold")
        self._head.setCheckable(True)
        self._head.setToolTip(f"Show or hide: {name}")
        self._head.setAccessibleName(name)
        self._head.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self._summary = label("", "muted")
        self._summary.setWordWrap(False)
        self._summary.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(row(self._head, 4, self._summary, spacing=0))
        layout.addWidget(content)
        content.hide()
        self._head.toggled.connect(self._toggle)
        theme().changed.connect(self._draw)
        self._draw()

    def set_summary(self, text: str) -> None:
        self._summary.setText(text)
        self._summary.setToolTip(text)

    def set_open(self, is_open: bool) -> None:
        self._head.setChecked(is_open)

    @property
    def is_open(self) -> bool:
        return self._head.isChecked()

    @Slot(bool)
    def _toggle(self, is_open: bool) -> None:
        self._content.setVisible(is_open)
        self._draw()
        self.toggled.emit(is_open)

    @Slot()
    def _draw(self) -> None:
        self._head.setIcon(theme().icon("unfolded" if self._head.isChecked() else "folded", "muted"))
