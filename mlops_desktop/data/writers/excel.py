"""Excel workbooks, written row by row in constant memory."""

from __future__ import annotations

from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.hashing import numpy_values
from mlops_desktop.data.profiles.summary import per_second
from mlops_desktop.data.writers.base import Format, Writer, text, without

MOST_ROWS = 1_048_575
MOST_COLUMNS = 16_384
_MOST_EXACT = 2**53
_EPOCH = 25_569  # 1970-01-01 in days as Excel counts them, which is right from March 1900 on
_FIRST_DAY = 61


class ExcelWriter(Writer):
    """One sheet with a header. Texts are written as texts, also those that start with = + - or @, never as formulas.

    A cell has no zone, no NaN, no infinity, and an empty one is missing: times are in UTC and exact to the millisecond,
    the other three become missing. Times before March 1900 and integers beyond 2^53 are written as texts.
    """

    def __init__(self, sink: BinaryIO, schema: pa.Schema) -> None:
        super().__init__()
        import xlsxwriter

        self._book = xlsxwriter.Workbook(sink, {"constant_memory": True})
        self._sheet = self._book.add_worksheet("data", worksheet_class=_sheet_class())
        self._sheet.freeze_panes(1, 0)
        self._day = self._book.add_format({"num_format": "yyyy-mm-dd"})
        self._moment = self._book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"})
        self._row = 1
        for place, name in enumerate(schema.names):
            self._sheet.write_string(0, place, name)

    def write(self, batch: pa.RecordBatch) -> None:
        formats = [self._format(field.type) for field in batch.schema]
        columns = [self._cells(field, column) for field, column in zip(batch.schema, batch.columns, strict=True)]
        sheet = self._sheet
        for row, values in enumerate(zip(*columns, strict=True), self._row):
            for place, value in enumerate(values):
                if isinstance(value, str):
                    if sheet.write_string(row, place, value):
                        raise _too_long(row, batch.schema.names[place], value)
                elif isinstance(value, bool):
                    sheet.write_boolean(row, place, value)
                elif value is not None:
                    sheet.write_number(row, place, value, formats[place])
        self._row += batch.num_rows

    def close(self) -> None:
        self._book.close()

    def _format(self, kind: pa.DataType) -> Any:
        if pa.types.is_date(kind):
            return self._day
        return self._moment if pa.types.is_timestamp(kind) else None

    def _cells(self, field: pa.Field, column: pa.Array) -> list[Any]:
        kind = field.type
        if pa.types.is_string(kind):
            column = self._lost(column, pc.equal(column, text("")), f"texts of {field.name!r} are empty")
        if pa.types.is_floating(kind):
            column = self._lost(
                column, pc.invert(pc.is_finite(column)), f"values of {field.name!r} are NaN or infinite"
            )
        if pa.types.is_temporal(kind):
            return self._times(column)
        values: list[Any] = column.to_pylist()
        if pa.types.is_integer(kind):
            return [value if value is None or abs(value) <= _MOST_EXACT else str(value) for value in values]
        return values

    def _lost(self, column: pa.Array, is_lost: pa.Array, said: str) -> pa.Array:
        lost = pc.sum(is_lost).as_py()
        if not lost:
            return column
        self.losses[f"{{n}} {said} and were written as missing."] += lost
        return without(column, is_lost)

    def _times(self, column: pa.Array) -> list[Any]:
        days = numpy_values(column).astype(np.float64) / per_second(str(column.type)) / 86_400 + _EPOCH
        is_there = numpy_values(column.is_valid()).astype(np.bool_)
        early = is_there & (days < _FIRST_DAY)
        cells: list[Any] = np.where(is_there, days, np.nan).astype(object).tolist()
        texts = column.cast(pa.string()) if early.any() else column
        for row in np.flatnonzero(early | ~is_there).tolist():
            cells[row] = texts[row].as_py() if early[row] else None
        return cells


def _too_long(row: int, column: str, text: str) -> InvalidInput:
    return InvalidInput(
        f"Row {row:,} has a text of {len(text):,} characters in {column!r}; a cell of Excel holds 32,767.",
        hint="Leave that column out, or choose Parquet or CSV.",
    )


def _sheet_class() -> type[Any]:
    from xlsxwriter.worksheet import Worksheet

    class Sheet(Worksheet):  # type: ignore[misc]
        """Numbers with all their digits; texts that look like the markup of rich text stay texts."""

        def _xml_number_element(self, number: float, attributes: Any = ()) -> None:
            named = "".join(f' {key}="{value}"' for key, value in attributes)
            self.fh.write(f"<c{named}><v>{number!r}</v></c>")

        def _xml_rich_inline_string(self, string: str, attributes: Any = ()) -> None:
            self._xml_inline_string(string, preserve=True, attributes=attributes)

    return Sheet


EXCEL = Format("excel", (".xlsx",), ExcelWriter, most_rows=MOST_ROWS, most_columns=MOST_COLUMNS)
