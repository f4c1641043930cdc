"""Numbers as people write them: with a decimal comma, with their digits grouped."""

from __future__ import annotations

import re
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from mlops_desktop.data.sources.literals import literal

_GROUPED_INTEGER = r"^[+-]?\d{1,3}(?:,\d{3})+$"
_EXACT = str(2**53)


class NumberStyle(Struct, frozen=True):
    """`decimal` is the mark before the fraction, `thousands` the one between groups of digits; none where empty."""

    decimal: str = "."
    thousands: str = ""


PLAIN = NumberStyle()


def numbers_of(texts: pa.Array, storage: pa.DataType, *, is_strict: bool = True) -> pa.Array:
    """Trimmed texts with a decimal point as numbers. Raises `pa.ArrowInvalid` where one is none or would lose digits.

    Digits with a zero before them, such as ZIP codes, are no number. An integer that a double cannot give back digit
    by digit is none either. Where it is not strict, both are numbers.
    """
    if is_strict and has_leading_zeros(texts):
        raise pa.ArrowInvalid("a value has leading zeros")
    values = pc.cast(texts, storage)
    if is_strict and pa.types.is_floating(storage):
        large = pc.greater_equal(pc.abs(values), literal(_EXACT, storage))
        if pc.any(large).as_py() and any(_loses_digits(text) for text in texts.filter(large).to_pylist()):
            raise pa.ArrowInvalid("an integer has more digits than a double holds")
    return values


def has_leading_zeros(texts: pa.Array) -> bool:
    """Whether a text is of digits after a zero, or hexadecimal."""
    signs = pc.or_kleene(
        pc.starts_with(texts, "0"), pc.or_kleene(pc.starts_with(texts, "-0"), pc.starts_with(texts, "+0"))
    )
    return bool(pc.any(pc.match_substring_regex(texts.filter(signs), r"^[+-]?0\d+$|^[+-]?0[xX]")).as_py())


def _loses_digits(text: str) -> bool:
    return text.lstrip("+-").isdigit() and int(Decimal(repr(float(text)))) != int(text)


def without_marks(texts: pa.Array, style: NumberStyle) -> pa.Array:
    """Numbers written in a style, as texts with a decimal point. Raises `pa.ArrowInvalid` where one is not in it."""
    wrong = pc.invert(pc.match_substring_regex(texts, _pattern(style)))
    if pc.any(wrong).as_py():
        raise pa.ArrowInvalid("a value is not a number in this style")
    if style.thousands:
        texts = pc.replace_substring(texts, style.thousands, "")
    return texts if style.decimal == "." else pc.replace_substring(texts, style.decimal, ".")


def _pattern(style: NumberStyle) -> str:
    """Special values such as NaN are written alike in all styles."""
    mark, group = re.escape(style.decimal), re.escape(style.thousands)
    whole = rf"(?:\d+|\d{{1,3}}(?:{group}\d{{3}})+)" if style.thousands else r"\d+"
    return rf"^[+-]?(?:{whole}(?:{mark}\d*)?(?:[eE][+-]?\d+)?|{mark}\d+|(?i:nan|inf|infinity))$"


COMMA = NumberStyle(",", ".")
GROUPED = NumberStyle(".", ",")
_SPACES = ("'", "\u2019", " ", "\u00a0", "\u202f")
_STYLES = (COMMA, GROUPED, *(NumberStyle(decimal, mark) for mark in _SPACES for decimal in ".,"))
_POINT = r"^[+-]?(?:0|\d{4,})?\.\d+$|^[+-]?\d*\.(?:\d{1,2}|\d{4,})$"


def found_style(columns: list[pa.Array], plain: list[pa.Array], decimal: str = "") -> NumberStyle | None:
    """The style of a table's numbers; None where it may be either of two.

    `columns` are trimmed texts that are no plain numbers, `plain` those that are. `1,234` is ambiguous, as long as no
    other value, and no `decimal` that a person gave, shows which mark is the decimal one.
    """
    has_point = not decimal and any(pc.any(pc.match_substring_regex(texts, _POINT)).as_py() for texts in plain)
    allowed = decimal or ("." if has_point else ".,")
    possible = [style for style in _STYLES if style.decimal in allowed]
    fitting = [found for texts in columns if (found := [style for style in possible if _shows(texts, style)])]
    decided = [found for found in fitting if not (COMMA in found and GROUPED in found)]
    if fitting and not decided:
        return None
    counts = {style: sum(style in found for found in decided) for style in possible}
    best = max(possible, key=lambda style: counts[style])
    return _only_used(best, [*columns, *plain]) if counts[best] else NumberStyle(decimal or ".")


def _shows(texts: pa.Array, style: NumberStyle) -> bool:
    """Whether all values are numbers in this style, and one of them not a plain one."""
    marks = [mark for mark in (style.thousands, style.decimal) if mark != "."] or ["."]
    is_marked = any(pc.any(pc.match_substring(texts, mark)).as_py() for mark in marks)
    try:
        numbers_of(without_marks(texts, style), pa.float64())
    except pa.ArrowInvalid:
        return False
    return is_marked or style == COMMA


def _only_used(style: NumberStyle, columns: list[pa.Array]) -> NumberStyle:
    """Without the mark between groups where no number has one: then all numbers are read the fast way."""
    is_grouped = any(
        _shows(texts, style) and pc.any(pc.match_substring(texts, style.thousands)).as_py() for texts in columns
    )
    return style if is_grouped else NumberStyle(style.decimal)
