"""Values of a column that was retyped, brought to one type in which both sides can be compared."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

Types = dict[str, pa.DataType]


def common_types(before: pa.Schema, after: pa.Schema) -> Types:
    """By column that both schemas have, the type that its values are compared in."""
    return {
        field.name: comparable_type(field.type, after.field(field.name).type)
        for field in before
        if field.name in after.names
    }


def comparable_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """The type in which values of both are compared: of two numbers of different precision the coarser one decides, a
    time without a zone is in UTC, a date is its midnight, and beside text everything is compared by its text."""
    if one.equals(other):
        return one
    kinds = (one, other)
    if all(pa.types.is_integer(kind) or pa.types.is_boolean(kind) for kind in kinds):
        return pa.float64() if pa.types.is_uint64(one) or pa.types.is_uint64(other) else pa.int64()
    if all(_is_number(kind) for kind in kinds):
        return pa.float32() if all(pa.types.is_floating(kind) for kind in kinds) else pa.float64()
    if all(pa.types.is_temporal(kind) for kind in kinds):
        has_nanoseconds = any(pa.types.is_timestamp(kind) and kind.unit == "ns" for kind in kinds)
        return pa.timestamp("ns" if has_nanoseconds else "us", "UTC")
    return pa.string()


def comparable(batch: pa.RecordBatch, types: Types) -> pa.RecordBatch:
    """The columns named by `types`, in these types."""
    columns = [as_comparable(batch.column(name), kind) for name, kind in types.items()]
    return pa.RecordBatch.from_arrays(columns, names=list(types))


def as_comparable(column: pa.Array, kind: pa.DataType) -> pa.Array:
    return column if column.type.equals(kind) else pc.cast(column, kind, safe=False)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_floating(kind))
