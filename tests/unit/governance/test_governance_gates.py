"""The gate passes, refuses, or stays undecided, each for the right reason."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import pytest

from mlops_desktop.evaluation.business import ValueMatrix
from mlops_desktop.governance.gates import Contender, GateSpec, GateVerdict, TestRows, as_payload, judge

START = datetime(2024, 3, 1, tzinfo=UTC)
BEFORE = START - timedelta(hours=1)
ROWS, DAYS = 6_000, 20
SPEC = GateSpec(repetitions=200)
COSTS = ValueMatrix(true_positive=1.0, false_positive=3.0, true_negative=0.0, false_negative=10.0)

random = np.random.default_rng(5)
TRUTH = random.normal(size=ROWS)
LABELS = (random.random(ROWS) < 1 / (1 + np.exp(1.0 - 1.6 * TRUTH))).astype(float)
BLOCKS = np.repeat(np.arange(DAYS), ROWS // DAYS)
NOISE = random.normal(size=ROWS)
BASELINES = {"dummy": np.full(ROWS, 0.3)}


def scores(noise: float, *, sign: float = 1.0) -> np.ndarray:
    """Calibrated-looking probabilities that see the truth through so much noise."""
    return 1 / (1 + np.exp(1.0 - 1.6 * sign * (TRUTH + noise * NOISE) / (1 + noise**2)))


def decide(
    challenger: np.ndarray,
    champion: np.ndarray | None = None,
    *,
    rows: slice = slice(None),
    spec: GateSpec = SPEC,
    train_end: datetime | None = BEFORE,
    champion_end: datetime | None = BEFORE,
    **changes: Any,
) -> GateVerdict:
    tested = TestRows(LABELS[rows], BLOCKS[rows], START)
    current = None if champion is None else Contender("the champion", champion[rows], champion_end)
    baselines = {name: values[rows] for name, values in BASELINES.items()}
    contender = Contender("the challenger", challenger[rows], train_end)
    return judge(spec, tested, contender, current, **({"baselines": baselines} | changes))


def failed(verdict: GateVerdict) -> list[str]:
    return [check.name for check in verdict.checks if check.passed is False]


def open_ones(verdict: GateVerdict) -> list[str]:
    return [check.name for check in verdict.checks if check.passed is None]


def test_a_clearly_better_challenger_passes_by_its_gain() -> None:
    verdict = decide(scores(0.2), scores(1.5))
    assert verdict.verdict == "passed" and verdict.reason.startswith("better than the champion")
    assert verdict.gain is not None and verdict.low is not None and 0 < verdict.low < verdict.gain


def test_a_clearly_worse_challenger_is_refused_by_its_loss() -> None:
    verdict = decide(scores(1.5), scores(0.2))
    assert verdict.verdict == "refused" and failed(verdict) == ["better than the champion"]
    assert "not shown: better than the champion" in verdict.reason


def test_the_same_model_again_is_refused() -> None:
    verdict = decide(scores(0.5), scores(0.5))
    assert (verdict.verdict, verdict.gain) == ("refused", 0.0)


def test_a_gain_that_may_be_chance_leaves_the_champion() -> None:
    other = 1 / (1 + np.exp(1.0 - 1.6 * (TRUTH + 0.5 * random.normal(size=ROWS)) / 1.25))
    verdict = decide(scores(0.5), other, rows=slice(0, None, 4))
    assert verdict.verdict == "undecided" and open_ones(verdict) == ["better than the champion"]


@pytest.mark.parametrize("rows", [slice(0, 900), slice(0, 2)])
def test_few_rows_are_no_evidence_however_good_they_look(rows: slice) -> None:
    for champion in (None, scores(0.3)):
        verdict = decide(scores(0.2), champion, rows=rows)
        assert verdict.verdict == "undecided" and open_ones(verdict)[0] == "enough evidence"


def test_few_rows_of_one_class_are_no_evidence() -> None:
    rare = np.flatnonzero(LABELS == 1)[:20]
    picked = np.sort(np.concatenate([rare, np.flatnonzero(LABELS == 0)]))
    tested = TestRows(LABELS[picked], BLOCKS[picked], START)
    challenger = Contender("the challenger", scores(0.2)[picked], BEFORE)
    verdict = judge(SPEC, tested, challenger, None, baselines={})
    assert verdict.verdict == "undecided" and "20 of the rarest class" in verdict.reason


@pytest.mark.parametrize("late", [timedelta(0), timedelta(days=3)])
def test_a_challenger_that_saw_test_rows_is_refused_however_good(late: timedelta) -> None:
    verdict = decide(scores(0.0), scores(1.5), train_end=START + late)
    assert verdict.verdict == "refused" and failed(verdict) == ["the challenger has not seen the test rows"]


def test_a_champion_that_saw_the_test_rows_is_no_fair_comparison() -> None:
    verdict = decide(scores(0.2), scores(1.5), champion_end=START)
    assert verdict.verdict == "refused" and failed(verdict) == ["the champion has not seen the test rows"]


def test_an_unknown_time_of_training_cannot_be_decided() -> None:
    verdict = decide(scores(0.2), scores(1.5), train_end=None)
    assert verdict.verdict == "undecided" and "unknown" in verdict.reason


def test_a_first_model_has_only_the_baselines_to_beat() -> None:
    assert decide(scores(0.5)).verdict == "passed"
    verdict = decide(scores(0.5, sign=-1.0))
    assert verdict.verdict == "refused" and failed(verdict) == ["beats the dummy baseline"]


def test_a_baseline_that_the_champion_does_not_reach_either_is_no_obstacle() -> None:
    strong = {"persistence": scores(0.0)}
    verdict = decide(scores(0.3), scores(1.5), baselines=strong)
    assert verdict.verdict == "passed"
    assert decide(scores(0.3), scores(0.0), baselines={"persistence": scores(0.1)}).verdict == "refused"


def test_a_better_ranking_with_wrong_probabilities_is_refused() -> None:
    verdict = decide(scores(0.1) ** 0.1, scores(1.0))
    assert verdict.verdict == "refused" and "stays calibrated" in failed(verdict)


def test_a_better_ranking_that_costs_more_is_refused() -> None:
    verdict = decide(
        scores(0.2) * 0.24, scores(0.9), values=COSTS, spec=msgspec.structs.replace(SPEC, max_calibration_error=1.0)
    )
    assert verdict.verdict == "refused" and failed(verdict) == ["costs no more"]


def test_costs_are_no_check_where_none_are_given() -> None:
    names = [check.name for check in decide(scores(0.2), scores(1.0)).checks]
    assert "costs no more" not in names and "better than the champion" in names


def test_a_margin_lets_an_equal_model_pass_as_not_worse() -> None:
    spec = msgspec.structs.replace(SPEC, min_improvement=-0.02)
    assert decide(scores(0.5), scores(0.5), spec=spec).verdict == "passed"


def test_the_verdict_does_not_depend_on_when_it_is_asked() -> None:
    assert decide(scores(0.4), scores(0.6), seed=3) == decide(scores(0.4), scores(0.6), seed=3)


def test_useless_challengers_pass_as_rarely_as_promised() -> None:
    """At 95 % two-sided confidence a challenger of the champion's kind passes in about 2.5 % of the cases."""
    spec = msgspec.structs.replace(SPEC, repetitions=150, max_calibration_error=1.0)
    passed = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        one, other = (TRUTH + 0.8 * generator.normal(size=ROWS) for _ in range(2))
        rows = slice(0, None, 4)
        passed += decide(1 / (1 + np.exp(-one)), 1 / (1 + np.exp(-other)), rows=rows, spec=spec).has_passed
    assert passed <= 6  # probability of more at 2.5 %: below 0.1 %


def test_the_checks_become_json() -> None:
    payload = as_payload(decide(scores(0.2), scores(1.0), values=COSTS))
    assert json.loads(json.dumps(payload)) == payload
    assert {"name", "passed", "text", "value", "limit"} == set(payload[0])
