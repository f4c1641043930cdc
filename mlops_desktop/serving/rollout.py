"""Judges a new version beside its primary: promote, roll back, hold, or go on. Pure values; may be asked at any time.

Rules, in this order:

1. Hard trips need no labels and no time: workers that keep crashing, more errors of the canary in a row than the
   primary's own rate of errors can make, or requests that fit the primary's signature but not the canary's.
2. Roll back as soon as, by an anytime-valid interval, the canary is worse than the primary.
3. Promote (or go to the next step) when the step is baked, enough rows of both versions have labels, and every
   guardrail passes: not shown to be worse, and close enough by its estimate.
4. Hold when the time is over without either.

A shadow is judged alike, but answers nobody: where a canary would be promoted it is held, for a person to go on. An
A/B test is only measured: hard trips apart it runs until enough labels are in and each guardrail is decided, or its
time is over, and ends held, with its figures.

Each version is judged by its own figures. Alpha is split over the guardrails, so a canary as good as its primary is
rolled back by statistics with a probability of at most alpha, however often this is asked.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from mlops_desktop.core.deployments import Guardrail, RolloutKind
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.serving.guardrails import Figures
from mlops_desktop.serving.rolloutspec import RolloutSpec


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


class Progressed(Struct, frozen=True):
    """How far a rollout is: its step, how long it and this step have lasted, and what is wrong with its workers."""

    step: int
    elapsed: timedelta
    at_step: timedelta
    crash_loop: str = ""


def judge(spec: RolloutSpec, figures: Figures, so_far: Progressed) -> Judgement:
    """Judge the new version at a step. Raises `InvalidInput` for a step that the spec does not have."""
    step = so_far.step
    if not 0 <= step <= spec.last_step:
        raise InvalidInput(f"The rollout has no step {step}.", hint=f"It has the steps 0 to {spec.last_step}.")
    is_enough = _is_enough(spec, figures, step)
    guardrails = tuple(figures.guardrails(spec, is_enough))
    is_over = so_far.elapsed >= spec.max_duration
    if trip := _hard_trip(spec, figures, so_far):
        return Judgement(Outcome.ROLLBACK, guardrails, trip, step)
    if spec.kind is RolloutKind.AB:
        is_decided = is_enough and all(guardrail.verdict != "undecided" for guardrail in guardrails)
        return _measured(spec, figures, guardrails, is_over, is_decided and so_far.at_step >= spec.bake_time)
    failed = [guardrail for guardrail in guardrails if guardrail.verdict == "fail"]
    if failed:
        return Judgement(Outcome.ROLLBACK, guardrails, _worse(failed[0]), step)
    has_passed = is_enough and all(guardrail.verdict == "pass" for guardrail in guardrails)
    if has_passed and so_far.at_step >= spec.bake_time and (step == spec.last_step or not is_over):
        return _passed(spec, figures, guardrails, step)
    why = _undecided(spec, figures, guardrails, is_enough, step, so_far)
    if is_over:
        return Judgement(Outcome.HOLD, guardrails, f"Inconclusive after {spec.max_days:g} days: {why}", step)
    return Judgement(Outcome.CONTINUE, guardrails, why, step)


def _passed(spec: RolloutSpec, figures: Figures, guardrails: tuple[Guardrail, ...], step: int) -> Judgement:
    if step < spec.last_step:
        return Judgement(Outcome.CONTINUE, guardrails, f"Step {step + 1} of {len(spec.steps)} passed", step + 1)
    reason = f"Not worse beyond the margins on {figures.canary.labelled:,} labelled rows"
    if spec.kind is RolloutKind.SHADOW:
        return Judgement(Outcome.HOLD, guardrails, f"Passed as a shadow, to be promoted by hand: {reason}", step)
    return Judgement(Outcome.PROMOTE, guardrails, reason, step)


def _measured(
    spec: RolloutSpec, figures: Figures, guardrails: tuple[Guardrail, ...], is_over: bool, is_decided: bool
) -> Judgement:
    """An A/B test: the differences with their intervals, and no consequence."""
    told = "; ".join(f"{g.name} {g.difference:+.4g} ({g.low:+.4g} to {g.high:+.4g})" for g in guardrails)
    if is_decided:
        worse = ", ".join(guardrail.name for guardrail in guardrails if guardrail.verdict == "fail")
        verdict = f"worse in {worse}" if worse else "not worse beyond the margins"
        reason = f"Decided on {figures.canary.labelled:,} labelled rows, {verdict}: {told}"
        return Judgement(Outcome.HOLD, guardrails, reason, 0)
    if not is_over:
        return Judgement(Outcome.CONTINUE, guardrails, "Measured only", 0)
    return Judgement(Outcome.HOLD, guardrails, f"Measured for {spec.max_days:g} days: {told}", 0)


def labels_wanted(spec: RolloutSpec, step: int) -> int:
    """Labelled rows of each version before a step is done."""
    return -(-spec.min_labelled * (step + 1) // (spec.last_step + 1))


def _is_enough(spec: RolloutSpec, figures: Figures, step: int) -> bool:
    wanted = labels_wanted(spec, step)
    both = (figures.primary, figures.canary)
    return all(stats.labelled >= wanted and stats.requests >= spec.min_requests for stats in both)


def _hard_trip(spec: RolloutSpec, figures: Figures, so_far: Progressed) -> str:
    canary = figures.canary
    if so_far.crash_loop:
        return f"The canary's workers keep ending: {so_far.crash_loop}"
    if figures.contrast.in_a_row.longest >= spec.max_errors_in_row:
        return f"The canary failed {figures.contrast.in_a_row.longest} times in a row, and the primary did not"
    if canary.schema_mismatches > spec.max_schema_mismatches:
        return f"The canary's inputs did not fit {canary.schema_mismatches:,} requests that fit the primary's"
    return ""


def _worse(guardrail: Guardrail) -> str:
    return (
        f"The canary's {guardrail.name} is {guardrail.canary:.4g} against {guardrail.primary:.4g}: "
        f"different by {guardrail.low:.4g} to {guardrail.high:.4g}, worse than tolerated"
    )


def _undecided(
    spec: RolloutSpec,
    figures: Figures,
    guardrails: tuple[Guardrail, ...],
    is_enough: bool,
    step: int,
    so_far: Progressed,
) -> str:
    if not is_enough:
        return (
            f"Labels of {figures.canary.labelled:,} canary and {figures.primary.labelled:,} primary rows are in, "
            f"{labels_wanted(spec, step):,} of each are wanted"
        )
    open_ones = ", ".join(guardrail.name for guardrail in guardrails if guardrail.verdict == "undecided")
    if not open_ones:
        left = (spec.bake_time - so_far.at_step).total_seconds() / 60
        return f"The step passed so far, and bakes for {left:.0f} min more"
    return f"It is not yet clear for {open_ones}"
