"""Rows of versions by where they are stored: which are the same in two versions, and reading the others."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.datasets import StoredObject
from mlops_desktop.data.chunks import read_object
from mlops_desktop.data.pieces import PlacedChunk, Slice
from mlops_desktop.registry import Registry

Positions = NDArray[np.int64]


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


def spans_of(chunks: Iterable[PlacedChunk]) -> list[Span]:
    """Where each row of a version is, in order."""
    return [span for _, spans in _by_chunk(chunks) for span in spans]


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
        if waiting[content_id]:
            same = waiting[content_id].popleft()
            overlaps.append(Overlap(same[0].position, spans[0].position, sum(span.rows for span in spans)))
        else:
            rest_after += spans
    rest_before = [span for chunks in waiting.values() for spans in chunks for span in spans]
    left = _shared_slices(rest_before, rest_after)
    return left._replace(overlaps=overlaps + left.overlaps)


def read_spans(registry: Registry, spans: Iterable[Span], columns: list[str]) -> Iterator[tuple[Positions, pa.Table]]:
    """The rows of some spans, one object at a time, each once, with their positions in the version."""
    by_object: defaultdict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_object[span.object.sha256].append(span)
    for group in by_object.values():
        positions = np.concatenate([np.arange(span.position, span.position + span.rows) for span in group])
        slices = [Slice(span.object, span.start, span.rows) for span in group]
        yield positions, read_slices(registry, slices, columns)


def read_slices(registry: Registry, slices: Sequence[Slice], columns: list[str]) -> pa.Table:
    """Slices of one object as one table."""
    table = read_object(registry, slices[0].object, columns)
    return pa.concat_tables([table.slice(part.start, part.rows) for part in slices])


def rows_at(registry: Registry, spans: Sequence[Span], positions: Positions, columns: list[str]) -> pa.Table:
    """The rows at some positions of a version whose rows, from the first to the last, are those of `spans`.

    `positions` must not be empty.
    """
    order = np.argsort(positions, kind="stable")
    wanted = positions[order]
    starts = np.array([span.position for span in spans], dtype=np.int64)
    where = np.searchsorted(starts, wanted, side="right") - 1
    singles = [
        Span(spans[at].object, spans[at].start + int(position) - spans[at].position, 1, place)
        for place, (at, position) in enumerate(zip(where.tolist(), wanted.tolist(), strict=True))
    ]
    places, tables = zip(*read_spans(registry, singles, columns), strict=True)
    found_in_order = np.argsort(np.concatenate(places), kind="stable")
    back = np.empty(len(order), dtype=np.int64)
    back[order] = found_in_order
    return pa.concat_tables(tables).take(indices(back))


def indices(positions: NDArray[Any]) -> pa.Array:
    """As Arrow takes them; its own conversion from NumPy would import pandas."""
    return pa.Array.from_buffers(pa.int64(), len(positions), [None, pa.py_buffer(positions.astype(np.int64))])


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
