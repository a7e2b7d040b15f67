"""How a prompt looks: words coloured by their weight, unknown names underlined, what is not read pale."""

from collections.abc import Collection, Iterator, Sequence
from itertools import accumulate

from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from app.theme import theme
from app.widgets.prompt_names import embedding_names, lora_tags
from trainer.contract.prompt import READ_BY_ENGINE, pieces

STRONGEST = 1.6
"""The weight from which on a word stands fully in the accent's colour."""

Look = tuple[int, int, QTextCharFormat]
"""From, to (as Qt counts) and how it looks."""


class PromptMarks(QSyntaxHighlighter):
    """Lays the looks over the text. (Extra selections would be simpler, but of two that touch Qt 6.11 draws one.)"""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._looks: list[Look] = []

    def mark(self, text: str, embeddings: Collection[str], ends: Collection[int]) -> None:
        places = qt_places(text)
        found = [*_by_weight(text), *_names(text, embeddings), *_unread(text, ends)]
        looks = [(places[start], places[end], look) for start, end, look in found]
        if looks or self._looks:
            self._looks = looks
            self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        start = self.currentBlock().position()
        for first, last, look in self._looks:
            for place in range(max(0, first - start), min(len(qt_places(text)) - 1, last - start)):
                whole = QTextCharFormat(self.format(place))
                whole.merge(look)
                self.setFormat(place, 1, whole)


def weight_colour(weight: float | None) -> QColor:
    """Heavier words nearer to the accent, lighter ones nearer to the muted grey, which brackets (None) have too."""
    if weight is None:
        return theme().colour("muted")
    if weight > 1.0:
        share = min(1.0, 0.35 + 0.65 * (weight - 1.0) / (STRONGEST - 1.0))
    else:
        share = min(1.0, 1.5 * (1.0 - weight))
    one, other = theme().colour("text"), theme().colour("accent" if weight > 1.0 else "muted")
    channels = ((one.red(), other.red()), (one.green(), other.green()), (one.blue(), other.blue()))
    return QColor(*(round(a + (b - a) * share) for a, b in channels))


def qt_places(text: str) -> Sequence[int]:
    """Where Qt counts each character and the end of the text: in UTF-16, which gives an emoji two."""
    if text.isascii() or max(text) <= "\uffff":
        return range(len(text) + 1)
    return [0, *accumulate(2 if letter > "\uffff" else 1 for letter in text)]


def _by_weight(text: str) -> Iterator[Look]:
    """Runs of the text that do not weigh 1, and the brackets in a quiet colour."""
    weights: list[float | None] = [None] * len(text)
    for piece in pieces(text):
        for origin in piece.origins:
            weights[origin] = piece.weight
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or weights[place] != weights[start]:
            if weights[start] != 1.0:
                look = QTextCharFormat()
                look.setForeground(weight_colour(weights[start]))
                yield start, place, look
            start = place


def _names(text: str, embeddings: Collection[str]) -> Iterator[Look]:
    wavy = QTextCharFormat()
    wavy.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
    wavy.setUnderlineColor(theme().colour("error"))
    for tag in lora_tags(text):
        yield tag.start, tag.end, wavy
    for name in embedding_names(text, embeddings):
        if not name.is_known:
            yield name.start, name.end, wavy


def _unread(text: str, ends: Collection[int]) -> Iterator[Look]:
    first = next(iter(ends), len(text))
    if first < len(text) and "chunks" not in READ_BY_ENGINE:
        pale = QTextCharFormat()
        pale.setForeground(theme().colour("edge"))
        yield first, len(text), pale
