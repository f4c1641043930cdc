"""What a person asks of columns that come with types: which are read, what they are called, what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.datasets import Column, ColumnType, Schema
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.schema import plain_type, to_arrow
from mlops_desktop.data.sources.base import Source
from mlops_desktop.data.sources.times import parsed

_KINDS = {
    ColumnType.BOOLEAN: pa.bool_(), ColumnType.INTEGER: pa.int64(), ColumnType.NUMBER: pa.float64(),
    ColumnType.TEXT: pa.string(), ColumnType.TIME: pa.timestamp("us"),
}  # fmt: skip


def shaped(source: Source, options: ReadOptions) -> Source:
    """The source with `columns`, `names` and `types` of the options followed. Raises `InvalidInput`."""
    if not (options.columns or options.names or options.types):
        return source
    shape = _Shape(source.name, options)
    return msgspec.structs.replace(
        source,
        _schema=lambda: shape.schema(source.schema),
        _batches=lambda: (shape.batch(batch) for batch in source),
        settings=msgspec.structs.replace(
            source.settings,
            columns=options.columns,
            names=options.names,
            types=options.types,
            date_formats=options.date_formats,
        ),
    )


def storage_type(name: str) -> pa.DataType:
    """The type that `ReadOptions.types` names. Raises `InvalidInput`."""
    if name in _KINDS:
        return _KINDS[ColumnType(name)]
    try:
        return to_arrow(Schema((Column("", ColumnType.TEXT, name),))).field(0).type
    except KeyError as error:
        raise InvalidInput(
            f"There is no type {name!r}.", hint=f"Give one of {', '.join(_KINDS)}, int32 or float."
        ) from error


class _Shape:
    def __init__(self, name: str, options: ReadOptions) -> None:
        self._name = name
        self._options = options
        self._types = {column: storage_type(asked) for column, asked in options.types.items()}

    def schema(self, found: pa.Schema) -> pa.Schema:
        return pa.schema([self._field(found.field(name)) for name in self._selected(found.names)])

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        schema = self.schema(batch.schema)
        columns = [
            self._converted(batch.column(name), name, field.type)
            for name, field in zip(self._selected(batch.schema.names), schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=schema)

    def _selected(self, names: Sequence[str]) -> Sequence[str]:
        unknown = [name for name in self._options.columns if name not in names]
        if unknown:
            raise InvalidInput(
                f"{self._name} has no column {', '.join(map(repr, unknown))}.", hint=f"It has {', '.join(names)}."
            )
        return self._options.columns or names

    def _field(self, field: pa.Field) -> pa.Field:
        return pa.field(self._options.names.get(field.name, field.name), self._types.get(field.name, field.type))

    def _converted(self, values: pa.Array, name: str, asked: pa.DataType) -> pa.Array:
        if values.type.equals(asked):
            return values
        try:
            plain = pc.cast(values, plain_type(values.type) or values.type)
            return next(self._readings(plain, asked))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise InvalidInput(
                f"Column {name!r} of {self._name} cannot be read as {asked}: {error}.", hint="Choose another type."
            ) from error

    def _readings(self, values: pa.Array, asked: pa.DataType) -> Iterator[pa.Array]:
        """By the first format that all values have, else as Arrow reads it."""
        if pa.types.is_string(values.type) and pa.types.is_temporal(asked):
            for form in self._options.date_formats:
                try:
                    yield parsed(values, form, asked)
                except pa.ArrowInvalid:
                    continue
        yield pc.cast(values, asked)
