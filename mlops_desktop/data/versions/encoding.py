"""Rows as Parquet files that are small and always the same bytes for the same rows."""

from __future__ import annotations

import base64
from collections.abc import Iterable

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.profiles.summary import Summary, pack, summary_of
from mlops_desktop.data.schema import checked_type

SUMMARY_KEY = "mlops_desktop.summary.1"
_COMPRESSION_LEVEL = 1
# A summary that would take a larger share of the file than this is rather computed anew.
_SUMMARY_SHARE = 1 / 8
# Below this a dictionary takes more than it saves, and a summary costs more to keep than to compute.
_FEW_ROWS = 1_024
# By type: the share of different values above which a dictionary does not pay, and what is used in its place.
_KEY_ENCODINGS = {
    ColumnType.TEXT: (0.5, "DELTA_BYTE_ARRAY"),
    ColumnType.TIME: (0.125, "DELTA_BINARY_PACKED"),
    ColumnType.INTEGER: (0.125, "DELTA_BINARY_PACKED"),
}


def with_dictionaries(table: pa.Table) -> pa.Table:
    """The table with its columns of texts dictionary-encoded: once, for summing them up and for writing them."""
    columns = [column.dictionary_encode() if pa.types.is_string(column.type) else column for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def chunk_file(table: pa.Table, encoded: pa.Table, summary: Summary) -> bytes:
    """A chunk on its own, with the summary of its columns in the footer where it is small beside the rows.

    `encoded` is the table `with_dictionaries`.
    """
    return _file(table, encoded, summary, {"": summary})


def rows_file(table: pa.Table, summaries: dict[str, Summary]) -> bytes:
    """Rows that several chunks take slices of. `summaries` are of chunks that end in it, by content id."""
    encoded = with_dictionaries(table)
    return _file(table, encoded, None if table.num_rows < _FEW_ROWS else summary_of(encoded), summaries)


def summary_key(content_id: str) -> str:
    """Where in a footer the summary of a chunk is; that of the object's own rows has no id."""
    return f"{SUMMARY_KEY}.{content_id}" if content_id else SUMMARY_KEY


def _file(table: pa.Table, encoded: pa.Table, columns: Summary | None, summaries: dict[str, Summary]) -> bytes:
    sink = pa.BufferOutputStream()
    repeating, encodings = _encodings(table.schema, columns) if columns else ([], {})
    chosen = [encoded.column(at) if name in repeating else column for at, (name, column) in enumerate(_columns(table))]
    written = pa.Table.from_arrays(chosen, names=table.column_names)
    with pq.ParquetWriter(
        sink,
        written.schema,
        version="2.6",
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=repeating or False,
        column_encoding=encodings or None,
        # By those of times spans of time are read; others would cost more than they are worth.
        write_statistics=[field.name for field in table.schema if checked_type(field.type) is ColumnType.TIME] or False,
        store_schema=False,
    ) as writer:
        writer.write_table(written, row_group_size=max(table.num_rows, 1))
        writer.add_key_value_metadata({"ARROW:schema": base64.b64encode(table.schema.serialize()).decode()})
        for content_id, summary in summaries.items():
            rows = summary[0].rows
            packed = pack(summary) if rows >= _FEW_ROWS else ""
            if packed and len(packed) <= _SUMMARY_SHARE * sink.tell() * rows / max(table.num_rows, 1):
                writer.add_key_value_metadata({summary_key(content_id): packed})
    return bytes(sink.getvalue())


def _columns(table: pa.Table) -> Iterable[tuple[str, pa.ChunkedArray]]:
    return zip(table.column_names, table.columns, strict=True)


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
