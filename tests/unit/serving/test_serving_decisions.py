"""Comparisons in blocks, of ranks and of scores; and a short run of the measured right decisions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.bench_decisions import interval, questions
from mlops_desktop.serving.blocks import RateBlocks, SlowBlocks
from mlops_desktop.serving.quality import RankCounts, ScoreCounts


def blocks(*, share: float, rates: tuple[float, float], n: int, seed: int) -> RateBlocks:
    generator, found = np.random.default_rng(seed), RateBlocks()
    for _ in range(n):
        is_canary = bool(generator.random() < share)
        found.add(is_canary=is_canary, is_event=bool(generator.random() < rates[is_canary]))
    return found


def test_the_interval_holds_the_difference_and_narrows() -> None:
    few, many = (blocks(share=0.2, rates=(0.02, 0.05), n=n, seed=1).difference(0.05) for n in (1000, 20_000))
    assert few[0] < many[0] < 0.03 < many[1] < few[1]
    assert many[0] > 0


def test_nothing_is_known_without_events_or_with_one_version_alone() -> None:
    assert RateBlocks().difference(0.05) == (-1.0, 1.0)
    alone = blocks(share=0.0, rates=(0.5, 0.5), n=300, seed=2)
    assert alone.difference(0.05) == (-1.0, 1.0) and math.isnan(alone.rate(1))
    low, high = blocks(share=0.5, rates=(0.0, 0.0), n=2000, seed=3).difference(0.05)
    assert -0.01 < low < 0 < high < 0.01


def test_rates_that_rise_with_the_canarys_share_do_not_look_like_its_fault() -> None:
    """Errors of both get more while the canary gets more: by the sums alone the canary would be the worse one."""
    generator, found = np.random.default_rng(4), RateBlocks()
    for share, rate in ((0.05, 0.005), (0.5, 0.1)):
        for _ in range(4000):
            found.add(is_canary=bool(generator.random() < share), is_event=bool(generator.random() < rate))
    assert found.rate(1) - found.rate(0) > 0.02
    low, high = found.difference(0.05)
    assert low < 0 < high


def test_equal_rates_seldom_look_different_under_continuous_looking() -> None:
    """At most alpha of the sequences (10 % of 200), plus three standard errors."""
    refuted = 0
    for seed in range(200):
        generator, found = np.random.default_rng(seed), RateBlocks()
        draws = generator.random((1500, 2)).tolist()
        for place, (side, event) in enumerate(draws):
            found.add(is_canary=side < 0.3, is_event=event < 0.05)
            if place % 20 == 19 and found.difference(0.1)[0] > 0:
                refuted += 1
                break
    assert refuted <= 200 * 0.1 + 3 * (200 * 0.1 * 0.9) ** 0.5


def test_what_is_slow_follows_the_primarys_quantile_but_not_below_the_floor() -> None:
    generator = np.random.default_rng(6)
    fast, real = SlowBlocks(0.99, 1.5, 20_000), SlowBlocks(0.99, 1.5, 0)
    for us in generator.lognormal(math.log(2000), 0.5, 4000).tolist():
        for found in (fast, real):
            found.add(us, is_canary=False)
            found.add(us * 3, is_canary=True)
    assert fast.rates.events == [0, 0] or fast.rates.rate(1) < 0.02
    assert real.rates.difference(0.01)[0] > 0
    assert real.quantile_us(0) == pytest.approx(2000 * math.exp(0.5 * 2.326), rel=0.15)
    assert math.isnan(SlowBlocks(0.99, 1.5, 0).quantile_us(1))


def test_auc_and_its_variance_are_those_of_all_pairs() -> None:
    generator = np.random.default_rng(7)
    labels = generator.random(3000) < 0.3
    scores = 1 / (1 + np.exp(-generator.normal(labels * 1.0, 1.0)))
    counts = RankCounts()
    for score, label in zip(scores.tolist(), labels.tolist(), strict=True):
        counts.add(score, float(label))
    area, variance = counts.auc()
    wins = (scores[labels][:, None] > scores[~labels][None, :]).astype(float)
    expected = wins.mean(1).var(ddof=1) / labels.sum() + wins.mean(0).var(ddof=1) / (~labels).sum()
    assert area == pytest.approx(wins.mean(), abs=0.002)
    assert variance == pytest.approx(expected, rel=0.03)
    assert math.isnan(RankCounts().auc()[0])


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.0, 1.0])), min_size=1, max_size=20))
def test_labels_taken_back_leave_no_trace(rows: list[tuple[float, float]]) -> None:
    counts, other = RankCounts(), RankCounts()
    for score, label in ((0.2, 0.0), (0.4, 1.0), (0.1, 0.0), (0.9, 1.0)):
        counts.add(score, label)
        other.add(score, label)
    for score, label in rows:
        counts.add(score, label)
    for score, label in rows:
        counts.add(score, label, -1)
    assert counts.auc() == other.auc()


def test_predictions_that_moved_away_are_seen() -> None:
    generator = np.random.default_rng(8)
    before, same, moved = ScoreCounts(), ScoreCounts(), ScoreCounts()
    for one, two in generator.random((3000, 2)).tolist():
        before.add(one)
        same.add(two)
        moved.add(two / 10)
    distance, low, high = same.distance(before, 0.01)
    assert low == 0.0 and distance < 0.1 < high
    assert moved.distance(before, 0.01)[1] > 0.7
    assert ScoreCounts().distance(before, 0.01)[1:] == (0.0, 1.0)


@pytest.mark.parametrize("number", [3, 4, 8, 9, 12])
def test_measured_decisions_are_right_in_a_few_rollouts(number: int) -> None:
    """Faults within their number of requests, and no promotion of a model with a lower AUC; `bench_decisions` has all.

    The bound must be within the interval that these few leave.
    """
    question = questions()[number]
    hits = sum(question.is_hit(question.ask(1000 + seed)) for seed in range(8))
    low, high = interval(hits, 8)
    assert low <= question.bound if question.at_most else high >= question.bound


def test_equal_versions_are_not_rolled_back_in_a_few_rollouts() -> None:
    question = questions()[2]
    assert not any(question.is_hit(question.ask(2000 + seed)) for seed in range(8))
