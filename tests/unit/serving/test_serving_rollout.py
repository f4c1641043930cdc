"""Judging canaries: rules, and how often they are wrong when looked at all the time."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from mlops_desktop.serving.rollout import Judgement, Outcome, RolloutSpec, RolloutStats, judge
from mlops_desktop.serving.sequential import Moments, mean_difference, rate_interval

DAY = timedelta(days=1)


def stats_of(version: int, losses: list[float], *, errors: int = 0, slow: int = 0) -> RolloutStats:
    stats = RolloutStats(version)
    for loss in losses:
        stats.note_success(1)
        stats.loss.add(1, loss)
    stats.timed, stats.slow = len(losses), slow
    for _ in range(errors):
        stats.note_error()
        stats.note_success(1)
    return stats


def noisy(mean: float, n: int, seed: int) -> list[float]:
    return list(np.random.default_rng(seed).normal(mean, 0.1, n))


SPEC = RolloutSpec(min_labelled=200, guardrails=("loss", "errors", "latency"), loss_margin=0.02)


def test_an_equal_canary_is_promoted_once_enough_labels_are_in() -> None:
    few = judge(SPEC, stats_of(1, noisy(0.2, 150, 1)), stats_of(2, noisy(0.2, 150, 2)), DAY)
    enough = judge(SPEC, stats_of(1, noisy(0.2, 400, 1)), stats_of(2, noisy(0.2, 400, 2)), DAY)
    assert few.outcome is Outcome.CONTINUE and "200" in few.reason
    assert enough.outcome is Outcome.PROMOTE
    assert {guardrail.verdict for guardrail in enough.guardrails} == {"pass"}


def test_a_worse_canary_is_rolled_back_before_the_labels_are_complete() -> None:
    verdict = judge(SPEC, stats_of(1, noisy(0.2, 100, 1)), stats_of(2, noisy(0.5, 100, 2)), DAY)
    assert verdict.outcome is Outcome.ROLLBACK
    assert "brier" in verdict.reason
    assert verdict.guardrails[0].low > SPEC.loss_margin


def test_an_erring_canary_is_rolled_back_by_its_rate_and_at_once_by_a_run() -> None:
    good = stats_of(1, noisy(0.2, 200, 1))
    by_rate = judge(SPEC, good, stats_of(2, noisy(0.2, 100, 2), errors=80), DAY)
    run = stats_of(2, [])
    for _ in range(5):
        run.note_error()
    assert by_rate.outcome is Outcome.ROLLBACK and "error rate" in by_rate.reason
    assert judge(SPEC, good, run, timedelta()).outcome is Outcome.ROLLBACK


def test_errors_of_the_primary_do_not_roll_the_canary_back() -> None:
    verdict = judge(SPEC, stats_of(1, noisy(0.2, 300, 1), errors=100), stats_of(2, noisy(0.2, 300, 2)), DAY)
    assert verdict.outcome is Outcome.PROMOTE


def test_a_slow_canary_is_rolled_back() -> None:
    verdict = judge(SPEC, stats_of(1, noisy(0.2, 150, 1)), stats_of(2, noisy(0.2, 150, 2), slow=90), DAY)
    assert verdict.outcome is Outcome.ROLLBACK and "slower" in verdict.reason


def test_requests_that_fit_only_the_primary_roll_back_at_once() -> None:
    canary = stats_of(2, [])
    canary.schema_mismatches = 1
    assert judge(SPEC, stats_of(1, []), canary, timedelta()).outcome is Outcome.ROLLBACK


def test_inconclusive_is_held_when_the_time_is_over() -> None:
    primary, canary = stats_of(1, noisy(0.2, 10, 1)), stats_of(2, noisy(0.2, 10, 2))
    assert judge(SPEC, primary, canary, SPEC.max_duration).outcome is Outcome.HOLD
    assert judge(SPEC, RolloutStats(1), RolloutStats(2), SPEC.max_duration).outcome is Outcome.HOLD


def test_steps_are_taken_one_by_one() -> None:
    spec = RolloutSpec(steps=(0.1, 0.5), min_labelled=200, guardrails=("loss",), loss_margin=0.02)
    primary, canary = stats_of(1, noisy(0.2, 120, 1)), stats_of(2, noisy(0.2, 120, 2))
    first = judge(spec, primary, canary, DAY, step=0)
    assert (first.outcome, first.step) == (Outcome.CONTINUE, 1)
    assert (judge(spec, primary, canary, DAY, step=1).outcome) is Outcome.CONTINUE


@pytest.mark.parametrize("bad", [{"steps": ()}, {"steps": (0.0,)}, {"alpha": 1.0}, {"guardrails": ()}])
def test_a_contradictory_spec_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        RolloutSpec(**bad)  # type: ignore[arg-type]


def test_sums_over_requests_see_that_their_rows_share_their_fate() -> None:
    """40 requests of 50 equal rows carry the information of 40 rows, not of 2000."""
    generator = np.random.default_rng(3)
    values = generator.normal(0.2, 0.1, 40)
    together, alone = Moments(), Moments()
    for value in values:
        together.add(50, 50 * float(value))
        alone.add(1, float(value))
    assert together.mean == pytest.approx(values.mean())
    assert together.variance_of_mean == pytest.approx(values.var(ddof=1) / 40)
    assert together.variance_of_mean == pytest.approx(alone.variance_of_mean)


def test_taking_a_request_back_leaves_no_trace() -> None:
    moments = Moments()
    moments.add(3, 1.5)
    before = Moments(**{name: getattr(moments, name) for name in moments.__struct_fields__})
    moments.add(2, 0.5)
    moments.add(2, 0.5, -1)
    assert moments == before


def test_a_rate_interval_holds_its_estimate_and_narrows() -> None:
    wide, narrow = rate_interval(5, 50, 0.05), rate_interval(500, 5000, 0.05)
    assert wide[0] < narrow[0] < 0.1 < narrow[1] < wide[1]
    assert rate_interval(0, 0, 0.05) == (0.0, 1.0)
    assert rate_interval(0, 100, 0.05)[0] == 0.0


def test_a_mean_difference_is_unknown_without_two_requests() -> None:
    assert mean_difference(Moments(), Moments(), 0.05, 100) == (-np.inf, np.inf)


def test_rates_stay_covered_under_continuous_looking() -> None:
    """At most alpha of the sequences ever leave out the true rate (5 % of 300, plus three standard errors)."""
    generator = np.random.default_rng(11)
    left_out = 0
    for _ in range(300):
        events = np.cumsum(generator.random(1500) < 0.05)
        left_out += any(
            not (low <= 0.05 <= high)
            for low, high in (rate_interval(int(events[n - 1]), n, 0.05) for n in range(25, 1500, 25))
        )
    assert left_out <= 300 * 0.05 + 3 * (300 * 0.05 * 0.95) ** 0.5


def simulated(seed: int, worse: float, spec: RolloutSpec) -> Judgement:
    """A rollout whose requests of 1 to 30 rows share a shock each; judged after every 10 requests."""
    generator = np.random.default_rng(seed)
    primary, canary = RolloutStats(1), RolloutStats(2)
    verdict = judge(spec, primary, canary, timedelta())
    for request in range(1500):
        stats, extra = (canary, worse) if generator.random() < 0.5 else (primary, 0.0)
        rows = int(generator.integers(1, 31))
        shock = generator.normal(0, 0.15)
        losses = np.clip(generator.normal(0.2 + extra + shock, 0.1, rows), 0, 1)
        stats.note_success(rows)
        stats.timed += 1
        stats.loss.add(rows, float(losses.sum()))
        if request % 10 == 9:
            verdict = judge(spec, primary, canary, timedelta())
            if verdict.outcome is Outcome.ROLLBACK:
                break
    return verdict


def test_equal_canaries_are_seldom_rolled_back_by_continuous_looking() -> None:
    """With no margin at all: at most alpha = 5 % of 100 A/A rollouts, plus three standard errors."""
    spec = RolloutSpec(min_labelled=10**9, guardrails=("loss", "errors", "latency"), loss_margin=0.0)
    rolled_back = sum(simulated(seed, 0.0, spec).outcome is Outcome.ROLLBACK for seed in range(100))
    assert rolled_back <= 100 * 0.05 + 3 * (100 * 0.05 * 0.95) ** 0.5


def test_clearly_worse_canaries_are_rolled_back() -> None:
    spec = RolloutSpec(min_labelled=10**9, guardrails=("loss", "errors", "latency"), loss_margin=0.01)
    rolled_back = sum(simulated(seed, 0.1, spec).outcome is Outcome.ROLLBACK for seed in range(20))
    assert rolled_back == 20
