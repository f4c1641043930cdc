"""Judges a canary: promote, roll back, hold, or go on. Pure values; may be asked as often as one likes.

Rules, in this order:

1. Hard trips need no statistics: too many errors of the canary in a row, or requests that fit the primary's signature
   but not the canary's.
2. Roll back as soon as, by an anytime-valid interval, the canary is worse than the primary by more than the margin.
3. Promote (or go to the next step) when enough rows of both versions have labels and for every guardrail either the
   whole interval is within the margin, or the canary is not shown to be worse at all and its estimate is within it.
4. Hold when the time is over without either.

Each version is judged by its own figures. Alpha is split evenly over the guardrails, so a canary as good as its primary
is rolled back by statistics with a probability of at most alpha, however often this is asked.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Literal

from msgspec import Struct, field

from mlops_desktop.core.deployments import Guardrail
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.serving.sequential import Moments, mean_difference, rate_difference

GuardrailName = Literal["loss", "cost", "errors", "latency"]


class RolloutSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """How a canary is tried.

    `steps` are its shares of requests, one after the other. `min_labelled` rows of each version must have labels before
    the last step is done, and a share of that for the steps before; `min_requests` is the like for requests. Margins
    say how much worse is tolerable: `loss_margin` in units of the loss (Brier score, log loss, or squared error of a
    regression), `cost_margin` as a share of the primary's cost per row, the others as shares of requests. A request
    slower than `slow_ms` is slow. The `cost` guardrail is left out where costs are not known.
    """

    steps: tuple[float, ...] = (0.5,)
    min_labelled: int = 500
    min_requests: int = 50
    alpha: float = 0.05
    max_days: float = 30.0
    guardrails: tuple[GuardrailName, ...] = ("loss", "cost", "errors", "latency")
    loss: Literal["brier", "log loss"] = "brier"
    loss_margin: float = 0.01
    cost_margin: float = 0.05
    error_margin: float = 0.01
    slow_ms: float = 500.0
    latency_margin: float = 0.05
    max_errors_in_row: int = 5
    max_schema_mismatches: int = 0

    def __post_init__(self) -> None:
        if not self.steps or not all(0 < step <= 1 for step in self.steps):
            raise ValueError("steps must be shares above 0 and up to 1")
        if not 0 < self.alpha < 1:
            raise ValueError("alpha must be between 0 and 1")
        if not self.guardrails or len(set(self.guardrails)) < len(self.guardrails):
            raise ValueError("guardrails must be at least one, and each only once")
        if self.min_labelled < 1 or self.min_requests < 2 or self.max_days <= 0:
            raise ValueError("min_labelled, min_requests and max_days must be positive, min_requests at least 2")

    @property
    def max_duration(self) -> timedelta:
        return timedelta(days=self.max_days)

    @property
    def last_step(self) -> int:
        return len(self.steps) - 1


class RolloutStats(Struct):
    """Sufficient statistics of one version; `timed` requests are those without cold starts and errors."""

    version: int
    requests: int = 0
    rows: int = 0
    errors: int = 0
    error_run: int = 0
    longest_error_run: int = 0
    schema_mismatches: int = 0
    timed: int = 0
    slow: int = 0
    loss: Moments = field(default_factory=Moments)
    cost: Moments = field(default_factory=Moments)
    has_cost: bool = False

    @property
    def labelled(self) -> int:
        """Rows whose label has arrived."""
        return self.loss.rows

    def note_success(self, rows: int) -> None:
        self.requests += 1
        self.rows += rows
        self.error_run = 0

    def note_error(self) -> None:
        self.requests += 1
        self.errors += 1
        self.error_run += 1
        self.longest_error_run = max(self.longest_error_run, self.error_run)


class Outcome(StrEnum):
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    HOLD = "hold"
    CONTINUE = "continue"


class Judgement(Struct, frozen=True):
    """What to do now and why. `step` is the step to be at when going on: higher than before means to advance."""

    outcome: Outcome
    guardrails: tuple[Guardrail, ...]
    reason: str
    step: int


def judge(
    spec: RolloutSpec, primary: RolloutStats, canary: RolloutStats, elapsed: timedelta, *, step: int | None = None
) -> Judgement:
    """Judge the canary after `elapsed` workspace time at `step` (the last one where not given)."""
    step = spec.last_step if step is None else step
    if not 0 <= step <= spec.last_step:
        raise InvalidInput(f"The rollout has no step {step}.", hint=f"It has the steps 0 to {spec.last_step}.")
    is_enough = _is_enough(spec, primary, canary, step)
    guardrails = tuple(_guardrails(spec, primary, canary, is_enough))
    trip = _hard_trip(spec, canary)
    if trip:
        return Judgement(Outcome.ROLLBACK, guardrails, trip, step)
    failed = [guardrail for guardrail in guardrails if guardrail.verdict == "fail"]
    if failed:
        return Judgement(Outcome.ROLLBACK, guardrails, _worse(failed[0]), step)
    if is_enough and all(guardrail.verdict == "pass" for guardrail in guardrails):
        if step == spec.last_step:
            reason = f"Not worse beyond the margins on {canary.labelled:,} labelled rows"
            return Judgement(Outcome.PROMOTE, guardrails, reason, step)
        if elapsed < spec.max_duration:
            reason = f"Step {step + 1} of {len(spec.steps)} passed"
            return Judgement(Outcome.CONTINUE, guardrails, reason, step + 1)
    why = _undecided(spec, primary, canary, guardrails, is_enough, step)
    outcome = Outcome.HOLD if elapsed >= spec.max_duration else Outcome.CONTINUE
    reason = f"Inconclusive after {spec.max_days:g} days: {why}" if outcome is Outcome.HOLD else why
    return Judgement(outcome, guardrails, reason, step)


def _labels_wanted(spec: RolloutSpec, step: int) -> int:
    return -(-spec.min_labelled * (step + 1) // len(spec.steps))


def _is_enough(spec: RolloutSpec, primary: RolloutStats, canary: RolloutStats, step: int) -> bool:
    wanted = _labels_wanted(spec, step)
    return all(stats.labelled >= wanted and stats.requests >= spec.min_requests for stats in (primary, canary))


def _hard_trip(spec: RolloutSpec, canary: RolloutStats) -> str:
    if canary.longest_error_run >= spec.max_errors_in_row:
        return f"The canary failed {canary.longest_error_run} times in a row"
    if canary.schema_mismatches > spec.max_schema_mismatches:
        return f"The canary's inputs did not fit {canary.schema_mismatches:,} requests that fit the primary's"
    return ""


def _guardrails(spec: RolloutSpec, primary: RolloutStats, canary: RolloutStats, is_enough: bool) -> list[Guardrail]:
    names = [name for name in spec.guardrails if name != "cost" or (primary.has_cost and canary.has_cost)]
    alpha = spec.alpha / max(1, len(names))
    return [_guardrail(spec, name, primary, canary, alpha, is_enough) for name in names]


def _guardrail(
    spec: RolloutSpec, name: GuardrailName, primary: RolloutStats, canary: RolloutStats, alpha: float, is_enough: bool
) -> Guardrail:
    if name == "loss":
        return _of_means(spec.loss, primary.loss, canary.loss, alpha, spec.loss_margin, is_enough, spec)
    if name == "cost":
        margin = spec.cost_margin * abs(primary.cost.mean)
        return _of_means("cost per row", primary.cost, canary.cost, alpha, margin, is_enough, spec)
    if name == "errors":
        pairs = (primary.errors, primary.requests), (canary.errors, canary.requests)
        return _of_rates("error rate", *pairs, alpha, spec.error_margin, is_enough)
    pairs = (primary.slow, primary.timed), (canary.slow, canary.timed)
    return _of_rates(f"slower than {spec.slow_ms:g} ms", *pairs, alpha, spec.latency_margin, is_enough)


def _of_means(
    name: str, primary: Moments, canary: Moments, alpha: float, margin: float, is_enough: bool, spec: RolloutSpec
) -> Guardrail:
    low, high = mean_difference(primary, canary, alpha, tuned_for=4 * spec.min_requests)
    difference = canary.mean - primary.mean
    has_burnt_in = min(primary.requests, canary.requests) >= spec.min_requests
    verdict = _verdict(low, high, difference, margin, is_enough) if has_burnt_in else "undecided"
    return Guardrail(
        name, primary.mean, canary.mean, difference, low, high, primary.rows, canary.rows, verdict
    )  # fmt: skip


def _of_rates(
    name: str, primary: tuple[int, int], canary: tuple[int, int], alpha: float, margin: float, is_enough: bool
) -> Guardrail:
    low, high = rate_difference(primary, canary, alpha)
    first, second = (events / trials if trials else 0.0 for events, trials in (primary, canary))
    verdict = _verdict(low, high, second - first, margin, is_enough)
    return Guardrail(
        name, first, second, second - first, low, high, primary[1], canary[1], verdict, "share of requests"
    )  # fmt: skip


def _verdict(low: float, high: float, difference: float, margin: float, is_enough: bool) -> str:
    if low > margin:
        return "fail"
    if is_enough and (high <= margin or (low <= 0 and difference <= margin)):
        return "pass"
    return "undecided"


def _worse(guardrail: Guardrail) -> str:
    return (
        f"The canary's {guardrail.name} is {guardrail.canary:.4g} against {guardrail.primary:.4g}: "
        f"worse by {guardrail.low:.4g} to {guardrail.high:.4g}, more than tolerated"
    )


def _undecided(
    spec: RolloutSpec,
    primary: RolloutStats,
    canary: RolloutStats,
    guardrails: tuple[Guardrail, ...],
    is_enough: bool,
    step: int,
) -> str:
    if not is_enough:
        return (
            f"Labels of {canary.labelled:,} canary and {primary.labelled:,} primary rows are in, "
            f"{_labels_wanted(spec, step):,} of each are wanted"
        )
    open_ones = ", ".join(guardrail.name for guardrail in guardrails if guardrail.verdict == "undecided")
    return f"It is not yet clear for {open_ones}"
