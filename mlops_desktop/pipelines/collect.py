"""Turns the prediction log into dataset versions: predictions are data like any other.

Two datasets grow: `<endpoint>.predictions` (every answered row with its score, version and label) and, by the rows
whose label is known, the dataset that the model is trained on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.core.datasets import DatasetVersion, Origin
from mlops_desktop.core.runs import RunState
from mlops_desktop.data.manifests import read_profile
from mlops_desktop.data.store import append_version, latest
from mlops_desktop.pipelines.runner import Output, StepContext, register_step
from mlops_desktop.pipelines.settings import Settings, settings_for
from mlops_desktop.registry import Registry
from mlops_desktop.serving.labels import join_labels, to_columns
from mlops_desktop.serving.log import LogPosition, LogReader, PredictionRecord, Record, to_micros

_LOOK_BACK = 400
_ROLES = ("primary", "canary")


def spool_folder(registry: Registry, endpoint: str) -> Path:
    return registry.folder / "spool" / endpoint


def predictions_dataset(endpoint: str) -> str:
    return f"{endpoint}.predictions"


def labels_complete_until(settings: Settings, now: datetime) -> datetime:
    """Rows before this moment have all the labels they are going to get in time."""
    complete = now - timedelta(days=settings.retraining.label_delay_days)
    return complete.replace(hour=0, minute=0, second=0, microsecond=0)


@register_step("collect")
def collect(context: StepContext) -> Output:
    """Append the answered rows whose labels are complete. Repeating it adds nothing twice."""
    registry, endpoint = context.registry, context.parameters["endpoint"]
    settings = settings_for(registry, endpoint)
    until = labels_complete_until(settings, registry.clock.now())
    reader = LogReader(spool_folder(registry, endpoint), _bookmark(registry, endpoint))
    records, bookmark = _read(reader, until)
    table = _table(records, until)
    added, grown = _append_predictions(registry, settings, table)
    learned, learned_from = _append_labelled(registry, settings, table)
    summary = f"{added:,} predictions up to {until:%Y-%m-%d}" if added else "no new predictions"
    return {
        "summary": summary,
        "until": until.isoformat(),
        "rows": added,
        "labelled": learned,
        "made": [*grown, *learned_from],
        "bookmark": msgspec.to_builtins(bookmark),
    }


def _bookmark(registry: Registry, endpoint: str) -> LogPosition:
    """Where the newest finished collection of this endpoint stopped; the beginning of the log where there was none."""
    for run in registry.pipeline_runs.all(limit=_LOOK_BACK):
        if run.parameters.get("endpoint") != endpoint:
            continue
        for step in run.steps:
            if step.name == "collect" and step.state is RunState.SUCCEEDED:
                return msgspec.convert(step.output["bookmark"], LogPosition)
    return LogPosition()


def _read(reader: LogReader, until: datetime) -> tuple[list[Record], LogPosition]:
    """All records from the bookmark on, and the position before the first prediction that is too young."""
    limit = to_micros(until)
    records: list[Record] = []
    bookmark: LogPosition | None = None
    before = reader.position
    for record in reader.read():
        if bookmark is None and isinstance(record, PredictionRecord) and record.time >= limit:
            bookmark = before
        records.append(record)
        before = reader.position
    return records, bookmark or before


def _table(records: list[Record], until: datetime) -> pa.Table:
    """Answered rows before `until`, in the order of their time."""
    limit = to_micros(until)
    wanted = [r for r in records if not isinstance(r, PredictionRecord) or r.time < limit]
    columns = to_columns(join_labels(wanted), roles=_ROLES)
    table = pa.table(columns) if columns["time"] else pa.table({})
    return table.sort_by("time") if table.num_rows else table


def _append_predictions(registry: Registry, settings: Settings, table: pa.Table) -> tuple[int, list[str]]:
    """How many rows were added, and the version that has them."""
    dataset = predictions_dataset(settings.endpoint)
    fresh = _newer_than_stored(registry, dataset, table, "time")
    if not fresh.num_rows:
        return 0, []
    rows = _typed(_with_labels_as_numbers(fresh, settings))
    version = append_version(registry, dataset, rows, _origin(registry, settings, dataset), time_column="time")
    return int(fresh.num_rows), [version.reference]


def _with_labels_as_numbers(table: pa.Table, settings: Settings) -> pa.Table:
    """Labels that are words become 1 for the positive one and 0 for any other, as scores are of the positive one."""
    label = table.column("label")
    if not pa.types.is_string(label.type):
        return table
    numbers = pc.cast(pc.equal(label, str(settings.spec.model.positive)), pa.float64())
    return table.set_column(table.column_names.index("label"), "label", numbers)


def _typed(table: pa.Table) -> pa.Table:
    """Columns that happen to hold only nulls, or whole numbers, in this batch get the types they always have."""
    fixed: dict[str, Any] = {
        "time": pa.timestamp("us", tz="UTC"),
        "score": pa.float64(),
        "version": pa.int32(),
        "entity_id": pa.string(),
        "label_time": pa.timestamp("us", tz="UTC"),
        "label": pa.float64(),
        "prediction": pa.string(),
    }
    arrays = []
    for name in table.column_names:
        column = table.column(name)
        wanted = fixed.get(name)
        if wanted is None and not pa.types.is_string(column.type):
            wanted = pa.float64()
        arrays.append(column if wanted is None else pc.cast(column, wanted))
    return pa.table(dict(zip(table.column_names, arrays, strict=True)))


def _append_labelled(registry: Registry, settings: Settings, table: pa.Table) -> tuple[int, list[str]]:
    """The same for the rows that are learned from."""
    data, model = settings.spec.data, settings.spec.model
    if not table.num_rows:
        return 0, []
    fresh = _newer_than_stored(registry, data.dataset, table, data.time_column)
    fresh = fresh.filter(pc.is_valid(fresh.column("label")))
    if not fresh.num_rows:
        return 0, []
    version = registry.datasets.get(data.dataset)
    stored = {column.name: column for column in version.schema.columns}
    renamed = {data.time_column: "time", data.id_column: "entity_id", model.target: "label"}
    columns = {}
    for name in stored:
        source = renamed.get(name, name)
        if source in fresh.column_names:
            columns[name] = fresh.column(source)
        else:
            columns[name] = pa.nulls(fresh.num_rows)
    origin = _origin(registry, settings, data.dataset)
    appended = append_version(registry, data.dataset, pa.table(columns), origin)
    return int(fresh.num_rows), [appended.reference]


def _newer_than_stored(registry: Registry, dataset: str, table: pa.Table, stored_time: str) -> pa.Table:
    """Rows later than all that the dataset has, whose column of times is `stored_time`."""
    stored = latest(registry, dataset)
    end = _time_end(registry, stored, stored_time) if stored is not None else None
    if end is None or not table.num_rows:
        return table
    return table.filter(pc.greater(table.column("time"), pa.scalar(end, pa.timestamp("us", tz="UTC"))))


def _time_end(registry: Registry, version: DatasetVersion, column: str) -> datetime | None:
    profile = read_profile(registry, version)
    latest_time = next((c.maximum for c in profile.columns if c.name == column), None)
    return datetime.fromisoformat(str(latest_time).replace("Z", "+00:00")) if latest_time else None


def _origin(registry: Registry, settings: Settings, dataset: str) -> Origin:
    """The rows come from the log, and from the version that they are appended to."""
    before = latest(registry, dataset)
    parents = (before.reference,) if before is not None else ()
    return Origin(kind="prediction log", name=f"predictions of {settings.endpoint}", parents=parents)
