"""Rows that are new in chunks which otherwise consist of stored rows, gathered over chunks into few objects."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from mlops_desktop.core.datasets import StoredObject
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.data.profiles.summary import Summary
from mlops_desktop.data.versions.encoding import rows_file
from mlops_desktop.data.versions.pieces import Slice
from mlops_desktop.registry import Registry

_MOST_ROWS = 131_072
_MOST_BYTES = 64 << 20


class _Batch:
    """Rows that become one object; `object` is known once they are written."""

    def __init__(self) -> None:
        self.tables: list[pa.Table] = []
        self.rows = 0
        self.size = 0
        self.summaries: dict[str, Summary] = {}
        self.object: StoredObject | None = None


class Pending(NamedTuple):
    """A slice of an object that is still to be written."""

    batch: _Batch
    start: int
    rows: int

    @property
    def slice(self) -> Slice:
        """The slice itself, after `LooseRows.flush`."""
        if self.batch.object is None:
            raise RuntimeError("The rows are not written yet.")
        return Slice(self.batch.object, self.start, self.rows)

    def describe(self, content_id: str, summary: Summary) -> None:
        """Keep the summary of the chunk that ends with these rows beside them, unless they are written already."""
        if self.batch.object is None:
            self.batch.summaries[content_id] = summary


class LooseRows:
    """Gathers rows and writes them when they are many. `added` is what that added to the store, in bytes."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._batch = _Batch()
        self.added = 0

    def add(self, table: pa.Table) -> Pending:
        """Take rows, which must not be a slice that keeps much more in memory."""
        if self._batch.rows + table.num_rows > _MOST_ROWS or self._batch.size + table.nbytes > _MOST_BYTES:
            self.flush()
        batch = self._batch
        pending = Pending(batch, batch.rows, table.num_rows)
        batch.tables.append(table)
        batch.rows += table.num_rows
        batch.size += table.nbytes
        return pending

    def flush(self) -> None:
        """Write what is gathered."""
        batch, self._batch = self._batch, _Batch()
        if not batch.rows:
            return
        content = rows_file(pa.concat_tables(batch.tables).combine_chunks(), batch.summaries)
        batch.object, added = put_rows(self._registry, content, batch.rows)
        batch.tables, batch.summaries = [], {}
        self.added += added


def put_rows(registry: Registry, content: bytes, rows: int) -> tuple[StoredObject, int]:
    """Store a Parquet file; the object, and by how many bytes the store grew."""
    stored = StoredObject(sha256_hex(content), rows, len(content))
    added = 0 if registry.objects.size(stored.sha256) == stored.size else stored.size
    registry.objects.put_bytes(content)
    return stored, added
