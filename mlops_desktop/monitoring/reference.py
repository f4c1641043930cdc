"""What a model version is compared with while it serves: cells, counts, calibrated noise and baselines of its data.

A reference is built once, when a version is registered, from rows that the model was not trained on where there are
such; it is an object of a few hundred kilobytes and holds no row of the data.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import Damaged, InvalidInput
from mlops_desktop.core.models import Feature, Task
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.monitoring.calibration import Calibration, Noise, calibrate
from mlops_desktop.monitoring.columns import (
    Table,
    columns_of,
    features_of,
    is_numeric,
    joined_numbers,
)
from mlops_desktop.monitoring.estimate import Estimator, fit_estimator
from mlops_desktop.monitoring.grid import Counts, Grid, category_grid, numeric_grid
from mlops_desktop.monitoring.isotonic import Floats
from mlops_desktop.monitoring.notes import reference_notes
from mlops_desktop.monitoring.performance import ERROR, Baseline, mean_baseline, realised_baselines, score_baselines
from mlops_desktop.monitoring.resampling import Rows, Sampler, as_microseconds
from mlops_desktop.monitoring.spec import MonitoringSpec

PREDICTION = "model prediction"
LABEL = "arrived label"
RECENT_ERRORS = 5_000


class ColumnReference(Struct, frozen=True):
    """One column of the reference: its cells, packed counts, and what its scores are like without drift."""

    feature: Feature
    grid: Grid
    counts: bytes
    rows: int
    missing: int
    importance: float
    calibrations: dict[str, Calibration]
    missing_noise: Noise

    @property
    def name(self) -> str:
        return self.feature.name

    @property
    def missing_share(self) -> float:
        return self.missing / max(self.rows + self.missing, 1)

    def unpacked(self) -> Counts:
        """Rows per cell, shape (grid.size,)."""
        return unpack_counts(self.counts)


class Reference(Struct, frozen=True):
    """The reference of a model version.

    Attributes:
        rows: rows it was built from.
        start, end: span of their times, where these are known.
        task: what the model predicts.
        columns: one per feature.
        prediction, label: the same for scores and labels, where given.
        baselines: metrics of the reference by name.
        estimator: estimates performance without labels, where that was possible.
        decision_threshold: score from which the decision is positive.
        values: costs of decisions, where known.
        errors: recent rows' errors, as float32, which change detectors learn the usual level from.
        notes: what a reader of drift figures should know about these rows.
        top_label: whether scores are of the predicted class of several, and labels say whether it was right.
    """

    rows: int
    start: datetime | None
    end: datetime | None
    task: Task
    columns: tuple[ColumnReference, ...]
    prediction: ColumnReference | None
    label: ColumnReference | None
    baselines: dict[str, Baseline]
    estimator: Estimator | None
    decision_threshold: float
    values: ValueMatrix | None
    errors: bytes
    notes: tuple[str, ...]
    months: tuple[int, ...] = ()
    format: int = 1
    top_label: bool = False

    def to_bytes(self) -> bytes:
        """As an object for the content store."""
        return msgspec.msgpack.encode(self)

    @staticmethod
    def from_bytes(content: bytes) -> Reference:
        """Inverse of `to_bytes`; raises `Damaged` for anything else."""
        try:
            return msgspec.msgpack.decode(content, type=Reference)
        except msgspec.DecodeError as error:
            raise Damaged(
                f"This is not a monitoring reference: {error}.", hint="Build it again from the model's dataset version."
            ) from None

    @property
    def importances(self) -> dict[str, float]:
        """Share of the model's importance by feature; adds up to 1."""
        return {column.name: column.importance for column in self.columns}


