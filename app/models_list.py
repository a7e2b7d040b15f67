"""The models on disk for the whole window: listed in a thread of the pool, asked again when something was installed."""

from PySide6.QtCore import QObject, Signal, Slot

from app.errand import Errand
from trainer.home import Home
from trainer.library.identity import Kind
from trainer.library.index import Entry, Index, Listing


class Models(QObject):
    """`entries` is what was found last; `changed` says that it is new."""

    changed = Signal()
    trouble = Signal(str)

    def __init__(self, home: Home, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.home = home
        self.entries: tuple[Entry, ...] = ()
        self.notes: tuple[str, ...] = ()
        self._looking: Errand | None = None
        self._again = False

    @Slot()
    def refresh(self) -> None:
        """Look at the disk again; `changed` follows. Asked again meanwhile, it looks once more afterwards."""
        if self._looking is not None:
            self._again = True
            return
        self._looking = Errand(None, self._listed)
        self._looking.told.done.connect(self._take)
        self._looking.told.failed.connect(self._complain)
        self._looking.start()

    def of_kind(self, *kinds: Kind) -> list[Entry]:
        """The usable models of these kinds, by name."""
        return [entry for entry in self.entries if entry.identity is not None and entry.identity.kind in kinds]

    def _listed(self, _errand: Errand) -> Listing:
        """In the pool's thread."""
        return Index(self.home).models()

    @Slot(object, object)
    def _take(self, _about: object, listing: Listing) -> None:
        self._looking = None
        if self._again:
            self._again = False
            self.refresh()
        self.entries, self.notes = listing.entries, listing.notes
        self.changed.emit()

    @Slot(object, str)
    def _complain(self, _about: object, words: str) -> None:
        self._looking = None
        if self._again:
            self._again = False
            self.refresh()
        self.trouble.emit(words)
