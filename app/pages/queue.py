"""The queue: what runs, what waits and what has ended, each with what can be done about it."""

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QRect, QSize, Qt, Slot
from PySide6.QtGui import QFocusEvent, QPainter
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QVBoxLayout, QWidget

from app.pictures import Index
from app.queue import Queue, Queued, in_words
from app.theme import theme
from app.widgets.basics import button, column, label, row
from trainer.contract import events
from trainer.contract.generate import GenerateJob
from trainer.contract.train import TrainJob

ROW_HEIGHT = 56
SIGNS = {"waiting": ("wait", "muted"), "running": ("play", "text"), "finished": ("done", "ok")}
SIGNS |= {"failed": ("error", "error"), "stopped": ("stop", "muted")}
"""Icon and colour of each state."""


class QueueList(QAbstractListModel):
    """The queue's jobs: the running one, those that wait in their order, and the ended ones, newest first."""

    JOB = Qt.ItemDataRole.UserRole

    def __init__(self, queue: Queue, parent: QObject) -> None:
        super().__init__(parent)
        self._queue = queue
        self._jobs: list[Queued] = []
        queue.changed.connect(self.refresh)
        queue.progressed.connect(self._progressed)
        self.refresh()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own default
        return 0 if parent.isValid() else len(self._jobs)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        queued = self._jobs[index.row()]
        if role == self.JOB:
            return queued
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{what(queued)}: {state_in_words(queued)}"
        return None

    @Slot()
    def refresh(self) -> None:
        ended = [queued for queued in self._queue.jobs if queued.state not in ("running", "waiting")]
        running = [self._queue.running] if self._queue.running else []
        self.beginResetModel()
        self._jobs = [*running, *self._queue.waiting, *reversed(ended)]
        self.endResetModel()

    def row_of(self, queued: Queued | None) -> int:
        return self._jobs.index(queued) if queued in self._jobs else -1

    @Slot(object)
    def _progressed(self, queued: Queued) -> None:
        place = self.row_of(queued)
        if place >= 0:
            self.dataChanged.emit(self.index(place), self.index(place))


def what(queued: Queued) -> str:
    match queued.job:
        case TrainJob():
            return f"Training  ·  {queued.title}"
        case GenerateJob():
            return f"Pictures  ·  {queued.title}"
        case _:
            return queued.title


def state_in_words(queued: Queued) -> str:
    match queued.ending:
        case events.Finished(seconds=seconds, paths=paths):
            files = f", {len(paths)} file{'s' if len(paths) != 1 else ''}" if paths else ""
            return f"done in {seconds:.0f} s{files}"
        case events.Failed(title=title, fix=fix):
            return f"{title} {fix}"
        case events.Stopped(resume=resume):
            return "stopped; it can go on" if resume else "stopped"
        case _ if queued.state == "stopped":
            return "interrupted when Gesso closed"
        case _:
            return in_words(queued) if queued.state == "running" else "waiting"


class JobRow(QStyledItemDelegate):
    """Sign, title and state of a job, over a thin line of progress while it runs."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(200, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        queued: Queued = index.data(QueueList.JOB)
        area: QRect = option.rect
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(area, theme().colour("raised"))
        icon, role = SIGNS[queued.state]
        theme().icon(icon, role).paint(painter, QRect(area.left() + 16, area.top() + 18, 20, 20))
        text = area.adjusted(52, 8, -16, -8)
        measure = painter.fontMetrics()
        painter.setPen(theme().colour("text"))
        title = measure.elidedText(what(queued), Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignTop, title)
        painter.setPen(theme().colour("error" if queued.state == "failed" else "muted"))
        state = measure.elidedText(state_in_words(queued), Qt.TextElideMode.ElideRight, text.width())
        painter.drawText(text, Qt.AlignmentFlag.AlignBottom, state)
        if queued.state == "running" and queued.total:
            line = QRect(area.left(), area.bottom() - 2, area.width() * queued.step // queued.total, 3)
            painter.fillRect(line, theme().colour("accent"))


class QueuePage(QWidget):
    """The list, and buttons for the job that is selected."""

    def __init__(self, queue: Queue) -> None:
        super().__init__()
        self._queue = queue
        self._list = QueueList(queue, self)
        self._view = QListView()
        self._row = JobRow()
        self._view.setModel(self._list)
        self._view.setItemDelegate(self._row)
        self._view.setUniformItemSizes(True)
        self._view.setAccessibleName("Jobs")
        self._view.setToolTip("Jobs run one after the other; select one to see what can be done about it.")
        self._selected: Queued | None = None
        self._up = button("Sooner", "Let the selected job run before the one above it", self._sooner, icon="up")
        self._down = button("Later", "Let the selected job run after the one below it", self._later, icon="unfolded")
        self._cancel = button("Stop", "Stop the selected job, or take it out of the queue", self._stop, icon="stop")
        self._now = button("Stop now", "End the engine under a job that does not stop by itself", queue.stop_now)
        self._retry = button("Again", "Run the selected job again; a training goes on", self._again, icon="retry")
        self._clear = button("Clear the list", "Take jobs that have ended out of the list", queue.clear_ended)
        self._empty = label(
            "Nothing waits. Pictures and trainings that you start while another job runs stand here.", "muted"
        )
        actions = row(self._up, self._down, self._cancel, self._now, self._retry, 0, self._clear)
        content = column(
            label("Queue", "title"), self._empty, self._view, actions, margins=(24, 24, 24, 16), spacing=12
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(content)
        self._view.selectionModel().currentChanged.connect(self._select)
        queue.changed.connect(self._changed)
        self._changed()

    def focusInEvent(self, _event: QFocusEvent) -> None:
        self._view.setFocus()

    @Slot(QModelIndex, QModelIndex)
    def _select(self, current: QModelIndex, _before: QModelIndex) -> None:
        if current.isValid():
            self._selected = current.data(QueueList.JOB)
        self._allow()

    @Slot()
    def _changed(self) -> None:
        """Keep the selection on its job, wherever that stands now."""
        place = self._list.row_of(self._selected)
        if place >= 0:
            self._view.setCurrentIndex(self._list.index(place))
        else:
            self._selected = None
        self._empty.setVisible(not self._queue.jobs)
        self._view.setVisible(bool(self._queue.jobs))
        self._allow()

    def _allow(self) -> None:
        state = self._selected.state if self._selected else ""
        for one in (self._up, self._down):
            one.setEnabled(state == "waiting")
        self._cancel.setEnabled(state in ("waiting", "running"))
        self._now.setEnabled(state == "running")
        self._retry.setEnabled(state in ("finished", "failed", "stopped"))
        self._clear.setEnabled(any(queued.state not in ("waiting", "running") for queued in self._queue.jobs))

    @Slot()
    def _sooner(self) -> None:
        if self._selected:
            self._queue.move(self._selected, -1)

    @Slot()
    def _later(self) -> None:
        if self._selected:
            self._queue.move(self._selected, 1)

    @Slot()
    def _stop(self) -> None:
        if self._selected:
            self._queue.cancel(self._selected)

    @Slot()
    def _again(self) -> None:
        if self._selected:
            self._selected = self._queue.retry(self._selected)
