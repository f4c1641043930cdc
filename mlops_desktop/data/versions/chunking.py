"""Content-defined row chunks.

A chunk ends after a row whose hash says so, so the same rows are cut in the same places wherever they stand in a table:
appending, deleting or editing rows changes the chunks that they touch and, at most, a few after them. The idea is that
of content-defined chunking of byte streams (Muthitacharoen, Chen and Mazières, LBFS, SOSP 2001), applied to rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.data.hashing import Words, row_hashes, text_sizes

BATCH_ROWS = 65_536
_TEXT_BYTES = 16 << 20
# Tables up to this wide are cut alike; wider ones into chunks of fewer rows, so that a chunk fits into memory.
_COLUMNS = 64
_FEWEST_ROWS_BITS = 9


class Cut(NamedTuple):
    """A chunk's rows and the hash of each."""

    table: pa.Table
    hashes: Words


class Cutting:
    """Where chunks end: after `minimum` to `maximum` rows, `minimum + 2**bits` on average.

    A chunk also ends with the row that brings its texts to `text_bytes`.
    """

    def __init__(
        self, minimum: int = 8_192, bits: int = 15, maximum: int = 131_072, text_bytes: int = _TEXT_BYTES
    ) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.text_bytes = text_bytes
        self._mask = np.uint64((1 << bits) - 1)

    def ends(self, hashes: Words, sizes: NDArray[np.int64], carried: int, carried_bytes: int) -> list[int]:
        """Positions in `hashes` after whose row a chunk ends.

        Row i has `sizes[i]` bytes of text; `carried` rows with `carried_bytes` of them came before in the open chunk.
        """
        candidates = np.flatnonzero((hashes & self._mask) == 0) + 1
        reached = np.cumsum(sizes)
        ends: list[int] = []
        start, before = -carried, -carried_bytes
        while True:
            found = int(np.searchsorted(candidates, start + self.minimum))
            end = int(candidates[found]) if found < len(candidates) else len(hashes) + 1
            full = int(np.searchsorted(reached, before + self.text_bytes)) + 1
            end = min(end, start + self.maximum, full)
            if end > len(hashes):
                return ends
            ends.append(end)
            start, before = end, int(reached[end - 1])


def cutting_of(schema: pa.Schema) -> Cutting:
    """How a table with these columns is cut: the same for all up to 64 columns, the finer the wider beyond that."""
    finer = min((max(len(schema), 1) - 1) // _COLUMNS, (1 << (15 - _FEWEST_ROWS_BITS)) - 1).bit_length()
    return Cutting(8_192 >> finer, 15 - finer, 131_072 >> finer)


def chunks_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema, cutting: Cutting) -> Iterator[Cut]:
    """Cut batches in plain storage types into chunks, holding one open chunk in memory."""
    pending: list[tuple[pa.RecordBatch, Words]] = []
    carried = carried_bytes = 0
    for batch in batches:
        for piece in _pieces(batch):
            hashes, sizes = row_hashes(piece), text_sizes(piece)
            start = 0
            for end in cutting.ends(hashes, sizes, carried, carried_bytes):
                yield _cut([*pending, (piece.slice(start, end - start), hashes[start:end])], schema)
                pending, carried, carried_bytes, start = [], 0, 0, end
            if start < piece.num_rows:
                pending.append((piece.slice(start), hashes[start:]))
                carried += piece.num_rows - start
                carried_bytes += int(sizes[start:].sum())
    if pending:
        yield _cut(pending, schema)


def _cut(parts: list[tuple[pa.RecordBatch, Words]], schema: pa.Schema) -> Cut:
    table = pa.Table.from_batches([batch for batch, _ in parts], schema=schema)
    return Cut(table, np.concatenate([hashes for _, hashes in parts]))


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Slices that keep the working set of the hash in the processor's cache."""
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)
