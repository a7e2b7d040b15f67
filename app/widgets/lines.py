"""Widgets below one another that come and go."""

from PySide6.QtWidgets import QVBoxLayout, QWidget


class Lines(QWidget):
    """Hidden while there are none."""

    def __init__(self, spacing: int = 8) -> None:
        super().__init__()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(spacing)
        self.hide()

    def add(self, line: QWidget) -> None:
        self._layout.addWidget(line)
        self.show()

    def clear(self) -> None:
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        self.hide()
