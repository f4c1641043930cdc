"""What the cells of the contract editor mean: what a rule says in them, and the rule that an entry makes."""

from __future__ import annotations

import csv
import io
import math
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import structs
from PySide6.QtCore import QCoreApplication

from mlops_desktop.core.contracts import ColumnRule
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.ui.theme.status import QT_TRANSLATE_NOOP

_MEASURED = (ColumnType.INTEGER, ColumnType.NUMBER, ColumnType.TIME)


class Field(StrEnum):
    """The columns of the table of rules; values are the attributes of `ColumnRule`, `key` aside."""

    TYPE = "type"
    KEY = "key"
    REQUIRED = "is_required"
    NULLABLE = "nullable"
    UNIQUE = "unique"
    MINIMUM = "minimum"
    MAXIMUM = "maximum"
    CATEGORIES = "categories"
    PATTERN = "pattern"
    MAX_LENGTH = "max_length"
    MAX_MISSING = "max_missing"

    @property
    def is_switch(self) -> bool:
        return self in (Field.KEY, Field.REQUIRED, Field.NULLABLE, Field.UNIQUE)

    @property
    def is_number(self) -> bool:
        return self in (Field.MINIMUM, Field.MAXIMUM, Field.MAX_LENGTH, Field.MAX_MISSING)


_KINDS = {
    Field.MINIMUM: _MEASURED,
    Field.MAXIMUM: _MEASURED,
    Field.CATEGORIES: (ColumnType.TEXT, ColumnType.INTEGER),
    Field.PATTERN: (ColumnType.TEXT,),
    Field.MAX_LENGTH: (ColumnType.TEXT,),
}
_REFUSALS = {
    "number": QT_TRANSLATE_NOOP("Rules", "is not a number"),
    "time": QT_TRANSLATE_NOOP("Rules", "is not a time such as 2013-01-31T12:00"),
    "whole": QT_TRANSLATE_NOOP("Rules", "is not a whole number of 0 or more"),
    "share": QT_TRANSLATE_NOOP("Rules", "is not a share from 0 to 100 %"),
    "list": QT_TRANSLATE_NOOP("Rules", "is not a list of values with commas between them"),
}


class Refused(ValueError):
    """An entry that its cell cannot hold; the words follow the entry in a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(QCoreApplication.translate("Rules", _REFUSALS[why]))


def is_open(rule: ColumnRule, field: Field) -> bool:
    """Whether the rule can be given at all: patterns are for texts, and so on."""
    if field is Field.MAX_MISSING:
        return rule.nullable
    return field not in _KINDS or rule.type in _KINDS[field]


def cell_text(rule: ColumnRule, field: Field) -> str:
    """What a cell shows and what its editor begins with; empty where there is no such rule."""
    value: Any = None if field is Field.KEY else getattr(rule, field.value)
    if field is Field.TYPE:
        return value.value if value else ""
    if field is Field.CATEGORIES:
        return _joined(value)
    if field is Field.MAX_LENGTH:
        return str(value) if value else ""
    if field is Field.MAX_MISSING:
        return f"{value * 100:.12g} %" if value < 1 else ""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:.15g}"
    return str(value) if value is not None else ""


def with_entry(rule: ColumnRule, field: Field, entry: str) -> ColumnRule:
    """The rule with what was typed into a cell. Raises `Refused`."""
    text = entry.strip()
    value: object = text
    if field is Field.TYPE:
        return with_type(rule, ColumnType(text) if text else None)
    if field in (Field.MINIMUM, Field.MAXIMUM):
        value = _bound(text, rule.type) if text else None
    elif field is Field.CATEGORIES:
        value = _parted(text)
    elif field is Field.MAX_LENGTH:
        value = _whole(text) if text else 0
    elif field is Field.MAX_MISSING:
        value = _share(text) if text else 1.0
    elif field is Field.PATTERN:
        value = entry
    return structs.replace(rule, **{field.value: value})


def with_type(rule: ColumnRule, kind: ColumnType | None) -> ColumnRule:
    """The rule for another type; what that type cannot have is left out."""
    changed = structs.replace(rule, type=kind)
    usual = ColumnRule(rule.name)
    is_moved = ColumnType.TIME in (rule.type, kind) and rule.type is not kind
    for field, kinds in _KINDS.items():
        if kind not in kinds or (is_moved and field in (Field.MINIMUM, Field.MAXIMUM)):
            changed = structs.replace(changed, **{field.value: getattr(usual, field.value)})
    return changed


def _bound(text: str, kind: ColumnType | None) -> float | str:
    if kind is ColumnType.TIME:
        try:
            datetime.fromisoformat(text)
        except ValueError:
            raise Refused("time") from None
        return text
    try:
        number = float(text.replace("\N{MINUS SIGN}", "-").replace(",", ""))
    except ValueError:
        raise Refused("number") from None
    if math.isnan(number):
        raise Refused("number")
    return number


def _whole(text: str) -> int:
    if not text.replace(",", "").isdecimal():
        raise Refused("whole")
    return int(text.replace(",", ""))


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%").strip()) / 100
    except ValueError:
        raise Refused("share") from None
    if not 0 <= share <= 1:
        raise Refused("share")
    return share


def _joined(values: tuple[str, ...]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow(values)
    return written.getvalue().replace(",", ", ") if not any("," in value for value in values) else written.getvalue()


def _parted(text: str) -> tuple[str, ...]:
    try:
        rows = list(csv.reader([text], skipinitialspace=True, strict=True))
    except csv.Error:
        raise Refused("list") from None
    return tuple(dict.fromkeys(value.strip() for value in rows[0] if value.strip())) if rows else ()
