"""How a delimited text is laid out, told by its first rows."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import islice, pairwise
from typing import Protocol

from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions

DELIMITERS = ",;\t|:"
NO_QUOTE = "none"
_ROWS = 200
_NUMBER = r"[+-]?(?:\d[\d.,' ]*|[.,]\d+)(?:[eE][+-]?\d+)?%?"
_DAY = r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}\b.*"
_VALUE = re.compile(rf"\s*(?:{_NUMBER}|{_DAY}|(?i:true|false|nan|inf))\s*")  # no name of a column


class Dialect(Struct, frozen=True):
    """How lines become rows of texts. `quote` is empty where there are none."""

    delimiter: str
    quote: str
    skip_rows: int
    has_header: bool


def found_dialect(text: str, options: ReadOptions, preferred: str = "") -> Dialect:
    """The layout of a text by its start; what `options` give is obeyed. Raises `InvalidInput`.

    `preferred` is the delimiter that the file's extension promises.
    """
    check_marks(options)
    lines = _without_first(text, options.skip_rows)
    quote = "" if options.quote == NO_QUOTE else options.quote or _found_quote(lines)
    delimiter = options.delimiter or _found_delimiter(lines, quote, preferred)
    if options.delimiter:
        _check_delimiter(lines, quote, options.delimiter)
    rows = rows_of(lines, delimiter, quote)
    junk = 0 if options.skip_rows else _junk_rows(rows)
    skipped = options.skip_rows + _lines_before(lines, junk, delimiter, quote)
    table = rows[junk:]
    has_header = options.has_header if options.has_header is not None else not _starts_with_values(table)
    return Dialect(delimiter, quote, skipped, has_header)


def check_marks(options: ReadOptions) -> None:
    """Raise `InvalidInput` for delimiters and the like that are not one character, or that are the same."""
    given = {"delimiter": options.delimiter, "quote": options.quote, "thousands": options.thousands}
    for what, mark in given.items():
        is_plain = mark.isascii() and len(mark) < 2 if what != "thousands" else len(mark) < 2
        if mark != NO_QUOTE and (not is_plain or mark in ("\n", "\r")):
            raise InvalidInput(f"{mark!r} cannot be the {what}.", hint="Give one character.")
    if options.decimal not in ("", ".", ","):
        raise InvalidInput(f"{options.decimal!r} cannot be the decimal mark.", hint="Give a point or a comma.")
    if options.thousands and options.thousands == (options.decimal or "."):
        raise InvalidInput("Thousands and decimals have the same mark.", hint="Set decimal to the other one.")


def rows_of(text: str, delimiter: str, quote: str, limit: int = _ROWS, skip: int = 0) -> list[list[str]]:
    """The first rows below `skip` lines of a text that are not empty; none after a fault."""
    text = _without_first(text, skip)
    found: list[list[str]] = []
    try:
        for row in islice(reader_of(StringIO(text, newline=""), delimiter, quote), 4 * limit):
            if row:
                found.append(row)
            if len(found) == limit:
                break
    except csv.Error:
        pass
    return found


class Reader(Protocol):
    """That of the `csv` module."""

    line_num: int

    def __next__(self) -> list[str]: ...

    def __iter__(self) -> Iterator[list[str]]: ...


def reader_of(lines: Iterable[str], delimiter: str, quote: str, *, is_strict: bool = False) -> Reader:
    """Python's reader of rows: for small parts of a file, and for finding a fault in it."""
    if not quote:
        return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=is_strict)


def _without_first(text: str, lines: int) -> str:
    at = 0
    for _ in range(lines):
        found = re.compile(r"\r\n|\r|\n").search(text, at)
        if found is None:
            return ""
        at = found.end()
    return text[at:]


def _found_quote(text: str) -> str:
    """The single quote only where values stand in such ones, and none in double ones."""
    edges = re.findall(r"(?:^|[,;\t|])'(?:[^'\n]|'')*'(?=[,;\t|\r\n]|$)", text[:65536], re.MULTILINE)
    openings = re.findall(r"(?:^|[,;\t|])'", text[:65536], re.MULTILINE)
    return "'" if len(edges) > 1 and len(edges) == len(openings) and '"' not in text[:65536] else '"'


