"""Checks a request's columns against the signature of the version that is to answer; names the column that is wrong."""

from __future__ import annotations

from typing import Any

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Signature
from mlops_desktop.serving.gateway.faults import HttpError

_ACCEPTED: dict[ColumnType, tuple[frozenset[type], str]] = {
    ColumnType.NUMBER: (frozenset({int, float, bool, type(None)}), "a number"),
    ColumnType.INTEGER: (frozenset({int, float, bool, type(None)}), "a whole number"),
    ColumnType.BOOLEAN: (frozenset({bool, int, float, type(None)}), "true or false"),
    ColumnType.TEXT: (frozenset({str, type(None)}), "text"),
    ColumnType.TIME: (frozenset({int, float, type(None)}), "a number of seconds"),
}
_NAMES: dict[type, str] = {
    str: "text", int: "a number", float: "a number", bool: "true or false", list: "a list", dict: "an object",
}  # fmt: skip
_EXACT_LIMIT = 1 << 53


def columns_in_order(columns: dict[str, list[Any]], signature: Signature) -> list[list[Any]]:
    """The features' columns in the signature's order; others are ignored. Raises `HttpError` 400."""
    ordered: list[list[Any]] = []
    for feature in signature.features:
        values = columns.get(feature.name)
        if values is None:
            missing = [f"'{f.name}'" for f in signature.features if f.name not in columns]
            raise HttpError(400, f"Missing column{'s' if len(missing) > 1 else ''} {', '.join(missing)}.")
        ordered.append(_checked(feature, values))
    return ordered


def _checked(feature: Feature, values: list[Any]) -> list[Any]:
    accepted, wanted = _ACCEPTED[feature.type]
    has_large = False
    for row, value in enumerate(values):
        kind = type(value)
        if kind not in accepted:
            raise HttpError(
                400, f"Column '{feature.name}', row {row}: {wanted} is expected, not {_NAMES.get(kind, kind.__name__)}."
            )
        if kind is int and not -_EXACT_LIMIT <= value <= _EXACT_LIMIT:
            has_large = True
    return _as_floats(feature, values) if has_large else values


def _as_floats(feature: Feature, values: list[Any]) -> list[Any]:
    """Integers that only a float can carry."""
    try:
        return [None if value is None else float(value) for value in values]
    except OverflowError:
        raise HttpError(400, f"Column '{feature.name}' holds a number that is too large.") from None
