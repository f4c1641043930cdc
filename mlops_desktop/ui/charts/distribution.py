"""One column in reference and window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.charts.axes import brush, pen
from mlops_desktop.ui.charts.plotchart import PlotChart
from mlops_desktop.ui.charts.values import Distribution, Floats
from mlops_desktop.ui.widgets.figures import fixed, percent

_LONGEST_CATEGORY = 16
_LETTER = 8.5


def finite_edges(edges: Floats) -> Floats:
    """Bin edges with infinite ends replaced by one more bin of the middle width."""
    inner = edges[np.isfinite(edges)]
    width = float(np.median(np.diff(inner))) if len(inner) > 1 else 1.0
    result = edges.astype(np.float64).copy()
    if len(inner):
        result[np.isneginf(result)] = inner[0] - width
        result[np.isposinf(result)] = inner[-1] + width
    return result


def shares(counts: Floats) -> Floats:
    """Counts as shares of their sum; zeros when there is nothing."""
    values = np.asarray(counts, np.float64)
    total = values.sum()
    return values / total if total > 0 else np.zeros_like(values)


class DistributionChart(PlotChart):
    """Reference as filled steps, current as an outline, in the same bins; the caption tells statistic and n."""

    def __init__(self, title: str = "", unit: str = "", parent: QWidget | None = None) -> None:
        self._distribution: Distribution | None = None
        super().__init__(title, unit, text_of=lambda value: percent(value, 0), parent=parent)
        self.view.setMouseEnabled(x=False, y=False)
        self.plot.showAxes((True, False, False, True), showValues=(True, False, False, True))
        self.end_labels.setWidth(8)

    def set_distribution(self, distribution: Distribution) -> None:
        """Raises ValueError when reference, current and bins differ in length."""
        bins = len(distribution.categories) or len(distribution.edges) - 1
        if not len(distribution.reference) == len(distribution.current) == bins:
            raise ValueError(f"{distribution.name}: counts and bins differ in length")
        self._distribution = distribution
        if distribution.reference.sum() + distribution.current.sum() == 0:
            self.set_empty(self.tr("No values in reference and window"))
            return
        self._show_data()
        self._redraw()
        self.set_caption(self.statement())

    def statement(self) -> str:
        """Statistic, threshold and numbers of rows in one line."""
        d = self._distribution
        if d is None:
            return ""
        n = f"n {int(d.reference.sum()):,} / {int(d.current.sum()):,}"
        if np.isnan(d.score):
            return n
        sign = ">" if d.score > d.threshold else "≤"
        limit = f" {sign} {fixed(d.threshold, 3)}" if np.isfinite(d.threshold) else ""
        return f"{d.statistic} {fixed(d.score, 3)}{limit} · {n}"

    def _edges(self, d: Distribution) -> Floats:
        if not d.categories:
            return finite_edges(d.edges)
        return np.arange(len(d.categories) + 1, dtype=np.float64) - 0.5

    def _draw(self) -> None:
        d = self._distribution
        if d is None:
            return
        edges, known, now = self._edges(d), shares(d.reference), shares(d.current)
        tokens = self.tokens
        filled = pg.PlotCurveItem(
            edges, known, stepMode="center", fillLevel=0, brush=brush(tokens.baseline, 110), pen=pen(tokens.baseline, 1)
        )
        x = np.concatenate([edges[:1], np.repeat(edges, 2)[1:-1], edges[-1:]])
        y = np.concatenate([[0.0], np.repeat(now, 2), [0.0]])
        outline = pg.PlotCurveItem(x, y, pen=pen(tokens.questioned, 2), antialias=True)
        for item in (filled, outline):
            self.plot.addItem(item, ignoreBounds=True)
        self.plot.setXRange(float(edges[0]), float(edges[-1]), padding=0.02)
        self.plot.setYRange(0, float(max(known.max(), now.max())) * 1.08, padding=0)
        self.bottom_axis.setTicks(self._category_ticks(d) if d.categories else None)
        entries = [(self.tr("Reference"), tokens.baseline), (self.tr("Current"), tokens.questioned)]
        self.legend.set_entries(entries)

    def _category_ticks(self, d: Distribution) -> list[list[tuple[float, str]]]:
        room = self.view.width() / max(len(d.categories), 1)
        most = max(3, min(_LONGEST_CATEGORY, int(room / _LETTER)))
        names = [n if len(n) <= most else n[: most - 1] + "…" for n in d.categories]
        return [[(float(i), name) for i, name in enumerate(names)]]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        d = self._distribution
        if d is not None and d.categories:
            self.bottom_axis.setTicks(self._category_ticks(d))

    def _csv_columns(self) -> dict[str, Any]:
        d = self._distribution
        if d is None:
            return {}
        bins: dict[str, Any] = {"category": list(d.categories)} if d.categories else {"edge": d.edges}
        return bins | {"reference": d.reference, "current": d.current}
