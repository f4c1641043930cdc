"""Rows that a program has: DataFrames, tables, and batches that come once."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.sources.base import user_name

if TYPE_CHECKING:
    import pandas as pd


class TableRows:
    """A table in memory, read as often as wanted."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.schema, self.rows, self.size = table.schema, table.num_rows, table.nbytes

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return iter(self._table.to_batches())

    def close(self) -> None:
        pass


class StreamRows:
    """Batches that come once; where they `may_repeat`, kept on disk as they pass, to be read from the start."""

    rows = 0
    size = 0

    def __init__(self, batches: Iterable[Any], *, may_repeat: bool) -> None:
        stream = iter(batches)
        first = next(stream, None)
        if first is None:
            raise InvalidInput("There are no batches of rows.", hint="Give at least one, or a table without rows.")
        self._stream = chain([_checked(first)], map(_checked, stream))
        self.schema = first.schema
        self._kept: IO[bytes] | None = None
        self._writer: Any = None
        if may_repeat:
            self._kept = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            self._writer = pa.ipc.new_stream(self._kept, self.schema, options=options)
        self._has_begun = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        is_first, self._has_begun = not self._has_begun, True
        yield from self._passing() if is_first else self._again()

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()

    def _passing(self) -> Iterator[pa.RecordBatch]:
        for batch in self._stream:
            if not batch.schema.equals(self.schema):
                raise InvalidInput(
                    f"A batch has other columns than the first: {batch.schema.names} of types {batch.schema.types}.",
                    hint="Give all batches the same columns and types.",
                )
            if self._writer is not None:
                self._writer.write_batch(batch)
            yield batch

    def _again(self) -> Iterator[pa.RecordBatch]:
        """What has come so far, and the rest, which is taken now."""
        for _ in self._passing():
            pass
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._kept is None:
            raise RuntimeError("batches that come once were asked for again")
        self._kept.seek(0)
        yield from pa.ipc.open_stream(self._kept)


@contextmanager
def rows_of_program(rows: Any, *, may_repeat: bool) -> Iterator[TableRows | StreamRows]:
    """A DataFrame (without its index), a table, a batch, a reader or batches as rows that can be read again.

    Raises `InvalidInput` for anything else, and for columns that Arrow cannot hold.
    """
    if isinstance(rows, pa.Table):
        opened: TableRows | StreamRows = TableRows(rows)
    elif isinstance(rows, pa.RecordBatch):
        opened = TableRows(pa.Table.from_batches([rows]))
    elif hasattr(rows, "to_records") and hasattr(rows, "columns"):
        opened = TableRows(_from_pandas(rows))
    elif isinstance(rows, Iterable) and not isinstance(rows, str | bytes | dict):
        opened = StreamRows(rows, may_repeat=may_repeat)
    else:
        raise _no_rows(rows)
    try:
        yield opened
    finally:
        opened.close()


def table_origin(name: str, parents: tuple[str, ...], size: int) -> Origin:
    """The origin of rows that a program gave."""
    return Origin("table", name, host=platform.node(), user=user_name(), parents=parents, size=size)


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    try:
        return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, ValueError) as error:
        raise InvalidInput(
            f"The DataFrame cannot be stored: {error}.", hint="Give each column values of one type, and its own name."
        ) from error


def _checked(batch: Any) -> pa.RecordBatch:
    if not isinstance(batch, pa.RecordBatch):
        raise _no_rows(batch)
    return batch


def _no_rows(given: Any) -> InvalidInput:
    return InvalidInput(
        f"A {type(given).__name__} is no table of rows.",
        hint="Give a pandas DataFrame, a pyarrow Table, or batches of pyarrow (RecordBatch).",
    )
