"""Lines that move on several times a second: drawn in place, over a fixed stretch of time that ends now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.charts.axes import LABEL_ROOM, ValueAxis, pen, round_step
from mlops_desktop.ui.charts.timechart import TimeChart, value_at
from mlops_desktop.ui.charts.values import Series
from mlops_desktop.ui.widgets.figures import compact

SECONDS = 120.0
_TICK_SECONDS = 30
_LOWEST_FULL = 0.35
_STEPS = 4
_HEADER = 32  # room for a control; charts side by side stand in line


class AgoAxis(pg.AxisItem):  # type: ignore[misc]
    """A bottom axis of seconds before now. Its range never changes, so it is drawn once."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:  # noqa: ARG002
        return [(_TICK_SECONDS, [float(tick) for tick in range(-round(SECONDS), 1, _TICK_SECONDS)])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002
        return [ago(-value) for value in values]


class CeilingAxis(ValueAxis):
    """A value axis that labels the ceiling always, and the round steps below it where there is room."""

    def __init__(self, text_of: Callable[[float], str]) -> None:
        super().__init__(text_of)
        self.step = self.ceiling = 1.0

    def tickSpacing(self, low: float, high: float, size: float) -> list[tuple[float, float]]:  # noqa: ARG002
        has_room = size * self.step / max(high, 1e-12) >= LABEL_ROOM
        return [(self.step if has_room else self.ceiling, 0.0)]


def ago(seconds: float) -> str:
    """`now`, `30 s ago`."""
    return "now" if seconds < 0.5 else f"{seconds:.0f} s ago"


class LiveChart(TimeChart):
    """`show_moment(series, now)`: the last two minutes; values from 0 up to a round ceiling that rarely moves.

    `least` is the lowest ceiling. `note` follows the count of points in the caption.
    """

    def __init__(
        self,
        title: str = "",
        unit: str = "",
        *,
        text_of: Callable[[float], str] = compact,
        least: float = 1.0,
        parent: QWidget | None = None,
    ) -> None:
        self.now = 0.0
        self.note = ""
        self._least = self._ceiling = least
        self._looks: list[tuple[str, str, bool]] = []
        super().__init__(title, unit, text_of=text_of, from_zero=True, parent=parent)
        self.view.setMouseEnabled(x=False, y=False)
        self._header.setFixedHeight(_HEADER)

    def _value_axis(self, text_of: Callable[[float], str]) -> Any:
        return CeilingAxis(text_of)

    def _bottom_axis(self) -> Any:
        return AgoAxis()

    def bounds(self) -> tuple[float, float] | None:
        return (-SECONDS, 0.0) if self._has_data() else None

    def value_bounds(self) -> tuple[float, float]:
        """From 0 to the ceiling, which gives way to what is higher, and comes down once most of it is unused."""
        highs = [float(np.nanmax(each.values)) for each in self.series if np.isfinite(each.values).any()]
        high = max(highs, default=0.0)
        if not self._ceiling * _LOWEST_FULL < high <= self._ceiling:
            step = round_step(high / _STEPS)
            self._ceiling = max(self._least, step * -(-high // step)) if high > 0 else self._least
        self.value_axis.ceiling, self.value_axis.step = self._ceiling, round_step(self._ceiling / _STEPS)
        return 0.0, self._ceiling

    def show_moment(self, series: Sequence[Series], now: float) -> None:
        """Show these series, with times in seconds since 1970, as they are `now`."""
        self.now = now
        moved = tuple(
            Series(each.name, each.times - now, each.values, each.role, each.dashed, each.marked, each.faint)
            for each in series
        )
        looks = [(each.name, each.role.value, each.dashed) for each in moved]
        if self.is_empty or looks != self._looks or len(self._lines) != len(moved):
            self._looks = looks
            self.set_series(moved)
            return
        self.series = moved
        for line, each in zip(self._lines, moved, strict=True):
            line.setData(each.times, each.values, connect="finite")
        self._move_up()
        if not self.crosshair.isVisible():
            self._label_ends()

    def _move_up(self) -> None:
        ceiling = self._ceiling
        low, high = self.value_bounds()
        if high != ceiling:
            self.plot.setYRange(low, high * 1.08, padding=0)
            self._tell_count()

    def tell_count(self) -> None:
        """Say how many points are shown; a page calls it now and then, as the text need not run."""
        if not self.is_empty:
            self._tell_count()

    def _tell_count(self) -> None:
        super()._tell_count()
        if self.note:
            self.set_caption(f"{self.caption.text()} · {self.note}")

    def points(self) -> tuple[int, int]:
        total = sum(len(each.times) for each in self.series)
        return total, total

    def _draw_data(self) -> None:
        # All points, but lines of one pixel: drawn in a fortieth of the time of wider ones, ten times a second.
        self._lines = []
        for index, each in enumerate(self.series):
            line = pg.PlotDataItem(pen=pen(self.colour_of(index), 1, each.dashed), antialias=True)
            self.plot.addItem(line)
            line.setData(each.times, each.values, connect="finite")
            self._lines.append(line)

    def _readout(self, time: float) -> list[tuple[str, str]]:
        entries = [(ago(-time), "")]
        for index, each in enumerate(self.series):
            value = value_at(each, time)
            if value is not None:
                entries.append((f"{each.name} {self._text_of(value)}", self.colour_of(index)))
        return entries

    def _csv_columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for each in self.series:
            columns[f"{each.name} time"] = each.times + self.now
            columns[each.name] = each.values
        return columns
