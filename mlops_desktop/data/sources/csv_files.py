"""CSV and TSV files, read as a stream with types that fit every row.

Types are taken from the first block. Where a later value does not fit, the types of the columns in question are taken
from the whole file and reading starts over (`Restarted`); text is at the end of that ladder, so it terminates.

pyarrow's reader makes the values wherever it can. A column is read as text, and made into values here, where that
reader does not know how, or where it would let something pass: leading zeros, integers that a double cannot hold.

An unquoted empty field, NULL, NA, N/A, n/a, #N/A or <NA> is a null, in text too; `""` is the empty text; `nan` is a
number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources.ahead import ahead
from mlops_desktop.data.sources.base import Restarted
from mlops_desktop.data.sources.csv_faults import fault_of, line_of_row
from mlops_desktop.data.sources.csv_layout import found_layout
from mlops_desktop.data.sources.csv_stream import CsvStream
from mlops_desktop.data.sources.encoding import later_encoding, not_in_encoding
from mlops_desktop.data.sources.fitting import Fitting, Rules, best_of, found_rules, why_text
from mlops_desktop.data.sources.numbers import PLAIN
from mlops_desktop.data.sources.readings import AS_TEXT, DOUBLE, TEXT, Reading, as_type, asked, candidates, meant

_BLOCK = 1 << 22
_SAMPLE = 1 << 20
_FIRST_ROWS = 1000
_LARGEST_BLOCK = 1 << 28
_EXPONENT = 0x7FF << 52
_COLUMN = re.compile(r"In CSV column #(\d+)")
_VALUE = re.compile(r"invalid value ('.*')$", re.DOTALL)
_PLAIN = candidates(PLAIN, ())
_NO_TEXTS = pa.nulls(0, TEXT)


class CsvFile:
    """One delimited text file.

    Attributes:
        schema: the columns as they are read now; it may change when reading is restarted.
        notes: by column, what a person should know of how it is read.
    """

    def __init__(self, path: Path, options: ReadOptions, hints: pa.Schema | None = None) -> None:
        self._path = path
        self._given = options
        self._hints = {field.name: field.type for field in hints or ()}
        self._block = _BLOCK
        self._open()

    def _open(self, encoding: str = "") -> None:
        """Find out all that the start of the file tells."""
        self._layout = found_layout(self._path, self._given, encoding)
        self._by_text: set[int] = set()
        self._padded: set[int] = set()
        self._is_careful = self._is_all_known = False
        self.notes: dict[str, str] = {}
        self._rules = Rules()
        self._readings: dict[int, Reading] = {}
        texts = self._first_texts()
        values = {at: meant(column) for at, column in texts.items()}
        plain = {at: best_of(texts[at], values[at], _PLAIN) for at in texts if not self._asked(at)}
        names = self._layout.columns
        self._rules = found_rules(
            {names[at]: fitting.best for at, fitting in plain.items()},
            {names[at]: values[at] for at in plain},
            self._given,
        )
        for at in texts:
            is_plain = at in plain and names[at] not in self._hints and self._rules == Rules()
            fitting = plain[at] if is_plain else best_of(texts[at], values[at], self._ladder(at))
            self._settle(at, fitting, values[at])
        self._first = [column.slice(0, _FIRST_ROWS) for column in texts.values()]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, self._readings[at].storage) for at, name in self._layout.columns.items()])

    @property
    def settings(self) -> ReadOptions:
        """The options given, those that were found out filled in."""
        rules = self._rules
        return msgspec.structs.replace(
            self._layout.settings(self._given),
            decimal=rules.style.decimal if rules.is_style_known else self._given.decimal,
            thousands=rules.style.thousands,
            date_formats=rules.formats,
            types=self._given.types | dict.fromkeys(rules.unclear_dates if rules.formats else (), "text"),
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._layout.warnings, *(f"Column {name!r} is {note}." for name, note in self.notes.items()))

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        rows, reading = 0, self._reading()
        # `ahead` is its thread: more of them than there are cores only take turns with those that store.
        reading.use_threads = False
        try:
            stream = self._stream(seek_zeros=bool(self._padded) and not self._is_careful)
            with stream, pacsv.open_csv(stream, reading, self._parsing(), self._converting()) as reader:
                for batch in ahead(reader):
                    if stream.has_leading_zeros and not self._is_careful:
                        self._is_careful = True
                        raise Restarted
                    rows += batch.num_rows
                    yield self._values(batch)
            if stream.quotes % 2:
                self._refuse_if_open_quote()
        except pa.ArrowInvalid as error:
            self._widen_or_refuse(error)
            raise Restarted from error
        if not rows:
            raise self._without_rows()

    def start(self) -> pa.RecordBatch:
        """The first rows, without reading again."""
        parsed = [
            column if reading is AS_TEXT else reading.parse(meant(column))
            for reading, column in zip(self._readings.values(), self._first, strict=True)
        ]
        return pa.RecordBatch.from_arrays(parsed, schema=self.schema)

    def estimated_rows(self) -> int:
        """From the line breaks in its first block; for progress alone."""
        with self._path.open("rb") as file:
            start = file.read(1 << 20)
        return max(1, round(start.count(b"\n") * self._path.stat().st_size / max(len(start), 1)))

    # What pyarrow's reader is asked for

    def _stream(self, *, seek_zeros: bool = False, limit: int = 0) -> CsvStream:
        dialect = self._layout.dialect
        return CsvStream(self._path, self._layout.encoding, dialect, seek_zeros=seek_zeros, limit=limit)

    def _reading(self) -> pacsv.ReadOptions:
        dialect = self._layout.dialect
        return pacsv.ReadOptions(
            block_size=self._block,
            column_names=[str(at) for at in range(len(self._layout.names))],
            skip_rows=dialect.skip_rows,
            skip_rows_after_names=int(dialect.has_header),
        )

    def _parsing(self) -> pacsv.ParseOptions:
        dialect = self._layout.dialect
        return pacsv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote or False,
            newlines_in_values=bool(dialect.quote),
            ignore_empty_lines=len(self._layout.names) > 1,
        )

    def _converting(self, kinds: dict[int, pa.DataType] | None = None) -> pacsv.ConvertOptions:
        """Values as they are read now or, where given, some columns as other types."""
        kinds = kinds or {
            at: TEXT if self._is_by_text(at) else self._readings[at].storage for at in self._layout.columns
        }
        return pacsv.ConvertOptions(
            column_types={str(at): kind for at, kind in kinds.items()},
            include_columns=[str(at) for at in kinds],
            null_values=["", *self._layout.nulls],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            decimal_point=self._rules.style.decimal,
        )

    def _first_texts(self) -> dict[int, pa.Array]:
        """The texts of the first block, by column."""
        positions = list(self._layout.columns)
        batch = next(self._texts(positions, is_start=True), None) or next(self._texts(positions), None)
        if batch is None:
            raise self._without_rows()
        return dict(zip(positions, batch.columns, strict=True))

    def _texts(self, positions: list[int], *, is_start: bool = False) -> Iterator[pa.RecordBatch]:
        """Some columns as texts, of the file or of its start. Raises `InvalidInput` where it is no table."""
        converting = self._converting(dict.fromkeys(positions, TEXT))
        is_begun = False
        try:
            with (
                self._stream(limit=_SAMPLE if is_start else 0) as stream,
                pacsv.open_csv(stream, self._reading(), self._parsing(), converting) as reader,
            ):
                for batch in reader:
                    is_begun = True
                    yield batch
        except pa.ArrowInvalid as error:
            if is_begun or not (is_start or self._has_larger_block(error)):
                raise self._refusal(error) from error
            yield from self._texts(positions)

    # From texts to values

    def _asked(self, at: int) -> str:
        """The type that a person chose for a column, by its old or its new name."""
        types = self._given.types
        return types.get(self._layout.columns[at], "") or types.get(self._layout.names[at], "")

    def _ladder(self, at: int) -> list[Reading]:
        name, style, formats = self._layout.columns[at], self._rules.style, self._rules.formats
        if self._asked(at):
            return asked(self._asked(at), style, formats)
        if name in self._rules.unclear_dates:
            return [AS_TEXT]
        hint = self._hints.get(name)
        hinted = [] if hint is None else as_type(hint, style, formats)
        return [*hinted, *candidates(style, formats)]

    def _settle(self, at: int, fitting: Fitting, values: pa.Array, reason: str = "") -> None:
        """Read a column from now on as it fits best."""
        name, reading = self._layout.columns[at], fitting.best
        if reading is None:
            raise self._misfit(at)
        self._readings[at] = reading
        self.notes.pop(name, None)
        if reading is not AS_TEXT:
            self._by_text |= {at} if fitting.has_quoted_gaps else set()
            self._padded |= {at} if not self._asked(at) and _may_be_padded(reading, values) else set()
        elif not self._asked(at) and self._hints.get(name) != TEXT:
            note = reason or why_text(values, self._rules, is_date=name in self._rules.unclear_dates)
            self.notes |= {name: note} if note else {}

    def _is_by_text(self, at: int) -> bool:
        reading = self._readings[at]
        return not reading.is_native or at in self._by_text or (self._is_careful and at in self._padded)

    def _values(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = [self._column(at, column) for at, column in zip(self._layout.columns, batch.columns, strict=True)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _column(self, at: int, column: pa.Array) -> pa.Array:
        reading = self._readings[at]
        if reading is AS_TEXT:
            return column
        if self._is_by_text(at):
            try:
                return reading.parse(meant(column))
            except pa.ArrowInvalid as error:
                raise pa.ArrowInvalid(f"In CSV column #{at}: {error}") from error
        if not self._asked(at) and _holds_large(column):
            self._by_text.add(at)  # it may be an integer of more digits than a double holds: only its text tells
            raise Restarted
        return column

    # Where a value does not fit

    def _widen_or_refuse(self, error: pa.ArrowInvalid) -> None:
        found = _COLUMN.match(str(error))
        if "UTF8" in str(error):
            self._open(self._later_encoding())
        elif found is None or self._readings[int(found[1])] is AS_TEXT:
            if not self._has_larger_block(error):
                raise self._refusal(error) from error
        else:
            self._widen(int(found[1]), str(error))

    def _widen(self, failed: int, said: str) -> None:
        """Find the types of the columns in question by the whole file: at first those without any type, then all."""
        suspects = [at for at, reading in self._readings.items() if reading is not AS_TEXT]
        if not self._is_all_known:
            suspects = [at for at in suspects if at == failed or pa.types.is_null(self._readings[at].storage)]
        before, was_by_text = self._readings[failed].storage, self._is_by_text(failed)
        fittings = {at: Fitting(self._ladder(at)) for at in suspects}
        for batch in self._texts(suspects):
            for fitting, texts in zip(fittings.values(), batch.columns, strict=True):
                fitting.show(texts, meant(texts))
        self._is_all_known = True
        value = _VALUE.search(said)
        reason = (
            f"kept as text: {value[1][:40]} is no {before}"
            if value
            else "kept as text: its values are of several types"
        )
        for at, fitting in fittings.items():
            self._settle(at, fitting, _NO_TEXTS, reason)
        if self._readings[failed].storage.equals(before):
            if was_by_text:
                self._readings[failed] = AS_TEXT
            self._by_text.add(failed)  # what fits as text does not fit pyarrow's reader

    def _misfit(self, at: int) -> InvalidInput:
        """The first value that is not of the type that a person chose."""
        name, wanted, reading = self._layout.columns[at], self._asked(at), self._ladder(at)[-1]
        rows = 0
        for batch in self._texts([at]):
            values = meant(batch.column(0))
            if not reading.fits(values):
                first = _first_misfit(reading, values)
                layout = self._layout
                line = line_of_row(self._path, layout.encoding, layout.dialect, rows + first, len(layout.names))
                return InvalidInput(
                    f"{self._path.name}, line {line}, column {name!r}: {values[first].as_py()[:60]!r} cannot be read as"
                    f" {wanted}.",
                    hint="Correct the value, choose another type for the column, or name the text among the nulls.",
                )
            rows += batch.num_rows
        return InvalidInput(
            f"{self._path.name}: column {name!r} cannot be read as {wanted}.", hint="Choose another type for it."
        )

    def _has_larger_block(self, error: pa.ArrowInvalid) -> bool:
        """Take larger blocks from now on, where a row is longer than one."""
        is_limit = self._block >= min(_LARGEST_BLOCK, 4 * self._path.stat().st_size)
        if "straddling" not in str(error) or is_limit:
            return False
        self._block *= 8
        return True

    def _later_encoding(self) -> str:
        found = "" if self._given.encoding or self._layout.encoding != "utf-8" else later_encoding(self._path)
        if not found:
            raise not_in_encoding(self._path, self._layout.encoding)
        return found

    def _refusal(self, error: pa.ArrowInvalid) -> InvalidInput:
        layout = self._layout
        if "UTF8" in str(error) or "invalid UTF" in str(error):
            return not_in_encoding(self._path, layout.encoding)
        if "Empty CSV file" in str(error):
            return self._without_rows()
        fault = fault_of(self._path, layout.encoding, layout.dialect, list(layout.names))
        if fault is None and "straddling" in str(error):  # what pyarrow says of a header without a line end
            return self._without_rows()
        return fault or InvalidInput(
            f"{self._path.name} cannot be read as a table: {error}.", hint="Check the file's delimiter and quotes."
        )

    def _refuse_if_open_quote(self) -> None:
        layout = self._layout
        if fault := fault_of(self._path, layout.encoding, layout.dialect, list(layout.names)):
            raise fault

    def _without_rows(self) -> InvalidInput:
        what = "a header" if self._layout.dialect.has_header else "text"
        return InvalidInput(
            f"{self._path.name} has {what} but no rows.", hint="Give a file with at least one row of values."
        )


def _may_be_padded(reading: Reading, values: pa.Array) -> bool:
    """Whether whole numbers may be codes, one of which has leading zeros further down: they are all equally long."""
    if not pa.types.is_integer(reading.storage):
        return False
    found = pc.min_max(pc.binary_length(values))
    return found["min"].as_py() == found["max"].as_py() and (found["min"].as_py() or 0) > 1


def _holds_large(column: pa.Array) -> bool:
    """Whether a finite double is so large that it may have been an integer of more digits; told by its exponent."""
    if column.type != DOUBLE or not len(column):
        return False
    bits = np.frombuffer(column.buffers()[1], np.int64)[column.offset : column.offset + len(column)]
    exponents = bits & _EXPONENT
    is_large = exponents >= (1023 + 53) << 52
    return bool(is_large.any() and (exponents[is_large] < _EXPONENT).any())


def _first_misfit(reading: Reading, values: pa.Array) -> int:
    """The position of the first value that does not fit, by halving."""
    start, end = 0, len(values)
    while end - start > 1:
        middle = (start + end) // 2
        start, end = (start, middle) if not reading.fits(values.slice(start, middle - start)) else (middle, end)
    return start
