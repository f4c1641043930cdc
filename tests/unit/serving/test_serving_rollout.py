"""Judging new versions: rules, what a spec may say, and how often judgements are wrong when asked all the time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from mlops_desktop.core.deployments import RolloutKind
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.serving.guardrails import Contrast, Figures, RolloutStats
from mlops_desktop.serving.rollout import Judgement, Outcome, Progressed, judge
from mlops_desktop.serving.rolloutspec import RolloutSpec
from mlops_desktop.serving.sequential import Moments, mean_difference

DAY = timedelta(days=1)
SPEC = RolloutSpec(min_labelled=200, guardrails=("loss", "errors", "latency"), loss_margin=0.02)


def figures_of(
    primary: float = 0.2,
    canary: float = 0.2,
    *,
    n: int = 400,
    spec: RolloutSpec = SPEC,
    errors: tuple[int, int] = (0, 0),
    slow: tuple[int, int] = (0, 0),
) -> Figures:
    """Both versions with `n` answers of these mean losses, one after the other; of each, the last ones err in turns."""
    figures = Figures(RolloutStats(1), RolloutStats(2), Contrast.by(spec))
    losses = [np.random.default_rng(seed).normal(mean, 0.1, n) for seed, mean in enumerate((primary, canary), 1)]
    for place in range(n):
        for side, stats in enumerate((figures.primary, figures.canary)):
            if n - place <= 2 * errors[side] and (n - place) % 2:
                stats.requests, stats.errors = stats.requests + 1, stats.errors + 1
                continue
            stats.note_success(1)
            stats.loss.add(1, float(losses[side][place]))
    left = np.repeat(n - np.arange(n), 2)
    is_canary = np.arange(2 * n) % 2 == 1
    us = np.where(left <= np.where(is_canary, slow[1], slow[0]), 400_000.0, 8000.0)
    is_error = (left <= 2 * np.where(is_canary, errors[1], errors[0])) & (left % 2 == 1)
    figures.contrast.add(us, is_canary, is_error, np.zeros(2 * n, bool))
    return figures


def judged(figures: Figures, spec: RolloutSpec = SPEC, elapsed: timedelta = DAY, **so_far: Any) -> Judgement:
    fields: dict[str, Any] = {"step": spec.last_step, "elapsed": elapsed, "at_step": elapsed} | so_far
    return judge(spec, figures, Progressed(**fields))


def test_an_equal_canary_is_promoted_once_enough_labels_are_in() -> None:
    few, enough = judged(figures_of(n=150)), judged(figures_of())
    assert few.outcome is Outcome.CONTINUE and "200" in few.reason
    assert enough.outcome is Outcome.PROMOTE
    assert {guardrail.verdict for guardrail in enough.guardrails} == {"pass"}


def test_a_worse_canary_is_rolled_back_before_the_labels_are_complete() -> None:
    verdict = judged(figures_of(0.2, 0.5, n=100))
    assert verdict.outcome is Outcome.ROLLBACK and "brier" in verdict.reason
    assert verdict.guardrails[0].low > SPEC.loss_margin


def test_an_erring_canary_is_rolled_back_by_its_rate_and_at_once_by_a_run() -> None:
    by_rate = judged(figures_of(n=200, errors=(0, 20)))
    assert by_rate.outcome is Outcome.ROLLBACK and "error rate" in by_rate.reason
    figures = figures_of(n=5)
    figures.contrast.add(np.zeros(5), np.ones(5, bool), np.ones(5, bool), np.zeros(5, bool))
    assert "5 times in a row" in judged(figures).reason


def test_errors_of_the_primary_do_not_roll_the_canary_back() -> None:
    assert judged(figures_of(errors=(100, 0))).outcome is Outcome.PROMOTE


def test_a_rate_that_is_surely_but_hardly_higher_is_tolerated() -> None:
    spec = RolloutSpec(min_labelled=200, guardrails=("errors",), error_margin=0.1)
    assert judged(figures_of(errors=(0, 30), spec=spec), spec).outcome is Outcome.PROMOTE


def test_a_slow_canary_is_rolled_back() -> None:
    verdict = judged(figures_of(slow=(0, 30)))
    assert verdict.outcome is Outcome.ROLLBACK and "slower" in verdict.reason


def test_one_slow_request_of_a_few_hundred_does_not_stand_in_the_way() -> None:
    figures = figures_of(slow=(0, 1))
    assert figures.contrast.latency.rates.rate(1) > SPEC.latency_margin
    assert judged(figures).outcome is Outcome.PROMOTE


def test_cold_starts_and_errors_do_not_count_as_slow() -> None:
    contrast = Contrast.by(SPEC)
    kind = np.arange(1200) % 3
    contrast.add(np.where(kind == 0, 8e3, 9e5), kind > 0, kind == 2, kind == 1)
    assert contrast.latency.rates.trials[1] == 0 and contrast.errors.events == [0, 400]


def test_requests_that_fit_only_the_primary_and_crashing_workers_roll_back_at_once() -> None:
    figures = figures_of(n=1)
    assert "3 workers" in judged(figures, crash_loop="3 workers ended").reason
    figures.canary.schema_mismatches = 1
    assert judged(figures).outcome is Outcome.ROLLBACK


def test_inconclusive_is_held_when_the_time_is_over() -> None:
    assert judged(figures_of(n=10), elapsed=SPEC.max_duration).outcome is Outcome.HOLD
    assert judged(figures_of(n=0), elapsed=SPEC.max_duration).outcome is Outcome.HOLD


def test_steps_are_taken_one_by_one_and_not_before_they_are_baked() -> None:
    spec = RolloutSpec(steps=(0.1, 0.5), min_labelled=200, guardrails=("loss",), loss_margin=0.02, bake_minutes=60)
    figures = figures_of(n=120, spec=spec)
    first = judged(figures, spec, step=0)
    baking = judged(figures, spec, step=0, at_step=timedelta(minutes=20))
    assert (first.outcome, first.step) == (Outcome.CONTINUE, 1)
    assert (baking.step, "40 min" in baking.reason) == (0, True)
    assert judged(figures, spec, step=1).outcome is Outcome.CONTINUE
    with pytest.raises(InvalidInput):
        judged(figures, spec, step=2)


def test_a_shadow_that_passes_is_held_for_a_person_to_promote() -> None:
    spec = RolloutSpec(kind=RolloutKind.SHADOW, min_labelled=200, guardrails=("loss",), loss_margin=0.02)
    held = judged(figures_of(), spec)
    assert held.outcome is Outcome.HOLD and "Passed as a shadow" in held.reason


@pytest.mark.parametrize(("loss", "verdict"), [(0.2, "not worse beyond the margins"), (0.5, "worse in brier")])
def test_an_ab_test_ends_when_it_is_decided_and_promotes_nothing(loss: float, verdict: str) -> None:
    spec = RolloutSpec(kind=RolloutKind.AB, guardrails=("loss", "errors"), min_labelled=200, bake_minutes=60)
    assert judged(figures_of(0.2, loss), spec, at_step=timedelta(minutes=1)).outcome is Outcome.CONTINUE
    ended = judged(figures_of(0.2, loss), spec)
    assert ended.outcome is Outcome.HOLD
    assert ended.reason.startswith(f"Decided on 400 labelled rows, {verdict}: brier ")


def test_an_ab_test_only_measures_but_for_hard_trips() -> None:
    spec = RolloutSpec(kind=RolloutKind.AB, guardrails=("loss",), max_days=2)
    figures = figures_of(0.2, 0.5)
    assert judged(figures, spec).outcome is Outcome.CONTINUE
    ended = judged(figures, spec, 2 * DAY)
    assert ended.outcome is Outcome.HOLD and "brier +0." in ended.reason
    assert judged(figures, spec, crash_loop="gone").outcome is Outcome.ROLLBACK


def test_pairs_tell_more_than_requests_of_their_own() -> None:
    """A candidate worse by 0.05 on the same rows, where the rows themselves differ by far more."""
    figures = figures_of(n=0)
    for place, hard in enumerate(np.random.default_rng(5).uniform(0, 1, 200)):
        for stats, extra in ((figures.primary, 0.0), (figures.canary, 0.05 + 0.01 * (place % 3))):
            stats.note_success(1)
            stats.loss.add(1, float(hard) + extra)
    assert judged(figures).outcome is not Outcome.ROLLBACK
    for place in range(200):
        figures.contrast.paired_loss.add(1, 0.05 + 0.01 * (place % 3))
    assert judged(figures).outcome is Outcome.ROLLBACK


@pytest.mark.parametrize(
    "bad",
    [
        {"steps": ()}, {"steps": (0.0,)}, {"alpha": 1.0}, {"guardrails": ()}, {"bake_minutes": -1.0},
        {"alpha_shares": {"auc": 0.0}}, {"guardrails": ("loss",), "alpha_shares": {"auc": 1.0}},
        {"latency_factor": 0.5},
    ],
)  # fmt: skip
def test_a_contradictory_spec_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must"):
        RolloutSpec(**bad)  # type: ignore[arg-type]


def test_alpha_is_split_over_the_guardrails_that_are_known() -> None:
    spec = RolloutSpec(alpha=0.01, alpha_shares={"errors": 3.0, "loss": 1.0})
    parts = spec.alphas(["loss", "errors", "latency"])
    assert parts == pytest.approx({"loss": 0.01 / 5, "errors": 0.03 / 5, "latency": 0.01 / 5})


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


def test_a_mean_difference_is_unknown_without_two_requests() -> None:
    assert mean_difference(Moments(), Moments(), 0.05, 100) == (-np.inf, np.inf)


def simulated(seed: int, worse: float, spec: RolloutSpec) -> Judgement:
    """A rollout whose requests of 1 to 30 rows share a shock each; judged after every 10 requests."""
    generator = np.random.default_rng(seed)
    figures = figures_of(n=0, spec=spec)
    verdict, sides = judged(figures, spec), list[bool]()
    for request in range(1500):
        is_canary = bool(generator.random() < 0.5)
        rows = int(generator.integers(1, 31))
        shock = generator.normal(0, 0.15)
        losses = np.clip(generator.normal(0.2 + worse * is_canary + shock, 0.1, rows), 0, 1)
        stats = figures.canary if is_canary else figures.primary
        sides.append(is_canary)
        stats.note_success(rows)
        stats.loss.add(rows, float(losses.sum()))
        if request % 10 == 9:
            fine = np.zeros(len(sides), bool)
            figures.contrast.add(np.full(len(sides), 8e3), np.array(sides), fine, fine)
            sides.clear()
            verdict = judged(figures, spec)
            if verdict.outcome is Outcome.ROLLBACK:
                break
    return verdict


def test_equal_canaries_are_seldom_rolled_back_by_continuous_looking() -> None:
    """With no margin at all: at most alpha = 5 % of 100 A/A rollouts, plus three standard errors."""
    spec = RolloutSpec(alpha=0.05, min_labelled=10**9, guardrails=("loss", "errors", "latency"), loss_margin=0.0)
    rolled_back = sum(simulated(seed, 0.0, spec).outcome is Outcome.ROLLBACK for seed in range(100))
    assert rolled_back <= 100 * 0.05 + 3 * (100 * 0.05 * 0.95) ** 0.5


def test_clearly_worse_canaries_are_rolled_back() -> None:
    spec = RolloutSpec(min_labelled=10**9, guardrails=("loss", "errors", "latency"), loss_margin=0.01)
    rolled_back = sum(simulated(seed, 0.1, spec).outcome is Outcome.ROLLBACK for seed in range(20))
    assert rolled_back == 20
