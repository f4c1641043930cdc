"""Columns of Python values, as workbooks and databases give them, brought to Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import pyarrow as pa

_LONG = 2**63


class Kind(StrEnum):
    """What the values of a column are; `NONE` where there is no value, `OTHER` for what no column can hold."""

    NONE = "none"
    BOOLEAN = "booleans"
    INTEGER = "integers"
    UNSIGNED = "large integers"
    NUMBER = "numbers"
    TEXT = "texts"
    DATE = "dates"
    TIME = "times"
    INSTANT = "times with a zone"
    OTHER = "other values"


ARROW = {
    Kind.NONE: pa.null(), Kind.BOOLEAN: pa.bool_(), Kind.INTEGER: pa.int64(), Kind.UNSIGNED: pa.uint64(),
    Kind.NUMBER: pa.float64(), Kind.TEXT: pa.string(), Kind.DATE: pa.date32(), Kind.TIME: pa.timestamp("us"),
    Kind.INSTANT: pa.timestamp("us", "UTC"),
}  # fmt: skip
_BY_TYPE = {
    bool: Kind.BOOLEAN, float: Kind.NUMBER, Decimal: Kind.NUMBER, str: Kind.TEXT, date: Kind.DATE, time: Kind.TEXT,
    UUID: Kind.TEXT, type(None): Kind.NONE,
}  # fmt: skip
_WIDER = {
    frozenset({Kind.INTEGER, Kind.UNSIGNED}): Kind.NUMBER,
    frozenset({Kind.INTEGER, Kind.NUMBER}): Kind.NUMBER,
    frozenset({Kind.UNSIGNED, Kind.NUMBER}): Kind.NUMBER,
    frozenset({Kind.DATE, Kind.TIME}): Kind.TIME,
}


def kinds_of(values: Sequence[Any]) -> set[Kind]:
    """The kinds of the values; missing ones have none."""
    kinds = set()
    for each in set(map(type, values)):
        if each is int:
            kinds.add(_integer_kind([value for value in values if type(value) is int]))
        elif issubclass(each, datetime):
            kinds |= {Kind.INSTANT if value.tzinfo else Kind.TIME for value in values if type(value) is each}
        else:
            kinds.add(_BY_TYPE.get(each, Kind.OTHER))
    return kinds - {Kind.NONE}


def _integer_kind(values: Sequence[int]) -> Kind:
    least, largest = min(values), max(values)
    if least >= -_LONG and largest < _LONG:
        return Kind.INTEGER
    return Kind.UNSIGNED if least >= 0 and largest < 2 * _LONG else Kind.NUMBER


def common_kind(kinds: Iterable[Kind]) -> Kind:
    """The narrowest kind that holds all; texts where there is no better one."""
    found = Kind.NONE
    for kind in sorted(kinds):
        if Kind.OTHER in (kind, found):
            return Kind.OTHER
        if found in (Kind.NONE, kind):
            found = kind
        elif kind is not Kind.NONE:
            found = _WIDER.get(frozenset({found, kind}), Kind.TEXT)
    return found


def array_of(values: Sequence[Any], kind: Kind) -> pa.Array:
    """The values as an array of a kind that holds them, None as missing. Raises `pa.ArrowInvalid`, `ValueError`."""
    convert: Callable[[Any], Any] | None = None
    if kind is Kind.TEXT:
        convert = as_text
    elif kind is Kind.NUMBER:
        convert = float
    elif kind in (Kind.INTEGER, Kind.UNSIGNED):
        convert = int
    elif kind is Kind.TIME:
        convert = _as_time
    elif kind is Kind.INSTANT:
        convert = _in_utc
    if convert is not None:
        values = [None if value is None else convert(value) for value in values]
    return pa.array(values, ARROW[kind])


def as_text(value: Any) -> str:
    """A value as a person would write it."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)


def _in_utc(value: datetime) -> datetime:
    """Arrow leaves zones aside where a library such as pandera has set PYARROW_IGNORE_TIMEZONE."""
    return value.astimezone(UTC)


def _as_time(value: date) -> datetime:
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)
