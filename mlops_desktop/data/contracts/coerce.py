"""Bring columns to the types of a contract where that loses nothing, and name the cells where it would.

Text is read as numbers, truth values and ISO times (those without a zone in UTC), blank text as a missing value; whole
numbers serve as numbers and the reverse where they are whole; everything can become text. A number is never taken for
a time nor for a truth value other than 0 and 1.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.contracts.arrays import Mask, boolean_array, mask_of, with_nulls
from mlops_desktop.data.schema import checked_type, plain_type

STANDARD_STORAGE = {
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.NUMBER: pa.float64(),
    ColumnType.TEXT: pa.string(),
    ColumnType.TIME: pa.timestamp("us", "UTC"),
}
_TEXT_FORMS = {
    ColumnType.BOOLEAN: r"(?i)true|false|1|0",
    ColumnType.INTEGER: r"[+-]?\d{1,20}(\.0*)?",
    ColumnType.NUMBER: r"(?i)[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|nan|inf(inity)?)",
    ColumnType.TIME: r"\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d{1,9})?)?)?)?(Z|[+-]\d\d(:?\d\d)?)?",
}
_ZONE = re.compile(r"(Z|[+-]\d\d(:?\d\d)?)$")
_FROM_NUMBERS = (ColumnType.INTEGER, ColumnType.NUMBER)


def target_type(kind: pa.DataType, wanted: ColumnType | None, stored: pa.DataType | None = None) -> pa.DataType:
    """What a column of `kind` is brought to: itself where it fits, else as the dataset stores it (`stored`)."""
    if wanted is None or checked_type(kind) is wanted:
        return plain_type(kind)
    if stored is not None and checked_type(stored) is wanted:
        return stored
    return STANDARD_STORAGE[wanted]


def coerced(column: pa.Array, target: pa.DataType) -> tuple[pa.Array, Mask | None]:
    """The column in the target type, with nulls in cells that do not fit, and where those are (None for nowhere)."""
    before, after = checked_type(column.type), checked_type(target)
    if before is ColumnType.TEXT:
        forms = _readable(column, after, target)
    elif before is ColumnType.NUMBER and after is ColumnType.INTEGER:
        forms = with_nulls(column, ~mask_of(_is_whole(column)))
    elif after is ColumnType.TEXT or (before is ColumnType.INTEGER and after is ColumnType.NUMBER):
        forms = column
    elif before in _FROM_NUMBERS and after is ColumnType.BOOLEAN:
        whole = column if before is ColumnType.INTEGER else coerced(column, pa.int64())[0]
        forms = _readable(pc.cast(whole, pa.string()), after, target)
    else:
        forms = pa.nulls(len(column), target)
    result = _cast_cells(forms, target)
    failed = mask_of(_is_present(column)) & ~mask_of(result.is_valid())
    return result, failed if failed.any() else None


def _is_present(column: pa.Array) -> pa.Array:
    """Where there is a value that must not get lost: blank text is none, nor is NaN."""
    if pa.types.is_string(column.type):
        return pc.greater(pc.binary_length(pc.utf8_trim_whitespace(column)), 0)
    return pc.invert(column.is_null(nan_is_null=True))


def _is_whole(column: pa.Array) -> pa.Array:
    return pc.equal(pc.floor(column), column)


def _readable(column: pa.Array, wanted: ColumnType, target: pa.DataType) -> pa.Array:
    """Texts in the form that Arrow reads as the wanted type, null where they are not of any."""
    trimmed = pc.utf8_trim_whitespace(column)
    fits = mask_of(pc.match_substring_regex(trimmed, f"^(?:{_TEXT_FORMS[wanted]})$"))
    forms = with_nulls(trimmed, ~fits)
    if wanted is ColumnType.INTEGER:
        return pc.replace_substring_regex(pc.replace_substring_regex(forms, r"^\+", ""), r"\.0*$", "")
    if wanted is ColumnType.TIME and pa.types.is_timestamp(target):
        return _zoned(forms, target)
    return forms


def _zoned(forms: pa.Array, target: pa.DataType) -> pa.Array:
    """Times of the target type from ISO texts; a zone that is not given is UTC."""
    with_time = pc.replace_substring_regex(forms, r"^(\d{4}-\d\d-\d\d)(Z|[+-]\d\d(?::?\d\d)?)?$", r"\1T00:00\2")
    if target.unit == "us":  # digits beyond the microsecond are not kept for other formats either
        with_time = pc.replace_substring_regex(with_time, r"(\.\d{6})\d+", r"\1")
    is_zoned = pc.match_substring_regex(with_time, _ZONE.pattern)
    complete = pc.if_else(is_zoned, with_time, pc.binary_join_element_wise(with_time, "Z", ""))
    moments = _cast_cells(complete, pa.timestamp(target.unit, "UTC"))
    return pc.cast(moments, target)


def _cast_cells(column: pa.Array, target: pa.DataType) -> pa.Array:
    """Cast cell by cell in effect: halves that fail are cut again, so that few bad cells cost little."""
    if column.type.equals(target):
        return column
    try:
        return pc.cast(column, target)
    except pa.ArrowInvalid:
        if len(column) == 1:
            return pa.nulls(1, target)
        middle = len(column) // 2
        halves = (column.slice(0, middle), column.slice(middle))
        return pa.concat_arrays([_cast_cells(half, target) for half in halves])


def only(column: pa.Array, mask: Mask) -> pa.Array:
    """The values where the mask is set."""
    return column.filter(boolean_array(np.asarray(mask)))
