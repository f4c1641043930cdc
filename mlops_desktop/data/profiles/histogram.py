"""Histograms that merge without loss: the width of a bin is a power of two, and bins start at multiples of it.

Two such histograms are brought to the wider of their widths by joining neighbouring bins, which moves no count across
an edge.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

MAX_BINS = 64


class Histogram(Struct, array_like=True, frozen=True):
    """`counts[i]` values lie in `[(first + i) * 2**exponent, (first + i + 1) * 2**exponent)`."""

    exponent: int = 0
    first: int = 0
    counts: tuple[int, ...] = ()

    @property
    def edges(self) -> tuple[float, ...]:
        return tuple(_edge(self.first + i, self.exponent) for i in range(len(self.counts) + 1))


def histogram_of(ordered: NDArray[Any], counts: NDArray[np.int64], *, whole: bool) -> Histogram:
    """Of finite values in order, each of which comes so many times; `whole` keeps the bins of integers at least one
    wide."""
    if not len(ordered):
        return Histogram()
    low, high = float(ordered[0]), float(ordered[-1])
    # Halved, as the span of two finite doubles need not be finite; and no finer than a double can tell apart.
    exponent = max(math.frexp(high / 2 - low / 2)[1] - 5, math.frexp(max(abs(low), abs(high)))[1] - 52)
    exponent = max(exponent, 0 if whole or low == high else -1022)
    first, last = _bin(low, exponent), _bin(high, exponent)
    edges = np.ldexp(np.arange(first + 1, last + 1, dtype=np.float64), exponent)
    before = np.concatenate([[0], np.cumsum(counts)])
    below = before[np.searchsorted(ordered, edges, side="left")]
    in_bins = np.diff(np.concatenate([[0], below, before[-1:]]))
    return merged_histogram([Histogram(exponent, first, tuple(in_bins.tolist()))])


def merged_histogram(parts: Sequence[Histogram]) -> Histogram:
    """The histogram of all values of the parts, of at most `MAX_BINS` bins."""
    parts = [part for part in parts if part.counts]
    if not parts:
        return Histogram()
    exponent = max(part.exponent for part in parts)
    while True:
        first = min(part.first >> (exponent - part.exponent) for part in parts)
        last = max((part.first + len(part.counts) - 1) >> (exponent - part.exponent) for part in parts)
        if last - first < MAX_BINS:
            break
        exponent += 1
    counts = [0] * (last - first + 1)
    for part in parts:
        for position, count in enumerate(part.counts):
            counts[((part.first + position) >> (exponent - part.exponent)) - first] += count
    return Histogram(exponent, first, tuple(counts))


def _edge(position: int, exponent: int) -> float:
    """The outermost edges may lie beyond the largest double."""
    try:
        return math.ldexp(position, exponent)
    except OverflowError:
        return math.copysign(sys.float_info.max, position)


def _bin(value: float, exponent: int) -> int:
    scaled = math.ldexp(value, -exponent)
    return -1 if value < 0 and scaled == 0 else math.floor(scaled)  # scaling may underflow
