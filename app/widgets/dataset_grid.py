"""The grid of the page Dataset: below each picture its stars and the beginning of its caption; keys to sort by hand."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt, Signal
from PySide6.QtGui import QFontMetrics, QGuiApplication, QKeyEvent, QPainter
from PySide6.QtWidgets import QStyleOptionViewItem

from app.pictures import Index, PictureList
from app.theme import theme
from app.widgets.over_picture import draw_pill
from app.widgets.picture_grid import BADGE, GAP, PictureGrid, PictureTile

MOST_STARS = 5
FULL_STAR, EMPTY_STAR = "★", "☆"
NO_CAPTION = "no caption"
FLAGS = {Qt.Key.Key_P: "pick", Qt.Key.Key_X: "reject", Qt.Key.Key_U: ""}
"""As in Lightroom."""


@dataclass(frozen=True)
class Look:
    """What is drawn with a picture. `caption` None: not read yet. `prepared`: what was done to it, in words."""

    caption: str | None = None
    stars: int = 0
    flag: str = ""
    problem: str = ""
    prepared: str = ""


class CaptionTile(PictureTile):
    """A picture, with two lines below it. None is a film: a WebP or GIF is a photograph here."""

    def __init__(self, look: Callable[[str], Look]) -> None:
        super().__init__(is_starred=lambda _path: False, is_film=lambda _path: False)
        self._look = look
        self._line = QFontMetrics(QGuiApplication.font()).height() + 2

    @property
    def words_height(self) -> int:
        return 2 * self._line + 4

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        look = self._look(str(index.data(PictureList.PATH)))
        painter.save()
        if look.flag == "reject":
            painter.setOpacity(0.35)
        super().paint(painter, option, index)
        painter.restore()
        area: QRect = option.rect.adjusted(0, 0, -GAP, -GAP)
        if look.flag:
            icon, role = ("done", "ok") if look.flag == "pick" else ("close", "error")
            self.badge(painter, area.topLeft() + QPoint(BADGE // 2 + 4, BADGE // 2 + 4), icon, role)
        if look.problem:
            self.badge(painter, area.topRight() + QPoint(-BADGE // 2 - 4, BADGE // 2 + 4), "warning", "warn")
        if look.prepared:
            self._say_prepared(painter, option, area, look.prepared)
        first = QRect(area.left(), area.bottom() - 2 * self._line, area.width(), self._line)
        painter.setPen(theme().colour("accent" if look.stars else "line"))
        painter.drawText(first, Qt.AlignmentFlag.AlignLeft, stars_in_words(look.stars))
        if look.caption is not None:
            words = look.caption.split("\n", 1)[0].strip()
            painter.setPen(theme().colour("muted" if words else "warn"))
            shown = option.fontMetrics.elidedText(words or NO_CAPTION, Qt.TextElideMode.ElideRight, area.width())
            painter.drawText(first.translated(0, self._line), Qt.AlignmentFlag.AlignLeft, shown)

    def _say_prepared(self, painter: QPainter, option: QStyleOptionViewItem, area: QRect, words: str) -> None:
        """At the foot of the picture."""
        shown = option.fontMetrics.elidedText(words, Qt.TextElideMode.ElideRight, area.width() - 24)
        plate = QRectF(0, 0, option.fontMetrics.horizontalAdvance(shown) + 12, self._line)
        plate.moveBottomLeft(QPointF(area.left() + 4, area.bottom() - self.words_height - 4))
        draw_pill(painter, plate, shown, "text")


class DatasetGrid(PictureGrid):
    """`rated` carries a number of stars, `flagged` pick, reject or nothing; `editing` asks for the caption,
    `preparing` for the crop and mask, `comparing` for the two selected pictures side by side."""

    rated = Signal(int)
    flagged = Signal(str)
    editing = Signal()
    preparing = Signal()
    comparing = Signal()

    def __init__(self, pictures: PictureList, look: Callable[[str], Look]) -> None:
        super().__init__(pictures, CaptionTile(look))
        self.setAccessibleDescription(
            "0 to 5 give stars, P picks, X rejects, U takes the flag away, Enter edits the caption, C crops, V "
            "compares two, Space shows a picture large, Delete takes it out of the folder."
        )
        self._add_menu()

    def _add_menu(self) -> None:
        """What is done with a picture, below the right button; its keys are those of the grid."""
        for words, asks in {
            "Edit the caption\tF2": self.editing,
            "Crop, turn, mask…\tC": self.preparing,
            "Compare two\tV": self.comparing,
            "Take out of the folder\tDel": self.deleting,
        }.items():
            self.addAction(words).triggered.connect(asks)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        key = event.key()
        if plain and Qt.Key.Key_0 <= key <= Qt.Key.Key_5:
            self.rated.emit(key - Qt.Key.Key_0)
        elif plain and key in FLAGS:
            self.flagged.emit(FLAGS[Qt.Key(key)])
        elif plain and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_E, Qt.Key.Key_F2):
            self.editing.emit()
        elif plain and key == Qt.Key.Key_C:
            self.preparing.emit()
        elif plain and key == Qt.Key.Key_V:
            self.comparing.emit()
        elif plain and key == Qt.Key.Key_S:
            event.ignore()  # stars are numbers here
        elif key in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace) and event.isAutoRepeat():
            event.ignore()  # a key held down does not empty the folder
        else:
            super().keyPressEvent(event)


def stars_in_words(stars: int) -> str:
    return FULL_STAR * stars + EMPTY_STAR * (MOST_STARS - stars)
