"""Gates: may this model version go on towards production?

A gate compares challenger and champion on the same newest rows, which neither was trained on. The comparison is a
paired bootstrap over blocks of time (Efron & Tibshirani 1993, ch. 8), because rows of one day are not independent. Too
little evidence is not a pass: the champion stays.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.models import Task
from mlops_desktop.evaluation.business import ValueMatrix, cost_metric
from mlops_desktop.evaluation.calibration import expected_calibration_error
from mlops_desktop.evaluation.metrics import Metric, get_metric, metrics_for
from mlops_desktop.evaluation.multiclass import rarest_class
from mlops_desktop.evaluation.paired import PairedComparison, paired_bootstrap

Array = NDArray[np.float64]

_MAIN_METRIC = {Task.CLASSIFICATION: "auc", Task.REGRESSION: "rmse"}


class GateSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """The `[gate]` section of a spec.

    Attributes:
        metric: what must improve, by its name in `evaluation.metrics`; AUC of a classifier, RMSE of a regression where
            none is given.
        min_improvement: the lower bound of the gain must be above it; negative for a non-inferiority margin.
        confidence: of the two-sided interval of the gain.
        min_rows: fewer labelled test rows are not enough evidence.
        min_rows_per_class: the same for the rarest class.
        max_calibration_error: expected calibration error allowed above the champion's.
        max_cost_increase: mean cost per row allowed above the champion's (where a value matrix is given); the guardrail
            is broken when the whole interval of the increase lies above it.
        repetitions: of the bootstrap.
    """

    metric: str = ""
    min_improvement: float = 0.0
    confidence: float = 0.95
    min_rows: int = 1_000
    min_rows_per_class: int = 100
    max_calibration_error: float = 0.05
    max_cost_increase: float = 0.02
    repetitions: int = 500

    def metric_for(self, task: Task) -> Metric:
        """The metric that must improve. Raises `InvalidInput` for one of another task, `NotFound` for unknown ones."""
        metric = get_metric(self.metric or _MAIN_METRIC[task])
        if metric.task is not task:
            known = ", ".join(each.name for each in metrics_for(task))
            raise InvalidInput(
                f"gate.metric: {metric.name!r} does not apply to a {task}.", hint=f"Choose one of {known}."
            )
        return metric


class Check(Struct, frozen=True):
    """One condition of a gate, with the figures it rests on. `passed` is None when it could not be decided."""

    name: str
    passed: bool | None
    text: str
    value: float | None = None
    limit: float | None = None


class Contender(Struct, frozen=True):
    """A model in the gate: its name, its scores on the test rows, and where its training rows end.

    Scores have the shape (n,), or (n, classes) with more than two, in the order of the labels' numbers.
    """

    name: str
    scores: Array
    train_end: datetime | None


class GateVerdict(Struct, frozen=True):
    """`verdict` is `passed`, `refused`, or `undecided` (not enough evidence, the champion stays)."""

    verdict: str
    reason: str
    checks: tuple[Check, ...]
    gain: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def has_passed(self) -> bool:
        return self.verdict == "passed"


class TestRows(Struct, frozen=True):
    """The rows a gate judges on: the label and the block (day) of each, and the time of the first one.

    Labels are numbers of `classes` classes, or with no classes what a regression is to predict.
    """

    __test__ = False

    labels: Array
    blocks: NDArray[np.int64]
    start: datetime
    classes: int = 2

    @property
    def task(self) -> Task:
        return Task.CLASSIFICATION if self.classes else Task.REGRESSION


def judge(
    spec: GateSpec,
    rows: TestRows,
    challenger: Contender,
    champion: Contender | None,
    *,
    baselines: dict[str, Array],
    values: ValueMatrix | None = None,
    seed: int = 0,
) -> GateVerdict:
    """All checks of the gate. Without a champion the challenger has only the baselines to beat."""
    checks = [
        _enough_rows(spec, rows),
        _after_training(rows, challenger),
        *(_beats_baseline(spec, rows, challenger, champion, name, baselines[name]) for name in sorted(baselines)),
    ]
    comparison: PairedComparison | None = None
    if champion is not None:
        checks.append(_after_training(rows, champion))
        comparison = paired_bootstrap(
            rows.labels,
            champion.scores,
            challenger.scores,
            spec.metric_for(rows.task),
            blocks=rows.blocks,
            repetitions=spec.repetitions,
            seed=seed,
            confidence=spec.confidence,
        )
        checks += [
            _gains(spec, comparison),
            *_stays_calibrated(spec, rows, challenger, champion),
            *_stays_cheap(spec, rows, challenger, champion, values, seed),
        ]
    return _verdict(checks, comparison)


def _enough_rows(spec: GateSpec, rows: TestRows) -> Check:
    n = len(rows.labels)
    enough, text = n >= spec.min_rows, f"{n:,} labelled rows"
    if rows.classes:
        rarest = rarest_class(rows.labels, rows.classes)
        enough = enough and rarest >= spec.min_rows_per_class
        text += f", {rarest:,} of the rarest class"
    return Check("enough evidence", True if enough else None, text, value=float(n), limit=float(spec.min_rows))


def _after_training(rows: TestRows, model: Contender) -> Check:
    if model.train_end is None:
        return Check(f"{model.name} has not seen the test rows", None, "its training time is unknown")
    later = model.train_end < rows.start
    text = f"trained up to {model.train_end:%Y-%m-%d %H:%M}, tested from {rows.start:%Y-%m-%d %H:%M}"
    return Check(f"{model.name} has not seen the test rows", later, text)


def _beats_baseline(
    spec: GateSpec, rows: TestRows, challenger: Contender, champion: Contender | None, name: str, scores: Array
) -> Check:
    """A challenger must beat the baseline, unless the champion does not either: then staying would be no better."""
    metric = spec.metric_for(rows.task)

    def beats(value: float) -> bool:
        return bool(value > other if metric.greater_is_better else value < other)

    own, other = metric(rows.labels, challenger.scores), metric(rows.labels, scores)
    if not (math.isfinite(own) and math.isfinite(other)):
        return Check(f"beats the {name} baseline", None, f"{metric.name} cannot be computed on these rows")
    text = f"{metric.name} {own:.4f} against {other:.4f}"
    passed = beats(own)
    if not passed and champion is not None and not beats(current := metric(rows.labels, champion.scores)):
        passed, text = True, f"{text}, which the champion with {current:.4f} does not reach either"
    return Check(f"beats the {name} baseline", passed, text, value=own, limit=other)


def _gains(spec: GateSpec, found: PairedComparison) -> Check:
    text = (
        f"gain in {get_metric(found.metric).label} {found.gain:+.4f}, {spec.confidence:.0%} interval "
        f"[{found.low:+.4f}, {found.high:+.4f}] on {found.n:,} rows in {found.blocks} blocks"
    )
    passed: bool | None = found.low > spec.min_improvement
    if not math.isfinite(found.low):
        return Check("better than the champion", None, f"no interval of the gain on {found.n:,} rows in few blocks")
    if not passed and found.high > spec.min_improvement:
        passed = None
    return Check("better than the champion", passed, text, value=found.low, limit=spec.min_improvement)


def _stays_calibrated(spec: GateSpec, rows: TestRows, challenger: Contender, champion: Contender) -> list[Check]:
    if not rows.classes:
        return []
    own = expected_calibration_error(rows.labels, challenger.scores)
    limit = expected_calibration_error(rows.labels, champion.scores) + spec.max_calibration_error
    text = f"calibration error {own:.4f}, at most {limit:.4f}"
    return [Check("stays calibrated", bool(own <= limit), text, own, limit)]


def _stays_cheap(
    spec: GateSpec, rows: TestRows, challenger: Contender, champion: Contender, values: ValueMatrix | None, seed: int
) -> list[Check]:
    if values is None:
        return []
    threshold = values.optimal_threshold()
    found = paired_bootstrap(
        rows.labels,
        champion.scores,
        challenger.scores,
        cost_metric(values),
        blocks=rows.blocks,
        repetitions=spec.repetitions,
        seed=seed,
        confidence=spec.confidence,
        thresholds=(threshold, threshold),
    )
    text = (
        f"cost per row {found.challenger:.4f}, champion {found.champion:.4f}, "
        f"increase in [{-found.high:+.4f}, {-found.low:+.4f}]"
    )
    is_dearer = -found.high > spec.max_cost_increase
    return [Check("costs no more", not is_dearer, text, found.challenger, found.champion + spec.max_cost_increase)]


def _verdict(checks: list[Check], comparison: PairedComparison | None) -> GateVerdict:
    failed = [check for check in checks if check.passed is False]
    open_checks = [check for check in checks if check.passed is None]
    if failed:
        verdict, decisive = "refused", failed[0]
    elif open_checks:
        verdict, decisive = "undecided", open_checks[0]
    else:
        verdict, decisive = "passed", next((c for c in checks if c.name == "better than the champion"), checks[-1])
    reason = (
        f"{decisive.name}: {decisive.text}" if verdict == "passed" else f"not shown: {decisive.name} ({decisive.text})"
    )
    if comparison is None:
        return GateVerdict(verdict, reason, tuple(checks))
    return GateVerdict(verdict, reason, tuple(checks), comparison.gain, comparison.low, comparison.high)


def as_payload(verdict: GateVerdict) -> list[dict[str, Any]]:
    """The checks as JSON values, for the journal."""
    return [
        {"name": c.name, "passed": c.passed, "text": c.text, "value": c.value, "limit": c.limit} for c in verdict.checks
    ]
