"""Are predicted probabilities met? (Reliability diagram: DeGroot and Fienberg 1983.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.charts.axes import EndLabel, pen
from mlops_desktop.ui.charts.plotchart import PlotChart
from mlops_desktop.ui.charts.values import Reliability, Role, series_colour
from mlops_desktop.ui.theme.shapes import Shape, shape_path

_SYMBOLS = (Shape.DISC, Shape.SQUARE, Shape.DIAMOND, Shape.TRIANGLE)


class ReliabilityChart(PlotChart):
    """Observed rate over mean prediction, per bin; the dashed diagonal is perfect calibration."""

    def __init__(self, title: str = "", unit: str = "", parent: QWidget | None = None) -> None:
        self._curves: tuple[Reliability, ...] = ()
        super().__init__(title, unit, parent=parent)
        self.view.setMouseEnabled(x=False, y=False)

    def set_curves(self, curves: Sequence[Reliability]) -> None:
        """One curve per model, four at most."""
        self._curves = tuple(curves[:4])
        if not any(len(curve.predicted) for curve in self._curves):
            self.set_empty(self.tr("No labelled predictions yet"))
            return
        self._show_data()
        self._redraw()
        counts = ", ".join(f"{curve.name} n {int(curve.counts.sum()):,}" for curve in self._curves)
        self.set_caption(counts)

    def _draw(self) -> None:
        diagonal = pen(self.tokens.control_border, 1.25, dashed=True)
        self.plot.addItem(pg.PlotCurveItem([0, 1], [0, 1], pen=diagonal, antialias=True), ignoreBounds=True)
        labels = []
        for index, curve in enumerate(self._curves):
            plain = [c.role is Role.PLAIN for c in self._curves[:index]]
            colour = series_colour(self.tokens, curve.role, sum(plain))
            self._draw_curve(curve, colour, _SYMBOLS[index])
            if len(curve.observed):
                labels.append(EndLabel(float(curve.observed[-1]), curve.name, colour))
        self.plot.setXRange(0, 1, padding=0.03)
        self.plot.setYRange(0, 1, padding=0.03)
        self.end_labels.set_labels(labels, self.tokens.text)

    def _draw_curve(self, curve: Reliability, colour: str, shape: Shape) -> None:
        if curve.low is not None and curve.high is not None:
            bars = pg.ErrorBarItem(
                x=curve.predicted,
                y=curve.observed,
                top=np.maximum(curve.high - curve.observed, 0),
                bottom=np.maximum(curve.observed - curve.low, 0),
                beam=0.012,
                pen=pen(colour, 1.25),
            )
            self.plot.addItem(bars, ignoreBounds=True)
        self.plot.addItem(
            pg.PlotCurveItem(curve.predicted, curve.observed, pen=pen(colour, 1.75), antialias=True), ignoreBounds=True
        )
        self.add_points(curve.predicted, curve.observed, colour, symbol=shape_path(shape), size=9)

    def _csv_columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for curve in self._curves:
            columns[f"{curve.name} predicted"] = curve.predicted
            columns[f"{curve.name} observed"] = curve.observed
            columns[f"{curve.name} n"] = curve.counts
        return columns
