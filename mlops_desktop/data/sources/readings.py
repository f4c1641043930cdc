"""How the texts of a column become values: the candidates, and which of them fit.

A reading is either left to pyarrow's CSV reader (the fast way) or applied to texts that were read as they are. Both
give the same values; the second also sees what the first lets pass, such as leading zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.data.sources.literals import literal, missing
from mlops_desktop.data.sources.numbers import PLAIN, NumberStyle, numbers_of, without_marks
from mlops_desktop.data.sources.shaping import storage_type
from mlops_desktop.data.sources.times import has_clock, has_zone, parsed

_FEW = 16
INT, UINT, DOUBLE, TEXT = pa.int64(), pa.uint64(), pa.float64(), pa.string()
_MOMENTS = tuple(pa.timestamp(unit, zone) for unit in ("us", "ns") for zone in (None, "UTC"))


class Reading(Struct, frozen=True):
    """One way to read a column.

    Attributes:
        storage: the type of the values.
        parse: from trimmed texts, none of them empty; raises `pa.ArrowInvalid` where one does not fit.
        is_native: whether pyarrow's reader can do it alone.
        form: the format of the times, where there is one.
    """

    storage: pa.DataType
    parse: Callable[[pa.Array], pa.Array]
    is_native: bool = True
    form: str = ""

    def fits(self, values: pa.Array) -> bool:
        """Whether all these texts, as `meant` gives them, can be read so."""
        try:
            if len(values) > _FEW:  # most that do not fit show it at once
                self.parse(values.slice(0, _FEW))
            self.parse(values)
        except pa.ArrowInvalid:
            return False
        return True


def meant(texts: pa.Array) -> pa.Array:
    """Trimmed texts; one that is empty is missing, though it stood in quotes."""
    trimmed = pc.ascii_trim_whitespace(texts)
    is_empty = pc.equal(trimmed, literal(""))
    return pc.if_else(is_empty, missing(TEXT), trimmed) if pc.any(is_empty).as_py() else trimmed


def _number(storage: pa.DataType, style: NumberStyle, *, is_strict: bool = True) -> Reading:
    parse = partial(_numbers, storage=storage, style=style, is_strict=is_strict)
    return Reading(storage, parse, is_native=not style.thousands)


def _numbers(texts: pa.Array, storage: pa.DataType, style: NumberStyle, *, is_strict: bool = True) -> pa.Array:
    return numbers_of(texts if style == PLAIN else without_marks(texts, style), storage, is_strict=is_strict)


def _nothing(texts: pa.Array) -> pa.Array:
    if texts.null_count < len(texts):
        raise pa.ArrowInvalid("a value is there")
    return pa.nulls(len(texts))


def _cast(texts: pa.Array, storage: pa.DataType) -> pa.Array:
    return pc.cast(texts, storage)


def _from_double(texts: pa.Array, storage: pa.DataType, style: NumberStyle) -> pa.Array:
    """Whole numbers written as 1.0: so a column with gaps, written by pandas, keeps the type that it had."""
    try:
        return _numbers(texts, storage, style)
    except pa.ArrowInvalid:
        return pc.cast(_numbers(texts, DOUBLE, style), storage)


def _from_midnight(texts: pa.Array, storage: pa.DataType) -> pa.Array:
    """Days written with a midnight."""
    try:
        return pc.cast(texts, storage)
    except pa.ArrowInvalid:
        return pc.cast(pc.cast(texts, pa.timestamp("us")), storage)


NOTHING = Reading(pa.null(), _nothing)
BOOLEAN = Reading(pa.bool_(), partial(_cast, storage=pa.bool_()))
AS_TEXT = Reading(TEXT, lambda texts: texts)


def moments(formats: Sequence[str]) -> list[Reading]:
    """Days, then times, then those of the given formats."""
    native = [Reading(kind, partial(_cast, storage=kind)) for kind in (pa.date32(), *_MOMENTS)]
    return native + [_formatted(form) for form in formats]


def _formatted(form: str, storage: pa.DataType | None = None) -> Reading:
    storage = storage or (pa.timestamp("us", "UTC" if has_zone(form) else None) if has_clock(form) else pa.date32())
    return Reading(storage, partial(parsed, form=form, storage=storage), is_native=False, form=form)


def candidates(style: NumberStyle, formats: Sequence[str]) -> list[Reading]:
    """What a column may be, the narrowest first; text, which everything fits, is the last."""
    styles = dict.fromkeys([NumberStyle(style.decimal), style])  # those without groups are read the fast way
    integer, *numbers = [_number(storage, each) for each in styles for storage in (INT, UINT, DOUBLE)]
    return [NOTHING, integer, BOOLEAN, *numbers, *moments(formats), AS_TEXT]


def asked(wanted: str, style: NumberStyle, formats: Sequence[str]) -> list[Reading]:
    """The readings for a type that a person chose, by its name. Raises `InvalidInput`."""
    by_type = {
        ColumnType.BOOLEAN: [BOOLEAN],
        ColumnType.INTEGER: [_number(storage, style, is_strict=False) for storage in (INT, UINT)],
        ColumnType.NUMBER: [_number(DOUBLE, style, is_strict=False)],
        ColumnType.TEXT: [AS_TEXT],
        ColumnType.TIME: moments(formats),
    }
    if wanted in list(ColumnType):
        return by_type[ColumnType(wanted)]
    return as_type(storage_type(wanted), style, formats, is_strict=False)


def as_type(
    storage: pa.DataType, style: NumberStyle, formats: Sequence[str], *, is_strict: bool = True
) -> list[Reading]:
    """The readings that give a storage type."""
    if pa.types.is_integer(storage):
        written = Reading(storage, partial(_from_double, storage=storage, style=style), is_native=False)
        return [_number(storage, style, is_strict=is_strict), written]
    if pa.types.is_floating(storage):
        return [_number(storage, style, is_strict=is_strict)]
    if pa.types.is_temporal(storage):
        days = Reading(storage, partial(_from_midnight, storage=storage), is_native=False)
        return [Reading(storage, partial(_cast, storage=storage)), days, *(_formatted(f, storage) for f in formats)]
    return [BOOLEAN if pa.types.is_boolean(storage) else AS_TEXT]
