"""How far the columns of two versions are apart, by their profiles.

One effect size serves all columns: the share of rows, in [0, 1], that would have to take another value, at least, for
the two columns to look alike. For numbers it is the Kolmogorov-Smirnov distance, for texts and booleans the total
variation distance. Below 0.1 a shift seldom matters; 1 says that no value of one is among those of the other, or that
all have moved past some value. For columns of times, which move by nature, there is none.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnProfile, ColumnType, Profile
from mlops_desktop.data.profiles.profile import QUANTILE_LEVELS

Array = NDArray[np.float64]


class ColumnShift(Struct, frozen=True):
    """How a column's summary moved.

    `missing_…` are shares of rows, 0 to 1. `shift` is the share of rows, 0 to 1, that would have to take another value
    for the columns to look alike, at least; None where there is nothing to tell. `size` is the larger of the shift and
    of the change of the missing share.
    """

    name: str
    type: ColumnType
    missing_before: float
    missing_after: float
    distinct_before: int
    distinct_after: int
    mean_before: float | None
    mean_after: float | None
    std_before: float | None
    std_after: float | None
    shift: float | None

    @property
    def size(self) -> float:
        return max(self.shift or 0.0, abs(self.missing_after - self.missing_before))


def shifts(before: Profile, after: Profile) -> tuple[ColumnShift, ...]:
    """The columns that both profiles have, the farthest moved first."""
    later = {column.name: column for column in after.columns}
    found = [_shift(column, later[column.name]) for column in before.columns if column.name in later]
    return tuple(sorted(found, key=lambda column: -column.size))


def _shift(before: ColumnProfile, after: ColumnProfile) -> ColumnShift:
    return ColumnShift(
        name=before.name,
        type=after.type,
        missing_before=_missing(before),
        missing_after=_missing(after),
        distinct_before=before.distinct,
        distinct_after=after.distinct,
        mean_before=before.mean,
        mean_after=after.mean,
        std_before=before.std,
        std_after=after.std,
        shift=_distance(before, after),
    )


def _missing(column: ColumnProfile) -> float:
    rows = column.count + column.nulls
    return column.nulls / rows if rows else 0.0


def _distance(before: ColumnProfile, after: ColumnProfile) -> float | None:
    numbers = (ColumnType.INTEGER, ColumnType.NUMBER)
    if not before.count or not after.count:
        return None
    if before.type in numbers and after.type in numbers:
        return ks_distance(before, after) if before.counts and after.counts else None
    if before.type is after.type and before.type in (ColumnType.TEXT, ColumnType.BOOLEAN):
        return total_variation(before, after)
    return None


def ks_distance(before: ColumnProfile, after: ColumnProfile) -> float:
    """The largest difference of the cumulated shares: so large a share of the rows has moved past some value.

    Exact where a column has few values; elsewhere from the histograms and quantiles, between whose points the rows are
    taken to be spread evenly, so that it may be off by the share of rows between two points.

    Massey, F. J. (1951), The Kolmogorov-Smirnov test for goodness of fit. JASA 46, 68-78.
    """
    known, other = _cumulated(before), _cumulated(after)
    at = np.unique(np.concatenate([known[0], other[0]]))
    apart = [np.abs(_share(known, at, side) - _share(other, at, side)).max() for side in ("left", "right")]
    return float(min(max(apart), 1.0))


def total_variation(before: ColumnProfile, after: ColumnProfile) -> float:
    """Half the sum of the absolute differences of shares: so large a share of the rows has another value.

    Values beyond the most frequent ones count as one; a value that is frequent in one version only is taken to be as
    frequent in the other as its list leaves room for, so that the distance is never overstated.
    """
    old, new = dict(before.top), dict(after.top)
    difference, rest_old, rest_new = 0.0, 1.0, 1.0
    for value in old | new:
        one, other = old.get(value, 0) / before.count, new.get(value, 0) / after.count
        if value not in new:
            other = min(one, _unlisted(after))
        elif value not in old:
            one = min(other, _unlisted(before))
        difference += abs(one - other)
        rest_old, rest_new = rest_old - one, rest_new - other
    return min((difference + abs(max(rest_old, 0.0) - max(rest_new, 0.0))) / 2, 1.0)


def _unlisted(column: ColumnProfile) -> float:
    """The largest share that a value may have which is not among the most frequent ones."""
    rest = column.count - sum(count for _, count in column.top)
    return min(min((count for _, count in column.top), default=column.count), rest) / column.count


def _cumulated(column: ColumnProfile) -> tuple[Array, Array]:
    """Points of the distribution function, values and shares both ascending; a step has two points."""
    top = [(float(value), count) for value, count in column.top]
    if sum(count for _, count in top) == sum(column.counts):
        values = np.array(sorted(value for value, _ in top))
        counts = np.array([count for _, count in sorted(top)])
        reached = np.cumsum(counts) / counts.sum()
        return np.repeat(values, 2), np.column_stack([np.append(0.0, reached[:-1]), reached]).ravel()
    reached = np.append(0.0, np.cumsum(column.counts) / sum(column.counts))
    edges = np.clip(column.edges, _end(column.minimum, -np.inf), _end(column.maximum, np.inf))
    values = np.concatenate([edges, column.quantiles])
    shares = np.concatenate([reached, QUANTILE_LEVELS[: len(column.quantiles)]])
    order = np.lexsort((shares, values))
    return values[order], np.maximum.accumulate(shares[order])


def _end(extreme: float | str | None, otherwise: float) -> float:
    return float(extreme) if isinstance(extreme, int | float) else otherwise


def _share(points: tuple[Array, Array], at: Array, side: str) -> Array:
    """The share of rows below (`left`) or up to (`right`) each value; straight between two points."""
    values, shares = points[0] / 2, points[1]  # halved, as the span of two finite doubles need not be finite
    at = at / 2
    first = np.searchsorted(values, at, side="left")
    last = np.searchsorted(values, at, side="right") - 1
    below, above = np.clip(first - 1, 0, None), np.clip(first, None, len(values) - 1)
    width = values[above] - values[below]
    part = np.where(width > 0, (at - values[below]) / np.where(width > 0, width, 1.0), 0.0)
    between = shares[below] + (shares[above] - shares[below]) * np.clip(part, 0.0, 1.0)
    between = np.where(at < values[0], 0.0, np.where(at > values[-1], 1.0, between))
    on_point = shares[above] if side == "left" else shares[np.clip(last, 0, None)]
    return np.where(first <= last, on_point, between)
