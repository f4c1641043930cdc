"""Rows of versions by where they are stored: which are the same in two versions, and reading the others."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.datasets import StoredObject
from mlops_desktop.data.versions.pieces import PlacedChunk
from mlops_desktop.data.versions.somerows import indices, read_rows
from mlops_desktop.registry import Registry

Positions = NDArray[np.int64]
KEPT_CELLS = 4_000_000


class Span(NamedTuple):
    """Consecutive rows of an object. `position` is the number of the first of them in its version, from 0."""

    object: StoredObject
    start: int
    rows: int
    position: int


class Overlap(NamedTuple):
    """`rows` consecutive rows that two versions share: where they start in either."""

    before: int
    after: int
    rows: int


class Shared(NamedTuple):
    """What two versions have in common by the way they are stored, and the spans of either that are left."""

    overlaps: list[Overlap]
    before: list[Span]
    after: list[Span]


def shared(before: Sequence[PlacedChunk], after: Sequence[PlacedChunk]) -> Shared:
    """Rows known to be equal without reading any: chunks of the same content, and the same rows of the same object.

    A row that one version has more often than the other is shared as often as both have it.
    """
    overlaps: list[Overlap] = []
    waiting: defaultdict[str, deque[list[Span]]] = defaultdict(deque)
    for content_id, spans in _by_chunk(before):
        waiting[content_id].append(spans)
    rest_after: list[Span] = []
    for content_id, spans in _by_chunk(after):
        if spans and waiting[content_id]:
            same = waiting[content_id].popleft()
            overlaps.append(Overlap(same[0].position, spans[0].position, sum(span.rows for span in spans)))
        else:
            rest_after += spans
    rest_before = [span for chunks in waiting.values() for spans in chunks for span in spans]
    left = _shared_slices(rest_before, rest_after)
    return left._replace(overlaps=overlaps + left.overlaps)


class Rows:
    """Rows of a version, by their spans. Few are read once, whole, and kept.

    Iterating gives the rows object by object, each object once, with their positions in the version; of many rows only
    the columns `compared`.
    """

    def __init__(self, registry: Registry, spans: Iterable[Span], columns: list[str], compared: list[str]) -> None:
        self.spans = sorted(spans, key=lambda span: span.position)
        self.number = sum(span.rows for span in self.spans)
        self._registry = registry
        self._columns = columns
        self._compared = compared
        self._kept: list[tuple[Positions, pa.Table]] = []

    def __iter__(self) -> Iterator[tuple[Positions, pa.Table]]:
        if self.number * len(self._columns) > KEPT_CELLS:
            yield from self._read(self.spans, self._compared)
            return
        self._kept = self._kept or list(self._read(self.spans, self._columns))
        yield from self._kept

    def at(self, positions: Positions) -> pa.Table:
        """The rows at some positions, at least one, of these spans, with all columns."""
        read = self._kept or list(self._read(self._singles(positions), self._columns))
        known = np.concatenate([found for found, _ in read])
        order = np.argsort(known, kind="stable")
        places = order[np.searchsorted(known[order], positions)]
        return pa.concat_tables([table for _, table in read]).take(indices(places))

    def _singles(self, positions: Positions) -> Iterator[Span]:
        starts = np.array([span.position for span in self.spans], dtype=np.int64)
        where = np.searchsorted(starts, positions, side="right") - 1
        for at, position in zip(where.tolist(), positions.tolist(), strict=True):
            span = self.spans[at]
            yield Span(span.object, span.start + position - span.position, 1, position)

    def _read(self, spans: Iterable[Span], columns: list[str]) -> Iterator[tuple[Positions, pa.Table]]:
        by_object: defaultdict[str, list[Span]] = defaultdict(list)
        for span in spans:
            by_object[span.object.sha256].append(span)
        for group in by_object.values():
            positions, places = (
                np.concatenate([np.arange(start, start + span.rows) for start, span in zip(starts, group, strict=True)])
                for starts in ([span.position for span in group], [span.start for span in group])
            )
            yield positions, read_rows(self._registry, group[0].object, places, columns)


def _by_chunk(chunks: Iterable[PlacedChunk]) -> Iterator[tuple[str, list[Span]]]:
    position = 0
    for chunk in chunks:
        spans = []
        for part in chunk.slices:
            spans.append(Span(part.object, part.start, part.rows, position))
            position += part.rows
        yield chunk.content_id, spans


def _shared_slices(before: Sequence[Span], after: Sequence[Span]) -> Shared:
    bounds: defaultdict[str, set[int]] = defaultdict(set)
    for span in (*before, *after):
        bounds[span.object.sha256] |= {span.start, span.start + span.rows}
    ordered = {sha256: sorted(found) for sha256, found in bounds.items()}
    waiting: defaultdict[tuple[str, int], deque[Span]] = defaultdict(deque)
    for part in _split(before, ordered):
        waiting[part.object.sha256, part.start].append(part)
    overlaps, rest = [], []
    for part in _split(after, ordered):
        same = waiting[part.object.sha256, part.start]
        if same:
            overlaps.append(Overlap(same.popleft().position, part.position, part.rows))
        else:
            rest.append(part)
    return Shared(overlaps, [part for parts in waiting.values() for part in parts], rest)


def _split(spans: Iterable[Span], bounds: dict[str, list[int]]) -> Iterator[Span]:
    """The spans cut wherever any span of the same object starts or ends, so that two parts are equal or disjoint."""
    for span in spans:
        cuts = bounds[span.object.sha256]
        first, last = bisect_left(cuts, span.start), bisect_left(cuts, span.start + span.rows)
        for start, end in pairwise(cuts[first : last + 1]):
            yield Span(span.object, start, end - start, span.position + start - span.start)
