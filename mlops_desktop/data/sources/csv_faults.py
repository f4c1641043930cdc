"""What is wrong with a delimited text, by its line: found with Python's reader, once pyarrow's has refused."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.sources.dialect import Dialect, reader_of
from mlops_desktop.data.sources.encoding import lines_of

_LONGEST = 1 << 26
_BROKEN = {
    "unexpected end of data": ("a quote is opened and never closed", "Close the quote, or set quote to `none`."),
    "field larger": ("a value is longer than 64 MB; is a quote never closed?", "Close the quote in that line."),
}


def fault_of(path: Path, encoding: str, dialect: Dialect, names: list[str]) -> InvalidInput | None:
    """The first row with another number of values than there are columns, or with quotes that do not match."""
    line = 0
    try:
        for line, row in _numbered(path, encoding, dialect):
            if row and len(row) != len(names):
                return _ragged(f"{path.name}, line {line}", row, names, dialect)
    except _BrokenRow as error:
        said, hint = next((words for start, words in _BROKEN.items() if str(error).startswith(start)), ("", ""))
        return InvalidInput(
            f"{path.name}, line {error.line}: {said or 'text follows the quote that ends a value'}.",
            hint=hint or "Double the quotes within a value, or set quote to `none`.",
        )
    return None


def line_of_row(path: Path, encoding: str, dialect: Dialect, position: int, columns: int) -> int:
    """The line in which a row begins, that is counted from 0 below the header; 0 where it is not found."""
    seen = -1 if dialect.has_header else 0
    try:
        for line, row in _numbered(path, encoding, dialect, is_strict=False):
            if row or columns == 1:
                if seen == position:
                    return line
                seen += 1
    except _BrokenRow:
        pass
    return 0


class _BrokenRow(Exception):
    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.line = line


def _numbered(
    path: Path, encoding: str, dialect: Dialect, *, is_strict: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """All rows, each with the line that it begins in."""
    with lines_of(path, encoding) as lines, _long_values():
        for _ in range(dialect.skip_rows):
            lines.readline()
        reader = reader_of(lines, dialect.delimiter, dialect.quote, is_strict=is_strict)
        line = dialect.skip_rows + 1
        try:
            for row in reader:
                yield line, row
                line = dialect.skip_rows + reader.line_num + 1
        except csv.Error as error:
            raise _BrokenRow(str(error), line) from error


@contextmanager
def _long_values() -> Iterator[None]:
    before = csv.field_size_limit(_LONGEST)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _ragged(where: str, row: list[str], names: list[str], dialect: Dialect) -> InvalidInput:
    expected = len(names)
    detail = f"the first value too many is in column {expected + 1}"
    if len(row) < expected:
        detail = f"there is no value for column {len(row) + 1}, {names[len(row)]!r}"
    who = "the header names" if dialect.has_header else "the first row has"
    return InvalidInput(
        f"{where}: {len(row)} values where {who} {expected} columns; {detail}.",
        hint="Correct that line; a value that holds the delimiter or a line break must stand in quotes.",
    )
