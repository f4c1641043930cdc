"""Pair the rows of two versions that are not known to be equal by the way they are stored.

Two rows are taken for the same if 64 bits of their hashes agree, and two cells of rows with the same key if 32 bits do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_desktop.core.progress import Progress
from mlops_desktop.data.compare.records import Buckets, Layout, Records, buckets_for, whole_hashes
from mlops_desktop.data.compare.sharing import Overlap, Positions, Rows
from mlops_desktop.data.hashing import Words

_MOST_IN_ORDER = 4_000_000


class Found(NamedTuple):
    """How many rows of a kind there are, and the positions of the first of them, in order."""

    rows: int
    at: Positions


class Matched(NamedTuple):
    """How the rows of two versions pair up.

    `changed` are rows with the same key and other cells, by their positions before, `changed_after` those after;
    `cells` counts the changed cells of each column beside the key. `is_reordered` is None where that was not found out.
    """

    removed: Found
    added: Found
    changed: Found
    changed_after: Positions
    cells: tuple[int, ...]
    is_reordered: bool | None


def match(
    folder: Path, rows: tuple[Rows, Rows], overlaps: Sequence[Overlap], layout: Layout, limit: int, progress: Progress
) -> Matched:
    """Pair rows of two versions by name, in order; `limit` positions of each kind are kept.

    `overlaps` are the rows known to be equal, `folder` is where records wait where they are many.
    """
    number = buckets_for(max(side.number for side in rows), layout.kind)
    pairing = _Pairing(len(layout.others), limit)
    known = np.array(overlaps, dtype=np.int64).reshape(-1, 3)
    pairing.order.add(known[:, 0], known[:, 1], known[:, 2])
    total, done = sum(side.number for side in rows), 0
    with Buckets(layout.kind, number, folder) as before, Buckets(layout.kind, number, folder) as after:
        for side, buckets in zip(rows, (before, after), strict=True):
            for positions, table in side:
                progress(done / total, f"{done:,} rows compared")
                buckets.add(layout.records(positions, table))
                done += table.num_rows
        for bucket in range(number):
            progress(None, "Comparing rows")
            pairing.pair(before.bucket(bucket), after.bucket(bucket))
    return pairing.result()


def unmatched(before: int, after: int, limit: int) -> Matched:
    """No row of one version is like any of the other, as they have no column in common."""
    removed, added = (Found(rows, np.arange(min(rows, limit))) for rows in (before, after))
    none = np.empty(0, dtype=np.int64)
    return Matched(removed, added, Found(0, none), none, (), is_reordered=False)


class _Pairing:
    def __init__(self, others: int, limit: int) -> None:
        self._cells = np.zeros(others, dtype=np.int64)
        self._removed, self._added = _First(limit, 1), _First(limit, 1)
        self._changed = _First(limit, 2)
        self.order = _Order()

    def pair(self, before: Records, after: Records) -> None:
        before, after = np.sort(before, order="at"), np.sort(after, order="at")
        one, other = pairs(whole_hashes(before), whole_hashes(after))
        self._keep_order(before[one], after[other])
        before, after = np.delete(before, one), np.delete(after, other)
        if len(self._cells):
            one, other = pairs(before["name"], after["name"])
            self._keep_order(before[one], after[other])
            self._cells += (before["cells"][one] != after["cells"][other]).sum(axis=0)
            self._changed.add(before["at"][one], after["at"][other])
            before, after = np.delete(before, one), np.delete(after, other)
        self._removed.add(before["at"])
        self._added.add(after["at"])

    def result(self) -> Matched:
        (removed,), (added,) = self._removed.positions, self._added.positions
        changed, changed_after = self._changed.positions
        return Matched(
            Found(self._removed.rows, removed),
            Found(self._added.rows, added),
            Found(self._changed.rows, changed),
            changed_after,
            tuple(self._cells.tolist()),
            self.order.is_broken(),
        )

    def _keep_order(self, before: Records, after: Records) -> None:
        self.order.add(before["at"], after["at"], np.ones(len(before), dtype=np.int64))


def pairs(before: Words, after: Words) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of equal values, the n-th occurrence of a value in one with the n-th in the other."""
    order, other_order = np.argsort(before, kind="stable"), np.argsort(after, kind="stable")
    known, wanted = before[order], after[other_order]
    rank = np.arange(len(wanted)) - np.searchsorted(wanted, wanted, side="left")
    partner = np.searchsorted(known, wanted, side="left") + rank
    has_partner = partner < np.searchsorted(known, wanted, side="right")
    return order[partner[has_partner]], other_order[has_partner]


class _First:
    """Counts positions (or pairs of them) and keeps the lowest."""

    def __init__(self, limit: int, sides: int) -> None:
        self.rows = 0
        self._limit = limit
        self.positions = tuple(np.empty(0, dtype=np.int64) for _ in range(sides))

    def add(self, *found: Positions) -> None:
        self.rows += len(found[0])
        joined = [np.concatenate(parts) for parts in zip(self.positions, found, strict=True)]
        lowest = np.argsort(joined[0], kind="stable")[: self._limit]
        self.positions = tuple(part[lowest] for part in joined)


class _Order:
    """Whether spans of rows that both versions have come in the same order in both."""

    def __init__(self) -> None:
        self._runs: list[tuple[Positions, Positions, Positions]] = []
        self._size = 0
        self._is_complete = True

    def add(self, before: Positions, after: Positions, rows: Positions) -> None:
        if self._size + len(before) > _MOST_IN_ORDER:
            self._is_complete = False
        else:
            self._runs.append((before, after, rows))
            self._size += len(before)

    def is_broken(self) -> bool | None:
        """None where there were too many spans to remember them all, and those remembered are in order."""
        none = np.empty(0, dtype=np.int64)
        before, after, rows = (np.concatenate(parts) for parts in zip((none, none, none), *self._runs, strict=True))
        order = np.argsort(before, kind="stable")
        after, rows = after[order], rows[order]
        if bool((after[1:] < after[:-1] + rows[:-1]).any()):
            return True
        return False if self._is_complete else None
