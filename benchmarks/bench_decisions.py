"""How often rollouts are decided rightly, by simulation: wrong rollbacks of equal versions, and faults found in time.

    python -m benchmarks bench_decisions

Prints one JSON object per figure, with the number of simulated rollouts and the interval of Clopper and Pearson (95 %).
A simulated rollout goes through the same statistics and the same judgement as a real one, and is judged all the time.
Requests have one row; a tenth have it labelled where labels are not what is measured. Latencies are lognormal.

A grid of rates of errors and of shares follows, which nothing was tuned on. Beside what was found stands what can be
found with the same part of alpha: `known` is the best test that knows both rates and looks once, at the end (Neyman and
Pearson), so nothing finds more; `fisher` looks once and does not know the rates (Fisher's exact test); `wald` looks all
the time at both versions' requests, and knows what rates to bet on. The last is the bound for what we want.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import product

import msgspec
import numpy as np
from msgspec import Struct
from scipy.stats import beta, binom, hypergeom

from mlops_desktop.serving.guardrails import Contrast, Figures, RolloutStats
from mlops_desktop.serving.rollout import Judgement, Outcome, Progressed, judge
from mlops_desktop.serving.rolloutspec import RolloutSpec

START = Progressed(0, timedelta(), timedelta())


class Version(Struct, frozen=True):
    """How a version behaves. A share of `stalls` takes `stall_ms` longer; the classes' scores have a `separation`."""

    error_rate: float = 0.005
    median_ms: float = 8.0
    spread: float = 0.5
    stalls: float = 0.0
    stall_ms: float = 0.0
    separation: float = 0.954  # AUC 0.75
    labelled: float = 0.1


class Found(Struct, frozen=True):
    """How a simulated rollout ended, and after how many of the canary's requests."""

    outcome: Outcome
    requests: int
    labelled: int
    reason: str


def simulate(
    seed: int, spec: RolloutSpec, primary: Version, canary: Version, *, until: int, look_every: int = 400
) -> Found:
    """One rollout, until it is promoted or rolled back or the canary has had `until` requests.

    It is looked at after every `look_every` requests; the statistics themselves look after every block.
    """
    generator = np.random.default_rng(seed)
    figures = Figures(RolloutStats(0, has_ranks=True), RolloutStats(1, has_ranks=True), Contrast.by(spec))
    step, judgement = 0, judge(spec, figures, START)
    while figures.canary.requests < until:
        is_canary = generator.random(look_every) < spec.steps[step]
        is_canary = is_canary[: np.searchsorted(np.cumsum(is_canary), until - figures.canary.requests) + 1]
        _serve(figures, (primary, canary), is_canary, generator, spec.guardrails == ("errors",))
        judgement = judge(spec, figures, Progressed(step, timedelta(), timedelta()))
        if judgement.outcome in (Outcome.PROMOTE, Outcome.ROLLBACK):
            break
        step = judgement.step
    return Found(judgement.outcome, figures.canary.requests, figures.canary.labelled, judgement.reason)


def _serve(
    figures: Figures,
    versions: tuple[Version, Version],
    is_canary: np.ndarray,
    generator: np.random.Generator,
    errors_alone: bool,
) -> None:
    """Requests of one row each, to the primary or the canary."""
    n = len(is_canary)
    uniform, noise = generator.random((4, n)), generator.standard_normal((2, n))

    def each(name: str) -> np.ndarray:
        return np.where(is_canary, getattr(versions[1], name), getattr(versions[0], name))

    is_error = uniform[0] < each("error_rate")
    for stats, side in ((figures.primary, ~is_canary), (figures.canary, is_canary)):
        stats.requests += int(side.sum())
        stats.errors += int((side & is_error).sum())
    if errors_alone:
        figures.contrast.add(np.zeros(n), is_canary, is_error, np.ones(n, bool))
        return
    millis = each("median_ms") * np.exp(each("spread") * noise[0]) + each("stall_ms") * (uniform[1] < each("stalls"))
    figures.contrast.add(millis * 1000, is_canary, is_error, np.zeros(n, bool))
    label = (uniform[2] < 0.3).astype(float)
    score = 1 / (1 + np.exp(1.0 - noise[1] - each("separation") * (label - 0.3)))
    has_label = uniform[3] < each("labelled")
    for stats, side in ((figures.primary, ~is_canary), (figures.canary, is_canary)):
        answered = side & ~is_error
        stats.rows += int(answered.sum())
        scores, counts = np.unique(np.round(score[answered], 2), return_counts=True)
        for value, count in zip(scores.tolist(), counts.tolist(), strict=True):
            stats.scores.add(value, count)
        known = answered & has_label
        _add_labelled(stats, score[known], label[known])


