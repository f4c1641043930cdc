"""Comparisons in blocks, of ranks and of scores; and a short run of the measured right decisions."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.bench_decisions import interval, questions
from mlops_desktop.serving.blocks import RateBlocks, SlowBlocks, block_ends
from mlops_desktop.serving.error_run import ErrorRun
from mlops_desktop.serving.odds import log_evidence
from mlops_desktop.serving.quality import RankCounts, ScoreCounts


def blocks(*, share: float, rates: tuple[float, float], n: int, seed: int) -> RateBlocks:
    generator, found = np.random.default_rng(seed), RateBlocks()
    serve(found, generator, share=share, rates=rates, n=n)
    return found


def serve(
    found: RateBlocks, generator: np.random.Generator, *, share: float, rates: tuple[float, float], n: int
) -> None:
    is_canary = generator.random(n) < share
    found.add(is_canary, generator.random(n) < np.where(is_canary, rates[1], rates[0]))


def test_the_interval_holds_the_difference_and_narrows() -> None:
    few, many = (blocks(share=0.2, rates=(0.02, 0.05), n=n, seed=1).difference(0.05) for n in (1000, 20_000))
    assert 0 < many[0] < 0.03 < many[1] and few[0] < 0.03 < few[1]
    assert many[1] - many[0] < few[1] - few[0]


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
        serve(found, generator, share=share, rates=(rate, rate), n=4000)
    assert found.rate(1) - found.rate(0) > 0.02
    low, high = found.difference(0.05)
    assert low < 0 < high


@pytest.mark.parametrize("share", [0.05, 0.3, 0.7])
def test_equal_rates_seldom_look_different_at_any_block(share: float) -> None:
    """At most alpha of the sequences (10 % of 300), plus three standard errors; what is refuted once stays so."""
    refuted = sum(
        blocks(share=share, rates=(0.05, 0.05), n=2000, seed=seed).difference(0.1)[0] > 0 for seed in range(300)
    )
    assert refuted <= 300 * 0.1 + 3 * (300 * 0.1 * 0.9) ** 0.5


@settings(deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 40), st.floats(-3, 3))
def test_evidence_is_a_fair_bet_in_any_table(primary: int, canary: int, events: int, log_ratio: float) -> None:
    """Its mean over the tables that chance makes of equal versions is 1."""
    fits = [k for k in range(events + 1) if k <= canary and events - k <= primary]
    if not fits:
        return
    trials = np.tile([primary, canary], (len(fits), 1))
    found = log_evidence(trials, np.array([[events - k, k] for k in fits]), np.full((len(fits), 1), log_ratio))
    ways = [math.comb(canary, k) * math.comb(primary, events - k) for k in fits]
    assert sum(np.exp(found[:, 0]) * ways) == pytest.approx(math.comb(primary + canary, events))


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=120), st.lists(st.integers(0, 120), max_size=4))
def test_requests_give_the_same_in_one_piece_or_in_many(sides: list[bool], cuts: list[int]) -> None:
    is_canary = np.array(sides, dtype=bool)
    us = np.arange(len(sides)) * 7.0 % 50 * 1000
    whole, parts = ((RateBlocks(), SlowBlocks(0.5, 1.0, 0.0, due=9)) for _ in range(2))
    for found, bounds in ((whole, [0, 120]), (parts, sorted([0, *cuts, 120]))):
        for start, end in pairwise(bounds):
            found[0].add(is_canary[start:end], us[start:end] > 30_000)
            found[1].add(us[start:end], is_canary[start:end])
    assert parts[0].block == whole[0].block and parts[0].events == whole[0].events
    assert parts[0].refuted == pytest.approx(whole[0].refuted)
    assert parts[1].bound_us == whole[1].bound_us and parts[1].rates.events == whole[1].rates.events


def test_blocks_end_with_the_fifth_request_of_the_rarer_version() -> None:
    is_canary = np.array([False] * 7 + [True] * 5 + [True, False] * 5 + [False])
    assert block_ends(is_canary, [0, 0]).tolist() == [12, 22]
    assert block_ends(is_canary, [0, 4]).tolist() == [8, 22]


def test_what_is_slow_follows_the_primarys_quantile_but_not_below_the_floor() -> None:
    generator = np.random.default_rng(6)
    fast, real = SlowBlocks(0.99, 1.5, 20_000), SlowBlocks(0.99, 1.5, 0)
    us, is_canary = generator.lognormal(math.log(2000), 0.5, 8000), np.arange(8000) % 2 == 1
    for found in (fast, real):
        found.add(np.where(is_canary, us * 3, us), is_canary)
    assert fast.rates.events == [0, 0] or fast.rates.rate(1) < 0.02
    assert real.rates.difference(0.01)[0] > 0
    assert real.quantile_us(0) == pytest.approx(2000 * math.exp(0.5 * 2.326), rel=0.15)
    assert math.isnan(SlowBlocks(0.99, 1.5, 0).quantile_us(1))


def run_of_errors(primary: list[bool], canary: list[bool]) -> int:
    """The longest run that counts, of requests that come in turns."""
    found = ErrorRun()
    is_canary = np.arange(2 * len(canary)) % 2 == 1
    is_error = np.ravel(np.column_stack([primary, canary]))
    found.add(is_canary, is_error, ([0, 0], [0, 0]))
    return found.longest


def test_a_run_of_errors_counts_unless_the_primary_fails_as_well() -> None:
    assert run_of_errors([False] * 30, [False] * 25 + [True] * 5) == 5
    assert run_of_errors([False] * 25 + [True] * 5, [False] * 25 + [True] * 5) == 0
    assert run_of_errors([True, False] * 15, [False] * 25 + [True] * 5) == 0


def test_equal_versions_that_fail_often_have_no_run_that_counts() -> None:
    """Of 15 % errors five in a row come by themselves sooner or later."""
    generator, found = np.random.default_rng(9), ErrorRun()
    is_error = generator.random(40_000) < 0.15
    found.add(np.arange(40_000) % 2 == 1, is_error, ([0, 0], [0, 0]))
    assert found.longest < 5 and "1" * 5 in "".join(map(str, is_error[1::2].astype(int)))


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


@settings(deadline=None)
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
