"""Which Arrow types a dataset may hold, and how each is stored.

The same values must become the same version whatever file they came from, so each column is brought to one plain
storage type before anything is hashed or written: dictionaries are decoded, large strings and string views become
strings, times are kept in microseconds (nanoseconds stay nanoseconds), decimals become doubles.
"""

from __future__ import annotations

import hashlib
import re

import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.datasets import Column, ColumnType, Schema
from mlops_desktop.core.errors import InvalidInput

_UTC_NAMES = frozenset({"UTC", "Etc/UTC", "Z", "+00:00", "utc", "GMT"})
_TIMESTAMP = re.compile(r"timestamp\[(us|ns)(?:, tz=(.+))?\]")
_STORAGE: dict[str, pa.DataType] = {
    str(kind): kind
    for kind in (
        pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
        pa.float32(), pa.float64(), pa.string(), pa.date32(),
    )
}  # fmt: skip


def plain_type(kind: pa.DataType) -> pa.DataType | None:
    """The type a column of `kind` is stored as, or None where such a column cannot be stored."""
    types = pa.types
    if types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if types.is_timestamp(kind):
        zone = "UTC" if kind.tz in _UTC_NAMES else kind.tz
        return pa.timestamp("ns" if kind.unit == "ns" else "us", zone)
    for is_kind, plain in (
        (types.is_date, pa.date32()),
        (types.is_decimal, pa.float64()),
        (types.is_float16, pa.float32()),
        (lambda other: types.is_boolean(other) or types.is_integer(other) or types.is_floating(other), kind),
        (lambda other: types.is_nested(other) or types.is_duration(other) or types.is_interval(other), None),
    ):
        if is_kind(kind):
            return plain
    return pa.string()


def checked_type(kind: pa.DataType, column: str = "") -> ColumnType:
    """What a column of this Arrow type holds. Raises `InvalidInput` for lists, structs, durations and intervals."""
    plain = plain_type(kind)
    if plain is None:
        raise InvalidInput(
            f"Column {column!r} holds values of type {kind}, which a table of features cannot hold.",
            hint="Spread lists and structs over columns of their own, and give durations as numbers.",
        )
    if pa.types.is_boolean(plain):
        return ColumnType.BOOLEAN
    if pa.types.is_integer(plain):
        return ColumnType.INTEGER
    if pa.types.is_floating(plain):
        return ColumnType.NUMBER
    return ColumnType.TEXT if pa.types.is_string(plain) else ColumnType.TIME


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """The storage schema of a table: plain types, nullable fields, no metadata. Raises `InvalidInput`."""
    check_names(schema.names)
    for field in schema:
        checked_type(field.type, field.name)
    return pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])


def check_names(names: list[str], where: str = "The table") -> None:
    """Refuse a table without columns, or with unnamed or repeated ones."""
    if not names:
        raise InvalidInput(f"{where} has no columns.", hint="Give a table with at least one column.")
    unnamed = [str(position) for position, name in enumerate(names, 1) if not name.strip()]
    if unnamed:
        raise InvalidInput(
            f"{where} has no name for column {', '.join(unnamed)}.",
            hint="Give every column a name in the header, or say how many rows to skip before it.",
        )
    repeated = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if repeated:
        listed = ", ".join(repr(name) for name in repeated)
        raise InvalidInput(f"{where} has more than one column named {listed}.", hint="Rename the repeated columns.")


def as_plain(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with each column, found by position, in its storage type. Raises `InvalidInput` on loss."""
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    columns = [_as_type(column, field) for column, field in zip(batch.columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def aligned(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table's columns in the order and the types of `schema`, where that loses nothing. Raises `InvalidInput`."""
    check_names(table.column_names)
    missing = [name for name in schema.names if name not in table.column_names]
    surplus = [name for name in table.column_names if name not in schema.names]
    if missing or surplus:
        said = [f"{words}: {', '.join(names)}" for words, names in (("missing", missing), ("new", surplus)) if names]
        raise InvalidInput(
            f"The rows do not have the columns of the dataset ({'; '.join(said)}).",
            hint="Bring the columns in line, or ingest the whole table as a new version.",
        )
    batches = (as_plain(batch, schema) for batch in table.select(schema.names).to_batches())
    return pa.Table.from_batches(batches, schema=schema)


def _as_type(column: pa.Array, field: pa.Field) -> pa.Array:
    try:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        loses_digits_only = pa.types.is_decimal(column.type)
        return pc.cast(column, field.type, safe=not loses_digits_only)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidInput(
            f"Column {field.name!r} ({column.type}) cannot be stored as {field.type} without loss: {error}.",
            hint="Convert the column first, or ingest the whole table as a new version.",
        ) from error


def to_core(schema: pa.Schema) -> Schema:
    """The value that travels between rooms."""
    return Schema(tuple(Column(field.name, checked_type(field.type, field.name), str(field.type)) for field in schema))


def to_arrow(schema: Schema) -> pa.Schema:
    """Inverse of `to_core` for storage schemas."""
    return pa.schema([pa.field(column.name, _parsed(column.storage)) for column in schema.columns])


def _parsed(storage: str) -> pa.DataType:
    found = _TIMESTAMP.fullmatch(storage)
    return pa.timestamp(found[1], found[2]) if found else _STORAGE[storage]


def fingerprint(schema: pa.Schema) -> bytes:
    """SHA-256 of the columns' names and storage types, in order."""
    parts = (part for field in schema for part in (field.name, str(field.type)))
    return hashlib.sha256(b"".join(len(part.encode()).to_bytes(8, "little") + part.encode() for part in parts)).digest()