def build_reference(
    table: Table,
    features: Sequence[Feature] | None = None,
    *,
    scores: Any = None,
    labels: Any = None,
    times: Any = None,
    importances: Mapping[str, float] | None = None,
    task: Task = Task.CLASSIFICATION,
    decision_threshold: float = 0.5,
    values: ValueMatrix | None = None,
    top_label: bool = False,
    spec: MonitoringSpec | None = None,
    seed: int = 0,
    progress: Progress = no_progress,
) -> Reference:
    """Learn cells, counts, noise and baselines from reference rows.

    Args:
        table: Arrow table or arrays by column name, n rows.
        features: columns to watch; all of them, typed by what they hold, if not given.
        scores: the model's output per row (probability of the positive class, or predicted value), shape (n,).
            Scores of rows the model was trained on make every baseline too good; give out-of-sample ones.
        labels: 0/1 or target values per row, missing where not known, shape (n,).
        times: moment of each row, shape (n,); makes noise be learnt by whole days.
        importances: any non-negative numbers by feature; equal if not given.
        task: what the model predicts.
        decision_threshold: score from which the decision is positive.
        values: cost of each outcome of a decision.
        top_label: see `Reference`; there is no estimate of performance without labels then.
        spec: settings; the drift methods are all calibrated, so that they can be switched later.
        seed: of the draws.
        progress: called per column.

    Raises:
        InvalidInput: scores, labels or times do not have one value per row.
    """
    settings = spec or MonitoringSpec()
    columns = columns_of(table)
    rows = max((len(column) for column in columns.values()), default=0)
    moments = None if times is None else as_microseconds(times)
    check_lengths(rows, scores=scores, labels=labels, times=moments)
    sampler = Sampler(rows, moments, seed)
    draws = draws_of(sampler, settings)
    watched = features_of(table) if features is None else features
    found = _column_references(columns, watched, rows, draws, importances, progress)
    model: dict[str, Any] = {
        "task": task,
        "decision_threshold": decision_threshold,
        "values": values,
        "top_label": top_label,
    }
    outcome = _outcomes(rows, scores, labels, moments, settings, seed, draws, **model)
    progress(1.0, "Reference built")
    notes = reference_notes(columns, moments, by_day=sampler.by_day)
    return Reference(rows=rows, **_times(moments), columns=found, notes=notes, **model, **outcome)


def _times(moments: NDArray[np.int64] | None) -> dict[str, Any]:
    """The span of the rows and the months that are in it."""
    if moments is None or not moments.size:
        return {"start": None, "end": None, "months": _months(moments)}
    return {"start": _moment(moments.min()), "end": _moment(moments.max()), "months": _months(moments)}


def _column_references(
    columns: Mapping[str, pa.ChunkedArray],
    features: Sequence[Feature],
    rows: int,
    draws: Sequence[Rows],
    importances: Mapping[str, float] | None,
    progress: Progress,
) -> tuple[ColumnReference, ...]:
    """One per feature; a column that is not there is one of missing values."""
    weights = _normalised(features, importances)
    found = []
    for number, feature in enumerate(features):
        progress(number / max(len(features), 1), f"Learning how {feature.name} varies")
        column = columns.get(feature.name, pa.chunked_array([pa.nulls(rows)]))
        found.append(_column_reference(feature, column, draws, weights[feature.name]))
    return tuple(found)


