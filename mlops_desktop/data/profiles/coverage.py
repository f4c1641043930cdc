"""Where a column of times has gaps, found in bounded memory over chunks that need not be sorted by time.

Each chunk keeps the stretches between the `KEPT_HOLES` longest spans of time in which it has no row; a hole of the
whole table is what no stretch of any chunk covers. Where chunks are in the order of time all such holes are found.
Where each chunk is a sample of all times, its own spacing is wider than that of the whole, and only gaps that stand out
in every chunk are found; `unseen` says how long a hole may be that was not kept.

A gap is a hole more than `FACTOR` times as long as the longest that is usual. Usual is a hole as long as comes at least
`USUAL_TIMES` times and, on average, once in `USUAL_DAYS` days: nights or weekends without rows are no gaps where they
come again and again, and a missing day between nights is one. Of few times, at most a quarter of the holes is unusual.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

KEPT_HOLES = 64
FACTOR = 3.0
USUAL_TIMES = 10
USUAL_DAYS = 14.0
MOST_GAPS = 100
_DAY = 86_400.0

Times = NDArray[np.int64]


class Stretches(Struct, array_like=True, frozen=True):
    """Spans of time that are covered, but for holes of at most `unseen`, in the unit of the column.

    `bounds` are the starts and ends in turn as 64-bit integers: the first as it is, the others as steps.
    """

    bounds: bytes = b""
    unseen: int = 0


def stretches_of(different: NDArray[np.int64] | NDArray[np.int32]) -> Stretches:
    """From the different times of some rows, ascending, at least one."""
    times = different.astype(np.int64)
    holes = _lengths(times[:-1], times[1:])
    kept, unseen = np.arange(len(holes)), 0
    if len(holes) > KEPT_HOLES:
        order = np.argpartition(holes, -KEPT_HOLES - 1)
        kept, unseen = np.sort(order[-KEPT_HOLES:]), int(holes[order[-KEPT_HOLES - 1]])
    inner = np.column_stack([times[kept], times[kept + 1]]).ravel()
    bounds = np.concatenate([times[:1], inner, times[-1:]])
    return Stretches(np.diff(bounds, prepend=np.int64(0)).astype("<i8").tobytes(), unseen)


def whole_stretch(start: int, end: int) -> Stretches:
    """Of rows about which no more is known than the first and the last time."""
    return Stretches(np.array([start, end - start], dtype="<i8").tobytes(), 0)


def gaps(parts: Sequence[Stretches], different: int, per_second: float) -> list[tuple[int, int]]:
    """The longest gaps of all parts together, at most `MOST_GAPS`, in order: the times before and after each.

    `different` is how many different times there are, about; `per_second` the units of time in a second.
    """
    bounds = [np.cumsum(np.frombuffer(part.bounds, dtype="<i8")) for part in parts if part.bounds]
    if not bounds:
        return []
    starts, ends = (np.concatenate([found[side::2] for found in bounds]) for side in (0, 1))
    order = np.argsort(starts, kind="stable")
    starts, reached = starts[order], np.maximum.accumulate(ends[order])
    is_hole = starts[1:] > reached[:-1]
    before, after = reached[:-1][is_hole], starts[1:][is_hole]
    lengths = _lengths(before, after)
    days = float(_lengths(starts[:1], reached[-1:])[0]) / per_second / _DAY
    usual = _usual(lengths, max(part.unseen for part in parts), different, days)
    found = np.flatnonzero(lengths > FACTOR * usual) if usual else np.empty(0, dtype=np.intp)
    longest = np.sort(found[np.argsort(-lengths[found].astype(np.float64), kind="stable")[:MOST_GAPS]])
    return list(zip(before[longest].tolist(), after[longest].tolist(), strict=True))


def _usual(lengths: NDArray[np.uint64], unseen: int, different: int, days: float) -> float:
    """The longest hole that is usual, 0 where there are too few times to tell."""
    rank = min(max(USUAL_TIMES, round(days / USUAL_DAYS)), (different - 1) // 4)
    if rank < 1 or not len(lengths):
        return 0.0
    ordered = np.sort(lengths)[::-1]
    if rank > len(ordered) and unseen:  # the others were not kept, so none is longer than that
        return float(unseen)
    return float(max(ordered[min(rank, len(ordered)) - 1], unseen))


def _lengths(before: Times, after: Times) -> NDArray[np.uint64]:
    """Of two 64-bit integers the difference may need all 64 bits."""
    return after.view(np.uint64) - before.view(np.uint64)
