"""Which type the columns of a text have, by as much of it as was seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import times
from mlops_desktop.data.sources.numbers import PLAIN, NumberStyle, found_style, has_leading_zeros
from mlops_desktop.data.sources.readings import AS_TEXT, DOUBLE, NOTHING, Reading

_START = 1000


class Rules(Struct, frozen=True):
    """How numbers and times are written in a table.

    Attributes:
        is_style_known: false where numbers such as 1,234 may be read in two ways; they stay text.
        unclear_dates: columns where day and month cannot be told apart; they stay text.
    """

    style: NumberStyle = PLAIN
    formats: tuple[str, ...] = ()
    is_style_known: bool = True
    unclear_dates: frozenset[str] = frozenset()


class Fitting:
    """The readings that fit all values of one column, which it is shown bit by bit.

    Attributes:
        has_quoted_gaps: whether a missing value stood in quotes, so that only texts tell that it is missing.
    """

    def __init__(self, ladder: Sequence[Reading]) -> None:
        self._alive = list(ladder)
        self._may_be_nothing = ladder[0] is NOTHING
        self._has_values = self._has_texts = self.has_quoted_gaps = False

    def show(self, texts: pa.Array, values: pa.Array, *, is_last: bool = False) -> None:
        """Take note of some of the column's texts, and of them as `meant`.

        `is_last` promises that no more will come, which saves time.
        """
        self._has_values |= values.null_count < len(values)
        self._has_texts |= texts.null_count < len(texts)
        self.has_quoted_gaps |= values.null_count > texts.null_count
        fitting = (reading for reading in self._alive if reading.fits(values))
        self._alive = [first] if is_last and (first := next(fitting, None)) else list(fitting)

    @property
    def best(self) -> Reading | None:
        """The narrowest that fits; None where none does."""
        if self._may_be_nothing and not self._has_values:
            return AS_TEXT if self._has_texts else NOTHING
        return self._alive[0] if self._alive else None


def best_of(texts: pa.Array, values: pa.Array, ladder: Sequence[Reading]) -> Fitting:
    fitting = Fitting(ladder)
    fitting.show(texts, values, is_last=True)
    return fitting


def found_rules(first: Mapping[str, Reading | None], columns: Mapping[str, pa.Array], options: ReadOptions) -> Rules:
    """How numbers and times are written.

    `first` are the readings by which columns would be read without any rules, `columns` their texts as meant.
    """
    texts = {name: columns[name] for name, reading in first.items() if reading is AS_TEXT}
    numbers = [columns[name] for name, reading in first.items() if reading is not None and reading.storage == DOUBLE]
    style, is_known = _style(list(texts.values()), numbers, options)
    formats, unclear = (options.date_formats, set()) if options.date_formats else _formats(texts)
    times.check_formats(formats)
    return Rules(style, formats, is_known, frozenset(unclear))


def _style(texts: list[pa.Array], numbers: list[pa.Array], options: ReadOptions) -> tuple[NumberStyle, bool]:
    if options.thousands:
        return NumberStyle(options.decimal or ("," if options.thousands == "." else "."), options.thousands), True
    found = found_style(texts, numbers, options.decimal)
    return (PLAIN, False) if found is None else (found, True)


def _formats(columns: Mapping[str, pa.Array]) -> tuple[tuple[str, ...], set[str]]:
    """The formats of all columns that hold times, and the columns that may be read in two ways."""
    fitting = {name: found for name, texts in columns.items() if (found := _fitting_formats(texts))}
    unclear = {name for name, found in fitting.items() if any(times.other_order(form) in found for form in found)}
    decided = [found[0] for name, found in fitting.items() if name not in unclear]
    orders = {form[:2] for form in decided if times.other_order(form)}
    if len(orders) == 1:  # the file's other columns tell
        decided += [form for name in unclear for form in fitting[name] if form[:2] in orders]
        unclear = set()
    return tuple(dict.fromkeys(decided)), unclear


def _fitting_formats(texts: pa.Array) -> list[str]:
    known = texts.slice(0, _START).drop_null()
    if not len(known):
        known = texts.drop_null()
    possible = times.matching(known[0].as_py(), times.candidates()) if len(known) else []
    return [form for form in possible if _reads(texts, form)]


def _reads(texts: pa.Array, form: str) -> bool:
    storage = pa.timestamp("us", "UTC" if times.has_zone(form) else None)
    try:
        times.parsed(texts, form, storage if times.has_clock(form) else pa.date32())
    except pa.ArrowInvalid:
        return False
    return True


_DIGITS = r"^[+-]?\d+$"
_NUMBER = r"^[+-]?\d+([.,]\d+)?$"
_UNCLEAR_DATES = "day and month may be either way round; set date_formats, such as %d/%m/%Y"


def why_text(values: pa.Array, rules: Rules, *, is_date: bool) -> str:
    """What a person should know of a column that stays text though it looks like something else; else nothing."""
    start = values.drop_null().slice(0, _START)
    reason = _UNCLEAR_DATES if is_date else _why_no_number(start, values, rules) if len(start) else ""
    return f"kept as text: {reason}" if reason else ""


def _why_no_number(start: pa.Array, values: pa.Array, rules: Rules) -> str:
    if _all(start, _DIGITS):
        if has_leading_zeros(values):
            return "digits have leading zeros"
        others = _others(values, _DIGITS)
        return f"beside numbers it holds {others[0].as_py()[:40]!r}" if others else "whole numbers have too many digits"
    if not rules.is_style_known and _all(start, r"^[+-]?\d{1,3}(,\d{3})?$"):
        return "commas may be decimal or group digits; set decimal or thousands"
    if _all(start, r"^[+-]?[\d.,]*\d[\d.,]*$"):
        return "numbers are not written as the others are"
    others = _others(start, _NUMBER)
    return f"beside numbers it holds {others[0].as_py()[:40]!r}" if 0 < 2 * len(others) < len(start) else ""


def _all(texts: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(texts, pattern)).as_py())


def _others(texts: pa.Array, pattern: str) -> pa.Array:
    """Those that are not like the pattern, missing ones aside."""
    return texts.filter(pc.invert(pc.match_substring_regex(texts, pattern))).drop_null()
