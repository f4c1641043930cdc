"""The decision table, persistence, hysteresis, and one incident per cause."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.monitoring import (
    Alert,
    AlertState,
    Cause,
    FeatureDrift,
    MetricValue,
    Severity,
    Violation,
    Window,
    WindowKind,
)
from mlops_desktop.monitoring.rules import AlertProposal, Change, MonitoringSpec, decide, monitoring_spec

START = datetime(2024, 1, 1, tzinfo=UTC)
FAULT = Violation("completeness", "temp", "40.0% of `temp` is missing, 1.0% in the reference", 0.4, 0.1, 0.2)


def window(
    number: int,
    *,
    drift: float = 0.1,
    auc: float | None = 0.7,
    estimate: float | None = 0.7,
    cost: float | None = None,
    version: str = "m@1",
    faulty: bool = False,
    importance: float = 0.5,
    kind: WindowKind = WindowKind.VERDICT,
    more: tuple[MetricValue, ...] = (),
) -> Window:
    """The window of week `number`; values count as breached from 0.05 below (AUC) or 0.1 above (cost) the baseline."""
    metrics = list(more)
    if auc is not None:
        metrics.append(MetricValue("auc", auc, auc - 0.01, auc + 0.01, 5_000, 0.7, auc < 0.65))
    if estimate is not None:
        metrics.append(MetricValue("estimated_auc", estimate, estimate, estimate, 5_000, 0.7, estimate < 0.65))
    if cost is not None:
        metrics.append(MetricValue("cost", cost, cost, cost, 5_000, 1.0, cost > 1.1))
    features = (
        FeatureDrift("temp", "PSI", drift, 0.25, 0.001 if drift > 0.25 else 0.9, drift > 0.25, importance=importance),
        FeatureDrift("dewp", "KS", 0.02, 0.1, 0.9, False, importance=1 - importance),
    )
    start = START + timedelta(days=7 * number)
    return Window(
        id=f"w{number}",
        endpoint="e",
        model_version=version,
        kind=kind,
        start=start,
        end=start + timedelta(days=7),
        rows=5_000,
        labelled=5_000 if auc is not None else 0,
        features=features,
        metrics=tuple(metrics),
        violations=(FAULT,) if faulty else (),
    )


def play(windows: Sequence[Window], settings: MonitoringSpec | None = None) -> list[tuple[int, AlertProposal]]:
    """What is proposed window by window, each proposal being carried out as the engine would."""
    opened: dict[Cause, Alert] = {}
    found = []
    for at, current in enumerate(windows):
        for proposal in decide(windows[:at], current, list(opened.values()), settings):
            found.append((at, proposal))
            if proposal.change == Change.RESOLVE:
                del opened[proposal.cause]
                continue
            known = opened.get(proposal.cause)
            assert (known is None) == (proposal.change == Change.RAISE)
            assert proposal.alert == ("" if known is None else known.id)
            opened[proposal.cause] = Alert(
                f"a{at}" if known is None else known.id, at, "e", current.model_version, proposal.cause,
                proposal.severity, proposal.action, proposal.title, proposal.evidence, AlertState.OPEN, START, START,
            )  # fmt: skip
    return found


def changes(found: Sequence[tuple[int, AlertProposal]]) -> list[tuple[int, str, str, str]]:
    return [(at, str(p.change), str(p.cause), str(p.action)) for at, p in found]


def test_calm_windows_ask_for_nothing() -> None:
    assert play([window(n) for n in range(6)]) == []


def test_drift_with_steady_performance_informs_in_plain_words_with_the_figures() -> None:
    found = play([window(0), window(1, drift=0.31), window(2, drift=0.31)])
    assert changes(found) == [(2, "raise", "data drift", "inform")]
    assert found[0][1].title == "PSI of `temp` 0.31 > 0.25; AUC 0.700 against 0.700 is within the usual"
    assert found[0][1].evidence["features"][0]["feature"] == "temp"


@pytest.mark.parametrize(("importance", "severity"), [(0.5, Severity.WARNING), (0.1, Severity.INFO)])
def test_drift_is_as_grave_as_the_drifting_features_matter(importance: float, severity: Severity) -> None:
    found = play([window(n, drift=0.4, importance=importance) for n in range(2)])
    assert found[-1][1].severity == severity


def test_one_window_of_drift_is_not_enough_and_two_of_three_are() -> None:
    assert play([window(0, drift=0.4), window(1), window(2), window(3, drift=0.4)]) == []
    assert changes(play([window(0, drift=0.4), window(1), window(2, drift=0.4)])) == [
        (2, "raise", "data drift", "inform")
    ]


def test_an_incident_stays_one_while_it_lasts_and_is_resolved_after_clear_windows() -> None:
    scores = [0.1, 0.4, 0.4, 0.4, 0.1, 0.4, 0.1, 0.1, 0.1]
    found = play([window(n, drift=score) for n, score in enumerate(scores)])
    assert [(at, change) for at, change, *_ in changes(found)] == [
        (2, "raise"),
        (3, "update"),
        (5, "update"),
        (7, "resolve"),
    ]


def test_a_score_just_below_the_threshold_does_not_resolve() -> None:
    near = [
        replace(w, features=(replace(w.features[0], p_value=0.001),)) for w in (window(n, drift=0.24) for n in (2, 3))
    ]
    found = play([window(0, drift=0.4), window(1, drift=0.4), *near])
    assert [change for _, change, *_ in changes(found)] == ["raise"]


def test_realised_performance_down_with_a_stable_estimate_is_concept_drift_and_retrains() -> None:
    found = play([window(0), window(1, auc=0.6), window(2, auc=0.61)])
    assert changes(found) == [(2, "raise", "concept drift", "retrain")]
    assert found[0][1].severity == Severity.CRITICAL
    assert found[0][1].title == "AUC 0.610 below 0.700 while the inputs alone would give 0.700: the concept has changed"


def test_performance_down_as_estimated_retrains_and_is_not_concept_drift() -> None:
    found = play([window(n, auc=0.6, estimate=0.6, drift=0.5) for n in range(2)])
    assert changes(found) == [(1, "raise", "performance", "retrain")]


def test_an_estimate_that_falls_before_labels_arrive_makes_a_candidate() -> None:
    found = play([window(n, auc=None, estimate=0.6, drift=0.5) for n in range(2)])
    assert changes(found) == [(1, "raise", "performance", "retrain")]
    assert found[0][1].severity == Severity.WARNING
    assert found[0][1].title == "Estimated AUC 0.600 below 0.700"


def test_a_low_estimate_is_overruled_by_labels_that_say_otherwise() -> None:
    assert play([window(n, auc=0.7, estimate=0.6) for n in range(3)]) == []


def test_without_an_estimate_a_drop_is_performance() -> None:
    assert changes(play([window(n, auc=0.6, estimate=None) for n in range(2)])) == [
        (1, "raise", "performance", "retrain")
    ]


def test_a_drop_is_one_incident_also_when_the_estimate_wavers() -> None:
    estimates = [0.7, 0.7, 0.6, 0.6, 0.7]
    found = play([window(n, auc=0.6, estimate=e) for n, e in enumerate(estimates)])
    assert changes(found) == [
        (1, "raise", "concept drift", "retrain"),
        *[(at, "update", "concept drift", "retrain") for at in (2, 3, 4)],
    ]


def test_drift_beside_a_loss_of_performance_is_evidence_not_another_incident() -> None:
    found = play([window(n, auc=0.6, drift=0.5) for n in range(3)])
    assert {cause for _, _, cause, _ in changes(found)} == {"concept drift"}
    assert found[0][1].evidence["features"][0]["score"] == 0.5


def test_faulty_data_is_an_incident_at_once_and_blocks_retraining_until_it_is_over() -> None:
    found = play(
        [window(0), window(1, auc=0.6), window(2, auc=0.6, faulty=True), window(3, auc=0.6), window(4, auc=0.6)]
    )
    assert changes(found) == [
        (2, "raise", "concept drift", "inform"),
        (2, "raise", "data quality", "block retraining"),
        (3, "update", "concept drift", "inform"),
        (4, "update", "concept drift", "retrain"),
        (4, "resolve", "data quality", "inform"),
    ]
    assert found[0][1].evidence["blocked_by"] == "data quality"
    assert found[1][1].title == FAULT.message


def test_a_drop_right_after_a_release_rolls_back_at_once() -> None:
    found = play([window(0), window(1), window(2, auc=0.55, version="m@2")])
    assert changes(found) == [(2, "raise", "performance", "rollback")]
    assert found[0][1].title == "AUC 0.550 below 0.700 right after the release"


def test_a_drop_after_a_release_that_the_version_before_had_as_well_is_not_the_releases_fault() -> None:
    found = play([window(0, auc=0.55), window(1, auc=0.55), window(2, auc=0.55, version="m@2")])
    assert "rollback" not in {action for *_, action in changes(found)}


def test_a_drop_long_after_the_release_does_not_roll_back() -> None:
    windows = [window(0), *[window(n, version="m@2") for n in (1, 2, 3)], window(4, auc=0.5, version="m@2")]
    assert play(windows) == []


def test_an_incident_of_the_version_before_is_resolved_by_the_new_ones_clear_windows() -> None:
    windows = [window(0, auc=0.6), window(1, auc=0.6), window(2, version="m@2"), window(3, version="m@2")]
    assert [(at, change) for at, change, *_ in changes(play(windows))] == [(1, "raise"), (3, "resolve")]


def test_a_cost_that_rises_alone_informs() -> None:
    found = play([window(n, cost=1.4) for n in range(2)])
    assert changes(found) == [(1, "raise", "business metric", "inform")]
    assert found[0][1].title == "Cost per row 1.4 above 1.000"


@pytest.mark.parametrize("name", ["error_rate", "latency_p95"])
def test_a_breached_serving_metric_rolls_back(name: str) -> None:
    broken = MetricValue(name, 0.12, 0.1, 0.14, 900, 0.001, True)
    found = play([window(0), window(1, more=(broken,))])
    assert changes(found) == [(1, "raise", "serving", "rollback")]
    assert found[0][1].severity == Severity.CRITICAL


def test_day_windows_do_not_count_for_verdicts() -> None:
    days = [window(n, drift=0.4, kind=WindowKind.DAY) for n in range(5)]
    assert decide(days, window(9, drift=0.4), []) == []


def test_windows_that_overlap_are_not_evidence_twice() -> None:
    daily = [
        replace(
            window(0, drift=0.4), id=f"d{day}", start=START + timedelta(days=day), end=START + timedelta(days=day + 7)
        )
        for day in range(8)
    ]
    assert [at for at, change, *_ in changes(play(daily)) if change == "raise"] == [7]


def test_the_gravest_comes_first_and_evidence_is_plain_values() -> None:
    found = decide([window(0, auc=0.5, cost=2)], window(1, auc=0.5, cost=2, faulty=True), [])
    order = [proposal.severity for proposal in found]
    assert order == sorted(order, key=list(Severity).index, reverse=True)
    for proposal in found:
        assert msgspec.json.decode(msgspec.json.encode(proposal.evidence)) == proposal.evidence


def test_windows_without_any_figure_ask_for_nothing() -> None:
    empty = replace(window(1, auc=None, estimate=None), rows=0, features=())
    assert decide([], empty, []) == []


def test_settings_come_from_a_toml_section_and_unknown_names_are_refused() -> None:
    assert monitoring_spec({}) == MonitoringSpec()
    chosen = monitoring_spec({"numeric_method": "psi", "raise_windows": 1, "floors": {"psi": 0.2}})
    assert (chosen.numeric_method, chosen.raise_windows, chosen.floors) == ("psi", 1, {"psi": 0.2})
    assert changes(play([window(0, drift=0.4)], chosen)) == [(0, "raise", "data drift", "inform")]
    with pytest.raises(InvalidInput, match="treshold") as caught:
        monitoring_spec({"treshold": 1})
    assert "raise_windows" in caught.value.hint


@pytest.mark.parametrize(
    "section",
    [
        {"false_alarm_rate": 0},
        {"noise_quantile": 1.0},
        {"raise_windows": 4, "of_windows": 3},
        {"least_rows": "many"},
        {"floors": {"ks": -1.0}},
    ],
)
def test_impossible_settings_are_refused(section: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match=r"\[monitoring\]"):
        monitoring_spec(section)
