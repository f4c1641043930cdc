"""CSV and TSV files, read as a stream with types that fit every row.

Types are taken from the first block. Where a later value does not fit, the types of the columns in question are taken
from the whole file and reading starts over (`Restarted`); text is at the end of that ladder, so it terminates.

An unquoted empty field, NULL, NA, N/A, n/a, #N/A or <NA> is a null, in text too; `""` is the empty text; `nan` is a
number.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.schema import check_names
from mlops_desktop.data.sources.base import Restarted

NULLS = ["", "NULL", "null", "NA", "N/A", "n/a", "#N/A", "<NA>"]
_BLOCK = 1 << 22
_COLUMN = re.compile(r"In CSV column #(\d+)")


class CsvFile:
    """One delimited text file.

    Attributes:
        schema: the columns as they are read now; it may change when reading is restarted.
    """

    def __init__(self, path: Path, delimiter: str = "") -> None:
        self._path = path
        self._encoding = _encoding(path)
        self._delimiter = delimiter
        names = self._header()
        check_names(names, where=path.name)
        self._read = pacsv.ReadOptions(block_size=_BLOCK, encoding=self._encoding)
        self._parse = pacsv.ParseOptions(
            delimiter=self._delimiter, newlines_in_values=True, ignore_empty_lines=len(names) > 1
        )
        self._types: dict[str, pa.DataType] = {}
        self.schema = self._inferred()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        rows = 0
        try:
            with pacsv.open_csv(self._path, self._read, self._parse, self._converted(self._types)) as reader:
                for batch in reader:
                    rows += batch.num_rows
                    yield batch
        except pa.ArrowInvalid as error:
            self._widen_or_refuse(error)
            raise Restarted from error
        if not rows:
            raise InvalidInput(
                f"{self._path.name} has a header but no rows.", hint="Give a file with at least one row of values."
            )

    def estimated_rows(self) -> int:
        """From the line breaks in its first block; for progress alone."""
        with self._path.open("rb") as file:
            start = file.read(1 << 20)
        return max(1, round(start.count(b"\n") * self._path.stat().st_size / max(len(start), 1)))

    def _header(self) -> list[str]:
        try:
            with self._path.open(encoding=self._encoding, newline="") as file:
                text = file.readline()
                if not self._delimiter:
                    self._delimiter = next((mark for mark in ",;\t|" if mark in text), ",")
                file.seek(0)
                names = next((row for row in csv.reader(file, delimiter=self._delimiter) if row), [])
        except UnicodeError as error:
            raise self._not_utf8() from error
        if not names:
            raise InvalidInput(f"{self._path.name} is empty.", hint="Give a file with a header and rows.")
        return names

    def _converted(self, types: dict[str, pa.DataType], only: list[str] | None = None) -> pacsv.ConvertOptions:
        return pacsv.ConvertOptions(
            column_types=types,
            null_values=NULLS,
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            include_columns=only or [],
        )

    def _inferred(self) -> pa.Schema:
        """The schema by the first block."""
        try:
            with pacsv.open_csv(self._path, self._read, self._parse, self._converted({})) as reader:
                schema = reader.schema
        except pa.ArrowInvalid as error:
            raise self._refusal(error) from error
        return self._settled(schema)

    def _settled(self, found: pa.Schema) -> pa.Schema:
        self._types |= {field.name: self._chosen(field) for field in found}
        return pa.schema([pa.field(name, self._types[name]) for name in self._types])

    def _chosen(self, field: pa.Field) -> pa.DataType:
        kind = field.type
        if pa.types.is_binary(kind):
            raise self._not_utf8()
        if pa.types.is_time(kind):
            return pa.string()
        asked = self._types.get(field.name, pa.null())
        if pa.types.is_timestamp(kind) and not pa.types.is_timestamp(asked):
            return pa.timestamp("us", kind.tz)
        return kind

    def _widen_or_refuse(self, error: pa.ArrowInvalid) -> None:
        found = _COLUMN.match(str(error))
        names = list(self._types)
        if found is None or "UTF8" in str(error) or pa.types.is_string(self._types[names[int(found[1])]]):
            raise self._refusal(error) from error
        suspects = [name for name in names if pa.types.is_null(self._types[name])]
        failed = names[int(found[1])]
        only = list(dict.fromkeys([failed, *suspects]))
        try:
            table = pacsv.read_csv(self._path, self._read, self._parse, self._converted({}, only))
        except pa.ArrowInvalid as whole:
            raise self._refusal(whole) from whole
        before = self._types[failed]
        self.schema = self._settled(table.schema)
        if self._types[failed].equals(before):  # what fits by inference does not fit as asked for: keep it as text
            self._types[failed] = pa.string()
            self.schema = self._settled(pa.schema([]))

    def _refusal(self, error: pa.ArrowInvalid) -> InvalidInput:
        if "UTF8" in str(error) or "invalid UTF" in str(error):
            return self._not_utf8()
        if "Empty CSV file" in str(error):
            return InvalidInput(
                f"{self._path.name} has a header but no rows.", hint="Give a file with at least one row of values."
            )
        return self._ragged() or InvalidInput(
            f"{self._path.name} cannot be read as a table: {error}.", hint="Check the file's delimiter and quotes."
        )

    def _ragged(self) -> InvalidInput | None:
        """The first row with another number of fields than the header, by its line."""
        with self._path.open(encoding=self._encoding, errors="replace", newline="") as file:
            reader = csv.reader(file, delimiter=self._delimiter)
            expected, line = 0, 1
            try:
                for row in reader:
                    expected = expected or len(row)
                    if row and len(row) != expected:
                        return self._ragged_at(line, row, expected)
                    line = reader.line_num + 1
            except csv.Error as error:
                return InvalidInput(f"{self._path.name}, line {line}: {error}.", hint="Correct that line.")
        return None

    def _ragged_at(self, line: int, row: list[str], expected: int) -> InvalidInput:
        where = f"the first value too many is in column {expected + 1}"
        if len(row) < expected:
            where = f"there is no value for column {len(row) + 1}, {list(self._types or self._header())[len(row)]!r}"
        return InvalidInput(
            f"{self._path.name}, line {line}: {len(row)} values where the header names {expected} columns; {where}.",
            hint="Correct that line; a value that holds the delimiter or a line break must stand in quotes.",
        )

    def _not_utf8(self) -> InvalidInput:
        message = f"{self._path.name} is not UTF-8 text"
        with self._path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    message = f"{self._path.name}, line {number}, byte {error.start + 1} is not UTF-8 text"
                    break
        return InvalidInput(f"{message}.", hint="Save the file as UTF-8 and try again.")


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(3)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return "utf-8-sig" if start.startswith(codecs.BOM_UTF8) else "utf-8"
