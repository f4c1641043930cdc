"""Monitored windows as arrays that charts take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mlops_desktop.core.monitoring import Window

Floats = NDArray[np.float64]

_PERFORMANCE = ("auc", "balanced_accuracy", "accuracy", "r2", "f1", "log_loss", "brier", "rmse", "mae")
_BUSINESS = ("cost", "value", "profit", "revenue", "business")
_LABELS = {
    "auc": "AUC", "log_loss": "Log loss", "brier": "Brier score", "accuracy": "Accuracy", "f1": "F1", "r2": "R²",
    "balanced_accuracy": "Balanced accuracy", "mae": "Mean absolute error", "rmse": "RMSE", "cost": "Cost per row",
    "positive_rate": "Positive rate", "value": "Value per row", "mean_score": "Mean score",
    "label_share": "Rows with a label", "concept_votes": "Votes for concept drift",
    "calibration_error": "Calibration error",
}  # fmt: skip
_PREFIXES = {"dummy_": "Dummy", "persistence_": "Persistence", "estimated_": "Estimated"}
_HIGHER_IS_BETTER = {"auc", "accuracy", "balanced_accuracy", "f1", "r2", "value", "profit", "revenue"}


@dataclass(frozen=True, eq=False)
class MetricSeries:
    """A metric over time. `low` and `high` bound it; `baseline` is its value at registration, where known."""

    name: str
    times: Floats
    values: Floats
    low: Floats
    high: Floats
    rows: Floats
    baseline: float | None = None

    @property
    def label(self) -> str:
        return metric_label(self.name)


@dataclass(frozen=True, eq=False)
class HeatRows:
    """Feature by window. `ratios` is score over threshold, NaN where a feature was not looked at."""

    features: tuple[str, ...]
    starts: tuple[float, ...]
    scores: Floats
    ratios: Floats
    drifting: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class WindowSeries:
    """Everything that charts show of one endpoint's windows. Times are seconds since 1970, mid-window."""

    times: Floats = field(default_factory=lambda: np.zeros(0))
    starts: Floats = field(default_factory=lambda: np.zeros(0))
    ends: Floats = field(default_factory=lambda: np.zeros(0))
    requests: dict[str, Floats] = field(default_factory=dict)
    drift: Floats = field(default_factory=lambda: np.zeros(0))
    drift_share: Floats = field(default_factory=lambda: np.zeros(0))
    metrics: dict[str, MetricSeries] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.times)


def metric_label(name: str) -> str:
    """`auc` is said AUC, `dummy_auc` Dummy: AUC; an unknown name as it is, with spaces."""
    for prefix, word in _PREFIXES.items():
        if name.startswith(prefix):
            return f"{word}: {metric_label(name.removeprefix(prefix))}"
    return _LABELS.get(name, name.replace("_", " ").capitalize())


def is_higher_better(name: str) -> bool:
    return name in _HIGHER_IS_BETTER or any(word in name for word in ("profit", "revenue", "value", "gain"))


def series_of(windows: Sequence[Window]) -> WindowSeries:
    """Arrays of the windows, which come oldest first."""
    if not windows:
        return WindowSeries()
    starts = np.array([window.start.timestamp() for window in windows])
    ends = np.array([window.end.timestamp() for window in windows])
    times = (starts + ends) / 2
    return WindowSeries(
        times=times,
        starts=starts,
        ends=ends,
        requests=_requests(windows),
        drift=np.array([window.drift_score if window.features else np.nan for window in windows]),
        drift_share=np.array([window.drift_share for window in windows]),
        metrics=_metrics(windows, times),
    )


def _requests(windows: Sequence[Window]) -> dict[str, Floats]:
    found: dict[str, Floats] = {}
    for index, window in enumerate(windows):
        for version, rows in (window.rows_by_version or {window.model_version: window.rows}).items():
            found.setdefault(version, np.zeros(len(windows)))[index] = rows
    return dict(sorted(found.items(), key=lambda item: _number(item[0])))


def _number(reference: str) -> int:
    number = reference.rpartition("@")[2]
    return int(number) if number.isdecimal() else 0


def _metrics(windows: Sequence[Window], times: Floats) -> dict[str, MetricSeries]:
    points: dict[str, list[tuple[float, float, float, float, int]]] = {}
    baselines: dict[str, float] = {}
    for time, window in zip(times.tolist(), windows, strict=True):
        for metric in window.metrics:
            points.setdefault(metric.name, []).append((time, metric.value, metric.low, metric.high, metric.n))
            if metric.baseline is not None:
                baselines[metric.name] = metric.baseline
    return {name: _metric(name, np.array(rows, dtype=np.float64), baselines.get(name)) for name, rows in points.items()}


def _metric(name: str, rows: Floats, baseline: float | None) -> MetricSeries:
    return MetricSeries(name, rows[:, 0], rows[:, 1], rows[:, 2], rows[:, 3], rows[:, 4], baseline)


def heat_rows(windows: Sequence[Window], *, most: int = 40) -> HeatRows:
    """The newest `most` windows; features in the order of their importance, then of their worst ratio."""
    shown = list(windows)[-most:]
    importance: dict[str, float] = {}
    worst: dict[str, float] = {}
    for window in shown:
        for drift in window.features:
            importance[drift.feature] = max(importance.get(drift.feature, 0.0), drift.importance)
            ratio = drift.score / drift.threshold if drift.threshold > 0 else 0.0
            worst[drift.feature] = max(worst.get(drift.feature, 0.0), ratio)
    names = sorted(importance, key=lambda name: (-importance[name], -worst[name], name))
    index = {name: row for row, name in enumerate(names)}
    shape = (len(names), len(shown))
    scores, ratios, drifting = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=bool)
    for column, window in enumerate(shown):
        for drift in window.features:
            row = index[drift.feature]
            scores[row, column] = drift.score
            ratios[row, column] = drift.score / drift.threshold if drift.threshold > 0 else np.nan
            drifting[row, column] = drift.drifting
    starts = tuple(window.start.timestamp() for window in shown)
    return HeatRows(tuple(names), starts, scores, ratios, drifting)


def performance_name(names: Sequence[str]) -> str:
    """The metric that says how well the model predicts, empty where there is none."""
    return next((name for name in _PERFORMANCE if name in names), next(iter(names), ""))


def business_name(names: Sequence[str]) -> str:
    """The metric that says what it is worth; where there is none, any other than the performance metric."""
    main = performance_name(names)
    named = [name for name in names if any(word in name for word in _BUSINESS)]
    return next(iter(named), next((name for name in names if name != main), ""))
