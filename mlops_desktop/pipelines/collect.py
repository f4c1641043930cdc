"""Turns the prediction log into dataset versions: predictions are data like any other.

Two datasets grow: `<endpoint>.predictions` (every answered row with its score, version and label) and, by the rows
whose label is known, the dataset that the model is trained on. A label that comes after its row was collected changes
the stored row, or adds it to what is learned from; one whose prediction is not known yet is parked.

A row is known by its inference id, never by its time. Repeating a collection changes nothing, and one that was cut off
is completed by the next.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Struct

from mlops_desktop.core.datasets import DatasetVersion, Origin
from mlops_desktop.core.models import Signature, Task
from mlops_desktop.core.runs import RunState
from mlops_desktop.data.read import iter_batches
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.versions.store import append_version, latest
from mlops_desktop.governance.promotion import production_version
from mlops_desktop.pipelines.learned_rows import fitted, learned_change
from mlops_desktop.pipelines.parking import park, read_parked
from mlops_desktop.pipelines.relabelling import Change, write_change
from mlops_desktop.pipelines.runner import Output, StepContext, register_step
from mlops_desktop.pipelines.settings import Settings, settings_for
from mlops_desktop.registry import Registry
from mlops_desktop.serving.labels import LabelBook, join_labels, label_number, to_columns
from mlops_desktop.serving.log import FeedbackRecord, LogPosition, LogReader, PredictionRecord, Record, to_micros

_LOOK_BACK = 400
_ROLES = ("primary", "canary")
_TYPES: dict[str, pa.DataType] = {
    "inference_id": pa.string(), "entity_id": pa.string(), "time": pa.timestamp("us", tz="UTC"),
    "version": pa.int32(), "role": pa.string(), "score": pa.float64(), "prediction": pa.string(),
    "label": pa.float64(), "label_time": pa.timestamp("us", tz="UTC"),
}  # fmt: skip


def spool_folder(registry: Registry, endpoint: str) -> Path:
    return registry.folder / "spool" / endpoint


def predictions_dataset(endpoint: str) -> str:
    return f"{endpoint}.predictions"


def labels_complete_until(settings: Settings, now: datetime) -> datetime:
    """Rows before this moment have all the labels they are going to get in time."""
    complete = now - timedelta(days=settings.retraining.label_delay_days)
    return complete.replace(hour=0, minute=0, second=0, microsecond=0)


class _News(Struct, frozen=True):
    """What the log holds that was not collected: records, labels parked before them, and where the next look begins.

    `passed` labels are from before that place, so that they are not read again.
    """

    records: list[Record]
    parked: list[FeedbackRecord]
    passed: list[FeedbackRecord]
    bookmark: LogPosition

    @property
    def book(self) -> LabelBook:
        return LabelBook([*self.parked, *(r for r in self.records if isinstance(r, FeedbackRecord))])


class _Grown(Struct, frozen=True):
    """What became of the dataset of predictions. `times` are those of all rows that a label or a row came for."""

    rows: int
    relabelled: int
    made: list[str]
    times: set[datetime]
    matched: set[str]


@register_step("collect")
def collect(context: StepContext) -> Output:
    """Append the answered rows whose labels are complete, and bring late labels to the rows from before."""
    registry, endpoint = context.registry, context.parameters["endpoint"]
    settings = settings_for(registry, endpoint)
    folder = spool_folder(registry, endpoint)
    until = labels_complete_until(settings, registry.clock.now())
    news = _read(LogReader(folder, collected_until(registry, endpoint)), until, read_parked(folder))
    grown = _append_predictions(registry, settings, news, until)
    learned = _append_labelled(registry, settings, grown, news.book)
    parked, given_up = park(folder, _unmatched(news, grown))
    return {
        "summary": _summary(grown, until),
        "until": until.isoformat(),
        "rows": grown.rows,
        "relabelled": grown.relabelled,
        "parked": parked,
        "given_up": given_up,
        **learned,
        "made": [*grown.made, *learned["made"]],
        "bookmark": msgspec.to_builtins(news.bookmark),
    }


def _summary(grown: _Grown, until: datetime) -> str:
    added = f"{grown.rows:,} predictions up to {until:%Y-%m-%d}" if grown.rows else "no new predictions"
    return added + (f", {grown.relabelled:,} late labels" if grown.relabelled else "")


def collected_until(registry: Registry, endpoint: str) -> LogPosition:
    """Where the newest finished collection of this endpoint stopped; the beginning of the log where there was none."""
    for run in registry.pipeline_runs.all(limit=_LOOK_BACK):
        if run.parameters.get("endpoint") != endpoint:
            continue
        for step in run.steps:
            if step.name == "collect" and step.state is RunState.SUCCEEDED:
                return msgspec.convert(step.output["bookmark"], LogPosition)
    return LogPosition()


def _read(reader: LogReader, until: datetime, parked: list[FeedbackRecord]) -> _News:
    """All records from the bookmark on; the next one is before the first prediction that is too young."""
    limit = to_micros(until)
    records: list[Record] = []
    passed: list[FeedbackRecord] = [*parked]
    bookmark: LogPosition | None = None
    before = reader.position
    for record in reader.read():
        if isinstance(record, FeedbackRecord):
            if bookmark is None:
                passed.append(record)
        elif bookmark is None and record.time >= limit:
            bookmark = before
        records.append(record)
        before = reader.position
    return _News(records, parked, passed, bookmark or before)


def _append_predictions(registry: Registry, settings: Settings, news: _News, until: datetime) -> _Grown:
    """Bring the dataset of predictions to what the log says by now."""
    dataset = predictions_dataset(settings.endpoint)
    signature = _signature(registry, settings)
    table = _table(news, signature, until)
    times = set(table.column("time").to_pylist())
    origin = _origin(registry, settings, dataset)
    while True:
        parent = latest(registry, dataset)
        if parent is None:
            if not table.num_rows:
                return _Grown(0, 0, [], times, set())
            version = append_version(registry, dataset, table, origin, time_column="time")
            return _Grown(table.num_rows, 0, [version.reference], times, set())
        stored = _Stored(table, news.book, signature)
        for batch in iter_batches(registry, parent, columns=stored.COLUMNS):
            stored.look_through(batch)
        fresh = _as_stored(table.filter(pc.invert(pc.is_in(table.column("inference_id"), stored.known_ids))), parent)
        times |= stored.times
        if not fresh.num_rows and not stored.cells:
            return _Grown(0, 0, [], times, stored.matched)
        made = write_change(registry, parent, Change(stored.cells, fresh), origin)
        if made is not None:
            return _Grown(fresh.num_rows, len(stored.cells), [made.reference], times, stored.matched)


class _Stored:
    """Looks through the stored predictions for rows that came again, and for those that a label came for."""

    COLUMNS = ("inference_id", "entity_id", "time", "prediction", "label")

    def __init__(self, table: pa.Table, book: LabelBook, signature: Signature) -> None:
        self._fresh = table.column("inference_id").combine_chunks()
        self._book = book
        self._ids = pa.array(book.ids, pa.string())
        self._signature = signature
        self._start = 0
        self._known: list[pa.Array] = []
        self.cells: dict[int, dict[str, Any]] = {}
        self.times: set[datetime] = set()
        self.matched: set[str] = set()

    @property
    def known_ids(self) -> pa.Array:
        """Ids of the rows that are stored already."""
        return pa.concat_arrays(self._known) if self._known else pa.array([], pa.string())

    def look_through(self, batch: pa.RecordBatch) -> None:
        """Take note of one batch; they come in order."""
        own, entity = batch.column("inference_id"), batch.column("entity_id")
        self._known.append(own.filter(pc.is_in(own, self._fresh)))
        is_named = pc.or_(pc.is_in(own, self._ids), pc.is_in(entity, self._ids))
        places = pc.indices_nonzero(is_named)
        rows = pa.Table.from_batches([batch]).take(places).to_pylist()
        for place, row in zip(places.to_pylist(), rows, strict=True):
            self._take_label(self._start + place, row)
        self._start += batch.num_rows

    def _take_label(self, number: int, row: dict[str, Any]) -> None:
        self.times.add(row["time"])
        self.matched |= {row["inference_id"], row["entity_id"]}
        found = self._book.of(row["inference_id"], row["entity_id"])
        label = label_number(found.label, row["prediction"], self._signature) if found else None
        if found and label != row["label"]:
            self.cells[number] = {"label": label, "label_time": found.moment}


def _append_labelled(registry: Registry, settings: Settings, grown: _Grown, book: LabelBook) -> dict[str, Any]:
    """The same for the rows that are learned from."""
    dataset = settings.spec.data.dataset
    predictions = latest(registry, predictions_dataset(settings.endpoint))
    if predictions is None or not grown.times or not book.ids:
        return {"labelled": 0, "corrected": 0, "unfit": 0, "made": []}
    while True:
        learned = registry.datasets.get(dataset)
        found = learned_change(registry, settings, predictions, learned, grown.times, book)
        counts = {"labelled": found.change.added.num_rows, "corrected": len(found.change.cells), "unfit": found.unfit}
        if not found.change.added.num_rows and not found.change.cells:
            return {**counts, "made": []}
        made = write_change(registry, learned, found.change, _origin(registry, settings, dataset))
        if made is not None:
            return {**counts, "made": [made.reference]}


def _unmatched(news: _News, grown: _Grown) -> list[FeedbackRecord]:
    """Labels to be kept, as what they belong to was not collected yet and they will not be read again."""
    if not news.passed:
        return []
    known: set[str] = {*grown.matched}
    newest = max(grown.times, default=None)
    for record in news.records:
        if isinstance(record, PredictionRecord) and newest is not None and record.moment <= newest:
            known.update(f"{record.id}/{row}" for row in range(record.rows))
            known.update(record.entity_ids or ())
    return [label for label in news.passed if label.id not in known]


def _table(news: _News, signature: Signature, until: datetime) -> pa.Table:
    """Answered rows before `until`, each once, in the order of their time."""
    limit = to_micros(until)
    wanted = (r for r in news.records if not isinstance(r, PredictionRecord) or r.time < limit)
    columns = to_columns(join_labels([*news.parked, *wanted]), roles=_ROLES)
    given = zip(columns["label"], columns["prediction"], strict=True)
    columns["label"] = [label_number(label, prediction, signature) for label, prediction in given]
    columns["prediction"] = [None if value is None else str(value) for value in columns["prediction"]]
    return pa.table({name: _array(name, values) for name, values in columns.items()}).sort_by("time")


def _array(name: str, values: list[Any]) -> pa.Array:
    """Features are words where there is one among them, else numbers, whatever they happen to be in this batch."""
    kind = _TYPES.get(name) or (pa.string() if any(isinstance(v, str) for v in values) else pa.float64())
    if pa.types.is_floating(kind):
        values = [None if value is None else float(value) for value in values]
    elif pa.types.is_string(kind):
        values = [None if value is None else str(value) for value in values]
    return pa.array(values, kind)


def _as_stored(table: pa.Table, parent: DatasetVersion) -> pa.Table:
    """Columns in the types that they are stored in; a column that was hashed from some day on fits no numbers."""
    kinds = {field.name: field.type for field in to_arrow(parent.schema)}
    arrays = [fitted(table.column(name), kinds.get(name, table.column(name).type)) for name in table.column_names]
    return pa.table(arrays, names=table.column_names)


def _signature(registry: Registry, settings: Settings) -> Signature:
    """That of the version in production; what the spec says of the classes where there is none yet."""
    version = production_version(registry, settings.spec.model.name)
    if version is not None:
        return version.signature
    model = settings.spec.model
    classes = () if model.task is Task.REGRESSION else ("0", str(1 if model.positive is None else model.positive))
    return Signature(model.task, (), model.target, classes)


def _origin(registry: Registry, settings: Settings, dataset: str) -> Origin:
    """The rows come from the log, and from the version that they are appended to."""
    before = latest(registry, dataset)
    parents = (before.reference,) if before is not None else ()
    return Origin(kind="prediction log", name=f"predictions of {settings.endpoint}", parents=parents)
