"""Columns of texts as categories, with what measures of association need, gathered batch by batch."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.data.hashing import numpy_values

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


class Categories:
    """The different values of a column in the order of their appearance, and sums of other columns over each."""

    def __init__(self, others: int) -> None:
        self._codes: dict[str, int] = {}
        self._count, self._sum, self._square = (np.zeros((0, others)) for _ in range(3))

    @property
    def number(self) -> int:
        return len(self._codes)

    def add(self, column: pa.Array, values: Array, is_there: Array) -> Codes:
        """Codes of a batch's values, -1 for a null; `values` (0 where not there) are those of the other columns."""
        encoded = column.dictionary_encode()
        known = [self._codes.setdefault(text, len(self._codes)) for text in encoded.dictionary.to_pylist()]
        indices = numpy_values(encoded.indices).astype(np.intp)
        is_null = numpy_values(column.is_null()).astype(np.bool_)
        codes = np.append(np.array(known, dtype=np.intp), -1)[np.where(is_null, len(known), indices)]
        self._count = _grown(self._count, self.number) + self._over(codes, is_there)
        self._sum = _grown(self._sum, self.number) + self._over(codes, values)
        self._square = _grown(self._square, self.number) + self._over(codes, np.square(values))
        return codes

    def crossed(self, codes: Codes, others: Codes, other: Categories, table: Array) -> Array:
        """The table of counts by both categories, with a batch's codes added."""
        both = (codes >= 0) & (others >= 0)
        size = self.number * other.number
        counts = np.bincount(codes[both] * other.number + others[both], minlength=size).reshape(
            self.number, other.number
        )
        grown = np.pad(table, [(0, self.number - table.shape[0]), (0, other.number - table.shape[1])])
        return np.asarray(grown + counts)

    def correlation_ratios(self) -> Array:
        """Of each other column: the root of the share of its variance that is between the categories."""
        total, count = self._sum.sum(axis=0), self._count.sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            between = np.where(self._count > 0, np.square(self._sum) / self._count, 0.0).sum(axis=0) - total**2 / count
            whole = self._square.sum(axis=0) - total**2 / count
            found = np.sqrt(np.clip(between / whole, 0.0, 1.0))
        return np.where(whole > 1e-12 * np.maximum(count, 1.0), found, np.nan)

    def _over(self, codes: Codes, values: Array) -> Array:
        known = codes >= 0
        sums = [np.bincount(codes[known], values[known, at], self.number) for at in range(values.shape[1])]
        return np.column_stack(sums) if sums else np.zeros((self.number, 0))


def cramers_v(table: Array) -> float:
    """Cramér's V of a table of counts, corrected for what chance alone gives (Bergsma, 2013); NaN for one category."""
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    rows, columns = table.shape
    n = float(table.sum())
    if min(rows, columns) < 2 or n < 2:
        return np.nan
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / n
    phi = float((np.square(table - expected) / expected).sum()) / n
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    rows_left, columns_left = (size - (size - 1) ** 2 / (n - 1) for size in (rows, columns))
    most = min(rows_left, columns_left) - 1
    return float(min(np.sqrt(phi / most), 1.0)) if most > 0 else np.nan


def _grown(sums: Array, number: int) -> Array:
    return np.pad(sums, [(0, number - len(sums)), (0, 0)])
