"""How large a score gets without any drift, at the size of the window: learnt by drawing windows from the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.monitoring.grid import Grid, merged
from mlops_desktop.monitoring.methods import DriftMethod, drift_methods
from mlops_desktop.monitoring.resampling import Rows

# Scores of draws are computed on so many groups of cells: plenty for a distribution of scores, and quick.
GROUPS = 512
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


class Calibration(Struct, frozen=True):
    """What unchanged windows score, per window size.

    Kept as `rows * score ** power`, which without drift hardly depends on the rows. Up to the 90 % quantile the
    distribution is that of the draws; beyond, it is an exponential tail with their mean excess (the tail of KS² is
    exponential, that of chi² is lighter), widened for the number of draws it was learnt from: p-values that have to
    stand the comparison of dozens of features lie far outside what a few hundred draws show.

    Attributes:
        sizes: rows per window.
        quantiles: for each size the values at `LEVELS`.
        excesses: for each size the mean of what lies above the last of these, less that quantile.
        tails: for each size how many draws lie above it.
    """

    sizes: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    excesses: tuple[float, ...]
    tails: tuple[int, ...]

    def threshold(self, method: DriftMethod, quantile: float, window_rows: int, reference_rows: int) -> float:
        """The score that a share of `quantile` (0.9 or more) of unchanged windows stays below."""
        rows = effective_rows(window_rows, reference_rows)
        body, excess, tail = self._null(rows)
        ratio = (1 - LEVELS[-1]) / (1 - quantile)
        value = (body[-1] + excess * tail * (ratio ** (1 / tail) - 1)) / rows
        return float(value ** (1 / method.power))

    def p_value(self, method: DriftMethod, score: float, window_rows: int, reference_rows: int) -> float:
        """How often an unchanged window scores at least as high."""
        rows = effective_rows(window_rows, reference_rows)
        body, excess, tail = self._null(rows)
        value = rows * score**method.power
        if value < body[-1]:
            return float(1 - np.interp(value, (0.0, *body), (0.0, *LEVELS)))
        return float((1 - LEVELS[-1]) * (1 + (value - body[-1]) / max(tail * excess, 1e-12)) ** -tail)

    def _null(self, rows: float) -> tuple[list[float], float, float]:
        """Quantiles, mean excess and number of draws in the tail at a number of rows, between the known sizes."""
        place, known = math.log(rows), np.log(self.sizes)
        body = [float(np.interp(place, known, values)) for values in zip(*self.quantiles, strict=True)]
        return body, float(np.interp(place, known, self.excesses)), float(np.interp(place, known, self.tails))


def effective_rows(window_rows: int, reference_rows: int) -> float:
    """Rows of a window against a reference without noise that would be as noisy: n N / (n + N)."""
    return max(1.0, window_rows * reference_rows / max(window_rows + reference_rows, 1))


class Noise(Struct, frozen=True):
    """Standard deviation of a share or a mean over unchanged windows, per window size."""

    sizes: tuple[float, ...] = ()
    deviations: tuple[float, ...] = ()

    def at(self, rows: int) -> float:
        """The deviation for a window of `rows` rows; shrinks with the root of the rows outside the known sizes."""
        if not self.sizes or rows <= 0:
            return 0.0
        known = float(np.interp(np.log(rows), np.log(self.sizes), self.deviations))
        nearest = min(max(rows, self.sizes[0]), self.sizes[-1])
        return known * float(np.sqrt(nearest / rows))


def calibrate(grid: Grid, codes: NDArray[np.int64], draws: Sequence[Rows]) -> tuple[dict[str, Calibration], Noise]:
    """Calibrations of a column for every method that fits it, and the noise of its missing share.

    Args:
        grid: the column's cells.
        codes: cell of each row of the reference, -1 where the value is missing; shape (rows,).
        draws: row numbers per window size, each (repeats, size).
    """
    present = codes[codes >= 0]
    if not len(present) or not draws:
        return {}, Noise()
    counts = np.bincount(present, minlength=grid.size)
    starts, edges = merged(grid, counts, GROUPS)
    groups = len(starts)
    # The group after the last one takes the missing rows.
    grouped = np.where(codes < 0, groups, np.searchsorted(starts, codes, side="right") - 1).astype(np.int32)
    reference = np.add.reduceat(counts, starts)
    found = [_drawn_counts(grouped, rows, groups) for rows in draws]
    noise = Noise(
        tuple(float(rows.shape[1]) for rows in draws),
        tuple(float((missing / rows.shape[1]).std()) for (_, missing), rows in zip(found, draws, strict=True)),
    )
    windows = [drawn[drawn.sum(axis=1) > 0] for drawn, _ in found]
    windows = [drawn for drawn in windows if len(drawn) > 1]
    fitting = [method for method in drift_methods() if (method.numeric if grid.is_numeric else method.categorical)]
    if not windows:
        return {}, noise
    return {method.name: _calibration(method, reference, windows, edges) for method in fitting}, noise


def _drawn_counts(grouped: NDArray[np.int32], rows: Rows, groups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts per drawn window and group, (repeats, groups), and missing rows per window, (repeats,)."""
    repeats, cells = rows.shape[0], groups + 1
    places = grouped[rows] + (np.arange(repeats, dtype=np.int32) * cells)[:, None]
    counts = np.bincount(places.ravel(), minlength=repeats * cells).reshape(repeats, cells)
    return counts[:, :groups], counts[:, groups]


def _calibration(
    method: DriftMethod,
    reference: NDArray[np.int64],
    windows: Sequence[NDArray[np.int64]],
    edges: NDArray[np.float64] | None,
) -> Calibration:
    sizes, quantiles, excesses, tails = [], [], [], []
    for counts in windows:
        rows = float(counts.sum(axis=1).mean())
        values = rows * method.score(reference, counts, edges) ** method.power
        body = np.quantile(values, LEVELS)
        above = values[values > body[-1]]
        sizes.append(rows)
        quantiles.append(tuple(float(value) for value in body))
        excesses.append(float(above.mean() - body[-1]) if len(above) else 0.0)
        tails.append(max(1, len(above)))
    return Calibration(tuple(sizes), tuple(quantiles), tuple(excesses), tuple(tails))


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted so that rejecting those below q keeps the expected share of false ones below q.

    Benjamini, Y., Hochberg, Y. (1995), Controlling the false discovery rate. J. R. Statist. Soc. B 57, 289-300.

    >>> benjamini_hochberg([0.01, 0.5, 0.02])
    [0.03, 0.5, 0.03]
    """
    if not p_values:
        return []
    order = np.argsort(p_values)[::-1]
    count = len(p_values)
    scaled = np.asarray(p_values)[order] * count / np.arange(count, 0, -1)
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled), 1.0)
    return [float(value) for value in adjusted]
