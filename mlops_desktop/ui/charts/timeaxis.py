"""The time axis: round steps in UTC, with the year where it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pyqtgraph as pg

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86_400.0
_STEPS = tuple(_MINUTE * n for n in (1 / 60, 1 / 12, 0.5, 1, 5, 15, 30)) + tuple(_HOUR * n for n in (1, 3, 6, 12))
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6, 12, 24, 60, 120)
_MONTH = 30.44 * _DAY
_LABEL_PIXELS = 76.0


def time_ticks(start: float, end: float, pixels: float) -> tuple[float, list[float]]:
    """The step in seconds and the ticks from `start` to `end` at which labels keep apart on so many pixels."""
    least = (end - start) * _LABEL_PIXELS / max(pixels, 1.0)
    for step in _STEPS:
        if step >= least:
            first = -(-start // step)
            return step, [first * step + i * step for i in range(int(end // step - first) + 1)]
    for days in _DAY_STEPS:
        if days * _DAY >= least:
            return days * _DAY, _day_ticks(start, end, days)
    months = next((n for n in _MONTH_STEPS if n * _MONTH >= least), _MONTH_STEPS[-1])
    return months * _MONTH, _month_ticks(start, end, months)


def _day_ticks(start: float, end: float, days: int) -> list[float]:
    # Counted from a Monday, so that weeks begin on one.
    origin, step = 4 * _DAY, days * _DAY
    first = -(-(start - origin) // step)
    return [origin + (first + i) * step for i in range(int((end - origin) // step - first) + 1)]


def _month_ticks(start: float, end: float, months: int) -> list[float]:
    moment = datetime.fromtimestamp(start, UTC)
    number = (moment.year * 12 + moment.month - 1) // months * months
    ticks: list[float] = []
    while True:
        year, month = divmod(number, 12)
        if not 1 <= year <= 9999:
            return ticks
        tick = datetime(year, month + 1, 1, tzinfo=UTC).timestamp()
        if tick > end:
            return ticks
        if tick >= start:
            ticks.append(tick)
        number += months


def time_text(time: float, step: float, is_first: bool) -> str:
    """A tick's label: time of day, day, month or year, as the step asks; the first one tells the year."""
    moment = datetime.fromtimestamp(time, UTC)
    if step < _MINUTE:
        return moment.strftime("%H:%M:%S")
    is_midnight = moment.hour == moment.minute == 0
    if step < _DAY and not is_midnight:
        return moment.strftime("%H:%M")
    if step < 28 * _DAY:
        text = moment.strftime("%d %b").lstrip("0")
        return moment.strftime(f"{text} %Y") if is_first else text
    if step < 360 * _DAY:
        return moment.strftime("%b %Y") if is_first or moment.month == 1 else moment.strftime("%b")
    return moment.strftime("%Y")


class TimeAxis(pg.AxisItem):  # type: ignore[misc]
    """A bottom axis of seconds since 1970 in UTC."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.enableAutoSIPrefix(False)

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        try:
            step, ticks = time_ticks(low, high, size)
        except (OverflowError, ValueError, OSError):  # a view before year 1 or after 9999 has no dates
            return []
        return [(step, ticks)]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:  # noqa: ARG002
        return [time_text(value, spacing, i == 0) for i, value in enumerate(values)]