def draws_of(sampler: Sampler, settings: MonitoringSpec) -> list[Rows]:
    """Drawn windows for each size of the ladder; fewer of the large ones, which cost most."""
    return [
        sampler.draw(size, max(20, settings.resamples // (1 if size <= 1_000 else 2 if size <= 5_000 else 4)))
        for size in sampler.sizes()
    ]


def pack_counts(counts: Counts) -> bytes:
    """Counts as compressed bytes; mostly zeros in small windows, so they become small."""
    return zlib.compress(counts.astype("<u4").tobytes(), 1)


def unpack_counts(content: bytes) -> Counts:
    """Inverse of `pack_counts`."""
    return np.frombuffer(zlib.decompress(content), "<u4").astype(np.int64)


def as_numbers(values: Any, rows: int) -> Floats:
    """Scores or labels as float64 with NaN where missing, shape (rows,); all NaN if there are none."""
    if values is None:
        return np.full(rows, np.nan)
    return joined_numbers(columns_of({"values": values})["values"])


def recent_errors(content: bytes) -> Floats:
    """The stored errors of the reference, oldest first."""
    return np.frombuffer(content, "<f4").astype(np.float64)


def errors_of(task: Task, scores: Floats, labels: Floats) -> Floats:
    """Size of each row's error, shape (n,): |label - score|, which a classifier keeps in [0, 1]."""
    errors = np.abs(labels - scores)
    return np.clip(errors, 0, 1) if task == Task.CLASSIFICATION else errors


def _outcomes(
    rows: int,
    scores: Any,
    labels: Any,
    moments: NDArray[np.int64] | None,
    settings: MonitoringSpec,
    seed: int,
    draws: Sequence[Rows],
    *,
    task: Task,
    decision_threshold: float,
    values: ValueMatrix | None,
    top_label: bool,
) -> dict[str, Any]:
    """The parts of a reference that rest on scores and labels."""
    score, label = as_numbers(scores, rows), as_numbers(labels, rows)
    order = np.arange(rows) if moments is None else np.argsort(moments, kind="stable")
    scored, both = order[~np.isnan(score[order])], order[~np.isnan(score[order] + label[order])]
    estimator = None
    if task == Task.CLASSIFICATION and not top_label:
        estimator = fit_estimator(score[both], label[both], decision_threshold, values, settings)
    baselines = score_baselines(
        score[scored], estimator, decision_threshold, values, _draws_among(scored, moments, seed, settings)
    )
    known = _draws_among(both, moments, seed, settings)
    baselines += realised_baselines(
        task, score[both], label[both], decision_threshold, values, known, top_label=top_label
    )
    errors = errors_of(task, score[both], label[both])
    if len(errors):
        baselines.append(mean_baseline(ERROR, errors, known))
    return {
        "prediction": None if scores is None else _column_reference(_number(PREDICTION), _arrow(score), draws, 0.0),
        "label": None if labels is None else _column_reference(_number(LABEL), _arrow(label), draws, 0.0),
        "baselines": {baseline.name: baseline for baseline in baselines},
        "estimator": estimator,
        "errors": errors[-RECENT_ERRORS:].astype("<f4").tobytes(),
    }


def _draws_among(rows: Rows, moments: NDArray[np.int64] | None, seed: int, settings: MonitoringSpec) -> list[Rows]:
    return draws_of(Sampler(len(rows), None if moments is None else moments[rows], seed), settings)


def _column_reference(
    feature: Feature, column: pa.ChunkedArray, draws: Sequence[Rows], importance: float
) -> ColumnReference:
    grid: Grid
    if is_numeric(feature):
        numbers = joined_numbers(column)
        grid = numeric_grid(numbers)
        codes = grid.codes(numbers)
    else:
        grid = category_grid(column, feature.categories)
        codes = grid.codes(column)
    counts = np.bincount(codes[codes >= 0], minlength=grid.size)
    missing = int((codes < 0).sum())
    calibrations, noise = calibrate(grid, codes, draws)
    present = len(codes) - missing
    return ColumnReference(feature, grid, pack_counts(counts), present, missing, importance, calibrations, noise)


def _normalised(features: Sequence[Feature], importances: Mapping[str, float] | None) -> dict[str, float]:
    given = {f.name: max(0.0, float((importances or {}).get(f.name, 0.0))) for f in features}
    total = sum(given.values())
    if not np.isfinite(total) or total <= 0:
        return {f.name: 1 / len(given) for f in features}
    return {name: value / total for name, value in given.items()}


def check_lengths(rows: int, **parts: Any) -> None:
    """Raise `InvalidInput` unless each part that is given has one value per row."""
    for name, values in parts.items():
        if values is not None and len(values) != rows:
            raise InvalidInput(
                f"There are {len(values)} {name} for {rows} rows.", hint=f"Give one of the {name} per row."
            )


def _number(name: str) -> Feature:
    return Feature(name, ColumnType.NUMBER, name)


def _arrow(values: Floats) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values)])


def _moment(microseconds: np.int64) -> datetime:
    return datetime.fromtimestamp(int(microseconds) / 1e6, UTC)


def _months(moments: NDArray[np.int64] | None) -> tuple[int, ...]:
    if moments is None:
        return ()
    since_1970 = moments.astype("datetime64[us]").astype("datetime64[M]").astype(int)
    return tuple(int(month) for month in np.unique(since_1970 % 12 + 1))