def _add_labelled(stats: RolloutStats, score: np.ndarray, label: np.ndarray) -> None:
    """What `Moments.add` and `RankCounts.add` do row by row."""
    losses, n, loss = (score - label) ** 2, len(score), stats.loss
    loss.requests, loss.rows, loss.rows_squared = loss.requests + n, loss.rows + n, loss.rows_squared + n
    loss.total += float(losses.sum())
    loss.rows_total += float(losses.sum())
    loss.total_squared += float((losses**2).sum())
    bins = stats.ranks.counts.shape[1]
    np.add.at(stats.ranks.counts, (label.astype(int), np.minimum(bins - 1, (score * bins).astype(int))), 1)


def interval(hits: int, trials: int) -> tuple[float, float]:
    """Clopper's and Pearson's, two-sided, 95 %."""
    low = 0.0 if hits == 0 else float(beta.ppf(0.025, hits, trials - hits + 1))
    high = 1.0 if hits == trials else float(beta.ppf(0.975, hits + 1, trials - hits))
    return low, high


def is_rolled_back(found: Found) -> bool:
    return found.outcome is Outcome.ROLLBACK


def is_promoted(found: Found) -> bool:
    return found.outcome is Outcome.PROMOTE


class Question(Struct, frozen=True):
    """What is simulated: the share of `runs` for which `is_hit` holds, to be `at_least` or `at_most` the bound."""

    name: str
    spec: RolloutSpec
    primary: Version
    canary: Version
    until: int
    runs: int
    is_hit: Callable[[Found], bool] = is_rolled_back
    bound: float = 0.95
    at_most: bool = False
    look_every: int = 400

    def ask(self, seed: int) -> Found:
        return simulate(seed, self.spec, self.primary, self.canary, until=self.until, look_every=self.look_every)


NEVER = 10**9
TENTH = RolloutSpec(steps=(0.1,), min_labelled=NEVER)
HALF = RolloutSpec(steps=(0.5,), min_labelled=NEVER)
STEPS = RolloutSpec(steps=(0.05, 0.2, 0.5), min_labelled=1500)
PLAIN = Version()
ALL_LABELLED = Version(labelled=1.0)
USUAL_ALPHA = RolloutSpec().alphas(["loss", "auc", "errors", "latency", "predictions"])["errors"]
RATES = (0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.15)
SHARES = (0.05, 0.1, 0.2, 0.5)


def erring(rate: float) -> Version:
    return Version(error_rate=rate)


def questions(scale: float = 1.0) -> list[Question]:
    """All of them; `scale` shortens the number of runs."""
    many = few = round(1000 * scale)
    equal = partial(Question, bound=0.01, at_most=True)
    twice = Version(median_ms=16.0)
    stalled = Version(stalls=0.01, stall_ms=51.2)  # p99 of 25.6 ms becomes 51.2 or more, the median stays
    heavy, heavy_twice = Version(spread=1.0), Version(spread=1.0, median_ms=16.0)
    worse = Version(labelled=1.0, separation=0.742)  # AUC 0.70
    labels = RolloutSpec(steps=(0.5,))
    return [
        equal("A/A, 10 %: rolled back", TENTH, PLAIN, PLAIN, 3000, many),
        equal("A/A, 50 %, all labelled: rolled back", HALF, ALL_LABELLED, ALL_LABELLED, 10_000, many),
        equal("A/A, in steps of 5, 20 and 50 %: rolled back", STEPS, ALL_LABELLED, ALL_LABELLED, 10_000, many),
        Question("errors 0 to 2 %, 10 %: found", TENTH, erring(0.0), erring(0.02), 2000, few),
        Question("errors 0.5 to 2.5 %, 10 %: found", TENTH, erring(0.005), erring(0.025), 2000, few),
        Question("errors 1 to 3 %, 10 %: found", TENTH, erring(0.01), erring(0.03), 2000, few),
        Question("errors 2 to 4 %, 10 %: found", TENTH, erring(0.02), erring(0.04), 2000, few),
        Question("errors 0.5 to 2.5 %, 50 %: found", HALF, erring(0.005), erring(0.025), 2000, few),
        Question("all latencies doubled, 10 %: found", TENTH, PLAIN, twice, 3000, few),
        Question("p99 doubled by stalls of 1 %, 10 %: found", TENTH, PLAIN, stalled, 3000, few),
        Question("p99 doubled by stalls of 1 %, 50 %: found", HALF, PLAIN, stalled, 3000, few),
        Question("heavy tails doubled, 10 %: found", TENTH, heavy, heavy_twice, 3000, few),
        Question("AUC lower by 0.05: promoted", labels, ALL_LABELLED, worse, 6000, few, is_promoted, 0.05, True),
        Question("AUC equal: promoted", labels, ALL_LABELLED, ALL_LABELLED, 6000, few, is_promoted, 0.5),
    ]  # fmt: skip


