"""The rows of an SQL query as batches, with types that fit every row.

Types are those that the server names, and where it names none, those of the values. A column whose later values need a
wider type has the query run again (`Restarted`). SQLite knows no times: texts that are all ISO 8601 are read as such.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.sources.base import Restarted
from mlops_desktop.data.sources.values import ARROW, Kind, array_of, common_kind, kinds_of

_ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)?)?")
_BY_NAME = {str(arrow): kind for kind, arrow in ARROW.items()}

Blocks = Iterator[list[Sequence[Any]]]


class Columns:
    """Names and kinds of a result's columns, as they are known so far."""

    def __init__(self, hints: pa.Schema | None, *, has_times: bool) -> None:
        self._hints = {field.name: _BY_NAME.get(str(field.type), Kind.NONE) for field in hints or ()}
        self._has_times = has_times
        self.names: list[str] = []
        self.kinds: list[Kind] = []

    def named(self, names: Sequence[str], kinds: Sequence[Kind]) -> None:
        """Take what the server says of the columns, once."""
        if not self.kinds:
            self.names = list(names)
            hinted = [self._hints.get(name, Kind.NONE) for name in names]
            self.kinds = [common_kind(pair) for pair in zip(kinds, hinted, strict=True)]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(list(zip(self.names, (ARROW[kind] for kind in self.kinds), strict=True)))

    def learn(self, block: list[Sequence[Any]]) -> None:
        """Widen the kinds so that they hold the block's values. Raises `InvalidInput` for those that no column can."""
        for at, values in enumerate(zip(*block, strict=True)):
            found = common_kind(kinds_of(values))
            if found is Kind.OTHER:
                raise self._refusal(self.names[at], values)
            if found is Kind.TEXT and not self._has_times and self.kinds[at] is not Kind.TEXT:
                found = common_kind(kinds_of(_times(values)))
            self.kinds[at] = common_kind([self.kinds[at], found])

    def batch(self, block: list[Sequence[Any]]) -> pa.RecordBatch:
        columns = zip(self.names, self.kinds, zip(*block, strict=True), strict=True)
        return pa.RecordBatch.from_arrays([self._array(*column) for column in columns], schema=self.schema)

    def _array(self, name: str, kind: Kind, values: Sequence[Any]) -> pa.Array:
        if not self._has_times and kind in (Kind.DATE, Kind.TIME, Kind.INSTANT):
            values = _times(values)
        try:
            return array_of(values, kind)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            raise InvalidInput(
                f"Column {name!r} of the query cannot be read: {error}.", hint="Cast it in the query."
            ) from error

    def _refusal(self, name: str, values: Sequence[Any]) -> InvalidInput:
        kinds = {type(value) for value in values}
        held = "binary data" if kinds & {bytes, bytearray, memoryview} else "durations, lists or documents"
        return InvalidInput(
            f"Column {name!r} of the query holds {held}, which a table of features cannot hold.",
            hint="Leave it out, or cast it to numbers or text in the query.",
        )


class QueryRows:
    """The rows of one query. The first run of it begins here and is gone on with by the first reading."""

    def __init__(self, run: Callable[[Columns], Blocks], columns: Columns) -> None:
        self._run = run
        self._columns = columns
        self._running: Blocks | None = run(columns)
        self._first = next(self._running, [])
        if not self._first:
            raise InvalidInput("The query gives no rows.", hint="Give a query that finds at least one row.")
        columns.learn(self._first)

    @property
    def schema(self) -> pa.Schema:
        return self._columns.schema

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        running, self._running = self._running, None
        first, self._first = self._first, []
        if running is not None:
            yield self._columns.batch(first)
        before = list(self._columns.kinds)
        for block in running or self._run(self._columns):
            self._columns.learn(block)
            if self._columns.kinds != before:
                raise Restarted
            yield self._columns.batch(block)


def _times(values: Sequence[Any]) -> Sequence[Any]:
    """ISO 8601 texts as times; the values as they are where one is none."""
    try:
        return [_time(value) if isinstance(value, str) else value for value in values]
    except ValueError:
        return values


def _time(text: str) -> date:
    if not _ISO.fullmatch(text):
        raise ValueError(text)
    return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
