"""How the window looks: Fusion drawn in our palette, and a style sheet made from it. Follows the system's scheme."""

from typing import Literal

import qtawesome
import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

from app.palette import PALETTES, Palette, Scheme
from trainer.home import RESOURCES

Wish = Literal["system", "dark", "light"]

ICONS = {
    "generate": "mdi6.image-plus-outline",
    "train": "mdi6.school-outline",
    "models": "mdi6.cube-outline",
    "lora": "mdi6.layers-outline",
    "embedding": "mdi6.tag-text-outline",
    "vae": "mdi6.swap-horizontal",
    "video": "mdi6.movie-outline",
    "lock": "mdi6.lock-outline",
    "gallery": "mdi6.view-grid-outline",
    "queue": "mdi6.playlist-play",
    "settings": "mdi6.tune-variant",
    "folder": "mdi6.folder-open-outline",
    "install": "mdi6.tray-arrow-down",
    "remove": "mdi6.delete-outline",
    "verify": "mdi6.shield-check-outline",
    "search": "mdi6.magnify",
    "star": "mdi6.star-outline",
    "starred": "mdi6.star",
    "vary": "mdi6.image-multiple-outline",
    "reuse": "mdi6.arrow-u-left-top",
    "back": "mdi6.arrow-left",
    "compare": "mdi6.compare",
    "copy": "mdi6.content-copy",
    "dataset": "mdi6.image-multiple-outline",
    "tag": "mdi6.tag-multiple-outline",
    "add": "mdi6.plus",
    "close": "mdi6.close",
    "folded": "mdi6.chevron-right",
    "unfolded": "mdi6.chevron-down",
    "up": "mdi6.chevron-up",
    "dice": "mdi6.dice-5-outline",
    "offline": "mdi6.cloud-off-outline",
    "warning": "mdi6.alert-outline",
    "error": "mdi6.alert-circle-outline",
    "done": "mdi6.check-circle-outline",
    "stop": "mdi6.stop",
    "pause": "mdi6.pause",
    "play": "mdi6.play",
    "retry": "mdi6.refresh",
    "reset": "mdi6.undo",
    "measure": "mdi6.timer-outline",
    "wait": "mdi6.timer-sand",
    "swap": "mdi6.swap-horizontal",
    "picture": "mdi6.image-outline",
    "repaint": "mdi6.image-edit-outline",
    "enlarge": "mdi6.arrow-expand-all",
    "again": "mdi6.dice-multiple-outline",
    "grid": "mdi6.view-grid-plus-outline",
    "brush": "mdi6.brush",
    "eraser": "mdi6.eraser",
    "rectangle": "mdi6.vector-rectangle",
    "lasso": "mdi6.lasso",
    "redo": "mdi6.redo",
    "invert": "mdi6.invert-colors",
    "fit": "mdi6.fit-to-screen-outline",
    "previous": "mdi6.step-backward",
    "next": "mdi6.step-forward",
    "loop": "mdi6.repeat",
    "save": "mdi6.content-save-outline",
    "crop": "mdi6.crop",
    "mask": "mdi6.circle-opacity",
    "turn_left": "mdi6.rotate-left",
    "turn_right": "mdi6.rotate-right",
    "mirror": "mdi6.flip-horizontal",
    "fill": "mdi6.format-color-fill",
    "left": "mdi6.chevron-left",
}
"""Our names of icons, and the glyphs of Material Design Icons (Apache-2.0) that QtAwesome draws for them."""


