"""One chunk as a Parquet object: the rows, and in the file's footer the summary of their columns."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_desktop.core.datasets import ColumnType, StoredObject
from mlops_desktop.core.errors import Damaged, NotFound
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.data.hashing import content_hash, row_hashes
from mlops_desktop.data.pieces import PlacedChunk, Slice
from mlops_desktop.data.summary import Summary, pack, summary_of, unpack
from mlops_desktop.registry import Registry

SUMMARY_KEY = "mlops_desktop.summary.1"
_COMPRESSION_LEVEL = 3
# By type: the share of different values above which a dictionary does not pay, and what is used in its place.
_KEY_ENCODINGS = {
    ColumnType.TEXT: (0.5, "DELTA_BYTE_ARRAY"),
    ColumnType.TIME: (0.125, "DELTA_BINARY_PACKED"),
    ColumnType.INTEGER: (0.125, "DELTA_BINARY_PACKED"),
}


class StoredChunk(NamedTuple):
    """A chunk that is in the content store. `added` is what it added to the store, in bytes; 0 for one known before."""

    chunk: PlacedChunk
    summary: Summary
    added: int
    is_new: bool


def store_chunk(registry: Registry, table: pa.Table, known: dict[str, PlacedChunk]) -> StoredChunk:
    """Put a chunk into the content store, unless `known` (by content id) says that it is there already."""
    content_id = content_hash(table.schema, table.to_batches())
    before = known.get(content_id)
    if before is not None and all(registry.objects.has(part.object.sha256) for part in before.slices):
        return StoredChunk(before, stored_summary(registry, before) or summary_of(table), 0, is_new=False)
    summary = summary_of(table)
    content = encoded(table, summary)
    sha256 = sha256_hex(content)
    added = 0 if registry.objects.has(sha256) else len(content)
    registry.objects.put_bytes(content)
    stored = StoredObject(sha256, table.num_rows, len(content))
    last = int(row_hashes(table.slice(table.num_rows - 1).to_batches()[0])[0])
    chunk = PlacedChunk(content_id, table.num_rows, last, (Slice(stored, 0, table.num_rows),))
    return StoredChunk(chunk, summary, added, is_new=added > 0)


def encoded(table: pa.Table, summary: Summary) -> bytes:
    """A Parquet file; the same rows give the same bytes with the same version of pyarrow."""
    sink = pa.BufferOutputStream()
    repeating, encodings = _encodings(table.schema, summary)
    with pq.ParquetWriter(
        sink,
        table.schema,
        version="2.6",
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=repeating or False,
        column_encoding=encodings or None,
    ) as writer:
        writer.write_table(table, row_group_size=max(table.num_rows, 1))
        writer.add_key_value_metadata({SUMMARY_KEY: pack(summary)})
    return bytes(sink.getvalue())


def _encodings(schema: pa.Schema, summary: Summary) -> tuple[list[str], dict[str, str]]:
    """Which columns get a dictionary, and how the others are written: keys and clocks shrink by their differences."""
    repeating, encodings = [], {}
    for name, column in zip(schema.names, summary, strict=True):
        share, encoding = _KEY_ENCODINGS.get(column.type, (1.0, ""))
        if column.distinct.number > share * column.rows:
            encodings[name] = encoding
        else:
            repeating.append(name)
    return repeating, encodings


def stored_summary(registry: Registry, chunk: PlacedChunk) -> Summary | None:
    """The summary in the footer of a chunk's object, or None where there is none to read."""
    whole = chunk.whole_object
    if whole is None:
        return None
    with open_object(registry, whole) as file:
        packed = (file.metadata.metadata or {}).get(SUMMARY_KEY.encode())
    try:
        return unpack(packed.decode()) if packed else None
    except (ValueError, OSError):
        return None


def known_summary(registry: Registry, chunk: PlacedChunk) -> Summary:
    """The summary of a stored chunk, computed from its rows where its footer has none."""
    return stored_summary(registry, chunk) or summary_of(read_chunk(registry, chunk))


def read_chunk(registry: Registry, chunk: PlacedChunk, columns: list[str] | None = None) -> pa.Table:
    """The rows of a chunk. Raises `NotFound` or `Damaged`."""
    tables = [read_object(registry, part.object, columns).slice(part.start, part.rows) for part in chunk.slices]
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


def read_object(registry: Registry, stored: StoredObject, columns: list[str] | None = None) -> pa.Table:
    """All rows of an object. Raises `NotFound` or `Damaged`."""
    with open_object(registry, stored) as file:
        try:
            table = file.read(columns)
        except (pa.ArrowInvalid, OSError) as error:
            raise damaged(stored, registry.objects.path(stored.sha256)) from error
    # Parquet takes a column's name for the start of a path, too: `a` would also give `a.b`.
    return (table if columns is None else table.select(columns)).replace_schema_metadata(None)


def open_object(registry: Registry, stored: StoredObject) -> pq.ParquetFile:
    """A stored object as an open Parquet file. Raises `NotFound` or `Damaged`."""
    path = registry.objects.path(stored.sha256)
    try:
        file = pq.ParquetFile(path, memory_map=False)
    except FileNotFoundError as error:
        raise NotFound(
            f"Object {stored.sha256[:12]}… of the dataset is missing from the content store.",
            hint="Restore the workspace's `objects` folder from a copy.",
        ) from error
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
