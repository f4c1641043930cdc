"""Rows that broke a contract, put aside as they came until it is known whether they become a version."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa

from mlops_desktop.data.contracts.arrays import boolean_array, integer_array, text_array
from mlops_desktop.data.contracts.examine import Examined
from mlops_desktop.data.contracts.tally import reasons
from mlops_desktop.data.schema import plain_schema

SUFFIX = ".quarantine"
ROW, REASONS = "_row", "_reasons"


class PutAside:
    """Bad rows on disk: all their original columns, `_row` (number in the source, from 1) and `_reasons`."""

    def __init__(self, schema: pa.Schema) -> None:
        kept = [field for field in plain_schema(schema) if field.name not in (ROW, REASONS)]
        self._names = [field.name for field in kept]
        self.schema = pa.schema([*kept, pa.field(ROW, pa.int64()), pa.field(REASONS, pa.string())])
        self.rows = 0
        self._file: IO[bytes] | None = None
        self._writer: Any = None

    def add(self, examined: Examined, first: int) -> None:
        """The batch's bad rows; `first` is the number of its first row."""
        bad = examined.bad
        if bad is None:
            return
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
            self._writer = pa.ipc.new_stream(self._file, self.schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))
        rows = examined.plain.select(self._names).filter(boolean_array(bad))
        numbers = integer_array(np.flatnonzero(bad) + first)
        columns = [*rows.columns, numbers, text_array(reasons(examined.failures, bad))]
        self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=self.schema))
        self.rows += rows.num_rows

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        if self._file is None:
            return
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._file.seek(0)
        yield from pa.ipc.open_stream(self._file)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file, self._writer = None, None