class Theme(QObject):
    """The scheme in force. `changed` is said after the application has taken the new colours."""

    changed = Signal()

    def __init__(self, application: QApplication, wish: Wish = "system") -> None:
        super().__init__(application)
        self._application = application
        self._wish: Wish = wish
        self._parts: list[QWidget] = []
        self._out_of_sight = QTimer(self, interval=0)
        self._out_of_sight.timeout.connect(self._freshen_one)
        application.setStyle(QStyleFactory.create("Fusion"))
        application.styleHints().colorSchemeChanged.connect(self._system_changed)
        self._apply()

    @property
    def scheme(self) -> Scheme:
        if self._wish != "system":
            return self._wish
        return "light" if self._application.styleHints().colorScheme() == Qt.ColorScheme.Light else "dark"

    @property
    def palette(self) -> Palette:
        return PALETTES[self.scheme]

    @property
    def wish(self) -> Wish:
        return self._wish

    def set_wish(self, wish: Wish) -> None:
        if wish != self._wish:
            self._wish = wish
            self._apply()

    def dress(self, part: QWidget) -> None:
        """Give a part of the window, with all that belongs to it, our style sheet, and each new one.

        A style sheet of the application would do for all, but a change of it took 0.7 s for 1,500 widgets; one of the
        window 0.11 s; of what is in sight 0.05 s. What is not gets its own a little later, or when it comes into sight.
        """
        self._parts.append(part)
        part.destroyed.connect(self._forget)
        part.installEventFilter(self)
        self._freshen(part)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget):
            self._freshen(watched)
        return False

    def icon(self, name: str, role: str = "text") -> QIcon:
        """An icon by our name for it, in the colour of a role; paler where its button is disabled."""
        colours = self.palette
        return qtawesome.icon(ICONS[name], color=getattr(colours, role), color_disabled=colours.edge)

    def colour(self, role: str) -> QColor:
        return QColor(getattr(self.palette, role))

    def _system_changed(self) -> None:
        if self._wish == "system":
            self._apply()

    def _apply(self) -> None:
        self._application.setPalette(_qt_palette(self.palette))
        self._forget()
        for part in self._parts:
            if part.isVisible():
                self._freshen(part)
        self.changed.emit()
        self._out_of_sight.start()

    def _freshen(self, part: QWidget) -> None:
        sheet = style_sheet(self.palette, self.scheme)
        if part.styleSheet() != sheet:
            part.setStyleSheet(sheet)

    @Slot()
    def _freshen_one(self) -> None:
        """One of the parts out of sight at a time, so that the window never waits for all of them."""
        sheet = style_sheet(self.palette, self.scheme)
        stale = next((part for part in self._parts if part.styleSheet() != sheet), None)
        if stale is None:
            self._out_of_sight.stop()
        else:
            stale.setStyleSheet(sheet)

    @Slot()
    def _forget(self) -> None:
        self._parts = [part for part in self._parts if shiboken6.isValid(part)]


def theme() -> Theme:
    """The application's theme, which app.start makes before any widget."""
    application = QApplication.instance()
    found = application.findChild(Theme) if application is not None else None
    if found is None:
        raise RuntimeError("the theme is made before the first widget")
    return found


def _qt_palette(colours: Palette) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for where, colour in {
        role.Window: colours.window,
        role.WindowText: colours.text,
        role.Base: colours.field,
        role.AlternateBase: colours.panel,
        role.Text: colours.text,
        role.PlaceholderText: colours.muted,
        role.Button: colours.raised,
        role.ButtonText: colours.text,
        role.ToolTipBase: colours.raised,
        role.ToolTipText: colours.text,
        role.Highlight: colours.accent,
        role.HighlightedText: colours.on_accent,
        role.Accent: colours.accent,
        role.Link: colours.accent,
        role.Light: colours.raised,
        role.Midlight: colours.line,
        role.Mid: colours.line,
        role.Dark: colours.edge,
        role.Shadow: colours.line,
        role.BrightText: colours.error,
    }.items():
        palette.setColor(where, QColor(colour))
    for where in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, where, QColor(colours.edge))
    return palette


