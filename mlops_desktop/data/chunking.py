"""Content-defined row chunks.

A chunk ends after a row whose hash says so, so the same rows are cut in the same places wherever they stand in a table:
appending, deleting or editing rows changes the chunks that they touch and, at most, a few after them. The idea is that
of content-defined chunking of byte streams (Muthitacharoen, Chen and Mazières, LBFS, SOSP 2001), applied to rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from mlops_desktop.data.hashing import Words, row_hashes

BATCH_ROWS = 65_536


class Cutting:
    """Where chunks end: after `minimum` to `maximum` rows, `minimum + 2**bits` on average."""

    def __init__(self, minimum: int = 8_192, bits: int = 15, maximum: int = 131_072) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self._mask = np.uint64((1 << bits) - 1)

    def ends(self, hashes: Words, carried: int) -> list[int]:
        """Positions in `hashes` after whose row a chunk ends, if `carried` rows of the open chunk came before."""
        candidates = np.flatnonzero((hashes & self._mask) == 0) + 1
        ends: list[int] = []
        start = -carried
        while True:
            found = int(np.searchsorted(candidates, start + self.minimum))
            end = int(candidates[found]) if found < len(candidates) else len(hashes) + 1
            end = min(end, start + self.maximum)
            if end > len(hashes):
                return ends
            ends.append(end)
            start = end


STANDARD = Cutting()


def chunks_of(batches: Iterable[pa.RecordBatch], schema: pa.Schema, cutting: Cutting = STANDARD) -> Iterator[pa.Table]:
    """Cut batches in plain storage types into chunks, holding one open chunk in memory."""
    pending: list[pa.RecordBatch] = []
    carried = 0
    for batch in batches:
        for piece in _pieces(batch):
            start = 0
            for end in cutting.ends(row_hashes(piece), carried):
                yield pa.Table.from_batches([*pending, piece.slice(start, end - start)], schema=schema)
                pending, carried, start = [], 0, end
            if start < piece.num_rows:
                pending.append(piece.slice(start))
                carried += piece.num_rows - start
    if pending:
        yield pa.Table.from_batches(pending, schema=schema)


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Slices that keep the working set of the hash in the processor's cache."""
    for start in range(0, batch.num_rows, BATCH_ROWS):
        yield batch.slice(start, BATCH_ROWS)
