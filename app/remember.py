"""Writes down what the window remembers: soon after it changed, in the pool of threads, and at once when it closes."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from app.settings import Settings, SettingsFile
from app.writing import Writing

SOON = 1_000
"""Milliseconds in which changes are gathered."""

NONSENSE = (TypeError, ValueError, KeyError, AttributeError, OverflowError)
"""What comes of filling a form with something that another version wrote, or somebody's editor."""


@runtime_checkable
class WithDraft(Protocol):
    """A page with a form, which is kept as it was left, finished or not."""

    def draft(self) -> dict[str, Any]: ...
    def set_draft(self, draft: dict[str, Any]) -> None: ...


@runtime_checkable
class WithView(Protocol):
    """A page that remembers more than its form: what was selected, the size of its tiles, how far it was scrolled."""

    def view(self) -> dict[str, Any]: ...
    def set_view(self, view: dict[str, Any]) -> None: ...


def restore_page(page: object, name: str, settings: Settings) -> str:
    """Show a page as it was left. Returns "", or a sentence where not all of that made sense."""
    try:
        if isinstance(page, WithDraft):
            page.set_draft(settings.drafts.get(name, {}))
        if isinstance(page, WithView):
            page.set_view(settings.views.get(name, {}))
    except NONSENSE as error:
        return f"Not everything on this page is as it was left: {error}"
    return ""


def keep_pages(pages: Mapping[str, object], settings: Settings) -> None:
    """Put down how each page by these names stands; those that are not there stay as they were put down last."""
    drafts = {name: page.draft() for name, page in pages.items() if isinstance(page, WithDraft)}
    views = {name: page.view() for name, page in pages.items() if isinstance(page, WithView)}
    settings.drafts = {**settings.drafts, **drafts}
    settings.views = {**settings.views, **views}


class Remember(QObject):
    """`collect` brings the settings up to date with what the window shows. `trouble` says why they can't be kept."""

    trouble = Signal(str)

    def __init__(
        self, file: SettingsFile, settings: Settings, collect: Callable[[], None], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._file, self._settings, self._collect = file, settings, collect
        self._writing = Writing(file.write, self)
        self._writing.refused.connect(self._refused)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SOON)
        self._timer.timeout.connect(self._put)

    @Slot()
    def soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    @Slot()
    def now(self) -> None:
        """They stand on the disk when this comes back."""
        self._put()
        self._writing.finish()

    @Slot()
    def _put(self) -> None:
        self._timer.stop()
        self._collect()
        self._writing.put(self._file.text(self._settings))

    @Slot(str)
    def _refused(self, why: str) -> None:
        self.trouble.emit(f"The settings could not be kept. {why}")
