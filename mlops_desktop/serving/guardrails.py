"""What is known about both versions of a rollout, and the measures by which they are compared."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct, field

from mlops_desktop.core.deployments import Guardrail
from mlops_desktop.serving.blocks import RateBlocks, SlowBlocks
from mlops_desktop.serving.error_run import ErrorRun
from mlops_desktop.serving.quality import RankCounts, ScoreCounts
from mlops_desktop.serving.rolloutspec import GuardrailName, RolloutSpec
from mlops_desktop.serving.sequential import Moments, mean_difference, mixture_radius

NO_BOUND = (-math.inf, math.inf)
_CERTAIN = 1.6449
"""Standard errors within the margin at which an AUC is so in nineteen of twenty cases."""

_BY_CHANCE = 2.0
"""Standard errors of a difference of rates that are no reason not to go on."""

_SMALLEST_RISE = 0.002


class RolloutStats(Struct):
    """Sufficient statistics of one version alone."""

    version: int
    requests: int = 0
    rows: int = 0
    errors: int = 0
    schema_mismatches: int = 0
    loss: Moments = field(default_factory=Moments)
    cost: Moments = field(default_factory=Moments)
    ranks: RankCounts = field(default_factory=RankCounts)
    scores: ScoreCounts = field(default_factory=ScoreCounts)
    has_cost: bool = False
    has_ranks: bool = False

    @property
    def labelled(self) -> int:
        """Rows whose label has arrived."""
        return self.loss.rows

    def note_success(self, rows: int) -> None:
        self.requests += 1
        self.rows += rows

    def note_error(self) -> None:
        self.requests += 1
        self.errors += 1


class Contrast(Struct):
    """What is counted about both versions together, in the order of the requests.

    `paired_loss` and `paired_cost` are sums of the candidate's minus the primary's on the same rows, where a shadow has
    both; the difference of means of separate requests is wider by what the rows themselves differ in.
    """

    errors: RateBlocks
    latency: SlowBlocks
    in_a_row: ErrorRun = field(default_factory=ErrorRun)
    paired_loss: Moments = field(default_factory=Moments)
    paired_cost: Moments = field(default_factory=Moments)

    @classmethod
    def by(cls, spec: RolloutSpec) -> Contrast:
        """The empty one of a spec: a rise of twice the margin is the smallest that is worth finding."""
        latency = SlowBlocks(
            spec.latency_quantile,
            spec.latency_factor,
            spec.latency_floor_ms * 1000,
            RateBlocks(_worth_finding(spec.latency_margin)),
        )
        return cls(RateBlocks(_worth_finding(spec.error_margin)), latency)

    def add(self, total_us: np.ndarray, is_canary: np.ndarray, is_error: np.ndarray, is_cold: np.ndarray) -> None:
        """Count n requests, arrays of shape (n,); errors and cold starts say nothing about latency."""
        self.in_a_row.add(is_canary, is_error, (self.errors.trials, self.errors.events))
        self.errors.add(is_canary, is_error)
        is_timed = ~is_error & ~is_cold
        self.latency.add(total_us[is_timed], is_canary[is_timed])


def _worth_finding(margin: float) -> float:
    return min(0.5, max(2 * margin, _SMALLEST_RISE))


class Figures(Struct):
    """Both versions of a rollout. `loss` is what their loss is called, that of the spec where nothing else is said."""

    primary: RolloutStats
    canary: RolloutStats
    contrast: Contrast
    loss: str = ""

    def guardrails(self, spec: RolloutSpec, is_enough: bool) -> list[Guardrail]:
        """Those of the spec whose figures are known."""
        names = [name for name in spec.guardrails if self._is_known(name)]
        alphas = spec.alphas(names)
        return [guardrail(spec, name, self, alphas[name], is_enough) for name in names]

    def _is_known(self, name: GuardrailName) -> bool:
        both = (self.primary, self.canary)
        if name == "cost":
            return all(stats.has_cost for stats in both)
        return name != "auc" or all(stats.has_ranks for stats in both)


def guardrail(spec: RolloutSpec, name: GuardrailName, figures: Figures, alpha: float, is_enough: bool) -> Guardrail:
    """One measure as it stands, with its interval at `alpha` and its verdict."""
    primary, canary, contrast = figures.primary, figures.canary, figures.contrast
    if name == "loss":
        means = (primary.loss, canary.loss, contrast.paired_loss)
        return _of_means(figures.loss or spec.loss, *means, alpha, spec.loss_margin, is_enough, spec)
    if name == "cost":
        margin = spec.cost_margin * abs(primary.cost.mean)
        return _of_means(
            "cost per row", primary.cost, canary.cost, contrast.paired_cost, alpha, margin, is_enough, spec
        )
    if name == "auc":
        return _of_ranks(spec, primary, canary, alpha, is_enough)
    if name == "predictions":
        return _of_scores(spec, primary.scores, canary.scores, alpha, is_enough)
    if name == "errors":
        return _of_rates("error rate", contrast.errors, alpha, spec.error_margin, is_enough)
    label = f"slower than {spec.latency_factor:g} x p{spec.latency_quantile * 100:g}"
    return _of_rates(label, contrast.latency.rates, alpha, spec.latency_margin, is_enough)


def _of_means(
    name: str,
    primary: Moments,
    canary: Moments,
    paired: Moments,
    alpha: float,
    margin: float,
    is_enough: bool,
    spec: RolloutSpec,
) -> Guardrail:
    tuned_for = 4 * spec.min_requests
    if paired.requests:
        difference = paired.mean
        radius = mixture_radius(paired.variance_of_mean, paired.requests, alpha, tuned_for)
        low, high, has_burnt_in = difference - radius, difference + radius, paired.requests >= spec.min_requests
    else:
        difference = canary.mean - primary.mean
        low, high = mean_difference(primary, canary, alpha, tuned_for)
        has_burnt_in = min(primary.requests, canary.requests) >= spec.min_requests
    verdict = _verdict(low > margin, low, high, difference, margin, is_enough) if has_burnt_in else "undecided"
    return Guardrail(
        name, primary.mean, canary.mean, difference, low, high, primary.rows, canary.rows, verdict
    )  # fmt: skip


def _of_rates(name: str, blocks: RateBlocks, alpha: float, margin: float, is_enough: bool) -> Guardrail:
    """Failed when surely worse at all, and worse by more than the margin as far as one can tell.

    Passed when no more is seen than the margin and chance make: one slow request in a hundred says nothing.
    """
    low, high = blocks.difference(alpha)
    first, second = (blocks.rate(side) if blocks.trials[side] else 0.0 for side in (0, 1))
    counts, difference = blocks.trials, second - first
    verdict = "undecided"
    if low > 0 and difference > margin:
        verdict = "fail"
    elif is_enough and difference <= margin + _BY_CHANCE * blocks.standard_error:
        verdict = "pass"
    return Guardrail(
        name, first, second, difference, low, high, counts[0], counts[1], verdict, "share of requests"
    )  # fmt: skip


def _of_ranks(
    spec: RolloutSpec, primary: RolloutStats, canary: RolloutStats, alpha: float, is_enough: bool
) -> Guardrail:
    """Passed when, nineteen times in twenty, not lower than the primary's by more than the margin."""
    (first, first_variance), (second, second_variance) = primary.ranks.auc(), canary.ranks.auc()
    difference, variance = second - first, first_variance + second_variance
    radius = mixture_radius(
        variance, primary.labelled + canary.labelled, alpha, tuned_for=2 * spec.min_labelled
    )  # fmt: skip
    low, high, verdict = difference - radius, difference + radius, "undecided"
    if not math.isfinite(difference) or not math.isfinite(variance):
        low, high = NO_BOUND
    elif min(primary.labelled, canary.labelled) >= spec.min_requests and high < -spec.auc_margin:
        verdict = "fail"
    elif is_enough and difference - _CERTAIN * math.sqrt(variance) > -spec.auc_margin:
        verdict = "pass"
    return Guardrail("AUC", first, second, difference, low, high, primary.labelled, canary.labelled, verdict)


def _of_scores(
    spec: RolloutSpec, primary: ScoreCounts, canary: ScoreCounts, alpha: float, is_enough: bool
) -> Guardrail:
    distance, low, high = canary.distance(primary, alpha)
    margin = spec.prediction_margin
    verdict = _verdict(low > margin, low, high, distance, margin, is_enough)
    if verdict == "undecided" and is_enough and distance <= margin:
        verdict = "pass"
    name = "change of predictions"
    return Guardrail(name, 0.0, distance, distance, low, high, primary.requests, canary.requests, verdict, "KS")


def _verdict(has_failed: bool, low: float, high: float, difference: float, margin: float, is_enough: bool) -> str:
    if has_failed:
        return "fail"
    if is_enough and (high <= margin or (low <= 0 and difference <= margin)):
        return "pass"
    return "undecided"
