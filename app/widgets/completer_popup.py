"""The list that a completer shows."""

from functools import partial

from PySide6.QtWidgets import QAbstractItemView, QCompleter

_held: set[QAbstractItemView] = set()


def popup_of(completer: QCompleter) -> QAbstractItemView:
    """Held until the completer is gone, which deletes it, though no QObject is its parent.

    Where all three become garbage at once, Python clears them in any order: of a list that comes before its completer
    PySide thinks that it is Python's own, and deletes it too.
    """
    popup = completer.popup()
    assert popup is not None
    _held.add(popup)
    completer.destroyed.connect(partial(_held.discard, popup))
    return popup