def grid(runs: int) -> Iterator[tuple[Question, Question, dict[str, float]]]:
    """Errors alone, with the part of alpha that they have among the usual guardrails: risen, equal, and the bounds."""
    for rate, share in product(RATES, SHARES):
        spec = RolloutSpec(steps=(share,), min_labelled=NEVER, guardrails=("errors",), alpha=USUAL_ALPHA)
        ask = partial(Question, spec=spec, primary=erring(rate), until=2000, runs=runs, look_every=round(250 / share))
        name = f"errors {rate:.1%}, share {share:.0%}"
        risen = ask(name=f"{name}: +2 points found", canary=erring(rate + 0.02))
        equal = ask(name=f"{name}: A/A", canary=erring(rate), bound=0.01, at_most=True)
        yield risen, equal, most_possible(rate, rate + 0.02, share, 2000)


def most_possible(before: float, after: float, share: float, requests: int) -> dict[str, float]:
    """Powers of the tests described above, after so many requests of the canary."""
    wanted = int(binom.isf(USUAL_ALPHA, requests, before))
    spare = (USUAL_ALPHA - binom.sf(wanted, requests, before)) / binom.pmf(wanted, requests, before)
    known = binom.sf(wanted, requests, after) + spare * binom.pmf(wanted, requests, after)
    each, generator = round((1 - share) / share), np.random.default_rng(0)
    others = each * requests
    of_canary, of_primary = generator.binomial(requests, after, 4000), generator.binomial(others, before, 4000)
    chance = hypergeom.sf(of_canary - 1, requests + others, of_canary + of_primary, requests)
    wald = [_wald(before, after, each, requests, generator) for _ in range(8)]
    found = {"known": known, "fisher": (chance <= USUAL_ALPHA).mean(), "wald": np.mean(wald)}
    return {name: round(float(power), 3) for name, power in found.items()}


def _wald(before: float, after: float, each: int, requests: int, generator: np.random.Generator) -> float:
    """The share of 500 rollouts in which the likelihood of both rates over that of their mean passes 1 / alpha."""
    mean = (after + each * before) / (1 + each)
    canary = generator.random((500, requests)) < after
    primary = generator.binomial(each, before, (500, requests))
    steps = np.where(canary, math.log(after / mean), math.log((1 - after) / (1 - mean)))
    steps += primary * math.log(before / mean) + (each - primary) * math.log((1 - before) / (1 - mean))
    return float((np.cumsum(steps, axis=1).max(axis=1) >= math.log(1 / USUAL_ALPHA)).mean())


def answer(question: Question, pool: ProcessPoolExecutor) -> dict[str, object]:
    """The share of hits with its interval, and how the bound stands to it."""
    found = list(pool.map(question.ask, range(question.runs), chunksize=10))
    hits = [each for each in found if question.is_hit(each)]
    after = float(np.median([each.requests for each in hits])) if hits else None
    return told(question, len(hits), question.runs) | {"median_canary_requests": after}


def told(question: Question, hits: int, runs: int) -> dict[str, object]:
    """A share with its interval as it is printed."""
    (low, high), share = interval(hits, runs), hits / runs
    is_met = share <= question.bound if question.at_most else share >= question.bound
    return {
        "name": f"decisions: {question.name}", "value": round(share, 4), "unit": "share of rollouts",
        "bound": question.bound, "met": is_met, "low": round(low, 4), "high": round(high, 4), "rollouts": runs,
    }  # fmt: skip


def main() -> None:
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for question in questions():
            print(json.dumps(answer(question, pool)), flush=True)
        refuted = runs = 0
        for risen, equal, possible in grid(300):
            print(json.dumps(answer(risen, pool) | possible), flush=True)
            refuted += sum(map(is_rolled_back, pool.map(equal.ask, range(equal.runs), chunksize=10)))
            runs += equal.runs
        everywhere = msgspec.structs.replace(equal, name="errors, A/A in all of the grid: rolled back")
        print(json.dumps(told(everywhere, refuted, runs)), flush=True)


__all__ = ["Found", "Judgement", "Question", "Version", "answer", "interval", "questions", "simulate"]
