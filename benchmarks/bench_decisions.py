"""How often rollouts are decided rightly, by simulation: wrong rollbacks of equal versions, and faults found in time.

    python -m benchmarks bench_decisions

Prints one JSON object per figure, with the number of simulated rollouts and the interval of Clopper and Pearson (95 %).
A simulated rollout goes through the same statistics and the same judgement as a real one, and is judged all the time.
Requests have one row; a tenth have it labelled where labels are not what is measured. Latencies are lognormal.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial

import numpy as np
from msgspec import Struct
from scipy.stats import beta

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
    seed: int, spec: RolloutSpec, primary: Version, canary: Version, *, until: int, look_every: int = 50
) -> Found:
    """One rollout, until it is promoted or rolled back or the canary has had `until` requests."""
    generator = np.random.default_rng(seed)
    figures = Figures(RolloutStats(0, has_ranks=True), RolloutStats(1, has_ranks=True), Contrast(spec))
    versions = (primary, canary)
    step, seen, judgement = 0, 0, judge(spec, figures, START)
    while figures.canary.requests < until:
        sides = generator.random(look_every) < spec.steps[step]
        for side, values in zip(sides.tolist(), generator.random((look_every, 4)).tolist(), strict=True):
            latency = float(generator.standard_normal())
            score = float(generator.standard_normal())
            _serve(figures, versions[side], bool(side), values, latency, score)
        seen += look_every
        judgement = judge(spec, figures, Progressed(step, timedelta(), timedelta()))
        if judgement.outcome in (Outcome.PROMOTE, Outcome.ROLLBACK):
            break
        step = judgement.step
    return Found(judgement.outcome, figures.canary.requests, figures.canary.labelled, judgement.reason)


def _serve(
    figures: Figures, version: Version, is_canary: bool, uniform: list[float], latency: float, noise: float
) -> None:
    stats = figures.canary if is_canary else figures.primary
    is_error = uniform[0] < version.error_rate
    millis = version.median_ms * float(np.exp(version.spread * latency))
    millis += version.stall_ms * (uniform[1] < version.stalls)
    figures.contrast.note(millis * 1000, is_canary=is_canary, is_error=is_error)
    if is_error:
        stats.note_error()
        return
    label = float(uniform[2] < 0.3)
    score = 1 / (1 + float(np.exp(1.0 - noise - version.separation * (label - 0.3))))
    stats.note_success(1)
    stats.scores.add(score)
    if uniform[3] < version.labelled:
        stats.loss.add(1, (score - label) ** 2)
        stats.ranks.add(score, label)


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

    def ask(self, seed: int) -> Found:
        return simulate(seed, self.spec, self.primary, self.canary, until=self.until)


NEVER = 10**9
TENTH = RolloutSpec(steps=(0.1,), min_labelled=NEVER)
HALF = RolloutSpec(steps=(0.5,), min_labelled=NEVER)
STEPS = RolloutSpec(steps=(0.05, 0.2, 0.5), min_labelled=1500)
PLAIN = Version()
ALL_LABELLED = Version(labelled=1.0)


def erring(rate: float) -> Version:
    return Version(error_rate=rate)


def questions(scale: float = 1.0) -> list[Question]:
    """All of them; `scale` shortens the number of runs."""
    many, few = round(1000 * scale), round(300 * scale)
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


def answer(question: Question, pool: ProcessPoolExecutor) -> dict[str, object]:
    """The share of hits with its interval, and how the bound stands to it."""
    found = list(pool.map(question.ask, range(question.runs), chunksize=10))
    hits = [each for each in found if question.is_hit(each)]
    low, high = interval(len(hits), question.runs)
    share = len(hits) / question.runs
    after = float(np.median([each.requests for each in hits])) if hits else None
    is_met = share <= question.bound if question.at_most else share >= question.bound
    return {
        "name": f"decisions: {question.name}", "value": round(share, 4), "unit": "share of rollouts",
        "bound": question.bound, "met": is_met, "low": round(low, 4), "high": round(high, 4),
        "rollouts": question.runs, "median_canary_requests": after,
    }  # fmt: skip


def main() -> None:
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for question in questions():
            print(json.dumps(answer(question, pool)), flush=True)


__all__ = ["Found", "Judgement", "Question", "Version", "answer", "interval", "questions", "simulate"]
