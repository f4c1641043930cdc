"""The rows that are learned from: answered ones whose label is known, in the columns of the dataset they go to."""

from __future__ import annotations

import operator
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.data.read import iter_batches, read_table
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.pipelines.relabelling import Cells, Change
from mlops_desktop.pipelines.settings import Settings
from mlops_desktop.registry import Registry
from mlops_desktop.serving.labels import OWN_COLUMNS, LabelBook
from mlops_desktop.serving.redaction import ENTITY_ID

_TIME = pa.timestamp("us", tz="UTC")

Entry = tuple[int, Any]
"""Number and target of a stored row."""


class LearnedChange(Struct, frozen=True):
    """What is to become of the dataset that is learned from, and how many labels do not fit its column."""

    change: Change
    unfit: int


def learned_change(
    registry: Registry,
    settings: Settings,
    predictions: DatasetVersion,
    learned: DatasetVersion,
    times: set[datetime],
    book: LabelBook,
) -> LearnedChange:
    """Compare the labelled predictions of these times with what is stored; only labels in `book` change anything.

    A row is known by its time and id, or where rows have no ids by its time and features. Rows that are alike in all of
    that differ in nothing but their label, so it is enough that each label is there as often as it was given.
    """
    rows = _labelled(registry, predictions, times, book)
    labels = [book.of(*ids) for ids in _ids(rows)]
    wanted = _as_learned(rows, labels, settings, to_arrow(learned.schema))
    stored = _stored(registry, settings, learned, times)
    keys, values = _keys(wanted, settings), wanted.column(settings.spec.model.target).to_pylist()
    for key, label, number in zip(keys, labels, rows.column("label").to_pylist(), strict=True):
        if label is None:  # it was added when its label came
            _claim(stored[key], _same_label(number, settings)) or _claim(stored[key], lambda _: True)
    given = [row for row, label in enumerate(labels) if label is not None and values[row] is not None]
    changed = [row for row in given if not _claim(stored[keys[row]], partial(operator.eq, values[row]))]
    cells: dict[int, Cells] = {}
    added: list[int] = []
    for row in changed:
        place = _claim(stored[keys[row]], lambda _: True)
        if place:
            cells[place[0]] = {settings.spec.model.target: values[row]}
        else:
            added.append(row)
    unfit = sum(
        label is not None and label.label is not None and value is None
        for label, value in zip(labels, values, strict=True)
    )
    return LearnedChange(Change(cells, wanted.take(pa.array(added, pa.int64()))), unfit)


def _claim(stored: list[Entry], test: Callable[[Any], bool]) -> Entry | None:
    """Take the first of the stored rows whose target passes the test out of the list."""
    found = next((entry for entry in stored if test(entry[1])), None)
    if found is not None:
        stored.remove(found)
    return found


def _same_label(number: float, settings: Settings) -> Callable[[Any], bool]:
    """Whether a target is what predictions have as this number."""
    positive = settings.spec.model.positive
    if isinstance(positive, str):
        return lambda value: (value == positive) == bool(number)
    return lambda value: isinstance(value, int | float) and float(value) == number


def fitted(values: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Values as another type; those that cannot be are null. Times lose what is finer than the type."""
    if values.type == kind:
        return values
    try:
        return pc.cast(values, kind, safe=not pa.types.is_timestamp(kind))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.array([_fitted_value(value, kind) for value in values.to_pylist()], kind)])


def _fitted_value(value: Any, kind: pa.DataType) -> Any:
    if isinstance(value, bool) and not pa.types.is_boolean(kind):
        value = int(value)
    try:
        return pa.scalar(value, kind).as_py()
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        pass
    try:
        return pc.cast(pa.scalar(str(value)), kind).as_py()
    except (pa.ArrowException, TypeError, ValueError):
        return None


def _labelled(registry: Registry, predictions: DatasetVersion, times: set[datetime], book: LabelBook) -> pa.Table:
    """Rows of these times that a label was given for, in the order of their time."""
    between = ("time", min(times), max(times) + timedelta(seconds=1))
    rows = read_table(registry, predictions, between=between)
    given = pa.array(book.ids, pa.string())
    is_labelled = pc.is_valid(rows.column("label"))
    for name in ("inference_id", "entity_id"):
        is_labelled = pc.or_(is_labelled, pc.is_in(rows.column(name), given))
    is_wanted = pc.and_(pc.is_in(rows.column("time"), pa.array(sorted(times), _TIME)), is_labelled)
    return rows.filter(is_wanted).sort_by([("time", "ascending"), ("inference_id", "ascending")])


def _ids(rows: pa.Table) -> Iterable[tuple[str, str | None]]:
    return zip(rows.column("inference_id").to_pylist(), rows.column("entity_id").to_pylist(), strict=True)


def _as_learned(rows: pa.Table, labels: list[Any], settings: Settings, schema: pa.Schema) -> pa.Table:
    """The rows in the columns of the dataset that is learned from; columns that were redacted are empty."""
    data, model, sensitive = settings.spec.data, settings.spec.model, settings.serving.log.sensitive
    own = {data.time_column: "time", data.id_column: "entity_id"}
    arrays = []
    for field in schema:
        source = own.get(field.name) or (f"feature.{field.name}" if field.name in OWN_COLUMNS else field.name)
        redacted = (ENTITY_ID if source == "entity_id" else field.name) in sensitive
        if field.name == model.target:
            values = [None if found is None else _fitted_value(found.label, field.type) for found in labels]
            arrays.append(pa.chunked_array([pa.array(values, field.type)]))
        elif source in rows.column_names and not redacted:
            arrays.append(fitted(rows.column(source), field.type))
        else:
            arrays.append(pa.chunked_array([pa.nulls(rows.num_rows, field.type)]))
    return pa.table(arrays, schema=schema)


def _key_columns(settings: Settings, names: list[str]) -> list[str]:
    data, sensitive = settings.spec.data, settings.serving.log.sensitive
    if data.id_column and ENTITY_ID not in sensitive:
        return [data.time_column, data.id_column]
    features = [name for name in settings.spec.features.names if name in names and name not in sensitive]
    return [data.time_column, *features]


def _keys(table: pa.Table, settings: Settings) -> list[tuple[str, ...]]:
    columns = [table.column(name).to_pylist() for name in _key_columns(settings, table.column_names)]
    return [tuple(map(repr, values)) for values in zip(*columns, strict=True)]


def _stored(
    registry: Registry, settings: Settings, learned: DatasetVersion, times: set[datetime]
) -> dict[tuple[str, ...], list[Entry]]:
    """Number and target of the stored rows of these times, by what they are known by."""
    moment, target = settings.spec.data.time_column, settings.spec.model.target
    names = _key_columns(settings, to_arrow(learned.schema).names)
    found: dict[tuple[str, ...], list[Entry]] = defaultdict(list)
    kind = to_arrow(learned.schema).field(moment).type
    wanted = fitted(pa.chunked_array([pa.array(sorted(times), _TIME)]), kind)
    start = 0
    for batch in iter_batches(registry, learned, columns=list(dict.fromkeys([*names, target]))):
        places = pc.indices_nonzero(pc.is_in(batch.column(moment), wanted.combine_chunks()))
        here = pa.Table.from_batches([batch]).take(places)
        for place, key, value in zip(
            places.to_pylist(), _keys(here, settings), here.column(target).to_pylist(), strict=True
        ):
            found[key].append((start + place, value))
        start += batch.num_rows
    return found
