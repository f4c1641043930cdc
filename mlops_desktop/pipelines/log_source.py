"""The prediction log as a source of rows: `log:<endpoint>`, all answered predictions, with their labels where known.

The log is read twice, never held: first for the labels, which come later than what they belong to, and for the types
of the features; then for the rows. What is written meanwhile is not part of the source.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.progress import Progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import Source, register_scheme
from mlops_desktop.data.sources.base import user_name
from mlops_desktop.data.versions.chunking import BATCH_ROWS
from mlops_desktop.pipelines.collect import spool_folder
from mlops_desktop.registry import Registry
from mlops_desktop.serving.labels import OWN_COLUMNS, row_values
from mlops_desktop.serving.log import CANARY, PINNED, PRIMARY, FeedbackRecord, PredictionRecord, read_log

SCHEME = "log"
KIND = "prediction log"
_ANSWERED = (PRIMARY, CANARY, PINNED)
_TIME = pa.timestamp("us", tz="UTC")
_TYPES = {
    "inference_id": pa.string(), "entity_id": pa.string(), "time": _TIME, "version": pa.int32(), "role": pa.string(),
    "score": pa.float64(), "prediction": pa.string(), "label_time": _TIME,
}  # fmt: skip


def located(registry: Registry, location: Path | str) -> Path | str:
    """A location that is opened the same from everywhere: `log:<endpoint>` becomes `log:<folder of its log>`."""
    if not isinstance(location, str) or not location.startswith(f"{SCHEME}:"):
        return location
    endpoint = location.removeprefix(f"{SCHEME}:")
    known = sorted(path.name for path in spool_folder(registry, "").glob("*") if path.is_dir())
    if endpoint in known:
        return f"{SCHEME}:{spool_folder(registry, endpoint)}"
    raise InvalidInput(
        f"There is no prediction log of {endpoint!r}.",
        hint=f"Endpoints that have served: {', '.join(known) or 'none yet'}.",
    )


def open_log(location: str, options: ReadOptions, hints: pa.Schema | None = None) -> Source:  # noqa: ARG001
    """Open `log:<folder>`. Raises `InvalidInput` where nothing was answered yet."""
    folder = Path(location.removeprefix(f"{SCHEME}:"))
    log = _Log(folder)
    if not log.rows:
        raise InvalidInput(f"{folder.name} has answered nothing yet.", hint="Send it some requests first.")
    return Source(
        name=f"predictions of {folder.name}",
        kind=KIND,
        rows=log.rows,
        identity=log,
        _schema=lambda: log.schema,
        _batches=log.batches,
        size=log.size,
        settings=ReadOptions(),
    )


class _Log:
    """The log as it was when it was opened; also its identity, as what is appended later changes none of its rows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._labels: dict[str, tuple[int, FeedbackRecord]] = {}
        self._records = 0
        self.rows = 0
        self.size = sum(path.stat().st_size for path in folder.glob("*.seg"))
        kinds: dict[str, set[type]] = {}
        for record in read_log(folder):
            self._records += 1
            if isinstance(record, FeedbackRecord):
                self._labels[record.id] = (self._records, record)
            elif _is_answered(record):
                self.rows += record.rows
                for name, values in record.features.items():
                    kinds.setdefault(name, set()).update(map(type, values))
        self._features = {_column_of(name): name for name in kinds}
        self.schema = self._schema(kinds)

    def _schema(self, kinds: dict[str, set[type]]) -> pa.Schema:
        labels = {type(record.label) for _, record in self._labels.values()}
        own = _TYPES | {"label": _type_of(labels)}
        features = [pa.field(column, _type_of(kinds[name])) for column, name in self._features.items()]
        return pa.schema([*(pa.field(name, own[name]) for name in OWN_COLUMNS), *features])

    def origin(self, progress: Progress) -> Origin:  # noqa: ARG002
        newest = max((path.stat().st_mtime for path in self._folder.glob("*.seg")), default=0.0)
        return Origin(
            kind=KIND,
            name=f"predictions of {self._folder.name}",
            host=platform.node(),
            user=user_name(),
            size=self.size,
            modified=datetime.fromtimestamp(newest, UTC).isoformat(timespec="seconds"),
        )

    def check_unchanged(self) -> None:
        """Segments are only ever appended to, and no more records are read than there were."""

    def batches(self) -> Iterator[pa.RecordBatch]:
        rows: list[tuple[Any, ...]] = []
        for record in islice(read_log(self._folder), self._records):
            if isinstance(record, PredictionRecord) and _is_answered(record):
                rows.extend(self._rows_of(record))
            while len(rows) >= BATCH_ROWS:
                yield self._batch(rows[:BATCH_ROWS])
                del rows[:BATCH_ROWS]
        if rows:
            yield self._batch(rows)

    def _rows_of(self, record: PredictionRecord) -> Iterator[tuple[Any, ...]]:
        features = [record.features.get(name) for name in self._features.values()]
        for row in range(record.rows):
            own = row_values(record, row, self._label_of(record, row))
            yield (*own, *(None if values is None else values[row] for values in features))

    def _label_of(self, record: PredictionRecord, row: int) -> FeedbackRecord | None:
        """The label that arrived last, by the id of the row or of what it is about."""
        ids = [f"{record.id}/{row}", *([record.entity_ids[row]] if record.entity_ids else [])]
        found = [self._labels[id] for id in ids if id in self._labels]
        return max(found, key=lambda each: each[0])[1] if found else None

    def _batch(self, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
        columns = zip(*rows, strict=True)
        arrays = [_array(values, field.type) for values, field in zip(columns, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)


def _is_answered(record: PredictionRecord) -> bool:
    return record.status == 200 and record.role in _ANSWERED


def _column_of(feature: str) -> str:
    return f"feature.{feature}" if feature in OWN_COLUMNS else feature


def _type_of(kinds: set[type]) -> pa.DataType:
    """Words where there is one among the values, else numbers: whole ones of today may be broken ones tomorrow."""
    return pa.string() if str in kinds else pa.float64()


def _array(values: tuple[Any, ...], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        values = tuple(None if value is None else str(value) for value in values)
    elif pa.types.is_float64(kind):
        values = tuple(None if value is None else float(value) for value in values)
    return pa.array(values, kind)


register_scheme(SCHEME, open_log)
