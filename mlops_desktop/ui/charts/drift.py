"""Drift over time, as a multiple of the threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.charts.axes import EndLabel
from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.charts.values import Band, Series
from mlops_desktop.ui.theme.shapes import Shape, shape_path
from mlops_desktop.ui.theme.tokens import Tone

_MARK = 8


class DriftChart(TimeChart):
    """`set_series` takes score / threshold: 1.0 is the limit, what lies above is shaded and marked with a triangle."""

    def __init__(self, title: str = "", unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(title, unit, from_zero=True, parent=parent)
        self._bands = (Band(1.0, None, Tone.CRITICAL),)

    def set_series(self, series: Sequence[Series]) -> None:
        """Ratios of drift score to threshold over time."""
        super().set_series(series)

    def value_bounds(self) -> tuple[float, float]:
        low, high = super().value_bounds()
        return low, max(high, 1.4)

    def _more_labels(self) -> list[EndLabel]:
        # At the right, where no line runs through it.
        return [EndLabel(1.0, self.tr("threshold"), self.tokens.critical.text, dashed=True)]

    def _draw_data(self) -> None:
        super()._draw_data()
        for each in self.series:
            if each.faint:
                continue
            with np.errstate(invalid="ignore"):
                above = each.values >= 1.0
            if above.any() and above.sum() <= 400:
                colour = self.tokens.critical.text
                mark = shape_path(Shape.TRIANGLE)
                self.add_points(each.times[above], each.values[above], colour, symbol=mark, size=_MARK)
