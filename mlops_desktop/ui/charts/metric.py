"""A metric over time with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.charts.values import Interval, Series


class MetricChart(TimeChart):
    """Lines named at their end, each with the band of its 95 % interval where one is given."""

    _intervals: tuple[Interval, ...] = ()

    def set_metrics(self, series: Sequence[Series], intervals: Sequence[Interval] = ()) -> None:
        """`intervals` belong to the series of the same name."""
        self._intervals = tuple(intervals)
        self.set_series(series)

    def value_bounds(self) -> tuple[float, float]:
        low, high = super().value_bounds()
        for each in self._intervals:
            if np.isfinite(each.low).any() and np.isfinite(each.high).any():
                low, high = min(low, float(np.nanmin(each.low))), max(high, float(np.nanmax(each.high)))
        return low, high

    def _draw_data(self) -> None:
        names = [each.name for each in self.series]
        for each in self._intervals:
            if each.name in names:
                self.add_area(each.times, each.low, each.high, self.colour_of(names.index(each.name)))
        super()._draw_data()

    def _csv_columns(self) -> dict[str, Any]:
        columns = super()._csv_columns()
        for each in self._intervals:
            columns[f"{each.name} low"], columns[f"{each.name} high"] = each.low, each.high
        return columns
