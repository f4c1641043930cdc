"""What the test rows say about a model, beside the baselines it has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlops_desktop.core.models import Task
from mlops_desktop.core.monitoring import MetricValue
from mlops_desktop.evaluation.baselines import last_value_scores, previous_period_scores, prior_scores
from mlops_desktop.evaluation.business import ValueMatrix, cost_metric
from mlops_desktop.evaluation.calibration import CalibrationBin, expected_calibration_error, reliability_bins
from mlops_desktop.evaluation.intervals import metric_interval
from mlops_desktop.evaluation.metrics import Metric, evaluate, get_metric, metrics_for
from mlops_desktop.evaluation.slices import Slice, slices_by
from mlops_desktop.training.fit import FittedModel
from mlops_desktop.training.specs import ProjectSpec
from mlops_desktop.training.splits import DAY
from mlops_desktop.training.tables import column, microseconds, texts
from mlops_desktop.training.targets import target_array

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """Metrics of a model and its baselines on the test rows; see `train.TrainingResult` for the names."""

    metrics: dict[str, float]
    intervals: tuple[MetricValue, ...]
    slices: tuple[Slice, ...]
    calibration: tuple[CalibrationBin, ...]


def baseline_scores(spec: ProjectSpec, fitted: FittedModel, train: pa.Table, test: pa.Table) -> dict[str, Scores]:
    """Scores of the baselines on the test rows: `dummy` and `persistence`, each of the shape of a model's scores.

    Persistence repeats the entity's last label where the spec names an entity, else the mean of the last earlier day.
    Labels of earlier test days count as known.
    """
    signature = fitted.signature
    history = pa.concat_tables([_needed(spec, train), _needed(spec, test)])
    y = target_array(history, spec.model, signature.classes)
    past, now = microseconds(history, spec.data.time_column), microseconds(test, spec.data.time_column)
    who = texts(column(history, spec.data.entity)) if spec.data.entity else None

    def dummy(labels: Scores) -> Scores:
        return prior_scores(labels[: train.num_rows], test.num_rows)

    def persistence(labels: Scores) -> Scores:
        prior = float(labels[: train.num_rows].mean())
        if who is None:
            return previous_period_scores(past // DAY, labels, now // DAY, fallback=prior)
        return last_value_scores(past, labels, who, now, who[train.num_rows :], fallback=prior)

    guesses = {"dummy": dummy, "persistence": persistence}
    if not signature.is_multiclass:
        return {name: guess(y) for name, guess in guesses.items()}
    each = [(y == place).astype(np.float64) for place in range(len(signature.classes))]
    return {name: np.column_stack([guess(labels) for labels in each]) for name, guess in guesses.items()}


def judge(
    spec: ProjectSpec,
    fitted: FittedModel,
    test: pa.Table,
    labels: Scores,
    scores: Scores,
    baselines: dict[str, Scores],
) -> Judgement:
    """Metrics with intervals, slices by category, calibration, and the same metrics of the baselines."""
    task, threshold = spec.model.task, fitted.threshold
    measures = [*metrics_for(task), *_business(spec)]
    intervals = tuple(metric_interval(measure, labels, scores, threshold) for measure in measures)
    metrics = {interval.name: interval.value for interval in intervals}
    for name, guess in baselines.items():
        metrics |= {f"{name}_{key}": value for key, value in evaluate(task, labels, guess, threshold).items()}
        metrics |= {f"{name}_{m.name}": m(labels, guess, threshold) for m in _business(spec)}
    calibration: tuple[CalibrationBin, ...] = ()
    if task is Task.CLASSIFICATION:
        metrics["calibration_error"] = expected_calibration_error(labels, scores)
        calibration = reliability_bins(labels, scores)
    return Judgement(metrics, intervals, _slices(spec, test, labels, scores, threshold), calibration)


def _business(spec: ProjectSpec) -> list[Metric]:
    if spec.model.task is not Task.CLASSIFICATION or not spec.has_section("business"):
        return []
    return [cost_metric(spec.section("business", ValueMatrix))]


def _slices(spec: ProjectSpec, test: pa.Table, labels: Scores, scores: Scores, threshold: float) -> tuple[Slice, ...]:
    metric = get_metric("auc" if spec.model.task is Task.CLASSIFICATION else "mae")
    return tuple(
        found
        for name in spec.features.categorical
        for found in slices_by(name, column(test, name).to_pylist(), labels, scores, metric, threshold=threshold)
    )


def _needed(spec: ProjectSpec, table: pa.Table) -> pa.Table:
    names = {spec.data.time_column, spec.model.target, spec.data.entity} - {""}
    return table.select(sorted(names))
