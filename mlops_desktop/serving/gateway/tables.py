"""Bodies that are tables: CSV, Arrow IPC and Parquet. Workers alone import this, as it needs pyarrow."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.serving.gateway.calls import (
    ARROW_TYPES,
    CSV_TYPE,
    LARGEST_BYTES,
    MAX_ROWS,
    Call,
    Form,
    check_rows,
    checked_ids,
)
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.log_tables import ARROW_FILE_MAGIC

MAX_COLUMNS = 20_000
_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
_LAST_OF_ASCII = 0x7F


def call_of_table(body: bytes | memoryview, form: Form) -> Call:
    """The table in the body. Raises `HttpError` 400 where there is none, or one that is too large."""
    if form.content_type == CSV_TYPE:
        table = _guarded("CSV", lambda: _read_csv(body, form.features))
    elif form.content_type in ARROW_TYPES:
        table = _guarded("Arrow", lambda: _read_arrow(body))
    else:
        table = _guarded("Parquet", lambda: _read_parquet(body))
    _check_names(table.column_names)
    check_rows(table.num_rows)
    for column in table.columns:
        _check_unpacked(column)
    entity_ids = None
    if form.ids:
        if form.ids not in table.column_names:
            raise HttpError(400, f"There is no column '{form.ids}' to take the ids from.")
        entity_ids = checked_ids(table[form.ids].to_pylist(), table.num_rows)
    is_text = form.content_type == CSV_TYPE
    return Call({}, table.num_rows, form.client_id, entity_ids, table=table, is_text=is_text)


def _guarded(kind: str, read: Callable[[], pa.Table]) -> pa.Table:
    try:
        table = read()
        _validate(table)
    except MemoryError:
        raise  # Arrow's is an ArrowException too
    except (pa.ArrowException, OSError, UnicodeDecodeError, csv.Error, ValueError) as problem:
        text = str(problem).splitlines()[0][:200] if str(problem) else type(problem).__name__
        raise HttpError(400, f"The body is no {kind} table that can be read: {text}") from None
    return table


def _validate(table: pa.Table) -> None:
    """All that Arrow can check. Texts of nothing but ASCII need not be looked at one by one to be known for UTF-8."""
    table.validate()
    for column in table.columns:
        for chunk in column.chunks:
            _as_bytes(chunk).validate(full=True)


def _as_bytes(chunk: pa.Array) -> pa.Array:
    """A chunk of texts without its promise to be UTF-8, where that is kept anyway; any other one as it is."""
    kind = _BYTES.get(chunk.type)
    characters = chunk.buffers()[2] if kind is not None else None
    if not characters or np.frombuffer(characters, np.uint8).max() > _LAST_OF_ASCII:
        return chunk
    return chunk.view(kind)


def _check_names(names: list[str]) -> None:
    if len(names) > MAX_COLUMNS:
        raise HttpError(400, f"The table has {len(names):,} columns; at most {MAX_COLUMNS:,} are taken.")
    if len(set(names)) != len(names):
        (twice, _), *_ = Counter(names).most_common(1)
        raise HttpError(400, f"Column '{twice}' is given twice.")


def _check_unpacked(column: pa.ChunkedArray) -> None:
    """Raise `HttpError` 413 for texts that a dictionary keeps small, but that readers of the log have in each row."""
    for chunk in column.chunks if pa.types.is_dictionary(column.type) else ():
        texts = chunk.dictionary
        if pa.types.is_string_view(texts.type):
            texts = texts.cast(pa.string())
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
            continue
        lengths = pc.binary_length(texts)
        longest = pc.max(lengths).as_py() or 0
        if longest * len(chunk) > LARGEST_BYTES and pc.sum(lengths.take(chunk.indices)).as_py() > LARGEST_BYTES:
            raise HttpError(413, "The table is too large once it is unpacked; send fewer rows at a time.")


def _read_csv(body: bytes | memoryview, features: tuple[str, ...]) -> pa.Table:
    """All values as text, empty ones as null. A first line that names none of the features is one of values."""
    from pyarrow import csv as arrow_csv

    content = bytes(body)
    lines = io.TextIOWrapper(io.BytesIO(content), "utf-8-sig", newline="")
    first = next(csv.reader(lines), [])
    is_headless = bool(features) and not set(first) & set(features) and len(first) == len(features)
    names = list(features) if is_headless else first
    _check_names(names)
    return arrow_csv.read_csv(
        pa.BufferReader(content),
        read_options=arrow_csv.ReadOptions(column_names=names if is_headless else None, use_threads=False),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _read_arrow(body: bytes | memoryview) -> pa.Table:
    """Batches of a stream or a file, as far as rows are allowed; columns are views of the body."""
    from pyarrow import ipc

    buffer = pa.py_buffer(body)
    if bytes(memoryview(body)[:6]) == ARROW_FILE_MAGIC:
        file = ipc.open_file(buffer)
        batches: Any = (file.get_batch(place) for place in range(file.num_record_batches))
        schema = file.schema
    else:
        batches = ipc.open_stream(buffer)
        schema = batches.schema
    taken: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows > MAX_ROWS or size > LARGEST_BYTES:
            break
        taken.append(batch)
    if size > LARGEST_BYTES:
        raise HttpError(413, "The table is too large once it is unpacked; send fewer rows at a time.")
    check_rows(max(rows, 1))
    return pa.Table.from_batches(taken, schema)


def _read_parquet(body: bytes | memoryview) -> pa.Table:
    """The whole file, once its footer has said that it is not too large."""
    from pyarrow import parquet

    file = parquet.ParquetFile(pa.BufferReader(pa.py_buffer(body)))
    check_rows(max(file.metadata.num_rows, 1))
    groups = range(file.metadata.num_row_groups)
    if sum(file.metadata.row_group(group).total_byte_size for group in groups) > LARGEST_BYTES:
        raise HttpError(413, "The table is too large once it is unpacked; send fewer rows at a time.")
    return file.read(use_threads=False)
