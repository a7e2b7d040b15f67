"""The first start: three things to do, each with one click, on what ships with Gesso."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.basics import button, column, label, row

WIDTH, ICON, BUTTON_HEIGHT = 280, 40, 36

OFFERS = (
    (
        "generate",
        "Make a picture",
        "Say what you want to see; the small starter model that came with Gesso draws it in a moment.",
        "Make a picture",
    ),
    (
        "train",
        "Teach it something new",
        "Train the starter on twelve pictures of Kiki, a cat that it has never seen. It takes a few minutes.",
        "Train on the sample pictures",
    ),
    (
        "folder",
        "Use your own pictures",
        "Choose a folder with pictures of your subject or style, and see what Gesso makes of it.",
        "Open a folder",
    ),
)
"""Icon, title, what happens, and the words on the button."""


class WelcomePage(QWidget):
    """`chosen` carries the icon's name of the offer that was taken, or "" when the user wants to look around alone."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._icons: dict[str, QLabel] = {}
        cards = row(0, *(self._card(*offer) for offer in OFFERS), 0, spacing=16)
        title = label("Welcome to Gesso", "title")
        words = label("Everything happens on this computer, and nothing is sent anywhere. What comes first?", "muted")
        alone = button("Look around first", "Close this page; nothing is started", self._skip, kind="quiet")
        for one in (title, words):
            one.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout = QVBoxLayout(self)
        layout.addWidget(column(0, title, words, 16, cards, 8, row(0, alone, 0), 0, margins=(24, 24, 24, 24)))
        theme().changed.connect(self._draw)
        self._draw()

    def _card(self, name: str, title: str, words: str, does: str) -> QWidget:
        picture = QLabel()
        self._icons[name] = picture
        start = button(does, words, partial(self.chosen.emit, name), kind="primary" if name == "generate" else "")
        start.setMinimumHeight(BUTTON_HEIGHT)
        inside = column(picture, label(title, "heading"), label(words, "muted"), 0, start, margins=(20, 20, 20, 20))
        card = QFrame()
        card.setProperty("surface", "raised")
        card.setFixedWidth(WIDTH)
        QVBoxLayout(card).addWidget(inside)
        return card

    def _skip(self) -> None:
        self.chosen.emit("")

    def _draw(self) -> None:
        for name, picture in self._icons.items():
            picture.setPixmap(theme().icon(name, "accent").pixmap(ICON, ICON))
