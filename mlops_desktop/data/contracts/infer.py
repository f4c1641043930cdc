"""Infer a contract from a version: what is true of it, with room for what comes next.

Numbers may go beyond what was seen by a tenth of the span on either side, but not below zero where none did; a column
of one value, or with infinite ones, gets no range, nor does a key or a time, which go on growing. Texts are categories
where at most 20 different ones occur, each ten times on average. A column is a key where it is called like one, has no
missing value and each value once. The version that a contract is inferred from always keeps it.
"""

from __future__ import annotations

import math
import re

from mlops_desktop.core.contracts import ColumnRule, Contract
from mlops_desktop.core.datasets import ColumnProfile, ColumnType, DatasetVersion, Profile
from mlops_desktop.data.contracts.keys import Uniqueness
from mlops_desktop.data.read import iter_batches
from mlops_desktop.data.versions.manifests import read_profile
from mlops_desktop.registry import Registry

MARGIN = 0.1
MOST_CATEGORIES = 20
_TIMES_EACH = 10
_WHOLE_TEXT = 80
_LIKE_A_KEY = re.compile(r"(?i)(.*[\W_])?(id|key|uuid|guid|nr|no|number|code)|.*[a-z](Id|ID|Key)|index")
_NEARLY_ALL = 0.85  # the number of different values is an estimate, see `data.distinct`
_LARGEST_EXACT = 2.0**53


def infer_contract(registry: Registry, version: DatasetVersion) -> Contract:
    """The contract that the rows of a version suggest; it refuses rows that break it until somebody says otherwise."""
    profile = read_profile(registry, version)
    unique = [name for name in key_candidates(profile) if _is_unique(registry, version, name)]
    times = [column.name for column in profile.columns if column.type is ColumnType.TIME]
    return Contract(
        columns=tuple(_rule(column, profile.rows, unique) for column in profile.columns),
        key=tuple(unique[:1]),
        time_column=profile.time_column or (times[0] if len(times) == 1 else ""),
    )


def key_candidates(profile: Profile) -> list[str]:
    """Columns that are called like a key, hold numbers or texts, miss none, and seem to have each value once."""
    return [
        column.name
        for column in profile.columns
        if column.type in (ColumnType.TEXT, ColumnType.INTEGER)
        and profile.rows > 1
        and not column.nulls
        and column.distinct >= _NEARLY_ALL * profile.rows
        and _LIKE_A_KEY.fullmatch(column.name)
    ]


def _is_unique(registry: Registry, version: DatasetVersion, name: str) -> bool:
    """By the hashes of all values: one that repeats speaks against it, and a false alarm costs a key, no more."""
    uniqueness = Uniqueness([name])
    try:
        for batch in iter_batches(registry, version, columns=[name]):
            uniqueness.repeats(batch)
        return not len(uniqueness.found())
    finally:
        uniqueness.close()


def _rule(column: ColumnProfile, rows: int, unique: list[str]) -> ColumnRule:
    is_key = column.name in unique
    low, high = (None, None) if is_key else _range(column)
    return ColumnRule(
        name=column.name,
        type=column.type,
        nullable=column.nulls > 0 or not rows,
        unique=is_key and column.name != unique[0],
        minimum=low,
        maximum=high,
        categories=_categories(column),
        max_missing=_most_missing(column.nulls, rows),
    )


def _range(column: ColumnProfile) -> tuple[float | None, float | None]:
    low, high = column.minimum, column.maximum
    if column.type not in (ColumnType.INTEGER, ColumnType.NUMBER) or isinstance(low, str) or isinstance(high, str):
        return None, None
    if low is None or high is None or low == high or sum(column.counts) < column.count:
        return None, None
    margin = MARGIN * (high / 2 - low / 2) * 2
    if column.type is ColumnType.INTEGER:
        margin = math.floor(margin) if margin < _LARGEST_EXACT else margin
        if max(abs(low), abs(high)) >= _LARGEST_EXACT:  # the profile rounds such numbers
            margin += max(math.ulp(low), math.ulp(high))
    least, most = _rounded(low - margin, math.floor), _rounded(high + margin, math.ceil)
    least = 0.0 if low >= 0 > least else least
    return (least, most) if math.isfinite(least) and math.isfinite(most) else (None, None)


def _rounded(value: float, towards: object) -> float:
    """To four digits that count, away from the values seen."""
    if value == 0 or not math.isfinite(value):
        return value
    digits = 3 - math.floor(math.log10(abs(value)))
    rounded = round(value, digits)
    is_outside = rounded <= value if towards is math.floor else rounded >= value
    step = 10.0**-digits
    if not is_outside:
        rounded = round(rounded - step if towards is math.floor else rounded + step, digits)
    return rounded


def _categories(column: ColumnProfile) -> tuple[str, ...]:
    """All values, where they are few, each often, and none of them shortened in the profile."""
    is_few = 0 < len(column.top) <= MOST_CATEGORIES and column.count >= _TIMES_EACH * len(column.top)
    is_all = sum(count for _, count in column.top) == column.count
    if column.type is not ColumnType.TEXT or not is_few or not is_all:
        return ()
    values = tuple(sorted(value for value, _ in column.top))
    return values if all(len(value) < _WHOLE_TEXT for value in values) else ()


def _most_missing(nulls: int, rows: int) -> float:
    """Half as much again as there was, and five in a hundred; 1, which is no limit, where that is most of them."""
    share = 1.5 * nulls / rows + 0.05 if rows and nulls else 1.0
    return math.ceil(share * 100) / 100 if share < 0.5 else 1.0
