"""What the rules of a contract mean: whether they fit together, their limits as stored values, their words."""

from __future__ import annotations

import math
import re
import warnings
from datetime import UTC, datetime, timedelta

import pyarrow as pa
from msgspec.structs import replace

from mlops_desktop.core.contracts import ColumnRule, Contract
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMERIC = (ColumnType.INTEGER, ColumnType.NUMBER)
_TYPE_WORDS = {
    ColumnType.BOOLEAN: "true or false",
    ColumnType.INTEGER: "whole numbers",
    ColumnType.NUMBER: "numbers",
    ColumnType.TEXT: "texts",
    ColumnType.TIME: "times",
}
_LISTED = 8


def check_contract(contract: Contract, where: str = "The contract") -> None:
    """Raise `InvalidInput`, naming the key, where rules contradict each other or cannot be applied."""
    names = [rule.name for rule in contract.columns]
    for name in names:
        if not name.strip():
            raise _wrong(where, "columns", "a column without a name")
        if names.count(name) > 1:
            raise _wrong(where, f"columns.{name}", "is there twice")
    for rule in contract.columns:
        if problem := _rule_problem(rule):
            key, words = problem
            raise _wrong(where, f"columns.{rule.name}.{key}", words)
    if problem := _table_problem(contract):
        key, words = problem
        raise _wrong(where, key, words)


def effective_rules(contract: Contract) -> tuple[ColumnRule, ...]:
    """The rules by column with what the table's own rules add: key columns are there and never missing."""
    by_name = {rule.name: rule for rule in contract.columns}
    for name in contract.key:
        rule = by_name.get(name, ColumnRule(name))
        by_name[name] = replace(rule, is_required=True, nullable=False)
    if contract.time_column and contract.max_age_hours:
        name = contract.time_column
        by_name[name] = replace(by_name.get(name, ColumnRule(name)), type=ColumnType.TIME)
    return tuple(by_name.values())


def stored_bounds(rule: ColumnRule, kind: pa.DataType) -> tuple[float | int | None, float | int | None]:
    """Smallest and largest value allowed as the column stores it: numbers, or units since 1970; None leaves it open."""
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _stored_time(rule.minimum, kind), _stored_time(rule.maximum, kind)
    low, high = (None if isinstance(bound, str) else bound for bound in (rule.minimum, rule.maximum))
    if pa.types.is_integer(kind):  # whole limits compare exactly, also beyond 2**53
        low = math.ceil(low) if low is not None and math.isfinite(low) else low
        high = math.floor(high) if high is not None and math.isfinite(high) else high
    return low, high


def moment_of(text: str) -> datetime:
    """An ISO time; one without a zone is in UTC. Raises `ValueError`."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def requirement(rule: ColumnRule, broken: str) -> str:
    """What the broken rule asks of a value, to follow `must` in a sentence."""
    return {
        "type": f"hold {_TYPE_WORDS[rule.type]}" if rule.type else "hold one type",
        "nullable": "not be missing",
        "minimum": f"be at least {_said(rule.minimum)}",
        "maximum": f"be at most {_said(rule.maximum)}",
        "categories": f"be one of {_listed(rule.categories)}",
        "pattern": f"match {rule.pattern}",
        "max_length": f"have at most {rule.max_length:,} characters",
        "unique": "occur once only",
        "key": "occur once only",
    }[broken]


def _rule_problem(rule: ColumnRule) -> tuple[str, str] | None:
    found = {
        "minimum": _bound_problem(rule.minimum, rule.type),
        "maximum": _bound_problem(rule.maximum, rule.type),
        "categories": _categories_problem(rule) if rule.categories else "",
        "pattern": _pattern_problem(rule) if rule.pattern else "",
        "max_length": _length_problem(rule),
        "max_missing": "" if 0 <= rule.max_missing <= 1 else "must be a share between 0 and 1",
    }
    if not found["minimum"] + found["maximum"] and _ordinal(rule.minimum, -math.inf) > _ordinal(rule.maximum, math.inf):
        found["minimum"] = f"is above the maximum {_said(rule.maximum)}"
    return next(((key, words) for key, words in found.items() if words), None)


def _length_problem(rule: ColumnRule) -> str:
    if rule.max_length < 0:
        return "must be 0 or more"
    return 'needs type = "text"' if rule.max_length and rule.type is not ColumnType.TEXT else ""


def _bound_problem(bound: float | str | None, kind: ColumnType | None) -> str:
    if bound is None:
        return ""
    if isinstance(bound, str):
        if kind is not ColumnType.TIME:
            return 'is a time, which needs type = "time"'
        try:
            moment_of(bound)
        except ValueError:
            return f"{bound!r} is not a time such as 2013-01-31T12:00"
        return ""
    if math.isnan(bound):
        return "is not a number"
    return "" if kind in _NUMERIC else 'is a number, which needs type = "integer" or "number"'


def _categories_problem(rule: ColumnRule) -> str:
    if rule.type not in (ColumnType.TEXT, ColumnType.INTEGER):
        return 'need type = "text" or "integer"'
    if len(set(rule.categories)) < len(rule.categories):
        return "name a value twice"
    if rule.type is ColumnType.INTEGER and not all(re.fullmatch(r"-?\d{1,18}", text) for text in rule.categories):
        return "must be whole numbers, as the column holds whole numbers"
    return ""


def _pattern_problem(rule: ColumnRule) -> str:
    if rule.type is not ColumnType.TEXT:
        return 'needs type = "text"'
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of what `[[` may mean one day
            re.compile(rule.pattern)
    except (re.error, RecursionError, OverflowError) as error:
        return f"is not a regular expression ({error})"
    return ""


def _table_problem(contract: Contract) -> tuple[str, str] | None:
    time_rule = contract.rule(contract.time_column)
    key = contract.key
    for name, is_wrong, words in (
        ("key", len(set(key)) < len(key) or not all(key), "must name different columns"),
        ("min_rows", contract.min_rows < 0, "must be 0 or more"),
        ("max_rows", contract.max_rows < 0, "must be 0 or more"),
        ("max_rows", 0 < contract.max_rows < contract.min_rows, f"is below min_rows, {contract.min_rows}"),
        ("max_age_hours", not 0 <= contract.max_age_hours < math.inf, "must be 0 or more"),
        ("max_age_hours", bool(contract.max_age_hours) and not contract.time_column, "needs a time_column"),
        (
            "time_column",
            time_rule is not None and time_rule.type not in (None, ColumnType.TIME),
            f'{contract.time_column!r} needs type = "time"',
        ),
        ("max_bad_share", not 0 <= contract.max_bad_share <= 1, "must be a share between 0 and 1"),
    ):
        if is_wrong:
            return name, words
    return None


def _wrong(where: str, key: str, words: str) -> InvalidInput:
    return InvalidInput(f"{where}, {key}: {words}.", hint="Correct that key of the contract.")


def _stored_time(bound: float | str | None, kind: pa.DataType) -> int | None:
    if not isinstance(bound, str):
        return None
    microseconds = (moment_of(bound) - _EPOCH) // timedelta(microseconds=1)
    if pa.types.is_date(kind):
        return microseconds // 86_400_000_000
    return microseconds * 1_000 if kind.unit == "ns" else microseconds


def _ordinal(bound: float | str | None, otherwise: float) -> float:
    if bound is None:
        return otherwise
    return moment_of(bound).timestamp() if isinstance(bound, str) else bound


def _said(bound: float | str | None) -> str:
    return f"{bound:,.15g}".replace(",", "") if isinstance(bound, float | int) else str(bound)


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(values[:_LISTED]) + (", …" if len(values) > _LISTED else "")
