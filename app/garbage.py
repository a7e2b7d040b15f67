"""Python's cyclic garbage is collected in the GUI thread alone.

Python collects in whatever thread happens to allocate. If that is one of the pool's and the garbage holds a Qt object,
PySide puts its deletion off until the GUI thread comes by; when Qt has deleted the object meanwhile, together with its
parent, the process dies. So automatic collection is off, and a timer collects where Qt's objects live.
"""

import gc

from PySide6.QtCore import QObject, QTimer, Slot

EVERY = 1_000
"""Milliseconds. A collection of the youngest takes less than one."""

MANY = 25_000
"""So many objects at once are data that was read, as that of a large folder, and no garbage. To look through those of
100,000 pictures took 300 ms; they are spared like the window."""


class GarbageTimer(QObject):
    """Collects by Python's own thresholds while it runs."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._timer = QTimer(self)
        self._timer.setInterval(EVERY)
        self._timer.timeout.connect(self._collect)

    def start(self) -> None:
        gc.disable()
        self._timer.start()

    def stop(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.enable()

    @Slot()
    def settle(self) -> None:
        """Spare what is there now from every later collection: the window lives as long as the process, and to look
        through all of it took 60 ms each time."""
        gc.freeze()

    @Slot()
    def _collect(self) -> None:
        if gc.get_count()[0] > MANY:
            gc.freeze()
            return
        for generation in (2, 1, 0):
            if gc.get_count()[generation] > gc.get_threshold()[generation]:
                gc.collect(generation)
                return
