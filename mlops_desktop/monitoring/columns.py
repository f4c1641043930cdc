"""Columns of a table as drift sees them: numbers, or categories, with what is missing and what has a wrong type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature

# An Arrow table or arrays by column name; to the type checker Arrow has no types, so this is documentation.
Table: TypeAlias = Any | Mapping[str, Any]
Floats = NDArray[np.floating[Any]]

NUMERIC_TYPES = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIME)


def is_numeric(feature: Feature) -> bool:
    """Whether a feature is compared as a number; numbers with listed categories are compared as categories."""
    return feature.type in NUMERIC_TYPES and not feature.categories


def columns_of(table: Table) -> dict[str, pa.ChunkedArray]:
    """The columns by name. Where two columns share a name the first one counts (see `repeated_names`)."""
    if isinstance(table, pa.Table):
        found: dict[str, pa.ChunkedArray] = {}
        for position, name in enumerate(table.column_names):
            found.setdefault(name, table.column(position))
        return found
    return {name: _chunked(values) for name, values in table.items()}


def repeated_names(table: Table) -> tuple[str, ...]:
    """Names that more than one column carries."""
    if not isinstance(table, pa.Table):
        return ()
    names = table.column_names
    return tuple(dict.fromkeys(name for name in names if names.count(name) > 1))


def features_of(table: Table, *, without: Sequence[str] = ()) -> tuple[Feature, ...]:
    """Features for all columns of a table, typed by what they hold: for callers that have no model signature."""
    return tuple(
        Feature(name, type_of(column.type), name) for name, column in columns_of(table).items() if name not in without
    )


def type_of(storage: pa.DataType) -> ColumnType:
    """The kind of value that an Arrow type holds."""
    if pa.types.is_boolean(storage):
        return ColumnType.BOOLEAN
    if pa.types.is_integer(storage):
        return ColumnType.INTEGER
    if pa.types.is_floating(storage) or pa.types.is_decimal(storage):
        return ColumnType.NUMBER
    if pa.types.is_temporal(storage):
        return ColumnType.TIME
    return ColumnType.TEXT


def has_wrong_type(feature: Feature, column: pa.ChunkedArray) -> bool:
    """Whether a column that holds values holds another kind of value than the model was trained on."""
    if pa.types.is_null(column.type) or column.null_count == len(column):
        return False
    found = type_of(column.type)
    numbers = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.BOOLEAN)
    return found != feature.type and not (found in numbers and feature.type in numbers)


def numbers_of(column: pa.ChunkedArray) -> list[Floats]:
    """The values as float arrays, one per chunk, missing ones as NaN; no copy is made of floats without nulls.

    Text that does not read as numbers becomes missing: `has_wrong_type` reports it.
    """
    storage = column.type
    if not (pa.types.is_floating(storage) or pa.types.is_integer(storage)):
        column = _as_double(column)
    return [_floats(chunk.to_numpy(zero_copy_only=False)) for chunk in column.chunks]


def joined_numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """All values of a column as one float64 array, missing ones as NaN."""
    parts = numbers_of(column)
    return np.concatenate(parts).astype(np.float64, copy=False) if parts else np.empty(0)


def texts_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The values as text, which is how categories are named."""
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    if pa.types.is_string(column.type):
        return column
    try:
        return pc.cast(column, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        values = [None if value is None else str(value) for value in column.to_pylist()]
        return pa.chunked_array([pa.array(values, pa.string())])


def _chunked(values: Any) -> pa.ChunkedArray:
    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, pa.Array):
        return pa.chunked_array([values])
    try:
        return pa.chunked_array([pa.array(values)])
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.array([None if v is None else str(v) for v in values], pa.string())])


def _as_double(column: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        if pa.types.is_temporal(column.type):
            column = pc.cast(pc.cast(column, pa.timestamp("us")), pa.int64())
        if pa.types.is_dictionary(column.type):
            column = pc.cast(column, column.type.value_type)
        return pc.cast(column, pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.nulls(len(column), pa.float64())])


def _floats(values: NDArray[Any]) -> Floats:
    if values.dtype in (np.float32, np.float64):
        return values
    small = values.dtype.kind in "iu" and values.dtype.itemsize <= 2
    return values.astype(np.float32 if small or values.dtype == np.float16 else np.float64)
