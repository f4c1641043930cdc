"""Several files of the same columns, read one after the other as one table.

Columns are matched by name. Types are those that fit all files: where a later file needs wider ones, the files that
follow are asked for theirs and reading starts over (`Restarted`). Text is at the end of that ladder, so it terminates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.schema import as_plain, plain_type
from mlops_desktop.data.sources.base import Restarted, Source

_WARNINGS = 20


class JoinedFile(Struct, frozen=True):
    """One of the files: its name for people, and how it is opened with the types that are expected."""

    name: str
    open: Callable[[pa.Schema | None], Source]


class Joined:
    """The rows of several files.

    Attributes:
        schema: the columns as they are read now; it may change when reading is restarted.
        warnings: of the files that were read.
    """

    def __init__(
        self, files: Sequence[JoinedFile], first: Source, hints: pa.Schema | None = None, *, fill_missing: bool = False
    ) -> None:
        """`first` is the first of the files, opened."""
        self._files = files
        self._hints = hints
        self._fills = fill_missing
        self._opened: dict[int, Source] = {0: first}
        self._restarted: dict[int, Source] = {}  # these have learned types that a new look would not show
        self.schema = _plain(first.schema)
        self.warnings = self._said_by(0, first)
        if fill_missing:
            self._widen()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        warnings: list[str] = []
        for position, file in enumerate(self._files):
            source = self._source(position)
            self._merge(position, source.schema)
            for batch in self._rows(position, source):
                yield self._aligned(batch, file.name)
            source.identity.check_unchanged()
            warnings += self._said_by(position, source)
        self.warnings = tuple(warnings[:_WARNINGS])

    def _source(self, position: int) -> Source:
        found = self._opened.pop(position, None) or self._restarted.get(position)
        return found or self._files[position].open(self._hints)

    def _rows(self, position: int, source: Source) -> Iterator[pa.RecordBatch]:
        try:
            yield from source
        except Restarted:
            self._restarted[position] = source
            self._merge(position, source.schema)
            raise

    def _merge(self, position: int, found: pa.Schema) -> None:
        """Raise `Restarted` where a file needs other types than those so far, `InvalidInput` where other columns."""
        before = self.schema
        self.schema = self._merged(position, found)
        if not self.schema.equals(before):
            self._widen()
            raise Restarted

    def _widen(self) -> None:
        """Take the types of all files, so that this happens once."""
        self._opened.clear()
        for position, file in enumerate(self._files):
            known = self._restarted.get(position) or file.open(self._hints)
            self.schema = self._merged(position, known.schema)
        self._hints = self.schema

    def _merged(self, position: int, found: pa.Schema) -> pa.Schema:
        if not self._fills:
            self._check_columns(self._files[position].name, found.names)
        merged = {field.name: field.type for field in self.schema}
        for field in _plain(found):
            merged[field.name] = common_type(merged.get(field.name, pa.null()), field.type)
        return pa.schema(list(merged.items()))

    def _check_columns(self, name: str, columns: Sequence[str]) -> None:
        expected = self.schema.names
        missing = [column for column in expected if column not in columns]
        surplus = [column for column in columns if column not in expected]
        if missing or surplus:
            said = [("lacks", missing), ("also has", surplus)]
            parts = [f"{verb} {', '.join(map(repr, names))}" for verb, names in said if names]
            raise InvalidInput(
                f"{name} does not have the columns of {self._files[0].name}: it {' and '.join(parts)}.",
                hint="Choose the files that belong together with a pattern, or have missing columns filled.",
            )

    def _aligned(self, batch: pa.RecordBatch, name: str) -> pa.RecordBatch:
        columns = [
            batch.column(field.name) if field.name in batch.schema.names else pa.nulls(batch.num_rows, field.type)
            for field in self.schema
        ]
        try:
            return as_plain(pa.RecordBatch.from_arrays(columns, names=self.schema.names), self.schema)
        except InvalidInput as error:
            raise InvalidInput(f"{name}: {error.message}", hint=error.hint) from error

    def _said_by(self, position: int, source: Source) -> tuple[str, ...]:
        name = f"{self._files[position].name}: " if len(self._files) > 1 else ""
        return tuple(f"{name}{warning}" for warning in source.warnings)


class JoinedSource(Source, kw_only=True):
    """`Joined` as a source. `_within` names the archive that the files are in."""

    _joined: Joined
    _within: str = ""
    _own_warnings: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._joined
        except InvalidInput as error:
            raise within(self._within, error) from error
        self.warnings = (*self._own_warnings, *self._joined.warnings)


def within(archive: str, error: InvalidInput) -> InvalidInput:
    """The same, with the name of the archive that it happened in."""
    return InvalidInput(f"In {archive}: {error.message}", hint=error.hint) if archive else error


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The narrowest type that holds the values of both; text where there is no better one."""
    if pa.types.is_timestamp(one) and pa.types.is_date(other):
        other = pa.timestamp(one.unit)
    elif pa.types.is_date(one) and pa.types.is_timestamp(other):
        one = pa.timestamp(other.unit)
    try:
        pair = [pa.schema([("", kind)]) for kind in (one, other)]
        return pa.unify_schemas(pair, promote_options="permissive").field(0).type
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.string()


def _plain(schema: pa.Schema) -> pa.Schema:
    """Storage types, but a column without values stays open to any."""
    return pa.schema([(f.name, f.type if pa.types.is_null(f.type) else plain_type(f.type) or f.type) for f in schema])
