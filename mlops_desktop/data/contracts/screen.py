"""Clear columns of a batch by Arrow kernels. A column that is cleared keeps its rule; one that is not may keep it too.

Only pandera (`judge`) finds that a rule is broken, so every test here may be stricter than the rule, never laxer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.contracts import ColumnRule
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.contracts.arrays import integer_array, text_array
from mlops_desktop.data.contracts.rules import stored_bounds
from mlops_desktop.data.hashing import as_numbers

# Syntax that RE2 (Arrow) and Python's `re` (pandera) read alike, and where RE2 matches no more than `re` does.
_PORTABLE = re.compile(
    r"(?:[^\\(\[{]|\\[dwnrt]|\\[^\w\s]|\((?!\?)|\(\?:|\{(?=\d)|\[(?![\[:^])|\[\^(?![\[:\]]))*", re.ASCII
)
_CLASSES = re.compile(r"\\[dw]")


def uncleared(batch: pa.RecordBatch, rules: Sequence[ColumnRule]) -> list[ColumnRule]:
    """The rules that the batch may break; none of them means that it keeps them all."""
    return [rule for rule in rules if not is_cleared(batch.column(batch.schema.get_field_index(rule.name)), rule)]


def is_cleared(column: pa.Array, rule: ColumnRule) -> bool:
    """Whether the column, in the rule's type, certainly keeps what the rule says of single values."""
    if not rule.nullable and _has_missing(column):
        return False
    if column.null_count == len(column):
        return True
    return (
        _is_within(column, rule)
        and (not rule.categories or _is_among(column, rule))
        and (not rule.max_length or _is_short(column, rule.max_length))
        and (not rule.pattern or _is_matching(column, rule.pattern))
    )


def _has_missing(column: pa.Array) -> bool:
    if column.null_count:
        return True
    has_nan: bool | None = pc.any(pc.is_nan(column)).as_py() if pa.types.is_floating(column.type) else False
    return has_nan is True


def _is_within(column: pa.Array, rule: ColumnRule) -> bool:
    low, high = stored_bounds(rule, column.type)
    if low is None and high is None:
        return True
    found = pc.min_max(as_numbers(column)).as_py()
    # Where there is nothing but NaN both are NaN: not cleared.
    return bool((low is None or found["min"] >= low) and (high is None or found["max"] <= high))


def _is_among(column: pa.Array, rule: ColumnRule) -> bool:
    found = pc.is_in(column, value_set=_value_set(rule, column.type))
    return bool(pc.all(pc.or_kleene(found, column.is_null())).as_py())


@lru_cache(maxsize=256)
def _value_set(rule: ColumnRule, kind: pa.DataType) -> pa.Array:
    if rule.type is ColumnType.TEXT:
        return text_array(rule.categories)
    return pc.cast(integer_array([int(text) for text in rule.categories if _fits(int(text), kind)]), kind)


def _fits(value: int, kind: pa.DataType) -> bool:
    signed = pa.types.is_signed_integer(kind)
    bits = kind.bit_width - signed
    return bool(-(1 << bits) * signed <= value < 1 << bits)


def _is_short(column: pa.Array, limit: int) -> bool:
    if (pc.max(pc.binary_length(column)).as_py() or 0) <= limit:
        return True
    return (pc.max(pc.utf8_length(column)).as_py() or 0) <= limit


def _is_matching(column: pa.Array, pattern: str) -> bool:
    if not is_portable(pattern):
        compiled = re.compile(pattern)
        return all(compiled.fullmatch(text) for text in pc.unique(column.drop_null()).to_pylist())
    try:
        return bool(pc.all(pc.match_substring_regex(column, rf"\A(?:{pattern})\z")).as_py())
    except pa.ArrowInvalid:  # RE2 does not know it: leave it to the judge
        return False


@lru_cache(maxsize=256)
def is_portable(pattern: str) -> bool:
    """Whether RE2 matches nothing by this pattern that Python's `re` would not match.

    RE2's `\\d` and `\\w` are ASCII only, which is stricter, but in a negated class it would be laxer.
    """
    return _PORTABLE.fullmatch(pattern) is not None and not ("[^" in pattern and _CLASSES.search(pattern))
