"""Dates and times written in other ways than ISO 8601.

A format is one of `strptime`'s. It becomes a regular expression whose parts are put together as ISO 8601 text, which
Arrow then reads: so it does not depend on the machine's language, knows fractions of seconds, and is fast.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.sources.literals import literal, texts

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_NAMED = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{1,2}", "d": r"\d{1,2}", "H": r"\d{1,2}", "I": r"\d{1,2}", "M": r"\d{2}",
    "S": r"\d{2}", "p": r"[AaPp]\.?[Mm]\.?", "b": r"[A-Za-z]{3}", "B": r"[A-Za-z]{3,9}", "z": r"Z|[+-]\d{2}:?\d{2}",
}  # fmt: skip
_TWELVE = texts(f"{number:02}" for number in range(1, 13))
_MORNING = texts(f"{number % 12:02}" for number in range(1, 13))
_EVENING = texts(f"{number % 12 + 12:02}" for number in range(1, 13))
_FRACTION = re.compile(r"\\?[.,]%f")
_DATES = (
    "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d-%b-%Y",
    "%d %b %Y", "%d/%b/%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y",
)  # fmt: skip
_CLOCKS = ("", "%H:%M", "%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S%z", "%H:%M:%S.%f%z", "%I:%M %p", "%I:%M:%S %p")
_SHORTEST = len("1.1.2000")
_BETWEEN = (" ", "T", ", ")


@cache
def candidates() -> tuple[str, ...]:
    """The formats that are tried where none is given: those with the day before the month come first."""
    return tuple(
        date + between + clock if clock else date
        for date in _DATES
        for clock in _CLOCKS
        for between in (_BETWEEN if clock else ("",))
    )


def other_order(form: str) -> str:
    """The format with day and month the other way round, where both ways are in use; else nothing."""
    for mark in "/-":
        before, after = f"%d{mark}%m{mark}%Y", f"%m{mark}%d{mark}%Y"
        for one, other in ((before, after), (after, before)):
            if form.startswith(one):
                return other + form.removeprefix(one)
    return ""


def matching(text: str, formats: Iterable[str]) -> list[str]:
    """The formats that a text has the shape of."""
    text = text.strip()
    if len(text) < _SHORTEST or not any(map(str.isdigit, text)):  # most texts, quickly
        return []
    return [form for form in formats if re.fullmatch(_pattern(form), text)]


def check_formats(formats: Iterable[str]) -> None:
    """Raise `InvalidInput` for a format that cannot be followed."""
    for form in formats:
        _pattern(form)


def has_clock(form: str) -> bool:
    return "%H" in form or "%I" in form


def has_zone(form: str) -> bool:
    return "%z" in form


def parsed(values: pa.Array, form: str, storage: pa.DataType) -> pa.Array:
    """Texts read by a format, as `storage`. Raises `pa.ArrowInvalid` where one does not have that form."""
    found = pc.extract_regex(pc.utf8_trim_whitespace(values), "^(?:" + _pattern(form) + ")$")
    if found.null_count > values.null_count:
        raise pa.ArrowInvalid(f"a value does not have the form {form}")
    parts = {field.name: pc.struct_field(found, field.name) for field in found.type}
    day = pc.binary_join_element_wise(_year(parts), _month(parts), _two(parts["d"]), literal("-"))
    if not has_clock(form):
        return pc.cast(pc.cast(day, pa.date32()), storage)
    clock = pc.binary_join_element_wise(_hour(parts), parts["M"], parts.get("S", literal("00")), literal(":"))
    tail = [part for part in (parts.get("f"), parts.get("z")) if part is not None]
    clock = pc.binary_join_element_wise(clock, *tail, literal(""))
    return pc.cast(pc.binary_join_element_wise(day, clock, literal("T")), storage)


@cache
def _pattern(form: str) -> str:
    """The regular expression of a format, its parts named as strptime names them."""
    split = re.split(r"(%f|%.)", _FRACTION.sub("%f", form))
    unknown = [part for part in split[1::2] if part[1] not in _NAMED and part not in ("%f", "%%")]
    used = {part[1] for part in split[1::2]}
    if (
        unknown
        or not (used & {"Y", "y"} and used & {"m", "b", "B"} and "d" in used)
        or ("M" not in used) > ("H" not in used and "I" not in used)
    ):
        raise InvalidInput(
            f"{form!r} is not a format of dates{f': {unknown[0]} is not known' if unknown else ''}.",
            hint="Write it with %Y, %m (or %b, %B), %d and, for times, %H, %M, %S, %f, %z; such as %d.%m.%Y %H:%M.",
        )
    return "".join(_regex(part, at % 2 == 1) for at, part in enumerate(split))


def _regex(part: str, is_directive: bool) -> str:
    if not is_directive:
        return re.escape(part)
    if part == "%f":
        return r"(?P<f>(?:\.\d{1,9})?)"
    return "%" if part == "%%" else f"(?P<{part[1]}>{_NAMED[part[1]]})"


def _two(digits: pa.Array) -> pa.Array:
    return pc.utf8_lpad(digits, 2, "0")


def _year(parts: dict[str, pa.Array]) -> pa.Array:
    """Two digits as POSIX has it: from 69 on they are of the twentieth century."""
    if "Y" in parts:
        return parts["Y"]
    is_old = pc.greater_equal(parts["y"], literal("69"))
    return pc.binary_join_element_wise(pc.if_else(is_old, literal("19"), literal("20")), parts["y"], literal(""))


def _month(parts: dict[str, pa.Array]) -> pa.Array:
    if "m" in parts:
        return _two(parts["m"])
    written = parts["b"] if "b" in parts else parts["B"]
    names = texts([name[:3] for name in _MONTHS] if "b" in parts else _MONTHS)
    return _looked_up(pc.utf8_lower(written), names, _TWELVE)


def _hour(parts: dict[str, pa.Array]) -> pa.Array:
    if "H" in parts:
        return _two(parts["H"])
    hour = _two(parts["I"])
    morning, evening = _looked_up(hour, _TWELVE, _MORNING), _looked_up(hour, _TWELVE, _EVENING)
    return pc.if_else(pc.starts_with(pc.utf8_lower(parts["p"]), "p"), evening, morning) if "p" in parts else morning


def _looked_up(values: pa.Array, known: pa.Array, meaning: pa.Array) -> pa.Array:
    found = pc.index_in(values, known)
    if found.null_count > values.null_count:
        raise pa.ArrowInvalid("a value names no month or no hour of twelve")
    return pc.take(meaning, found)
