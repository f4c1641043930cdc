"""Comparison of two models on the same rows.

Both are resampled together, so what is hard about a row cancels out. Rows of one day share their weather and their
delays, hence whole blocks can be drawn (the block bootstrap of Künsch 1989, with given blocks).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike, NDArray

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.evaluation.metrics import Floats, Metric, as_floats, get_metric
from mlops_desktop.evaluation.multiclass import as_scores, class_against_rest, is_matrix, over_classes

# Up to here one matrix of wins between blocks is cheaper than weighing each row in each repetition.
_MOST_MATRIX_BLOCKS = 256
_ROWS_AT_ONCE = 2_000_000
_EXACT_DISAGREEMENTS = 1000

Counts = NDArray[np.int32]
Statistic = Callable[[Counts], Floats]


class PairedComparison(Struct, frozen=True):
    """Two models on the same rows.

    `gain` is positive when the challenger is better, whatever the metric's direction; `low` and `high` are its
    percentile interval, NaN where it cannot be known (one block, one class). `blocks` is how many were drawn from.
    """

    metric: str
    champion: float
    challenger: float
    gain: float
    low: float
    high: float
    n: int
    blocks: int


class McNemarResult(NamedTuple):
    """Rows that only one of the two models got right, and the two-sided p-value of that being chance."""

    only_champion: int
    only_challenger: int
    p_value: float


def paired_bootstrap(
    y: ArrayLike,
    champion: ArrayLike,
    challenger: ArrayLike,
    metric: Metric | str,
    *,
    blocks: ArrayLike | None = None,
    repetitions: int = 1000,
    seed: int,
    confidence: float = 0.95,
    thresholds: tuple[float, float] = (0.5, 0.5),
) -> PairedComparison:
    """Gain of the challenger over the champion with its interval; same seed, same result.

    Args:
        y: labels, shape (n,).
        champion: its scores on these rows, shape (n,), or (n, classes) with more than two.
        challenger: the same for the challenger.
        metric: a metric or the name of a registered one.
        blocks: shape (n,), any values; rows with the same value are drawn together. Each row is one without it.
        thresholds: the decision thresholds of champion and challenger.

    Raises:
        InvalidInput: if the arrays differ in length.
    """
    measure = get_metric(metric) if isinstance(metric, str) else metric
    labels, scores = as_floats(y), (as_scores(champion), as_scores(challenger))
    block_of, count = _number_blocks(blocks, labels.size)
    if {labels.size, block_of.size, len(scores[0]), len(scores[1])} != {labels.size}:
        raise InvalidInput("Labels, scores and blocks differ in length.", hint="Score both models on the same rows.")
    values = [measure(labels, score, cut) for score, cut in zip(scores, thresholds, strict=True)]
    sign = 1.0 if measure.greater_is_better else -1.0
    gain = sign * (values[1] - values[0])
    low = high = float("nan")
    if count >= 2 and not math.isnan(gain):
        statistics = [
            _statistic(measure, labels, score, cut, block_of, count)
            for score, cut in zip(scores, thresholds, strict=True)
        ]
        gains = sign * _resampled_gains(statistics[0], statistics[1], count, repetitions, seed)
        low, high = _percentiles(gains, confidence)
    return PairedComparison(measure.name, values[0], values[1], gain, low, high, int(labels.size), count)


def _number_blocks(blocks: ArrayLike | None, rows: int) -> tuple[NDArray[np.intp], int]:
    if blocks is None:
        return np.arange(rows), rows
    names, numbers = np.unique(np.asarray(blocks).ravel(), return_inverse=True)
    return numbers.ravel(), int(names.size)


def _percentiles(gains: Floats, confidence: float) -> tuple[float, float]:
    known = gains[np.isfinite(gains)]
    if known.size < 0.9 * gains.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _resampled_gains(champion: Statistic, challenger: Statistic, blocks: int, repetitions: int, seed: int) -> Floats:
    """Challenger minus champion for each repetition. Both see the same draws."""
    random = np.random.default_rng(seed)
    gains: list[Floats] = []
    at_once = max(1, min(repetitions, _ROWS_AT_ONCE // blocks))
    with np.errstate(all="ignore"):
        for start in range(0, repetitions, at_once):
            size = min(at_once, repetitions - start)
            counts = np.empty((size, blocks), dtype=np.int32)
            for row in counts:  # one at a time: the counts of one repetition stay in the cache
                row[:] = np.bincount(random.integers(0, blocks, size=blocks), minlength=blocks)
            gains.append(challenger(counts) - champion(counts))
    return np.concatenate(gains) if gains else np.empty(0)


def _statistic(
    metric: Metric, y: Floats, score: Floats, threshold: float, block_of: NDArray[np.intp], blocks: int
) -> Statistic:
    """The metric as a function of how often each block was drawn: counts (r, blocks) to values (r,)."""
    if metric.sums is not None:
        terms = metric.sums.terms(y, score, threshold)
        sums = np.column_stack([np.bincount(block_of, column, blocks) for column in terms.T])
        combine = metric.sums.combine
        return lambda counts: combine(counts.astype(np.float64) @ sums)
    if metric.name == "auc":
        if not is_matrix(score):
            return _auc_statistic(y, score, block_of, blocks)
        each = [
            _auc_statistic(*class_against_rest(y, score, place), block_of, blocks) for place in range(score.shape[1])
        ]
        return lambda counts: over_classes(np.column_stack([of_class(counts) for of_class in each]))
    return _recomputed(metric, y, score, threshold, block_of)


def _auc_statistic(y: Floats, score: Floats, block_of: NDArray[np.intp], blocks: int) -> Statistic:
    if blocks <= _MOST_MATRIX_BLOCKS:
        return _auc_of_blocks(y, score, block_of, blocks)
    return _auc_of_rows(y, score, block_of)


def _auc_of_blocks(y: Floats, score: Floats, block_of: NDArray[np.intp], blocks: int) -> Statistic:
    """AUC is bilinear in the weights of positives and negatives: one matrix of wins per pair of blocks suffices."""
    positive = y > 0.5
    order = np.argsort(score[positive])
    queries, query_block = score[positive][order], block_of[positive][order]
    wins = np.zeros((blocks, blocks))
    for block in range(blocks):
        others = np.sort(score[~positive & (block_of == block)])
        if others.size:
            halves = np.searchsorted(others, queries, "left") + np.searchsorted(others, queries, "right")
            wins[:, block] = np.bincount(query_block, halves, blocks) / 2
    positives = np.bincount(block_of[positive], minlength=blocks).astype(np.float64)
    negatives = np.bincount(block_of[~positive], minlength=blocks).astype(np.float64)

    def value(counts: Counts) -> Floats:
        weights = counts.astype(np.float64)
        pairs = (weights @ positives) * (weights @ negatives)
        values: Floats = np.einsum("ra,ra->r", weights @ wins, weights) / pairs
        return values

    return value


def _auc_of_rows(y: Floats, score: Floats, block_of: NDArray[np.intp]) -> Statistic:
    """AUC by weighing each row: cumulative weights of the negatives in the order of the scores."""
    positive = y > 0.5
    ordered = np.sort(score[~positive])
    negative_block = block_of[~positive][np.argsort(score[~positive], kind="stable")]
    positive_block = block_of[positive]
    below = np.searchsorted(ordered, score[positive], "left")
    up_to = np.searchsorted(ordered, score[positive], "right")
    tied = bool((below != up_to).any())

    def value(counts: Counts) -> Floats:
        values = np.empty(len(counts))
        cumulated = np.zeros(ordered.size + 1, dtype=np.int32)
        for row, weights in enumerate(counts):
            np.cumsum(weights[negative_block], out=cumulated[1:])
            of_positives = weights[positive_block].astype(np.float64)
            halves = cumulated[below] + cumulated[up_to] if tied else 2 * cumulated[below]
            values[row] = of_positives @ halves / (2.0 * of_positives.sum() * cumulated[-1])
        return values

    return value


def _recomputed(metric: Metric, y: Floats, score: Floats, threshold: float, block_of: NDArray[np.intp]) -> Statistic:
    """Any other metric, on the rows of each resample: right, but slow."""

    def value(counts: Counts) -> Floats:
        rows = np.arange(y.size)
        chosen = (np.repeat(rows, weights[block_of]) for weights in counts)
        return np.array([metric(y[pick], score[pick], threshold) for pick in chosen])

    return value


def mcnemar(y: ArrayLike, champion: ArrayLike, challenger: ArrayLike) -> McNemarResult:
    """McNemar's test (1947) of equal error rates for two models' decisions on the same rows; shapes (n,), 0 or 1.

    Exact binomial up to 1000 rows on which one model alone is right, chi-squared with continuity correction beyond.
    """
    labels, first, second = as_floats(y) > 0.5, as_floats(champion) > 0.5, as_floats(challenger) > 0.5
    only_first = int(((first == labels) & (second != labels)).sum())
    only_second = int(((second == labels) & (first != labels)).sum())
    disagreements, fewer = only_first + only_second, min(only_first, only_second)
    if disagreements > _EXACT_DISAGREEMENTS:
        statistic = max(0, abs(only_first - only_second) - 1) / math.sqrt(disagreements)
        return McNemarResult(only_first, only_second, math.erfc(statistic / math.sqrt(2)))
    tail = sum(math.comb(disagreements, k) for k in range(fewer + 1)) / 2**disagreements
    return McNemarResult(only_first, only_second, min(1.0, 2 * tail))