def style_sheet(colours: Palette, scheme: Scheme) -> str:
    """What the palette alone can't say. Widgets name their part by the properties `surface`, `words` and `kind`."""
    c = colours
    drawn = (RESOURCES / "icons").as_posix()
    return f"""
QWidget[surface="panel"] {{ background: {c.panel}; }}
QWidget[surface="window"] {{ background: {c.window}; }}
QFrame[surface="raised"] {{ background: {c.raised}; border: 1px solid {c.line}; border-radius: 6px; }}
QFrame[surface="notice"] {{ background: {c.raised}; border-bottom: 1px solid {c.line}; }}
QFrame[edge="right"] {{ border-right: 1px solid {c.line}; }}
QFrame[edge="left"] {{ border-left: 1px solid {c.line}; }}
QFrame[edge="top"] {{ border-top: 1px solid {c.line}; }}
QLabel {{ background: transparent; }}
QLabel[words="muted"] {{ color: {c.muted}; }}
QLabel[words="warn"] {{ color: {c.warn}; }}
QLabel[words="error"] {{ color: {c.error}; }}
QLabel[words="ok"] {{ color: {c.ok}; }}
QLabel[words="title"] {{ font-size: 15pt; font-weight: 600; }}
QLabel[words="heading"] {{ font-weight: 600; }}
QLineEdit, QPlainTextEdit, QTextEdit, QAbstractSpinBox, QComboBox {{
    background: {c.field}; color: {c.text}; border: 1px solid {c.edge}; border-radius: 6px; padding: 5px 8px;
    selection-background-color: {c.accent}; selection-color: {c.on_accent};
}}
QAbstractSpinBox {{ padding: 5px 2px; }}
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button {{ width: 0; border: none; }}
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus {{
    border: 2px solid {c.accent}; padding: 4px 7px;
}}
QAbstractSpinBox:focus {{ border: 2px solid {c.accent}; padding: 4px 1px; }}
QLineEdit:disabled, QPlainTextEdit:disabled, QAbstractSpinBox:disabled, QComboBox:disabled {{
    color: {c.edge}; border-color: {c.line};
}}
QLineEdit[fault="true"], QPlainTextEdit[fault="true"], QAbstractSpinBox[fault="true"] {{ border-color: {c.error}; }}
QComboBox::drop-down {{ border: none; width: 24px; }}
QComboBox::down-arrow {{ image: url("{drawn}/arrow-{scheme}.svg"); width: 12px; height: 12px; }}
QCheckBox {{ spacing: 8px; }}
QCheckBox::indicator, QRadioButton::indicator {{
    width: 14px; height: 14px; background: {c.field}; border: 1px solid {c.edge}; border-radius: 3px;
}}
QRadioButton::indicator {{ border-radius: 8px; }}
QCheckBox::indicator:checked {{
    background: {c.accent}; border-color: {c.accent}; image: url("{drawn}/check-{scheme}.svg");
}}
QRadioButton::indicator:checked {{
    background: qradialgradient(cx: 0.5, cy: 0.5, radius: 0.5, fx: 0.5, fy: 0.5,
        stop: 0 {c.accent}, stop: 0.55 {c.accent}, stop: 0.65 {c.field}, stop: 1 {c.field});
}}
QCheckBox:focus, QRadioButton:focus {{ color: {c.accent}; }}
QComboBox QAbstractItemView {{
    background: {c.raised}; border: 1px solid {c.edge}; outline: none;
    selection-background-color: {c.accent}; selection-color: {c.on_accent};
}}
QPushButton {{
    background: {c.raised}; color: {c.text}; border: 1px solid {c.edge}; border-radius: 6px; padding: 6px 12px;
}}
QPushButton:hover {{ border-color: {c.muted}; }}
QPushButton:pressed {{ background: {c.line}; }}
QPushButton:focus {{ border: 2px solid {c.accent}; padding: 5px 11px; }}
QPushButton:disabled {{ color: {c.edge}; border-color: {c.line}; }}
QPushButton[kind="primary"] {{
    background: {c.accent}; color: {c.on_accent}; border-color: {c.accent}; font-weight: 600; padding: 9px 12px;
}}
QPushButton[kind="primary"]:focus {{ border: 2px solid {c.text}; padding: 8px 11px; }}
QPushButton[kind="primary"]:disabled {{ background: {c.line}; color: {c.muted}; border-color: {c.line}; }}
QPushButton[kind="quiet"] {{ background: transparent; border-color: transparent; padding: 4px 6px; }}
QPushButton[kind="quiet"]:hover {{ background: {c.raised}; }}
QPushButton[kind="quiet"]:focus {{ border: 2px solid {c.accent}; padding: 3px 5px; }}
QPushButton[kind="mark"] {{ background: transparent; border-color: transparent; padding: 0; }}
QPushButton[kind="mark"]:hover {{ background: {c.raised}; }}
QPushButton[kind="mark"]:focus {{ border: 2px solid {c.accent}; }}
QPushButton[kind="tool"]:checked {{ background: {c.line}; border-color: {c.text}; }}
QPushButton[kind="tool"]:checked:focus {{ border: 2px solid {c.accent}; }}
QPushButton[kind="fold"] {{
    background: transparent; border: 1px solid transparent; color: {c.muted}; text-align: left; padding: 4px 0;
}}
QPushButton[kind="fold"]:hover {{ color: {c.text}; }}
QPushButton[kind="fold"]:focus {{ border: 2px solid {c.accent}; padding: 3px 0; }}
QToolButton[kind="rail"] {{
    background: transparent; color: {c.muted}; border: 2px solid transparent; border-radius: 6px; padding: 4px 0;
    font-size: 9pt;
}}
QToolButton[kind="rail"]:hover {{ color: {c.text}; }}
QToolButton[kind="rail"]:checked {{ background: {c.raised}; color: {c.text}; }}
QToolButton[kind="rail"]:focus {{ border-color: {c.accent}; }}
QProgressBar {{ background: {c.line}; border: none; border-radius: 2px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 2px; }}
QSlider::groove:horizontal {{ height: 4px; background: {c.line}; border-radius: 2px; }}
QSlider::sub-page:horizontal {{ background: {c.accent}; border-radius: 2px; }}
QSlider::handle:horizontal {{
    background: {c.text}; width: 14px; height: 14px; margin: -5px 0; border-radius: 7px;
}}
QSlider::handle:horizontal:focus {{ background: {c.accent}; border: 2px solid {c.text}; width: 10px; height: 10px; }}
QListView, QTreeView, QTableView {{
    background: {c.panel}; border: none; outline: none; alternate-background-color: {c.window};
    selection-background-color: {c.raised}; selection-color: {c.text};
}}
QScrollArea {{ background: transparent; border: 1px solid transparent; }}
QScrollArea:focus {{ border-color: {c.accent}; }}
QScrollArea > QWidget > QWidget {{ background: transparent; }}
QScrollBar:vertical {{ background: transparent; width: 12px; margin: 2px; }}
QScrollBar:horizontal {{ background: transparent; height: 12px; margin: 2px; }}
QScrollBar::handle {{ background: {c.edge}; border-radius: 4px; min-height: 32px; min-width: 32px; }}
QScrollBar::handle:hover {{ background: {c.muted}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}
QSplitter::handle {{ background: {c.line}; }}
QTabBar::tab {{ padding: 8px 14px; color: {c.muted}; border: none; border-bottom: 2px solid transparent; }}
QTabBar::tab:selected {{ color: {c.text}; border-bottom-color: {c.accent}; }}
QTabBar::tab:focus {{ color: {c.text}; }}
QTabWidget::pane {{ border: none; }}
QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.edge}; padding: 4px 6px; }}
QMenu {{ background: {c.raised}; border: 1px solid {c.edge}; padding: 4px; }}
QMenu::item {{ padding: 6px 24px 6px 10px; border-radius: 4px; }}
QMenu::icon {{ padding-left: 10px; }}
QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
"""
