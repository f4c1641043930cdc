"""What a form for one row of a model needs: each input with what training saw of it, and rows to start from."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_desktop.core.datasets import ColumnProfile, ColumnType
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.models import Feature, Signature
from mlops_desktop.data.versions.manifests import read_profile
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

_NUMERIC = (ColumnType.NUMBER, ColumnType.INTEGER)
_MOST_CHOICES = 500


@dataclass(frozen=True)
class Input:
    """One field. `low` and `high` are the range in training; `is_closed` says that `choices` are all that it saw."""

    feature: Feature
    typical: Any = None
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    is_closed: bool = False

    @property
    def name(self) -> str:
        return self.feature.name

    @property
    def is_number(self) -> bool:
        return self.feature.type in _NUMERIC

    def text(self, value: Any) -> str:
        """The value as a field shows it; empty where it is missing."""
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
            return str(int(value)) if self.feature.type is not ColumnType.TEXT else str(value)
        return str(value)

    def value(self, text: str) -> Any:
        """What is sent for a text; what is not of the input's type stays a text, which the gateway refuses by name."""
        kind = self.feature.type
        if kind is ColumnType.TEXT:
            return text or None
        text = text.strip()
        if not text:
            return None
        if kind is ColumnType.BOOLEAN:
            return {"true": True, "false": False}.get(text.lower(), text)
        number = number_of(text)
        if number is None and kind is ColumnType.TIME:
            number = _seconds(text)
        return text if number is None else number

    def is_outside(self, text: str) -> bool:
        """Whether training saw nothing like it."""
        if not text.strip():
            return False
        if self.choices:
            return self.is_closed and text not in self.choices
        value = self.value(text)
        if isinstance(value, str) or self.low is None or self.high is None:
            return False
        return not self.low <= value <= self.high

    def is_wrong(self, text: str) -> bool:
        """Whether it cannot be what the input holds."""
        return self.feature.type is not ColumnType.TEXT and isinstance(self.value(text), str)


@dataclass(frozen=True)
class RowForm:
    """The inputs of a version, in the order of its signature; `dataset` is what it learned from."""

    reference: str
    dataset: str
    signature: Signature
    inputs: tuple[Input, ...]

    @property
    def typical(self) -> dict[str, Any]:
        return {each.name: each.typical for each in self.inputs}


def row_form(workspace: Workspace, reference: str) -> RowForm:
    """The form of a model version. Raises `NotFound`."""
    registry = workspace.registry
    version = registry.models.get(reference)
    try:
        data = registry.datasets.get(version.dataset_version)
        columns = {column.name: column for column in read_profile(registry, data).columns}
    except NotFound:
        columns = {}  # its data was deleted: the signature still says what the inputs are
    inputs = tuple(_input(each, columns.get(each.name)) for each in version.signature.features)
    return RowForm(version.reference, version.dataset_version, version.signature, inputs)


def _input(feature: Feature, column: ColumnProfile | None) -> Input:
    if feature.type is ColumnType.BOOLEAN:
        typical = column.top[0][0].lower() == "true" if column and column.top else None
        return Input(feature, typical, choices=("true", "false"), is_closed=True)
    if feature.categories:
        seen = column.top[0][0] if column and column.top else feature.categories[0]
        typical_of = seen if seen in feature.categories else feature.categories[0]
        return Input(feature, typical_of, choices=feature.categories[:_MOST_CHOICES], is_closed=True)
    if column is None:
        return Input(feature)
    if feature.type is ColumnType.TEXT:
        seen_values = tuple(sorted(value for value, _ in column.top))
        is_closed = 0 < column.distinct <= len(seen_values)
        return Input(feature, column.top[0][0] if column.top else None, choices=seen_values, is_closed=is_closed)
    low, high = _end(column.minimum), _end(column.maximum)
    return Input(feature, _middle(feature, column), low, high)


def _middle(feature: Feature, column: ColumnProfile) -> float | int | None:
    if not column.quantiles and column.mean is None:
        return None
    middle = column.quantiles[len(column.quantiles) // 2] if column.quantiles else column.mean or 0.0
    return round(middle) if feature.type in (ColumnType.INTEGER, ColumnType.TIME) else float(f"{middle:.5g}")


def _end(value: float | str | None) -> float | None:
    return _seconds(value) if isinstance(value, str) else value


def number_of(text: str) -> float | int | None:
    """The finite number that a text is; None where it is none."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds(text: str) -> float | None:
    """Seconds since 1970 of a time in ISO 8601, taken as UTC where it names no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def random_row(workspace: Workspace, form: RowForm) -> dict[str, Any]:
    """Any row of the data that the version learned from. Raises `NotFound`."""
    from mlops_desktop.data.read import preview

    data = workspace.registry.datasets.get(form.dataset)
    names = [each.name for each in form.inputs if each.name in data.schema.names]
    if not data.rows or not names:
        raise NotFound(f"{form.dataset} has no rows to choose from.", hint="Type the values in.")
    place = random.randrange(data.rows)  # noqa: S311 - an example, not a secret
    table = preview(workspace.registry, data, place, 1, columns=names)
    return {name: _plain(table.column(name)) for name in names}


def _plain(column: pa.ChunkedArray) -> Any:
    """The first value; a time in seconds since 1970, as Arrow's own values of times would import pandas."""
    import pyarrow as pa

    if not pa.types.is_timestamp(column.type):
        return column[0].as_py()
    micros = column.cast(pa.timestamp("us", column.type.tz)).cast(pa.int64())[0].as_py()
    return None if micros is None else micros / 1e6
