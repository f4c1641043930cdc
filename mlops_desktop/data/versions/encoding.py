"""Rows as Parquet files that are small and always the same bytes for the same rows."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.profiles.summary import Summary, pack, summary_of
from mlops_desktop.data.schema import checked_type

SUMMARY_KEY = "mlops_desktop.summary.1"
_COMPRESSION_LEVEL = 3
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


def chunk_file(table: pa.Table, summary: Summary) -> bytes:
    """A chunk on its own, with the summary of its columns in the footer where it is small beside the rows."""
    return _file(table, summary, {"": summary}, statistics=True)


def rows_file(table: pa.Table, summaries: dict[str, Summary]) -> bytes:
    """Rows that several chunks take slices of. `summaries` are of chunks that end in it, by content id.

    Of statistics only those of times are kept, by which spans of time are read.
    """
    few = table.num_rows < _FEW_ROWS
    times = [field.name for field in table.schema if checked_type(field.type) is ColumnType.TIME]
    return _file(table, None if few else summary_of(table), summaries, statistics=times or False)


def summary_key(content_id: str) -> str:
    """Where in a footer the summary of a chunk is; that of the object's own rows has no id."""
    return f"{SUMMARY_KEY}.{content_id}" if content_id else SUMMARY_KEY


def _file(
    table: pa.Table, columns: Summary | None, summaries: dict[str, Summary], *, statistics: bool | list[str]
) -> bytes:
    sink = pa.BufferOutputStream()
    repeating, encodings = _encodings(table.schema, columns) if columns else ([], {})
    with pq.ParquetWriter(
        sink,
        table.schema,
        version="2.6",
        compression="zstd",
        compression_level=_COMPRESSION_LEVEL,
        use_dictionary=repeating or False,
        column_encoding=encodings or None,
        write_statistics=statistics,
    ) as writer:
        writer.write_table(table, row_group_size=max(table.num_rows, 1))
        for content_id, summary in summaries.items():
            rows = summary[0].rows
            packed = pack(summary) if rows >= _FEW_ROWS else ""
            if packed and len(packed) <= _SUMMARY_SHARE * sink.tell() * rows / max(table.num_rows, 1):
                writer.add_key_value_metadata({summary_key(content_id): packed})
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
