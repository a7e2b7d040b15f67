"""Tags that are offered while one is typed: with the name by which it was found, its kind, and how often it stands."""

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem

from app.pictures import Index
from app.theme import theme
from trainer.dataset.completion import CATEGORIES, Candidate

CANDIDATE = Qt.ItemDataRole.UserRole
NOWHERE = QModelIndex()
ROW, GAP = 26, 10
COLOURS = {"artist": "error", "copyright": "accent", "character": "ok", "meta": "warn"}
"""Roles of the palette, by the category, which is always said in words too."""


def in_words(candidate: Candidate) -> str:
    """`character  ·  12 here  ·  4.4M`: what is known beside the name. General tags are not called so."""
    category = CATEGORIES.get(candidate.category, "other") if candidate.category is not None else ""
    return "  ·  ".join(
        filter(
            None,
            (
                category if category != "general" else "",
                f"{candidate.here:,} here" if candidate.here else "",
                short(candidate.there) if candidate.there else "",
            ),
        )
    )


def short(count: int) -> str:
    """`950`, `12k`, `4.4M`."""
    if count >= 999_500:
        return f"{count / 1_000_000:.1f}M"
    return f"{round(count / 1000)}k" if count >= 1000 else str(count)


class Offers(QAbstractListModel):
    """A row for each candidate."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.candidates: Sequence[Candidate] = ()

    def set_candidates(self, candidates: Sequence[Candidate]) -> None:
        self.beginResetModel()
        self.candidates = candidates
        self.endResetModel()

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.isValid() else len(self.candidates)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        candidate = self.candidates[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return candidate.tag
            case Qt.ItemDataRole.AccessibleTextRole:
                found = f"{candidate.alias} is " if candidate.alias else ""
                return f"{found}{candidate.tag}, {in_words(candidate)}"
            case Qt.ItemDataRole.UserRole:
                return candidate
            case _:
                return None


class OfferRow(QStyledItemDelegate):
    """`longhair → long hair` at the left, what is known of it at the right."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(0, ROW)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        candidate: Candidate = index.data(CANDIDATE)
        colours, metrics = theme(), option.fontMetrics
        box: QRect = option.rect.adjusted(GAP, 0, -GAP, 0)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        painter.save()
        if chosen:
            painter.fillRect(option.rect, colours.colour("line"))
        category = CATEGORIES.get(candidate.category, "") if candidate.category is not None else ""
        known = in_words(candidate)
        painter.setPen(colours.colour("muted"))
        painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, known)
        room = box.width() - metrics.horizontalAdvance(known) - GAP
        if candidate.alias:
            arrow = metrics.elidedText(f"{candidate.alias} → ", Qt.TextElideMode.ElideMiddle, room // 2)
            painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, arrow)
            box.setLeft(box.left() + metrics.horizontalAdvance(arrow))
            room -= metrics.horizontalAdvance(arrow)
        painter.setPen(colours.colour(COLOURS.get(category, "text")))
        name = metrics.elidedText(candidate.tag, Qt.TextElideMode.ElideRight, room)
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)
        painter.restore()
