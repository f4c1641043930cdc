"""One training run: split, fit, export, judge on the newest days. Returns values; it stores nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.models import Parity, Runtime, Signature, Task
from mlops_desktop.core.monitoring import MetricValue
from mlops_desktop.core.progress import Progress, no_progress, part_of
from mlops_desktop.data.schema import check_names, to_core
from mlops_desktop.evaluation.calibration import CalibrationBin
from mlops_desktop.evaluation.metrics import get_metric
from mlops_desktop.evaluation.slices import Slice
from mlops_desktop.training.export import export_onnx
from mlops_desktop.training.fit import FittedModel, fit, score_sklearn
from mlops_desktop.training.importance import permutation_importance
from mlops_desktop.training.judgement import baseline_scores, judge
from mlops_desktop.training.onnx_scoring import OnnxModel
from mlops_desktop.training.originals import dump_original
from mlops_desktop.training.references import REFERENCE_TRAIN_ROWS, reference_rows
from mlops_desktop.training.specs import ProjectSpec, check_columns
from mlops_desktop.training.splits import moment, split_table
from mlops_desktop.training.tables import microseconds
from mlops_desktop.training.targets import target_array

Scores = NDArray[np.float64]
Scorer = Callable[[pa.Table], Scores]


@dataclass(frozen=True)
class TrainingResult:
    """Everything that a training run found and made.

    Attributes:
        signature, threshold: how to use the model.
        train_start, train_end, test_start, test_end: times of the first and last rows of each part.
        train_rows, test_rows: their numbers.
        metrics: on the test rows by name, with `cost` where there is a value matrix, `calibration_error` for a
            classifier, and the baselines' values as `dummy_auc`, `persistence_auc`, ….
        intervals: the model's own metrics with their 95 % intervals.
        slices, calibration, importance: see the rooms' functions; slices are by categorical feature.
        onnx: the exported model, None where it does not agree with the original.
        original: the scikit-learn pipeline as a joblib pickle.
        parity: the verdict on the export.
        test_labels, test_scores, test_times: shape (test_rows,), times as datetime64[us] in UTC.
        baselines: scores on the test rows by name (`dummy`, `persistence`).
        reference_train, reference_test: rows for monitoring with their scores, see `references.reference_rows`.
        notes: what was odd, for people.
    """

    signature: Signature
    threshold: float
    train_start: datetime
    train_end: datetime
    test_start: datetime
    test_end: datetime
    train_rows: int
    test_rows: int
    metrics: dict[str, float]
    intervals: tuple[MetricValue, ...]
    slices: tuple[Slice, ...]
    calibration: tuple[CalibrationBin, ...]
    importance: dict[str, float]
    onnx: bytes | None
    original: bytes
    parity: Parity
    test_labels: Scores
    test_scores: Scores
    test_times: NDArray[np.datetime64]
    baselines: dict[str, Scores]
    reference_train: pa.Table
    reference_test: pa.Table
    notes: tuple[str, ...] = ()

    @property
    def runtime(self) -> Runtime:
        """What shall serve the model."""
        return Runtime.ONNX if self.onnx is not None else Runtime.SKLEARN

    @property
    def summary(self) -> str:
        """One line for the journal."""
        main = ("auc", "log_loss", "cost") if self.signature.task is Task.CLASSIFICATION else ("mae", "rmse", "r2")
        shown = ", ".join(f"{name} {self.metrics[name]:.3f}" for name in main if name in self.metrics)
        return f"{shown} on {self.test_rows:,} test rows, {self.train_rows:,} training rows"


def train(spec: ProjectSpec, table: pa.Table, as_of: datetime, progress: Progress = no_progress) -> TrainingResult:
    """Train and judge one model on the rows before `as_of` (aware). Same input, same result.

    Raises:
        InvalidInput: the table does not fit the spec, a part of the split is empty, or there is a single class.
        Cancelled: by `progress`.
    """
    check_names(table.column_names)
    check_columns(spec, to_core(table.schema))
    split = split_table(spec, table, as_of)
    train_rows, test_rows = table.take(split.train), table.take(split.test)
    fitted = fit(spec, train_rows, part_of(progress, 0.05, 0.5))
    progress(0.5, "Exporting")
    export = export_onnx(fitted, test_rows)
    score = _scorer(fitted, export.onnx)
    progress(0.6, f"Scoring {test_rows.num_rows:,} test rows")
    labels, scores = target_array(test_rows, spec.model, fitted.signature.classes), score(test_rows)
    baselines = baseline_scores(spec, fitted, train_rows, test_rows)
    progress(0.7, "Judging")
    judged = judge(spec, fitted, test_rows, labels, scores, baselines)
    importance = permutation_importance(
        score,
        test_rows,
        labels,
        fitted.signature.features,
        get_metric("auc" if spec.model.task is Task.CLASSIFICATION else "rmse"),
        seed=spec.seed,
        progress=part_of(progress, 0.75, 0.95),
    )
    sample = train_rows.take(_evenly(train_rows.num_rows, REFERENCE_TRAIN_ROWS))
    times = microseconds(test_rows, spec.data.time_column)
    progress(1.0, "Trained")
    return TrainingResult(
        signature=fitted.signature,
        threshold=fitted.threshold,
        train_start=fitted.train_start,
        train_end=fitted.train_end,
        test_start=moment(times.min()),
        test_end=moment(times.max()),
        train_rows=fitted.train_rows,
        test_rows=test_rows.num_rows,
        metrics=judged.metrics,
        intervals=judged.intervals,
        slices=judged.slices,
        calibration=judged.calibration,
        importance=importance,
        onnx=export.onnx,
        original=dump_original(fitted.pipeline),
        parity=export.parity,
        test_labels=labels,
        test_scores=scores,
        test_times=times.astype("datetime64[us]"),
        baselines=baselines,
        reference_train=reference_rows(spec, fitted.signature, sample, score(sample), part="train"),
        reference_test=reference_rows(spec, fitted.signature, test_rows, scores, part="test"),
        notes=fitted.notes,
    )


def _evenly(rows: int, most: int) -> NDArray[np.intp]:
    """At most `most` row numbers, evenly spaced, so that a sample covers the whole time."""
    return np.arange(rows) if rows <= most else np.linspace(0, rows - 1, most).astype(np.intp)


def _scorer(fitted: FittedModel, onnx: bytes | None) -> Scorer:
    """What will serve the model also judges it."""
    if onnx is not None:
        return OnnxModel(onnx, fitted.signature).score
    return lambda table: score_sklearn(fitted, table)
