"""Checks a request's columns against the signature of the version that is to answer; names the column that is wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Signature
from mlops_desktop.serving.gateway.calls import ENTITY_INPUT
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.rules import InputRules

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
LARGEST_NUMBER = 3.4028234663852886e38  # of 32 bits, which is what most models compute with
FEW_VALUES = 8
"""Beyond, the types of all values are looked at at once, which takes a fifth of the time of one by one."""


_DEFAULT = InputRules()


def kinds_of(values: list[Any]) -> set[type]:
    """The types that there are among values."""
    return set(map(type, values))


def columns_in_order(
    columns: dict[str, list[Any]], signature: Signature, rules: InputRules = _DEFAULT
) -> list[list[Any]]:
    """The features' columns in the signature's order; what else is given is the rules' to judge. `HttpError` 400."""
    if rules.refuse_extra_columns:
        check_names(columns, signature, rules)
    ordered: list[list[Any]] = []
    for feature in signature.features:
        values = columns.get(feature.name)
        if values is None:
            check_names(columns, signature, rules)
            raise HttpError(400, f"Missing column '{feature.name}'.")
        ordered.append(_checked(feature, values))
        if rules.refuse_missing_values or rules.refuse_unknown_categories:
            _check_values(feature, values, rules)
    return ordered


def check_names(names: Iterable[str], signature: Signature, rules: InputRules) -> None:
    """Raise `HttpError` 400 that names the columns that are missing, or by the rules too many."""
    given = list(names)
    wanted = [feature.name for feature in signature.features]
    missing = [name for name in wanted if name not in given]
    if missing:
        raise HttpError(400, f"Missing column{_s(missing)} {_quoted(missing)}.")
    extra = [name for name in given if name not in wanted and name != ENTITY_INPUT]
    if extra and rules.refuse_extra_columns:
        raise HttpError(400, f"The model knows no column{_s(extra)} {_quoted(extra)}.")


def wrong_type(feature: Feature, found: str, row: int | None = None) -> HttpError:
    """What to answer where a column holds something else than its type."""
    where = f"Column '{feature.name}'" + ("" if row is None else f", row {row}")
    return HttpError(400, f"{where}: {_ACCEPTED[feature.type][1]} is expected, not {found}.")


def missing_value(feature: Feature, row: int) -> HttpError:
    """What to answer where values may not be missing."""
    return HttpError(400, f"Column '{feature.name}', row {row}: the value is missing (null or NaN).")


def endless_number(feature: Feature, row: int) -> HttpError:
    """What to answer where values may not be missing, and a number is so large that it counts as missing."""
    return HttpError(400, f"Column '{feature.name}', row {row}: the number is too large for the model.")


def unknown_category(feature: Feature, value: str, row: int) -> HttpError:
    """What to answer where a category has to be one of training's."""
    return HttpError(400, f"Column '{feature.name}', row {row}: '{_shortened(value)}' is no category of the training.")


def _checked(feature: Feature, values: list[Any]) -> list[Any]:
    accepted = _ACCEPTED[feature.type][0]
    if len(values) > FEW_VALUES:
        kinds = kinds_of(values)
        if kinds <= accepted and (int not in kinds or (len(kinds) == 1 and _are_small(values))):
            return values
    has_large = False
    for row, value in enumerate(values):
        kind = type(value)
        if kind not in accepted:
            raise wrong_type(feature, _NAMES.get(kind, kind.__name__), row)
        if kind is int and not -_EXACT_LIMIT <= value <= _EXACT_LIMIT:
            has_large = True
    return _as_floats(feature, values) if has_large else values


def _are_small(values: list[int]) -> bool:
    return max(values) <= _EXACT_LIMIT and min(values) >= -_EXACT_LIMIT


def _check_values(feature: Feature, values: list[Any], rules: InputRules) -> None:
    known = frozenset(feature.categories) if rules.refuse_unknown_categories else frozenset()
    for row, value in enumerate(values):
        if value is None or (type(value) is float and math.isnan(value)):
            if rules.refuse_missing_values:
                raise missing_value(feature, row)
        elif type(value) in (int, float) and not -LARGEST_NUMBER <= value <= LARGEST_NUMBER:
            if rules.refuse_missing_values:
                raise endless_number(feature, row)
        elif known and value not in known:
            raise unknown_category(feature, str(value), row)


def _s(names: list[str]) -> str:
    return "s" if len(names) > 1 else ""


def _quoted(names: list[str]) -> str:
    shown = ", ".join(f"'{_shortened(name)}'" for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10:,} more"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def _as_floats(feature: Feature, values: list[Any]) -> list[Any]:
    """Integers that only a float can carry."""
    try:
        return [None if value is None else float(value) for value in values]
    except OverflowError:
        raise HttpError(400, f"Column '{feature.name}' holds a number that is too large.") from None
