"""CSV and TSV."""

from __future__ import annotations

from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv as pacsv

from mlops_desktop.data.writers.base import Format, Writer


class DelimitedWriter(Writer):
    """UTF-8 with a header. Texts stand in quotes, so that the empty text `""` differs from a missing value.

    A text that starts with = + - or @ is left as it is, as other programs read these files too; a spreadsheet may take
    it for a formula. Excel files are safe.
    """

    def __init__(self, sink: BinaryIO, schema: pa.Schema, delimiter: str) -> None:
        super().__init__()
        self._writer = pacsv.CSVWriter(sink, schema, write_options=pacsv.WriteOptions(delimiter=delimiter))

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        self._writer.close()


CSV = Format("csv", (".csv",), lambda sink, schema: DelimitedWriter(sink, schema, ","))
TSV = Format("tsv", (".tsv", ".tab"), lambda sink, schema: DelimitedWriter(sink, schema, "\t"))
