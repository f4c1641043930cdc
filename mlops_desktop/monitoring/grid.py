"""Cells that a reference column is cut into, and how the rows of a window are counted in them.

All measures of drift are computed from counts per cell, so a window is read once, is stored as counts, and windows
add up by adding their counts. A numeric column has tens of thousands of cells between the 0.1 % and the 99.9 %
quantile of the reference and two tails: an outlier lands in a tail and cannot stretch the cells.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.monitoring.columns import Floats, numbers_of, texts_of

Counts = NDArray[np.int64]

UNIFORM_CELLS = 32_768
QUANTILE_CELLS = 8_192
MOST_CATEGORIES = 2_000
TAIL = 0.001
# Above this share in one of the equal cells, cells of equal shares see more.
CROWDED = 0.005
BATCH = 65_536
FARTHEST = 1e30


class UniformGrid(Struct, frozen=True, tag="uniform"):
    """`cells` equal cells upwards from `low`, and a tail on either side. Counting takes about 3 ms per million rows."""

    low: float
    width: float
    cells: int
    is_numeric: ClassVar[bool] = True

    @property
    def size(self) -> int:
        return self.cells + 2

    @property
    def edges(self) -> NDArray[np.float64]:
        """Borders between neighbouring cells, `size - 1` of them."""
        return np.linspace(self.low, self.low + self.width * self.cells, self.cells + 1)

    def count(self, column: pa.ChunkedArray) -> tuple[Counts, int]:
        """Rows per cell, and how many values are missing."""
        counts, missing = np.zeros(self.size, np.int64), 0
        for values in numbers_of(column):
            for start in range(0, len(values), BATCH):
                part = values[start : start + BATCH]
                counts += np.bincount(self._places(part), minlength=self.size)
                missing += int(np.isnan(part).sum())
        counts[0] -= missing
        return counts, missing

    def codes(self, values: Floats) -> NDArray[np.int64]:
        """The cell of each value, -1 where it is missing."""
        return np.where(np.isnan(values), -1, self._places(values))

    def _places(self, values: Floats) -> NDArray[np.int64]:
        # `low` and the arithmetic are rounded to float32, so that a value has one cell whatever type it is stored in.
        # fmax sends NaN to the left tail: a cast of NaN to an integer would be undefined.
        scaled = np.empty(len(values), np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(values, values.dtype.type(np.float32(self.low)), out=scaled, casting="unsafe")
            scaled *= np.float32(1 / self.width)
        scaled += np.float32(1)
        np.fmax(scaled, np.float32(0), out=scaled)
        np.fmin(scaled, np.float32(self.cells + 1), out=scaled)
        return scaled.astype(np.int64)


class QuantileGrid(Struct, frozen=True, tag="quantile"):
    """Cells between quantiles of the reference, with a cell of its own for each value that is held by many rows.

    For columns that crowd into few of the equal cells: heavy tails, many zeros, one constant.
    """

    borders: tuple[float, ...]
    is_numeric: ClassVar[bool] = True

    @property
    def size(self) -> int:
        return len(self.borders) + 1

    @property
    def edges(self) -> NDArray[np.float64]:
        return np.array(self.borders)

    def count(self, column: pa.ChunkedArray) -> tuple[Counts, int]:
        """Rows per cell, and how many values are missing. Sorting puts NaN last, so the rest is a search of edges."""
        counts, missing = np.zeros(self.size, np.int64), 0
        for values in numbers_of(column):
            ordered = np.sort(values)
            present = len(ordered) - int(np.isnan(ordered).sum())
            below = np.searchsorted(ordered[:present], self.edges.astype(values.dtype), side="right")
            counts += np.diff(below, prepend=0, append=present)
            missing += len(ordered) - present
        return counts, missing

    def codes(self, values: Floats) -> NDArray[np.int64]:
        return np.where(np.isnan(values), -1, np.searchsorted(self.edges.astype(values.dtype), values, side="left"))


class CategoryGrid(Struct, frozen=True, tag="categories"):
    """One cell per category of the reference and a last one for categories it did not hold."""

    categories: tuple[str, ...]
    is_numeric: ClassVar[bool] = False

    @property
    def size(self) -> int:
        return len(self.categories) + 1

    def count(self, column: pa.ChunkedArray) -> tuple[Counts, int]:
        """Rows per category, the unseen ones last, and how many values are missing."""
        counts, missing = np.zeros(self.size, np.int64), 0
        place = {category: position for position, category in enumerate(self.categories)}
        for entry in pc.value_counts(texts_of(column)).to_pylist():
            if entry["values"] is None:
                missing += entry["counts"]
            else:
                counts[place.get(entry["values"], -1)] += entry["counts"]
        return counts, missing

    def codes(self, column: pa.ChunkedArray) -> NDArray[np.int64]:
        """The cell of each row, -1 where the value is missing."""
        texts = texts_of(column)
        found = pc.index_in(texts, pa.array(self.categories, pa.string()))
        places = pc.fill_null(found, len(self.categories)).to_numpy().astype(np.int64)
        return np.where(pc.is_null(texts).to_numpy(), -1, places)


Grid = UniformGrid | QuantileGrid | CategoryGrid


def category_grid(column: pa.ChunkedArray, known: tuple[str, ...] = ()) -> CategoryGrid:
    """Categories in the order of their frequency, then the `known` ones that do not occur; at most 2,000."""
    counted = [entry for entry in pc.value_counts(texts_of(column)).to_pylist() if entry["values"] is not None]
    counted.sort(key=lambda entry: (-entry["counts"], entry["values"]))
    names = dict.fromkeys([entry["values"] for entry in counted] + list(known))
    return CategoryGrid(tuple(names)[:MOST_CATEGORIES])


def numeric_grid(values: Floats) -> UniformGrid | QuantileGrid:
    """Cells for a numeric column, from the reference's values (NaN is ignored)."""
    # Cells lie where float32 can tell numbers apart; what lies beyond is in the tails.
    present = np.clip(np.sort(values[np.isfinite(values)]).astype(np.float64), -FARTHEST, FARTHEST)
    if len(present) == 0 or present[0] == present[-1]:
        return _quantile_grid(present)
    if (steps := _integer_grid(present)) is not None:
        return steps
    low, high = (float(np.float32(q)) for q in np.quantile(present, (TAIL, 1 - TAIL), method="nearest"))
    width = (high - low) / UNIFORM_CELLS
    if width <= 0 or not np.isfinite(width) or np.float32(width) < np.spacing(np.float32(max(abs(low), abs(high)))):
        return _quantile_grid(present)
    grid = UniformGrid(low, width, UNIFORM_CELLS)
    crowd = np.bincount(grid.codes(present), minlength=grid.size)[1:-1].max()
    return _quantile_grid(present) if crowd > CROWDED * len(present) else grid


