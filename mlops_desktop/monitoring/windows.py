"""Judge one window of served rows against the reference of the model version that served them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from msgspec import Struct

from mlops_desktop.core.ids import new_id
from mlops_desktop.core.monitoring import MetricValue, Window, WindowKind
from mlops_desktop.evaluation.intervals import proportion_interval
from mlops_desktop.monitoring.columns import Table, columns_of, repeated_names
from mlops_desktop.monitoring.concept import DETECTORS, MAJORITY, ChangeSplit, detect_concept_drift, split_change
from mlops_desktop.monitoring.drift import WindowCounts, count_window, judge_counts
from mlops_desktop.monitoring.estimate import PREFIX
from mlops_desktop.monitoring.isotonic import Floats
from mlops_desktop.monitoring.notes import season_note
from mlops_desktop.monitoring.performance import ERROR, LABEL_SHARE, judged, realised_metrics, score_metrics
from mlops_desktop.monitoring.quality import violations
from mlops_desktop.monitoring.reference import Reference, as_numbers, check_lengths, errors_of, recent_errors
from mlops_desktop.monitoring.resampling import as_microseconds
from mlops_desktop.monitoring.spec import MonitoringSpec

CONCEPT_VOTES = "concept_votes"


class WindowResult(Struct, frozen=True):
    """A judged window and its counts, for the content store. `split` tells how much of the change of the main metric
    the covariates explain, where both the estimate and the labels are there."""

    window: Window
    counts: WindowCounts
    split: ChangeSplit | None = None


def judge_window(
    reference: Reference,
    table: Table,
    scores: Any,
    labels: Any,
    start: datetime,
    end: datetime,
    kind: WindowKind = WindowKind.VERDICT,
    settings: MonitoringSpec | None = None,
    *,
    endpoint: str = "",
    model_version: str = "",
    times: Any = None,
    counts: str = "",
    window_id: str = "",
) -> WindowResult:
    """Drift, quality, and performance of a window's rows.

    Args:
        reference: that of the model version which served the rows.
        table: Arrow table or arrays by column name, n rows.
        scores: the model's outputs, shape (n,), or None.
        labels: 0/1 or target values, missing where they have not arrived, shape (n,), or None.
        start, end: the span of time, the end not included.
        kind: change detectors look at verdict windows alone.
        settings: thresholds; the defaults if not given.
        endpoint, model_version: what served the rows.
        times: moment of each row, shape (n,), if the rows may be out of order.
        counts: hash of the stored counts, if the caller stored them before.
        window_id: a new id if not given.

    Raises:
        InvalidInput: scores, labels or times do not have one value per row.
    """
    settings = settings or MonitoringSpec()
    columns = columns_of(table)
    rows = max((len(column) for column in columns.values()), default=0 if scores is None else len(scores))
    score, label = _in_order(rows, scores, labels, times)
    counted = count_window(reference, table, None if scores is None else score, None if labels is None else label)
    drifts = judge_counts(reference, counted, settings)
    metrics, notes = _metrics(reference, score, label, kind, settings)
    season = season_note(reference.months, start, end)
    faults = violations(reference.columns, columns, drifts, repeated_names(table), rows, settings) if rows else ()
    window = Window(
        id=window_id or new_id(),
        endpoint=endpoint,
        model_version=model_version,
        kind=kind,
        start=start,
        end=end,
        rows=rows,
        labelled=int((~np.isnan(label)).sum()),
        features=drifts,
        metrics=tuple(metrics),
        counts=counts,
        violations=faults,
        notes=(*reference.notes, *([season] if season else []), *notes),
    )
    return WindowResult(window, counted, _split(window))


def _in_order(rows: int, scores: Any, labels: Any, times: Any) -> tuple[Floats, Floats]:
    """Scores and labels in the order of time, where it is given, shape (rows,) each."""
    moments = None if times is None else as_microseconds(times)
    check_lengths(rows, scores=scores, labels=labels, times=moments)
    score, label = as_numbers(scores, rows), as_numbers(labels, rows)
    if moments is None:
        return score, label
    order = np.argsort(moments, kind="stable")
    return score[order], label[order]


def metric_of(window: Window, name: str) -> MetricValue | None:
    """The window's metric of that name, if it has one."""
    return next((metric for metric in window.metrics if metric.name == name), None)


def maturity(window: Window, settings: MonitoringSpec) -> str:
    """`estimated` until enough labels arrived for a verdict, then `provisional`, `final` when all have."""
    if window.labelled < max(1.0, settings.least_label_share * window.rows):
        return "estimated"
    return "final" if window.labelled >= window.rows else "provisional"


def _metrics(
    reference: Reference, score: Floats, label: Floats, kind: WindowKind, settings: MonitoringSpec
) -> tuple[list[MetricValue], list[str]]:
    """Metrics of a window and what to know about them; scores and labels in the order of time, shape (n,)."""
    notes = []
    costs = (reference.decision_threshold, reference.values)
    present = score[~np.isnan(score)]
    found = score_metrics(present, reference.estimator, *costs, reference.baselines, settings)
    if reference.estimator is not None:
        notes += [f"No estimate of {name}: {why}." for name, why in reference.estimator.withheld.items()]
    known = ~np.isnan(label)
    labelled = int(known.sum())
    if labelled:
        found.append(judged(proportion_interval(LABEL_SHARE, labelled, len(label)), reference.baselines, settings))
    if 0 < labelled < settings.least_label_share * len(label):
        notes.append(f"Labels of {labelled / len(label):.0%} of the rows have arrived: too few for a verdict.")
    elif 0 < labelled < settings.least_labelled:
        notes.append(f"Only {labelled} rows have a label: too few for a verdict.")
    elif labelled:
        both = known & ~np.isnan(score)
        found += realised_metrics(
            reference.task,
            score[both],
            label[both],
            *costs,
            reference.baselines,
            settings,
            top_label=reference.top_label,
        )
        if settings.concept_detectors and kind == WindowKind.VERDICT and both.any():
            found.append(_votes(reference, score[both], label[both], settings))
    return found, notes


def _votes(reference: Reference, score: Floats, label: Floats, settings: MonitoringSpec) -> MetricValue:
    """Number of detectors that saw the error rise beyond what is usual, as a metric; breached from two of three on."""
    errors, usual = errors_of(reference.task, score, label), reference.baselines.get(ERROR)
    verdict = detect_concept_drift(
        recent_errors(reference.errors),
        errors,
        usual=None if usual is None else usual.value,
        margin=0.0 if usual is None else usual.margin(len(errors), settings),
    )
    votes = float(verdict.votes)
    return MetricValue(CONCEPT_VOTES, votes, votes, votes, len(DETECTORS), 0.0, votes >= MAJORITY)


def _split(window: Window) -> ChangeSplit | None:
    realised, estimated = metric_of(window, "auc"), metric_of(window, f"{PREFIX}auc")
    if realised is None or estimated is None or realised.baseline is None:
        return None
    return split_change(realised.baseline, estimated.value, realised.value)
