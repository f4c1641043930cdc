"""Judged windows: drift, data quality, performance with and without labels."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from mlops_desktop.core.errors import Damaged, InvalidInput, NotFound
from mlops_desktop.core.monitoring import MetricValue, Window, WindowKind
from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.monitoring.drift import WindowCounts, add_counts, count_window, judge_counts
from mlops_desktop.monitoring.reference import LABEL, PREDICTION, Reference, build_reference
from mlops_desktop.monitoring.spec import MonitoringSpec
from mlops_desktop.monitoring.windows import WindowResult, judge_window, maturity, metric_of

START = datetime(2024, 3, 1, tzinfo=UTC)
COSTS = ValueMatrix(true_positive=0, false_positive=1, true_negative=0, false_negative=3)
Rows = tuple[pa.Table, np.ndarray, np.ndarray]


def rows_of(seed: int, rows: int, *, spread: float = 1.0, flipped: bool = False) -> Rows:
    """Rows of a world in which the probability rises with x; `flipped` is a world in which it falls."""
    random = np.random.default_rng(seed)
    x = random.normal(0, spread, rows)
    scores = 1 / (1 + np.exp(-1.5 * x))
    labels = (random.random(rows) < (1 - scores if flipped else scores)).astype(float)
    table = pa.table(
        {
            "x": x.astype(np.float32),
            "place": random.choice(["here", "there", "away"], rows, p=[0.6, 0.3, 0.1]),
            "count": random.poisson(5, rows),
        }
    )
    return table, scores, labels


@pytest.fixture(scope="module")
def reference() -> Reference:
    table, scores, labels = rows_of(1, 20_000)
    return build_reference(
        table, scores=scores, labels=labels, values=COSTS, decision_threshold=0.25, importances={"x": 8, "place": 2}
    )


def _judge(reference: Reference, rows: Rows, *, labels: object = None, **more: object) -> WindowResult:
    table, scores, known = rows
    given = known if labels is None else labels
    return judge_window(reference, table, scores, given, START, START + timedelta(days=7), **more)  # type: ignore[arg-type]


def _metric(result: WindowResult, name: str) -> MetricValue:
    found = metric_of(result.window, name)
    assert found is not None, [metric.name for metric in result.window.metrics]
    return found


def test_an_unchanged_window_is_calm_and_travels_as_json(reference: Reference) -> None:
    result = _judge(reference, rows_of(2, 3_000), endpoint="e", model_version="m@1")
    window = result.window
    assert [drift.feature for drift in window.features] == ["x", "place", "count", PREDICTION, LABEL]
    assert not [drift for drift in window.features if drift.drifting]
    assert not [metric for metric in window.metrics if metric.breached]
    assert window.violations == ()
    assert window.labelled == window.rows == 3_000
    assert msgspec.json.decode(msgspec.json.encode(window), type=Window) == window
    assert (window.endpoint, window.model_version, window.kind) == ("e", "m@1", WindowKind.VERDICT)


def test_realised_metrics_carry_intervals_baselines_and_the_dummy(reference: Reference) -> None:
    result = _judge(reference, rows_of(2, 3_000))
    for name in ("auc", "log_loss", "brier", "cost", "estimated_auc", "estimated_cost"):
        metric = _metric(result, name)
        assert metric.low <= metric.value <= metric.high
        assert metric.baseline is not None
        assert metric.baseline == pytest.approx(metric.value, rel=0.1)
    assert _metric(result, "dummy_log_loss").value == pytest.approx(0.693, abs=0.01)
    assert _metric(result, "dummy_cost").value > _metric(result, "cost").value
    assert _metric(result, "label_share").value == 1


def test_covariate_shift_shows_in_inputs_predictions_and_the_estimate_before_any_label(reference: Reference) -> None:
    rows = rows_of(3, 3_000, spread=0.4)
    result = _judge(reference, rows, labels=np.full(3_000, np.nan))
    drifting = [drift.feature for drift in result.window.features if drift.drifting]
    assert drifting == ["x", PREDICTION]
    assert _metric(result, "estimated_auc").breached
    assert metric_of(result.window, "auc") is None
    with_labels = _judge(reference, rows)
    assert _metric(with_labels, "auc").value == pytest.approx(_metric(result, "estimated_auc").value, abs=0.04)
    assert with_labels.split is not None
    assert abs(with_labels.split.covariates) > abs(with_labels.split.concept)


def test_concept_drift_shows_in_realised_metrics_alone(reference: Reference) -> None:
    result = _judge(reference, rows_of(4, 3_000, flipped=True))
    assert _metric(result, "auc").breached
    assert _metric(result, "cost").breached
    assert _metric(result, "concept_votes").breached
    assert not _metric(result, "estimated_auc").breached
    assert result.split is not None
    assert result.split.concept < -0.3
    assert abs(result.split.covariates) < 0.02


def test_change_detectors_look_at_verdict_windows_alone(reference: Reference) -> None:
    result = _judge(reference, rows_of(4, 3_000, flipped=True), kind=WindowKind.DAY)
    assert metric_of(result.window, "concept_votes") is None
    off = _judge(reference, rows_of(4, 3_000), settings=MonitoringSpec(concept_detectors=False))
    assert metric_of(off.window, "concept_votes") is None


def test_too_few_labels_are_not_scored_and_it_is_said(reference: Reference) -> None:
    rows = rows_of(5, 3_000)
    part = rows[2].copy()
    part[1_000:] = np.nan
    result = _judge(reference, rows, labels=part)
    assert metric_of(result.window, "auc") is None
    assert _metric(result, "label_share").value == pytest.approx(1 / 3)
    assert any("Labels of 33% of the rows" in note for note in result.window.notes)
    assert maturity(result.window, MonitoringSpec()) == "estimated"
    part[1_000:2_900] = 0
    assert maturity(_judge(reference, rows, labels=part).window, MonitoringSpec()) == "provisional"
    assert maturity(_judge(reference, rows).window, MonitoringSpec()) == "final"


def test_few_labelled_rows_are_not_scored(reference: Reference) -> None:
    result = _judge(reference, rows_of(5, 150))
    assert metric_of(result.window, "auc") is None
    assert any("Only 150 rows have a label" in note for note in result.window.notes)


def test_labels_may_come_as_arrow_with_nulls_or_as_booleans(reference: Reference) -> None:
    rows = rows_of(6, 1_000)
    plain = _judge(reference, rows).window.metrics
    for labels in (pa.array(rows[2], pa.int8(), safe=False), pa.array(rows[2] > 0.5)):
        assert _judge(reference, rows, labels=labels).window.metrics == plain
    nulls = pa.array([None] * 1_000, pa.int8())
    assert _judge(reference, rows, labels=nulls).window.labelled == 0


def test_the_order_of_rows_does_not_matter_when_times_are_given(reference: Reference) -> None:
    table, scores, labels = rows_of(4, 2_000, flipped=True)
    times = np.arange(2_000) * 10**6
    order = np.random.default_rng(7).permutation(2_000)
    straight = _judge(reference, (table, scores, labels), times=times).window
    mixed = _judge(reference, (table.take(order), scores[order], labels[order]), times=times[order]).window
    assert mixed.features == straight.features
    assert [(m.name, m.breached) for m in mixed.metrics] == [(m.name, m.breached) for m in straight.metrics]


@pytest.mark.parametrize(
    ("change", "kind", "feature"),
    [
        (lambda t: t.drop_columns(["x"]), "missing_column", "x"),
        (lambda t: t.set_column(0, "x", pa.array(["one"] * t.num_rows)), "data_type", "x"),
        (lambda t: t.set_column(0, "x", pa.array([None, 1.0] * (t.num_rows // 2), pa.float32())), "completeness", "x"),
        (
            lambda t: t.set_column(1, "place", pa.array(["mars", *["here"] * 9] * (t.num_rows // 10))),
            "categorical_values",
            "place",
        ),
        (lambda t: t.set_column(1, "place", pa.array(np.ones(t.num_rows))), "data_type", "place"),
        (lambda t: t.append_column("x", t.column("x")), "extra_column", "x"),
    ],
)
def test_faults_of_the_data_are_violations_with_a_message(
    reference: Reference, change: object, kind: str, feature: str
) -> None:
    table, scores, labels = rows_of(8, 1_000)
    window = _judge(reference, (change(table), scores, labels)).window  # type: ignore[operator]
    (violation,) = window.violations
    assert (violation.kind, violation.feature) == (kind, feature)
    assert f"`{feature}`" in violation.message


def test_integers_read_as_floats_are_no_fault(reference: Reference) -> None:
    table, scores, labels = rows_of(8, 1_000)
    floats = pa.array(table.column("count").to_numpy().astype(float))
    assert _judge(reference, (table.set_column(2, "count", floats), scores, labels)).window.violations == ()


def test_a_window_in_another_season_says_so() -> None:
    table, scores, labels = rows_of(9, 2_000)
    times = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=row) for row in range(2_000)]
    known = build_reference(table, scores=scores, labels=labels, times=times, spec=MonitoringSpec(resamples=40))
    july = datetime(2024, 7, 1, tzinfo=UTC)
    window = judge_window(known, table, scores, labels, july, july + timedelta(days=7)).window
    assert "no rows of July" in window.notes[0]


def test_counts_of_days_add_up_to_the_week_and_can_be_judged_again(reference: Reference) -> None:
    table, scores, labels = rows_of(10, 2_100, spread=0.8)
    week = count_window(reference, table, scores, labels)
    days = [
        count_window(reference, table.slice(at, 300), scores[at : at + 300], labels[at : at + 300])
        for at in range(0, 2_100, 300)
    ]
    stored = [WindowCounts.from_bytes(day.to_bytes()) for day in days]
    together = add_counts(stored)
    assert together.rows == 2_100
    assert judge_counts(reference, together, MonitoringSpec()) == judge_counts(reference, week, MonitoringSpec())
    assert _judge(reference, (table, scores, labels)).window.features == judge_counts(reference, week, MonitoringSpec())


def test_counts_that_are_damaged_are_said_to_be() -> None:
    with pytest.raises(Damaged):
        WindowCounts.from_bytes(b"\x00")
    with pytest.raises(Damaged, match="`x`"):
        WindowCounts(1, {"x": (b"torn", 0)}).column("x")


def test_another_method_can_be_chosen_without_building_the_reference_again(reference: Reference) -> None:
    rows = rows_of(11, 2_000, spread=0.5)
    for numeric, title in (("psi", "PSI"), ("wasserstein", "Wasserstein"), ("jensen_shannon", "Jensen-Shannon")):
        drift = _judge(reference, rows, settings=MonitoringSpec(numeric_method=numeric)).window.features[0]
        assert drift.method == title
        assert drift.drifting
    with pytest.raises(NotFound, match="nonsense"):
        _judge(reference, rows, settings=MonitoringSpec(numeric_method="nonsense"))


def test_scores_of_another_length_are_refused(reference: Reference) -> None:
    table, scores, labels = rows_of(12, 50)
    with pytest.raises(InvalidInput, match="49 scores for 50 rows"):
        _judge(reference, (table, scores[:-1], labels))


def test_judging_loads_neither_scikit_learn_nor_scipy_nor_river() -> None:
    code = (
        "import sys, json, numpy as np\n"
        "from datetime import datetime, UTC\n"
        "from mlops_desktop.monitoring.reference import build_reference\n"
        "from mlops_desktop.monitoring.rules import decide\n"
        "from mlops_desktop.monitoring.windows import judge_window\n"
        "t = {'x': np.arange(500.0), 'c': ['a', 'b'] * 250}\n"
        "s, y = np.linspace(0, 1, 500), (np.arange(500) % 3 == 0)\n"
        "r = build_reference(t, scores=s, labels=y)\n"
        "w = judge_window(r, t, s, y, datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 8, tzinfo=UTC)).window\n"
        "decide([], w, [])\n"
        "print(json.dumps([n for n in ('sklearn', 'river', 'scipy') if n in sys.modules]))\n"
    )
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(finished.stdout) == []
