"""Find the rows of a table again in an earlier one, by their 64-bit hashes.

Rows that occur once on the earlier side are anchors, as in the patience difference of Bram Cohen; from each anchor on
equal rows beside it are taken too, so that repeated rows are matched in runs. All of it is done on whole arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_desktop.data.hashing import Words

Positions = NDArray[np.int64]

# What is looked at to tell whether rows are worth matching: so many windows of so many rows.
_WINDOWS = 64
_WINDOW = 16


class Run(NamedTuple):
    """`rows` consecutive new rows from `start`: those of the earlier side from `source`, or new where that is -1."""

    start: int
    rows: int
    source: int


def match(new: Words, old: Words) -> Positions:
    """For each new row the position of an equal earlier row, or -1; neighbours get neighbours where they can."""
    found = np.full(len(new), -1, dtype=np.int64)
    head = _common(new, old)
    tail = _common(new[head:][::-1], old[head:][::-1])
    found[:head] = np.arange(head)
    found[len(new) - tail :] = np.arange(len(old) - tail, len(old))
    middle = _anchored(new[head : len(new) - tail], old[head : len(old) - tail])
    found[head : len(new) - tail] = np.where(middle >= 0, middle + head, -1)
    return found


def is_scattered(new: Words, old: Sequence[Words]) -> bool:
    """Whether equal and other rows alternate so often that no slices come of it, told by a sample of the new rows.

    `old` are parts of the earlier side, each in ascending order.
    """
    if len(new) < _WINDOWS * _WINDOW:
        return False
    starts = np.linspace(0, len(new) - _WINDOW, _WINDOWS).astype(np.intp)
    sample = new[starts[:, None] + np.arange(_WINDOW)]
    is_old = np.zeros(sample.shape, dtype=np.bool_)
    for part in old:
        is_old |= part[np.minimum(np.searchsorted(part, sample), len(part) - 1)] == sample
    is_mixed = is_old.any(axis=1) & ~is_old.all(axis=1)
    return int(is_mixed.sum()) > _WINDOWS // 2 or not is_old.any()


def run_starts(source: Positions) -> Positions:
    """Where runs begin, the first row included; few even where rows are many."""
    is_new = source < 0
    breaks = (is_new[1:] != is_new[:-1]) | (~is_new[1:] & (source[1:] != source[:-1] + 1))
    return np.concatenate([[0], np.flatnonzero(breaks) + 1]) if len(source) else np.empty(0, dtype=np.int64)


def runs_of(source: Positions) -> list[Run]:
    """The result of `match` as runs, in order."""
    starts = run_starts(source)
    lengths = np.diff(np.append(starts, len(source)))
    sources = np.maximum(source[starts], -1)
    return [Run(*run) for run in zip(starts.tolist(), lengths.tolist(), sources.tolist(), strict=True)]


def _common(new: Words, old: Words) -> int:
    """How many rows are equal from the start."""
    length = min(len(new), len(old))
    different = np.flatnonzero(new[:length] != old[:length])
    return int(different[0]) if len(different) else length


def _anchored(new: Words, old: Words) -> Positions:
    if not len(new) or not len(old):
        return np.full(len(new), -1, dtype=np.int64)
    order = np.argsort(old, kind="stable")
    ordered = old[order]
    first = np.searchsorted(ordered, new)
    is_found = ordered[np.minimum(first, len(old) - 1)] == new
    is_repeated = ordered[np.minimum(first + 1, len(old) - 1)] == new
    is_repeated &= first + 1 < len(old)
    source = np.where(is_found & ~is_repeated, order[np.minimum(first, len(old) - 1)], -1)
    source = _extended(new, old, source)
    turned = np.where(source >= 0, len(old) - 1 - source, -1)[::-1]
    turned = _extended(new[::-1], old[::-1], turned)[::-1]
    return np.where(turned >= 0, len(old) - 1 - turned, -1)


def _extended(new: Words, old: Words, source: Positions) -> Positions:
    """Rows after a matched one are taken along as long as they are equal to what follows it on the earlier side."""
    index = np.arange(len(new))
    anchor = np.maximum.accumulate(np.where(source >= 0, index, -1))
    expected = index + np.where(anchor >= 0, source[anchor] - anchor, -len(new))
    is_inside = (expected >= 0) & (expected < len(old))
    is_equal = is_inside & (old[np.clip(expected, 0, len(old) - 1)] == new)
    misses = np.cumsum(~is_equal)
    is_beside = is_equal & (anchor >= 0) & (misses == misses[anchor])
    return np.where(source >= 0, source, np.where(is_beside, expected, -1))
