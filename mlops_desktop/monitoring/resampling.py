"""Draws of rows from the reference that look like windows: in runs of whole days where times are known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Rows = NDArray[np.int64]

DAY_US = 86_400_000_000
LEAST_DAYS = 7
LADDER = (50, 200, 1_000, 5_000, 20_000)


def as_microseconds(times: Any) -> NDArray[np.int64]:
    """Times (Arrow timestamps, datetime64, datetimes) as microseconds since 1970 in UTC, shape (n,)."""
    array = times if isinstance(times, pa.Array | pa.ChunkedArray) else pa.array(times)
    if pa.types.is_integer(array.type):
        return np.asarray(array.to_numpy(), np.int64)
    moments = pc.cast(pc.cast(array, pa.timestamp("us", tz=getattr(array.type, "tz", None))), pa.int64())
    return np.asarray(pc.fill_null(moments, 0).to_numpy(), np.int64)


class Sampler:
    """Draws windows of a given number of rows from the reference.

    Rows of one day are alike (weather, load, a campaign), so independent rows would make a window look less noisy than
    windows are. Where the reference spans a week or more, runs of whole consecutive days are drawn instead, about
    days ** (1/3) long but not longer than the window (moving blocks: Künsch, H. R. (1989), The jackknife and the
    bootstrap for general stationary observations. Ann. Statist. 17, 1217-1241).

    Args:
        rows: number of rows of the reference.
        times: microseconds per row, shape (rows,), or None where they are not known.
        seed: draws are the same for the same seed.
    """

    def __init__(self, rows: int, times: NDArray[np.int64] | None, seed: int) -> None:
        self.rows = rows
        self._random = np.random.default_rng(seed)
        self._order: Rows | None = None
        if times is not None and rows:
            order = np.argsort(times, kind="stable")
            starts = np.flatnonzero(np.diff(times[order] // DAY_US, prepend=-(2**62)))
            if len(starts) >= LEAST_DAYS:
                self._order, self._starts = order, np.append(starts, rows)

    @property
    def by_day(self) -> bool:
        return self._order is not None

    def sizes(self) -> tuple[int, ...]:
        """Window sizes worth calibrating at: the ladder up to the size of the reference."""
        return tuple(size for size in LADDER if size <= self.rows) or ((self.rows,) if self.rows else ())

    def draw(self, size: int, repeats: int) -> Rows:
        """Row numbers of `repeats` windows, shape (repeats, size)."""
        if self._order is None:
            return self._random.integers(0, self.rows, (repeats, size))
        return np.stack([self._order[self._places(size)] for _ in range(repeats)])

    def _places(self, size: int) -> Rows:
        """Positions, in the order of time, of one window made of runs of days."""
        starts, days = self._starts, len(self._starts) - 1
        run = max(1, min(round(days ** (1 / 3)), round(size * days / self.rows)))
        parts: list[Rows] = []
        left = size
        while left > 0:
            first = int(self._random.integers(0, days))
            begin, end = int(starts[first]), int(starts[min(first + run, days)])
            length = end - begin + (0 if first + run <= days else int(starts[first + run - days]))
            if length > left:
                # A part of a run starts at any time of its first day: mornings are not all of the day.
                begin += int(self._random.integers(0, min(int(starts[first + 1]) - begin, length - left) + 1))
                length = left
            parts.append(np.arange(begin, begin + length) % self.rows)
            left -= length
        return np.concatenate(parts)