def _integer_grid(present: NDArray[np.float64]) -> UniformGrid | None:
    """Half-wide cells around whole numbers, so that each number has its own and values between are noticed."""
    low, high = present[0], present[-1]
    if high - low > UNIFORM_CELLS / 2 or abs(low) > 2**22 or not np.array_equal(present, np.rint(present)):
        return None
    return UniformGrid(float(low) - 0.25, 0.5, int(2 * (high - low) + 1))


def _quantile_grid(present: NDArray[np.float64]) -> QuantileGrid:
    if len(present) == 0:
        return QuantileGrid(())
    positions = np.linspace(0, len(present) - 1, min(len(present), QUANTILE_CELLS)).astype(np.int64)
    values, repeats = np.unique(present[positions], return_counts=True)
    crowded = values[repeats > 1] if len(values) > 1 else values
    # Wide enough that the same number read as float32 and as float64 has the same cell.
    slack = 5e-7 * np.abs(crowded) + 1e-30
    borders = np.unique(np.concatenate([values[~np.isin(values, crowded)], crowded - slack, crowded + slack]))
    return QuantileGrid(tuple(borders.tolist()))


def merged(grid: Grid, counts: Counts, most: int) -> tuple[NDArray[np.int64], NDArray[np.float64] | None]:
    """First cells of at most about `most` groups of neighbouring cells with equal shares of `counts`, and the edges
    between the groups. Categories stay as they are (no edges)."""
    if isinstance(grid, CategoryGrid):
        return np.arange(grid.size), None
    starts = group_starts(counts, most)
    return starts, grid.edges[starts[1:] - 1] if grid.size > 1 else np.empty(0)


def group_starts(counts: NDArray[Any], groups: int) -> NDArray[np.int64]:
    """First cells of at most `groups` runs of neighbouring cells that hold about equal shares of the counts.

    A cell that holds more than a group's share is a group of its own, so that a value held by many rows is not
    blurred with its neighbours.
    """
    total = counts.sum()
    if total <= 0 or len(counts) <= 1:
        return np.zeros(1, np.int64)
    below = np.cumsum(counts)
    cuts = np.searchsorted(below, total * np.arange(1, groups) / groups, side="left") + 1
    heavy = np.flatnonzero(counts >= total / groups)
    starts = np.unique(np.concatenate([[0], cuts, heavy, heavy + 1]))
    return starts[starts < len(counts)].astype(np.int64)
