"""Which chunks of an earlier version the next chunk of a new one may share rows with."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

from mlops_desktop.data.versions.pieces import PlacedChunk

_CANDIDATES = 4


class Trail:
    """Walks along the earlier chunks while the new ones are cut, each time they end with the same row anew.

    Between two such rows the new rows are taken to be as far along as the earlier ones.
    """

    def __init__(self, chunks: Sequence[PlacedChunk]) -> None:
        self._chunks = chunks
        self._ends = list(accumulate(chunk.rows for chunk in chunks))
        self._by_last: dict[int, list[int]] = defaultdict(list)
        for position, chunk in enumerate(chunks):
            self._by_last[chunk.last].append(position)
        self._row = 0

    def candidates(self, rows: int, last: int) -> list[PlacedChunk]:
        """For the next new chunk, of `rows` rows, whose last row has the hash `last`; at most four."""
        start, end = self._row, self._row + rows
        same = self._same_end(end, last)
        if same is not None:
            end = self._ends[same]
            start = start if start < end else max(end - rows, 0)
        self._row = end
        first = bisect_right(self._ends, start)
        found = self._chunks[first : bisect_left(self._ends, end) + 1]
        half = _CANDIDATES // 2
        return list(found) if len(found) <= _CANDIDATES else [*found[:half], *found[-half:]]

    def _same_end(self, row: int, last: int) -> int | None:
        """The chunk with this last row that is nearest to the place where it is expected."""
        positions = self._by_last.get(last)
        if not positions:
            return None
        expected = bisect_left(self._ends, row)
        at = bisect_left(positions, expected)
        return min(positions[max(at - 1, 0) : at + 1], key=lambda position: abs(position - expected))
