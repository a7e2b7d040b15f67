"""The smallest pieces: labels, rows, buttons, fields with a name above. Text from files is never taken as markup."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSize, QStandardPaths, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from app.theme import theme

GRID = 8


def label(text: str = "", words: str = "") -> QLabel:
    """Plain text that wraps. `words` is its role in the style sheet: muted, warn, error, ok, title, heading."""
    made = QLabel(text)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    if words:
        made.setProperty("words", words)
    return made


class ElidedLabel(QLabel):
    """Plain text in one line, which takes what room there is and is cut short where that is too little. `words` as
    for `label`."""

    def __init__(self, words: str = "") -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setProperty("words", words)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        QPainter(self).drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)


def set_words(target: QLabel, words: str) -> None:
    """Give a label another role; the style sheet is asked again."""
    target.setProperty("words", words)
    target.style().unpolish(target)
    target.style().polish(target)


def button(text: str, does: str, then: Callable[[], object], *, icon: str = "", kind: str = "") -> QPushButton:
    """A push button. `does` is its tooltip and its description for screen readers; `then` a bound method."""
    made = QPushButton(text)
    made.setToolTip(does)
    made.setAccessibleName(text or does)
    made.setAccessibleDescription(does)
    made.clicked.connect(then)
    if kind:
        made.setProperty("kind", kind)
    if icon:
        IconKeeper(made, icon, "on_accent" if kind == "primary" else "text")
    return made


class IconKeeper(QObject):
    """Draws a button's icon anew when the theme changes."""

    def __init__(self, target: QPushButton, name: str, role: str = "text") -> None:
        super().__init__(target)
        self._target, self._name, self._role = target, name, role
        theme().changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        self._target.setIcon(theme().icon(self._name, self._role))


def column(*items: QWidget | int, margins: tuple[int, int, int, int] = (0, 0, 0, 0), spacing: int = GRID) -> QWidget:
    """Widgets below one another; a number is a gap, 0 one that stretches."""
    return _lined(QVBoxLayout(), items, margins, spacing)


def row(*items: QWidget | int, margins: tuple[int, int, int, int] = (0, 0, 0, 0), spacing: int = GRID) -> QWidget:
    """Widgets beside one another; a number is a gap, 0 one that stretches."""
    return _lined(QHBoxLayout(), items, margins, spacing)


def _lined(
    layout: QVBoxLayout | QHBoxLayout,
    items: tuple[QWidget | int, ...],
    margins: tuple[int, int, int, int],
    spacing: int,
) -> QWidget:
    made = QWidget()
    made.setLayout(layout)
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    for item in items:
        if isinstance(item, QWidget):
            layout.addWidget(item)
        elif item:
            layout.addSpacing(item)
        else:
            layout.addStretch(1)
    return made


def named(name: str, field: QWidget, *, beside: QWidget | None = None, after: QWidget | None = None) -> QWidget:
    """A field with its name, small and muted, above it; `beside` stands at the right end of the name's line, `after`
    at the right of the field itself."""
    words = label(name, "muted")
    words.setWordWrap(False)
    words.setBuddy(field)
    field.setAccessibleName(name)
    top = words if beside is None else row(words, 0, beside)
    if after is not None:  # a button has more height than a line, and would push it down
        after.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Ignored)
    made = column(top, field if after is None else row(field, after, spacing=2), spacing=3)
    made.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
    return made


def surface(content: QWidget, role: str, *, edge: str = "") -> QFrame:
    """A frame in the colour of a surface, with a line along one side where wanted."""
    made = QFrame()
    made.setProperty("surface", role)
    if edge:
        made.setProperty("edge", edge)
    layout = QVBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(content)
    return made


def side_by_side(page: QWidget, left: QWidget, middle: QWidget, right: QWidget | None = None) -> None:
    """Lay a page out in columns that touch; the middle one takes what room there is."""
    layout = QHBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(left)
    layout.addWidget(middle, 1)
    if right is not None:
        layout.addWidget(right)


def scrolled(fields: QWidget) -> QScrollArea:
    """Fields that scroll where there is no room for all."""
    scroll = QScrollArea()
    scroll.setWidget(fields)
    scroll.setWidgetResizable(True)
    scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # its fields take the focus, and are scrolled into sight then
    return scroll


def scrolled_above(page: QWidget, fields: QWidget, always_there: QWidget) -> None:
    """Lay a form out: fields that scroll, over what stays in sight."""
    scroll = scrolled(fields)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    layout = QVBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(scroll, 1)
    layout.addWidget(always_there)


def open_folder(folder: Path) -> None:
    """Show a folder in the system's file manager."""
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))


class NoWheel(QObject):
    """Keeps the wheel from changing a field that has no focus: it scrolls the page instead."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QWheelEvent) and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def downloads() -> str:
    """Where a browser puts what it loads: there new models are looked for first."""
    return QStandardPaths.writableLocation(QStandardPaths.StandardLocation.DownloadLocation)


def calm(field: QAbstractSpinBox | QComboBox | QSlider) -> None:
    """Let the wheel change a field only while it has the focus."""
    if isinstance(field, QAbstractSpinBox):
        field.lineEdit().setTextMargins(6, 0, 2, 0)
    field.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    field.installEventFilter(NoWheel(field))
