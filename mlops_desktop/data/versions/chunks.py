"""Read chunks: the slices of stored Parquet objects that they consist of, and the summaries in their footers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_desktop.core.datasets import StoredObject
from mlops_desktop.core.errors import Damaged, NotFound
from mlops_desktop.data.profiles.summary import Summary, summary_of, unpack
from mlops_desktop.data.versions.encoding import summary_key
from mlops_desktop.data.versions.missing import missing
from mlops_desktop.data.versions.pieces import PlacedChunk, Slice
from mlops_desktop.registry import Registry

CACHE_BYTES = 64 << 20


class ObjectReader:
    """Reads slices in one pass over a version; objects stay decoded while they fit `limit` bytes. Safe under threads.

    The rows of many edits lie in few small objects, each of which many chunks take a row or two from.
    """

    def __init__(self, registry: Registry, columns: list[str] | None = None, limit: int = CACHE_BYTES) -> None:
        self._registry = registry
        self._columns = columns
        self._limit = limit
        self._lock = threading.Lock()
        self._tables: OrderedDict[str, pa.Table] = OrderedDict()
        self._size = 0

    def chunk(self, chunk: PlacedChunk) -> pa.Table:
        """The rows of a chunk. Raises `NotFound` or `Damaged`."""
        return self.slices(chunk.slices)

    def slices(self, slices: Sequence[Slice]) -> pa.Table:
        """The rows of some slices, of which there must be one, in one piece. Raises `NotFound` or `Damaged`."""
        tables = [self.object(part.object).slice(part.start, part.rows) for part in slices]
        return tables[0] if len(tables) == 1 else pa.concat_tables(tables).combine_chunks()

    def object(self, stored: StoredObject) -> pa.Table:
        """All rows of an object. Raises `NotFound` or `Damaged`."""
        with self._lock:
            table = self._tables.get(stored.sha256)
            if table is not None:
                self._tables.move_to_end(stored.sha256)
                return table
        table = read_object(self._registry, stored, self._columns)
        with self._lock:
            if stored.sha256 not in self._tables:
                self._tables[stored.sha256] = table
                self._size += table.nbytes
            while self._size > self._limit and len(self._tables) > 1:
                self._size -= self._tables.popitem(last=False)[1].nbytes
        return table


def read_chunk(registry: Registry, chunk: PlacedChunk, columns: list[str] | None = None) -> pa.Table:
    """The rows of one chunk; for many, an `ObjectReader` is faster. Raises `NotFound` or `Damaged`."""
    return ObjectReader(registry, columns).chunk(chunk)


def read_object(registry: Registry, stored: StoredObject, columns: list[str] | None = None) -> pa.Table:
    """All rows of an object. Raises `NotFound` or `Damaged`."""
    with open_object(registry, stored) as file:
        try:
            table = file.read(columns)
        except (pa.ArrowInvalid, OSError) as error:
            raise damaged(stored, registry.objects.path(stored.sha256)) from error
    # Parquet takes a column's name for the start of a path, too: `a` would also give `a.b`.
    return (table if columns is None else table.select(columns)).replace_schema_metadata(None)


def stored_summary(registry: Registry, chunk: PlacedChunk) -> Summary | None:
    """The summary in the footer of the object that a chunk is or ends in, or None where there is none to read."""
    if not chunk.slices:
        return None
    try:
        with open_object(registry, chunk.slices[-1].object) as file:
            metadata = file.metadata.metadata or {}
    except (NotFound, Damaged):
        return None
    own = metadata.get(summary_key("").encode()) if chunk.whole_object else None
    packed = metadata.get(summary_key(chunk.content_id).encode(), own)
    try:
        return unpack(packed.decode()) if packed else None
    except (ValueError, OSError):
        return None


def known_summary(registry: Registry, chunk: PlacedChunk) -> Summary:
    """The summary of a stored chunk, computed from its rows where no footer has it."""
    return stored_summary(registry, chunk) or summary_of(read_chunk(registry, chunk))


def open_object(registry: Registry, stored: StoredObject) -> pq.ParquetFile:
    """A stored object as an open Parquet file. Raises `NotFound` or `Damaged`."""
    path = registry.objects.path(stored.sha256)
    try:
        file = pq.ParquetFile(path, memory_map=False)
    except FileNotFoundError as error:
        raise missing(registry, stored) from error
    except (pa.ArrowInvalid, OSError) as error:
        raise damaged(stored, path) from error
    if file.metadata.num_rows != stored.rows:
        file.close()
        raise damaged(stored, path)
    return file


def damaged(stored: StoredObject, path: Path) -> Damaged:
    return Damaged(
        f"Object {stored.sha256[:12]}… of the dataset is damaged ({path}).",
        hint="Restore the workspace's `objects` folder from a copy.",
    )