def _found_delimiter(text: str, quote: str, preferred: str) -> str:
    """The one that cuts most rows into the same number of values."""
    marks = preferred + DELIMITERS.replace(preferred, "") if preferred else DELIMITERS
    best, chosen = 0.5, ""
    for mark in marks:
        share = _regularity(text, mark, quote)
        if share > best and (mark != ":" or share == 1.0):
            best, chosen = share, mark
    first = next((line for line in text.splitlines() if line.strip()), "")
    return chosen or next((mark for mark in marks.replace(":", "") if mark in first), preferred or ",")


def _regularity(text: str, delimiter: str, quote: str) -> float:
    """The share of rows that have the most common number of values, where that is two or more; else 0."""
    rows = rows_of(text, delimiter, quote)
    if not rows:
        return 0.0
    if len(rows) < _ROWS and len(rows) > 2 and not text.endswith(("\n", "\r")):
        rows = rows[:-1]  # it may be cut
    width, count = Counter(map(len, rows)).most_common(1)[0]
    return count / len(rows) if width > 1 else 0.0


def _check_delimiter(text: str, quote: str, given: str) -> None:
    if _regularity(text, given, quote) or any(len(row) > 1 for row in rows_of(text, given, quote)):
        return
    other = next((mark for mark in DELIMITERS[:4] if mark != given and _regularity(text, mark, quote) > 0.9), "")
    if other:
        raise InvalidInput(
            f"The delimiter {given!r} stands in no row, while {other!r} cuts the rows into equal ones.",
            hint=f"Set the delimiter to {other!r}, or leave it to be found out.",
        )


def _junk_rows(rows: list[list[str]]) -> int:
    """How many rows stand before the header: titles and notes, which have few values where the table has many."""
    width = Counter(map(len, rows)).most_common(1)[0][0] if rows else 0
    start = 0
    while start < len(rows) - 1 and _is_junk(rows[start], width):
        start += 1
    header = rows[start] if rows else []
    is_header = len(header) == width and all(name.strip() and not _VALUE.fullmatch(name) for name in header)
    return start if is_header else 0


def _lines_before(text: str, row: int, delimiter: str, quote: str) -> int:
    """Lines, empty ones too, before a row counted from 0 among those that are not empty."""
    reader = reader_of(StringIO(text, newline=""), delimiter, quote)
    lines = seen = 0
    try:
        for values in reader:
            if values and seen == row:
                break
            seen += bool(values)
            lines = reader.line_num
    except csv.Error:
        pass
    return lines


def _is_junk(row: Sequence[str], width: int) -> bool:
    filled = sum(bool(value.strip()) for value in row)
    is_title = width > 1 and filled < 2 and (len(row) < width or width > 2)
    return is_title or (width > 3 and len(row) <= width / 2)


def _starts_with_values(rows: list[list[str]]) -> bool:
    """Whether the first row holds values as those below it do, rather than names."""
    if not rows:
        return False
    first, below = rows[0], rows[1:]
    numeric = [value for value in first if _VALUE.fullmatch(value)]
    if not numeric or _is_series(numeric):
        return False
    for at, value in enumerate(first):
        column = [row[at] for row in below if at < len(row) and row[at].strip()]
        are_values = [_VALUE.fullmatch(other) is not None for other in column]
        if value.strip() and are_values and all(are_values) != bool(_VALUE.fullmatch(value)):
            return False
    return True


def _is_series(values: list[str]) -> bool:
    """Whether numbers in a header are names: years, or counted through."""
    if not all(value.strip().isdigit() for value in values):
        return False
    numbers = [int(value) for value in values]
    if all(1900 <= number <= 2100 for number in numbers):
        return len(set(numbers)) == len(numbers)
    steps = {after - before for before, after in pairwise(numbers)}
    return len(numbers) > 1 and len(steps) == 1 and steps != {0}
