"""The left of the page Dataset: what is searched for, what needs a look, and every tag with how often it comes."""

import re
from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from app.widgets.basics import column, label
from app.widgets.count_list import CountList
from app.widgets.picture_bar import TYPING
from trainer.dataset.query_tokens import quoted_term

HELP = (
    'Words of the caption, and: tag:"long hair", name:IMG*, path:part/*, stars:>=3, width:<512, words:>40, tags:<3, '
    "is:uncaptioned, problem:blurred, bucket:576x448; -sofa leaves out, (a or b) groups"
)
REJECTED = "is:rejected"
BY_FLAG = {"No caption": "is:uncaptioned", "Rejected": REJECTED}
"""What needs a look besides what the health check finds, with the search for it."""


class DatasetFilter(QWidget):
    """`changed`: something else is searched for."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.problems = CountList("Needs a look", role="warn")
        self.tags = CountList("Tags", grows=True)
        self._fault = label("", "error")
        self._look = label("Needs a look", "heading")
        self._typing = QTimer(self, singleShot=True, interval=TYPING)
        self.search.setPlaceholderText("Search captions, tag:, size…")
        self.search.setAccessibleName("Search")
        self.search.setToolTip(HELP)
        self.search.setClearButtonEnabled(True)
        self._fault.hide()
        self._tags_title = label("Tags", "heading")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(
            column(
                self.search,
                self._fault,
                self._look,
                self.problems,
                self._tags_title,
                self.tags,
                margins=(16, 16, 8, 8),
                spacing=8,
            )
        )
        self.search.textChanged.connect(self._typing.start)
        self.search.returnPressed.connect(self._at_once)
        self._typing.timeout.connect(self.changed)
        self.tags.picked.connect(self._toggle_tag)
        self.problems.picked.connect(self._show_problem)
        self.set_problems(0, 0, ())

    @property
    def query(self) -> str:
        return self.search.text().strip()

    def set_query(self, query: str) -> None:
        self.search.setText(query)
        self._at_once()

    def say_fault(self, words: str) -> None:
        """What is wrong with the search; the grid stays as it was meanwhile."""
        self._fault.setText(words)
        self._fault.setVisible(bool(words))

    def set_problems(self, uncaptioned: int, rejected: int, kinds: Sequence[tuple[str, int]]) -> None:
        """How many pictures have no caption, how many are rejects, and how many have each kind of problem that the
        health check knows."""
        found = [(words, number) for words, number in zip(BY_FLAG, (uncaptioned, rejected), strict=True) if number]
        found += [(f"{kind[0].upper()}{kind[1:]}", number) for kind, number in kinds]
        self.problems.set_counts(found)
        self.problems.setVisible(bool(found))
        self._look.setVisible(bool(found))

    @property
    def kind(self) -> str:
        """The kind of problem that is searched for; "" where it is none, or several."""
        return found[1] if (found := _KIND.fullmatch(self.query)) else ""

    def set_tags(self, counts: Sequence[tuple[str, int]]) -> None:
        self.tags.set_counts(counts)
        self._tags_title.setText(f"Tags  ·  {len(counts):,}" if counts else "Tags")

    @Slot()
    def _at_once(self) -> None:
        self._typing.stop()
        self.changed.emit()

    @Slot(str)
    def _toggle_tag(self, tag: str) -> None:
        self._toggle(quoted_term("tag", tag))

    @Slot(str)
    def _show_problem(self, words: str) -> None:
        self._toggle(BY_FLAG.get(words) or f'problem:"{words.lower()}"')

    def _toggle(self, term: str) -> None:
        """Add a term to the search, or take it away where it stands there already."""
        query = f" {self.query} "
        if f" {term} " in query:
            self.set_query(query.replace(f" {term} ", " ").strip())
        else:
            self.set_query(f"{self.query} {term}".strip())


_KIND = re.compile(r'problem:"([^"]+)"')
