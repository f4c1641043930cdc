"""Base of the charts that pyqtgraph draws."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainterPath, QPen
from PySide6.QtWidgets import QFrame, QGraphicsPathItem, QWidget

from mlops_desktop.ui.charts.axes import EndLabels, NumberAxis, ValueAxis, brush, pen, style_axis
from mlops_desktop.ui.charts.frame import Chart
from mlops_desktop.ui.charts.values import Band, Floats
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.widgets.figures import compact

# Above this many points lines are drawn one pixel wide and not smoothed, which is what keeps a frame short.
SMOOTH_POINTS = 20_000


class PlotChart(Chart):
    """A chart with axes. `plot` is pyqtgraph's PlotItem; subclasses draw into it in `_draw`."""

    def __init__(
        self,
        title: str = "",
        unit: str = "",
        *,
        text_of: Callable[[float], str] = compact,
        parent: QWidget | None = None,
    ) -> None:
        self.value_axis = self._value_axis(text_of)
        self.end_labels = EndLabels()
        super().__init__(title, unit, parent)

    def _value_axis(self, text_of: Callable[[float], str]) -> Any:
        return ValueAxis(text_of)

    def _bottom_axis(self) -> Any:
        return NumberAxis()

    def _make_canvas(self) -> QWidget:
        self.bottom_axis = self._bottom_axis()
        axes = {"left": self.value_axis, "right": self.end_labels, "bottom": self.bottom_axis}
        self.view = pg.PlotWidget(axisItems=axes, background=None, enableMenu=False)
        self.view.setFrameShape(QFrame.Shape.NoFrame)
        self.view.setStyleSheet("background: transparent; border: none;")
        self.view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.view.setMinimumHeight(60)
        self.plot = self.view.getPlotItem()
        self.plot.showAxes((True, False, True, True), showValues=(True, False, False, True))
        # pyqtgraph makes this menu without a parent, so it would outlive the chart.
        self.plot.ctrlMenu.setParent(self.view, self.plot.ctrlMenu.windowFlags())
        self.plot.hideButtons()
        self.plot.setMenuEnabled(False)
        self.plot.setContentsMargins(0, 6, 0, 0)
        self.plot.getViewBox().setDefaultPadding(0.0)
        self._style()
        widget: QWidget = self.view
        return widget

    def _style(self) -> None:
        style_axis(self.value_axis, self.tokens, grid=True, line=False)
        style_axis(self.bottom_axis, self.tokens)

    def _redraw(self) -> None:
        self.plot.clear()
        self._style()
        self._draw()
        self.legend.update()

    def _draw(self) -> None:
        raise NotImplementedError

    # --- parts to draw with

    def add_line(
        self, x: Floats, y: Floats, colour: str, *, width: float = 1.75, dashed: bool = False, alpha: int = 255
    ) -> Any:
        """A line that thins itself out: peaks are kept, and what is out of sight is not drawn."""
        is_large = len(x) > SMOOTH_POINTS
        line = pg.PlotDataItem(pen=pen(colour, 1 if is_large else width, dashed, alpha), antialias=not is_large)
        self.plot.addItem(line)
        line.setDownsampling(auto=True, method="peak")
        line.setClipToView(True)
        line.setData(x, y, connect="finite" if not np.isfinite(y).all() else "all")
        return line

    def add_points(self, x: Floats, y: Floats, colour: str, *, symbol: Any = "o", size: int = 6) -> Any:
        points = pg.ScatterPlotItem(
            x=x, y=y, symbol=symbol, size=size, pen=pen(self.tokens.surface, 1), brush=brush(colour), pxMode=True
        )
        self.plot.addItem(points, ignoreBounds=True)
        return points

    def add_area(self, x: Floats, low: Floats, high: Floats, colour: str, alpha: int = 50) -> None:
        """A band between two courses; gaps where one of them is not finite."""
        item = QGraphicsPathItem(area_path(x, low, high))
        item.setPen(QPen(Qt.PenStyle.NoPen))
        item.setBrush(brush(colour, alpha))
        item.setZValue(-2)
        self.plot.addItem(item, ignoreBounds=True)

    def add_band(self, band: Band) -> None:
        """A horizontal band over the whole width, with a line and its label where it begins."""
        tone = self.tokens.tone(band.tone)
        low, high = band.low if band.low is not None else -1e12, band.high if band.high is not None else 1e12
        region = pg.LinearRegionItem((low, high), orientation="horizontal", movable=False, brush=brush(tone.fill, 150))
        for line in region.lines:
            line.setPen(QPen(Qt.PenStyle.NoPen))
        region.setZValue(-20)
        self.plot.addItem(region, ignoreBounds=True)
        edge = band.low if band.low is not None else band.high
        if edge is None:
            return
        options = {"position": 0.0, "color": tone.text, "anchors": [(0, 1), (0, 1)]}
        edge_pen = pen(tone.text, 1.25, dashed=True)
        line = pg.InfiniteLine(edge, angle=0, pen=edge_pen, label=band.label or None, labelOpts=options)
        if band.label:
            line.label.setFont(fonts.font(fonts.Type.CAPTION))
        line.setZValue(-5)
        self.plot.addItem(line, ignoreBounds=True)


def area_path(x: Floats, low: Floats, high: Floats) -> QPainterPath:
    """The outline of the band between `low` and `high`, one polygon for each stretch without gaps."""
    good = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
    path = QPainterPath()
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    for start, end in edges.reshape(-1, 2).tolist():
        if end - start < 2:
            continue
        path.moveTo(float(x[start]), float(low[start]))
        for i in range(start + 1, end):
            path.lineTo(float(x[i]), float(low[i]))
        for i in range(end - 1, start - 1, -1):
            path.lineTo(float(x[i]), float(high[i]))
        path.closeSubpath()
    return path
