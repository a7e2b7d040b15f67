"""The loss over the steps of a training, each value faint and their mean strong; the learning rate beside it."""

import bisect
from typing import cast

import numpy as np
import pyqtgraph
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.theme import theme
from app.widgets.basics import label, row

INERTIA = 0.96
"""Share of the running mean that stays at each value."""
REDRAWN_EVERY = 200
"""Milliseconds between two drawings while values come in."""
MOST_POINTS = 4000
"""Beyond so many, neighbours are laid together: more than a screen has pixels across, nobody sees."""
FAINT = 120


class Series:
    """Values by step in bounded memory: where there are many, each point is the mean of `stride` of them."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.steps: list[int] = []
        self.losses: list[float] = []
        self.means: list[float] = []
        self.rates: list[float] = []
        self.stride = 1
        self._in_last = 0
        """How many values the last point holds."""
        self._values = 0

    def add(self, step: int, loss: float, rate: float) -> None:
        """A step that was there before takes the place of what followed it: a resumed run goes back."""
        while self.steps and self.steps[-1] >= step:
            for values in (self.steps, self.losses, self.means, self.rates):
                values.pop()
            self._in_last = self.stride
            self._values = len(self.steps) * self.stride
        self._values += 1
        # Early on the mean is over what there is, so that the line does not begin at a chance value and stick to it.
        weight = min(INERTIA, 1 - 1 / self._values)
        mean = weight * self.means[-1] + (1 - weight) * loss if self.means else loss
        if self.steps and self._in_last < self.stride:
            count = self._in_last
            self.losses[-1] = (self.losses[-1] * count + loss) / (count + 1)
            self.steps[-1], self.means[-1], self.rates[-1] = step, mean, rate
            self._in_last += 1
        else:
            self.steps.append(step)
            self.losses.append(loss)
            self.means.append(mean)
            self.rates.append(rate)
            self._in_last = 1
        if len(self.steps) > MOST_POINTS:
            self._halve()

    def _halve(self) -> None:
        """Lay each two points together. A last one without a neighbour goes on being filled."""
        whole = len(self.steps) // 2 * 2
        losses = self.losses
        self.losses = [(losses[at] + losses[at + 1]) / 2 for at in range(0, whole, 2)] + losses[whole:]
        self.steps = self.steps[1:whole:2] + self.steps[whole:]
        self.means = self.means[1:whole:2] + self.means[whole:]
        self.rates = self.rates[1:whole:2] + self.rates[whole:]
        self._in_last = self._in_last if len(losses) > whole else 2 * self.stride
        self.stride *= 2


class LossChart(QWidget):
    """`add` takes values in the order of their steps. The picture is renewed a few times a second at most."""

    def __init__(self) -> None:
        super().__init__()
        self._series = Series()
        self._item = pyqtgraph.PlotItem(axisItems={"right": _RateAxis("right"), "bottom": _StepAxis("bottom")})
        self._plot = pyqtgraph.PlotWidget(plotItem=self._item)
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        self._item.getViewBox().setMouseEnabled(x=False, y=False)
        self._plot.setAccessibleName("Loss over the steps")
        self._plot.setToolTip("How far the model is from the pictures; lower is nearer. The strong line is the mean.")
        self._rates = pyqtgraph.ViewBox(enableMenu=False)
        self._rates.setMouseEnabled(x=False, y=False)
        self._rate = pyqtgraph.PlotCurveItem(antialias=True)
        self._raw = self._item.plot([], [], antialias=True)
        self._mean = self._item.plot([], [], antialias=True)
        self._lay_second_axis()
        self._legend = (_Key("mean loss"), _Key("each step"), _Key("learning rate, right"))
        self._under = label("", "muted")
        self._under.setWordWrap(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(row(*self._legend, 0, self._under, spacing=16, margins=(8, 0, 8, 0)))
        layout.addWidget(self._plot, 1)
        self.setMinimumHeight(150)
        self._due = QTimer(self)
        self._due.setSingleShot(True)
        self._due.setInterval(REDRAWN_EVERY)
        self._due.timeout.connect(self._draw)
        cast(pyqtgraph.GraphicsScene, self._plot.scene()).sigMouseMoved.connect(self._point)
        theme().changed.connect(self._colour)
        self._colour()

    @property
    def steps(self) -> tuple[int, ...]:
        return tuple(self._series.steps)

    @property
    def learning_rates(self) -> tuple[float, ...]:
        return tuple(self._series.rates)

    @property
    def mean(self) -> float | None:
        """Where the strong line ends."""
        return self._series.means[-1] if self._series.means else None

    @property
    def under_pointer(self) -> str:
        return self._under.text()

    def clear(self) -> None:
        self._series.clear()
        self._under.clear()
        self._draw()

    def add(self, step: int, loss: float, learning_rate: float = 0.0) -> None:
        self._series.add(step, loss, learning_rate)
        if not self._due.isActive():
            self._due.start()

    def _lay_second_axis(self) -> None:
        """The learning rate lies in a view of its own over the same steps, with its axis on the right."""
        view = self._item.getViewBox()
        self._item.showAxis("right")
        self._item.scene().addItem(self._rates)
        self._item.getAxis("right").linkToView(self._rates)
        self._rates.setXLink(view)
        self._rates.addItem(self._rate)
        self._rates.setZValue(-10)
        view.sigResized.connect(self._place_second)

    @Slot()
    def _place_second(self) -> None:
        self._rates.setGeometry(self._item.getViewBox().sceneBoundingRect())

    @Slot()
    def _draw(self) -> None:
        series = self._series
        steps = np.array(series.steps, dtype=float)
        self._raw.setData(steps, np.array(series.losses))
        self._mean.setData(steps, np.array(series.means))
        self._rate.setData(steps, np.array(series.rates))
        if not series.steps:
            return
        low, high = np.percentile(series.losses, (1, 99))  # one wild value must not flatten all the others
        room = max((high - low) * 0.08, abs(high) * 0.02, 1e-6)
        last = max(series.steps[-1], series.steps[0] + 1)
        self._item.getViewBox().setRange(xRange=(series.steps[0], last), yRange=(low - room, high + room), padding=0.01)
        highest = max(series.rates) or 1.0
        self._rates.setYRange(0, highest * 1.1, padding=0)
        self._place_second()

    @Slot(object)
    def _point(self, where: QPointF) -> None:
        """Say what is under the pointer."""
        series, view = self._series, self._item.getViewBox()
        if not series.steps or not view.sceneBoundingRect().contains(where):
            self._under.clear()
            return
        place = bisect.bisect_left(series.steps, view.mapSceneToView(where).x())
        place = min(place, len(series.steps) - 1)
        words = f"step {series.steps[place]:,}: {series.losses[place]:.4f}, mean {series.means[place]:.4f}"
        self._under.setText(f"{words}, rate {series.rates[place]:.2g}")

    @Slot()
    def _colour(self) -> None:
        colours = theme()
        strong, quiet = colours.colour("accent"), colours.colour("muted")
        faint = QColor(strong)
        faint.setAlpha(FAINT)
        dashed = Qt.PenStyle.DashLine
        self._plot.setBackground(colours.colour("panel"))
        pens = (QPen(strong, 2), QPen(faint, 1), QPen(quiet, 1, dashed))
        for pen in pens:
            pen.setCosmetic(True)
        for curve, pen in zip((self._mean, self._raw, self._rate), pens, strict=True):
            curve.setPen(pen)
        for key, pen in zip(self._legend, pens, strict=True):
            key.set_pen(pen)
        for side in ("left", "bottom", "right"):
            axis = self._item.getAxis(side)
            axis.setPen(pyqtgraph.mkPen(colours.colour("line")))
            axis.setTextPen(pyqtgraph.mkPen(quiet))
        self._item.showGrid(y=True, alpha=0.12)
        self._item.setLabel("bottom", "step", color=colours.palette.muted)


class _RateAxis(pyqtgraph.AxisItem):
    """Learning rates are written as 1e-4."""

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [f"{value * scale:.2g}" if value else "0" for value in values]


class _StepAxis(pyqtgraph.AxisItem):
    """There is nothing between two steps."""

    def tickSpacing(self, minVal: float, maxVal: float, size: float) -> list[tuple[float, float]]:
        levels = super().tickSpacing(minVal, maxVal, size)
        return [(spacing, offset) for spacing, offset in levels if spacing >= 1] or [(1.0, 0.0)]


class _Key(QWidget):
    """A line as it is drawn, and what it is."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words, self._pen = words, QPen()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(words)

    def set_pen(self, pen: QPen) -> None:
        self._pen = pen
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(30 + self.fontMetrics().horizontalAdvance(self._words), self.fontMetrics().height() + 2)

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self._pen)
        middle = self.height() / 2
        painter.drawLine(QPointF(0, middle), QPointF(20, middle))
        painter.setPen(theme().colour("muted"))
        area = QRectF(26, 0, self.width() - 26, self.height())
        painter.drawText(area, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, self._words)
