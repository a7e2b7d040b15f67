"""The loss over the steps of a training: each value faint, their running mean strong."""

import numpy as np
import pyqtgraph
from PySide6.QtCore import QTimer, Slot
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.theme import theme

INERTIA = 0.96
"""Share of the running mean that stays at each value."""
REDRAWN_EVERY = 200
"""Milliseconds between two drawings while values come in."""
MOST_POINTS = 20_000
"""Beyond so many, neighbours are laid together: nobody sees more on a screen."""
FAINT = 90


class LossChart(QWidget):
    """`add` takes values in the order of their steps. A step that was there before takes the place of what followed it:
    a resumed run goes back to its checkpoint."""

    def __init__(self) -> None:
        super().__init__()
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._means: list[float] = []
        self._item = pyqtgraph.PlotItem()
        self._plot = pyqtgraph.PlotWidget(plotItem=self._item)
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.getViewBox().setMouseEnabled(x=False, y=False)
        self._plot.setAccessibleName("Loss over the steps")
        self._plot.setToolTip("How far the model is from the pictures; lower is nearer. The strong line is the mean.")
        self._raw = self._item.plot([], [], antialias=True)
        self._mean = self._item.plot([], [], antialias=True)
        for curve in (self._raw, self._mean):
            curve.setDownsampling(auto=True, method="mean")
            curve.setClipToView(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._plot)
        self.setMinimumHeight(150)
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(REDRAWN_EVERY)
        self._due.timeout.connect(self._draw)
        theme().changed.connect(self._colour)
        self._colour()

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(self._steps)

    @property
    def mean(self) -> float | None:
        """Where the strong line ends."""
        return self._means[-1] if self._means else None

    def clear(self) -> None:
        for values in (self._steps, self._losses, self._means):
            values.clear()
        self._draw()

    def add(self, step: int, loss: float) -> None:
        while self._steps and self._steps[-1] >= step:
            for values in (self._steps, self._losses, self._means):
                values.pop()
        self._steps.append(step)
        self._losses.append(loss)
        # Early on the mean is over what there is, so that the line does not begin at a chance value and stick to it.
        weight = min(INERTIA, 1 - 1 / len(self._steps))
        self._means.append(weight * self._means[-1] + (1 - weight) * loss if self._means else loss)
        if len(self._steps) > MOST_POINTS:
            self._thin()
        if not self._due.isActive():
            self._due.start()

    def _thin(self) -> None:
        for values in (self._steps, self._losses, self._means):
            del values[:-1:2]

    @Slot()
    def _draw(self) -> None:
        self._raw.setData(np.array(self._steps, dtype=float), np.array(self._losses))
        self._mean.setData(np.array(self._steps, dtype=float), np.array(self._means))
        if not self._steps:
            return
        low, high = np.percentile(self._losses, (1, 99))  # one wild value must not flatten all the others
        room = max((high - low) * 0.08, abs(high) * 0.02, 1e-6)
        last = max(self._steps[-1], self._steps[0] + 1)
        self._item.getViewBox().setRange(xRange=(self._steps[0], last), yRange=(low - room, high + room), padding=0.01)

    @Slot()
    def _colour(self) -> None:
        strong = theme().colour("accent")
        faint = QColor(strong)
        faint.setAlpha(FAINT)
        self._plot.setBackground(theme().colour("panel"))
        self._raw.setPen(pyqtgraph.mkPen(faint, width=1))
        self._mean.setPen(pyqtgraph.mkPen(strong, width=2))
        for side in ("left", "bottom"):
            axis = self._item.getAxis(side)
            axis.setPen(pyqtgraph.mkPen(theme().colour("line")))
            axis.setTextPen(pyqtgraph.mkPen(theme().colour("muted")))
        self._item.showGrid(y=True, alpha=0.12)
        self._item.setLabel("bottom", "step", color=theme().palette.muted)
