"""Parquet and Arrow (Feather)."""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_desktop.data.writers.base import Format, Writer


class ParquetWriter(Writer):
    """One row group per batch."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema) -> None:
        super().__init__()
        self._writer = pq.ParquetWriter(sink, schema, version="2.6", compression="zstd")

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


class ArrowWriter(Writer):
    """The file format of Arrow, also known as Feather 2, compressed by LZ4."""

    def __init__(self, sink: BinaryIO, schema: pa.Schema) -> None:
        super().__init__()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        self._writer = pa.ipc.new_file(sink, schema, options=options)

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


PARQUET = Format("parquet", (".parquet", ".pq"), ParquetWriter)
ARROW = Format("arrow", (".arrow", ".feather", ".ipc"), ArrowWriter)
