"""How a prompt looks: words coloured by their weight, unknown names underlined."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from PySide6.QtGui import QColor, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from app.theme import theme
from app.widgets.prompt_names import Known, embedding_names
from trainer.contract.prompt import pieces
from trainer.contract.prompt_schedule import everything, never_read
from trainer.contract.prompt_tags import tags

STRONGEST = 1.6
"""The weight from which on a word stands fully in the accent's colour."""

Look = tuple[int, int, QTextCharFormat]
"""From, to (as Qt counts) and how it looks."""


class PromptMarks(QSyntaxHighlighter):
    """Lays the looks over the text. (Extra selections would be simpler, but of two that touch Qt 6.11 draws one.)"""

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self._looks: list[Look] = []

    def mark(self, text: str, known: Known, *, is_negative: bool) -> None:
        places = qt_places(text)
        found = [*_by_weight(text, is_negative), *_amiss(text, known, is_negative)]
        looks = [(places[start], places[end], look) for start, end, look in found]
        if looks or self._looks:
            self._looks = looks
            self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        start, length = self.currentBlock().position(), self.currentBlock().length() - 1
        for first, last, look in self._looks:
            if last <= start or first >= start + length:
                continue
            for place in range(max(0, first - start), min(length, last - start)):
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


def _by_weight(text: str, is_negative: bool) -> Iterator[Look]:
    """Runs of the text that do not weigh 1; brackets, and what else is no word, in a quiet colour."""
    weights: list[float | None] = [None] * len(text)
    for excerpt in everything(text, is_negative=is_negative):
        for piece in pieces(excerpt.text):
            for origin in piece.origins:
                weights[excerpt.origins[origin]] = None if piece.is_break else piece.weight
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or weights[place] != weights[start]:
            if weights[start] != 1.0:
                look = QTextCharFormat()
                look.setForeground(weight_colour(weights[start]))
                yield start, place, look
            start = place


def _amiss(text: str, known: Known, is_negative: bool) -> Iterator[Look]:
    """Wavy lines under what does not act as it stands."""
    wavy = QTextCharFormat()
    wavy.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
    wavy.setUnderlineColor(theme().colour("error"))
    for tag in tags(text):
        if is_negative or not tag.is_lora or tag.problem or not known.has_lora(tag.name):
            yield tag.start, tag.end, wavy
    for name in embedding_names(text, known.embeddings):
        if not name.is_known:
            yield name.start, name.end, wavy
    for start, end in never_read(text, is_negative=is_negative):
        yield start, end, wavy
