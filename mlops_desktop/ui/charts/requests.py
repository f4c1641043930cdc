"""Requests over time by model version."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyqtgraph as pg
from numpy.typing import ArrayLike
from PySide6.QtCore import Qt
from PySide6.QtGui import QPen
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.charts.axes import brush, pen
from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.charts.values import Floats, Role, Series, as_seconds

_MOST_BARS = 3000
_DENSE_BARS = 120


class RequestsChart(TimeChart):
    """Stacked bars by version, or lines where `as_bars` is False or there are too many bars to tell apart."""

    def __init__(self, title: str = "", unit: str = "", *, as_bars: bool = True, parent: QWidget | None = None) -> None:
        self._as_bars = as_bars
        self._width = 1.0
        super().__init__(title, unit, from_zero=True, parent=parent)
        if as_bars:
            self.end_labels.setWidth(8)

    def set_counts(
        self, times: ArrayLike, counts: Mapping[str, ArrayLike], roles: Mapping[str, Role] | None = None
    ) -> None:
        """`times` are the starts of the windows; `counts` maps a version's name to its requests in each of them.

        The first version is drawn at the bottom. `roles` marks the known version and the one under question.
        """
        seconds = as_seconds(times)
        steps = np.diff(seconds)
        self._width = float(steps.min()) if len(steps) else 86_400.0
        middle = seconds + self._width / 2
        known = roles or {}
        self.set_series(
            [
                Series(name, middle, np.asarray(values, np.float64), known.get(name, Role.PLAIN))
                for name, values in counts.items()
            ]
        )

    @property
    def draws_bars(self) -> bool:
        return self._as_bars and sum(len(each.times) for each in self.series) <= _MOST_BARS

    def bounds(self) -> tuple[float, float] | None:
        found = super().bounds()
        return (found[0] - self._width / 2, found[1] + self._width / 2) if found else None

    def value_bounds(self) -> tuple[float, float]:
        if not self.draws_bars or not self.series:
            return super().value_bounds()
        return 0.0, float(self._totals().max(initial=1.0))

    def _totals(self) -> Floats:
        totals: Floats = np.sum([np.nan_to_num(each.values) for each in self.series], axis=0)
        return totals

    def points(self) -> tuple[int, int]:
        if not self.draws_bars:
            return super().points()
        total = sum(len(each.times) for each in self.series)
        return total, total

    def _legend_entries(self) -> list[tuple[str, str]]:
        if not self.draws_bars:
            return []
        return [(each.name, self.colour_of(i)) for i, each in enumerate(self.series)]

    def _label_ends(self) -> None:
        if self.draws_bars:
            self.end_labels.set_labels((), self.tokens.text)
        else:
            super()._label_ends()

    def _draw_data(self) -> None:
        if not self.draws_bars:
            super()._draw_data()
            return
        base = np.zeros(len(self.series[0].times)) if self.series else np.empty(0)
        for index, each in enumerate(self.series):
            height = np.nan_to_num(each.values)
            # Edges and gaps of bars that are a pixel or two wide would only make stripes.
            is_dense = len(each.times) > _DENSE_BARS
            bars = pg.BarGraphItem(
                x=each.times,
                y0=base,
                height=height,
                width=self._width * (1.0 if is_dense else 0.82),
                pen=QPen(Qt.PenStyle.NoPen) if is_dense else pen(self.tokens.surface, 0.5),
                brush=brush(self.colour_of(index)),
            )
            self.plot.addItem(bars, ignoreBounds=True)
            base = base + height
