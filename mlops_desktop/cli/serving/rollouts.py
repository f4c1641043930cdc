"""`serve rollout …`: a new version beside the one in production, step by step."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from mlops_desktop.cli.output import Answer, in_words, table
from mlops_desktop.cli.parsing import Commands, add_command, add_group, open_workspace
from mlops_desktop.cli.serving.words import summary_of
from mlops_desktop.core.deployments import Guardrail, Rollout, RolloutKind, RolloutState
from mlops_desktop.core.errors import NotFound
from mlops_desktop.serving.rolloutspec import RolloutSpec
from mlops_desktop.workspace.serving import Serving


def add_commands(serve: Commands, common: argparse.ArgumentParser) -> None:
    group = add_group(serve, "rollout", "a new version beside the one in production")
    start = add_command(group, common, "start", _start, "try a version, by the newest spec of its model")
    start.add_argument("endpoint")
    start.add_argument("version", help="for example late-arrival@4")
    start.add_argument("--kind", type=RolloutKind, choices=list(RolloutKind), help="default: that of the spec")
    start.add_argument("--weight", type=share, metavar="SHARE", help="first share of the requests, as 0.1 or 10%%")
    start.add_argument("--reason", default="")
    status = add_command(group, common, "status", _status, "how far it is, by which rules, and what is missing")
    status.add_argument("endpoint")
    weight = add_command(group, common, "weight", _weight, "give the new version another share of the requests")
    weight.add_argument("endpoint")
    weight.add_argument("weight", type=share, metavar="SHARE", help="0.2 or 20%%")
    weight.add_argument("--reason", required=True)
    for name, run, help_text in (
        ("advance", _advance, "go to the next step of the plan now"),
        ("promote", _promote, "end it by putting its version into production"),
        ("hold", _hold, "end it without a decision; the primary answers everything"),
        ("back", _back, "end it by taking its version back"),
    ):
        decision = add_command(group, common, name, run, help_text)
        decision.add_argument("endpoint")
        decision.add_argument("--reason", required=True)


def share(text: str) -> float:
    """The type of a share: `0.2` or `20%`."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text} is not a share such as 0.2 or 20%") from None


def _start(arguments: argparse.Namespace) -> Answer:
    rollout = open_workspace(arguments).serving.start_rollout(
        arguments.endpoint,
        arguments.version,
        kind=arguments.kind,
        weight=arguments.weight,
        reason=arguments.reason,
    )
    return _told(rollout)


def _weight(arguments: argparse.Namespace) -> Answer:
    serving = open_workspace(arguments).serving
    return _told(serving.set_weight(arguments.endpoint, arguments.weight, reason=arguments.reason))


def _advance(arguments: argparse.Namespace) -> Answer:
    return _told(open_workspace(arguments).serving.advance(arguments.endpoint, reason=arguments.reason))


def _promote(arguments: argparse.Namespace) -> Answer:
    version = open_workspace(arguments).serving.promote_now(arguments.endpoint, reason=arguments.reason)
    return Answer(version, f"{version.reference} is in production.")


def _hold(arguments: argparse.Namespace) -> Answer:
    return _decided(arguments, Serving.hold)


def _back(arguments: argparse.Namespace) -> Answer:
    return _decided(arguments, Serving.roll_back)


def _decided(arguments: argparse.Namespace, decide: Callable[..., Rollout]) -> Answer:
    return _told(decide(open_workspace(arguments).serving, arguments.endpoint, reason=arguments.reason))


def _told(rollout: Rollout) -> Answer:
    return Answer(rollout, f"{rollout.endpoint}: {summary_of(rollout)}")


def _status(arguments: argparse.Namespace) -> Answer:
    serving = open_workspace(arguments).serving
    found = serving.rollouts(arguments.endpoint)
    if not found:
        raise NotFound(
            f"{arguments.endpoint} has had no rollout.", hint="`mlops-desktop serve rollout start ENDPOINT VERSION`."
        )
    rollout = next((each for each in found if each.state is RolloutState.RUNNING), found[0])
    spec = serving.rollout_spec(rollout)
    missing = list(_missing(rollout, spec))
    data: dict[str, Any] = {"rollout": rollout, "rules": spec, "missing": missing}
    parts = [f"{rollout.endpoint}: {summary_of(rollout)}", *_plan(rollout, spec), "", _guardrails(rollout)]
    parts += ["", "Missing:", *(f"  {line}" for line in missing)] if missing else []
    return Answer(data, "\n".join(parts))


def _plan(rollout: Rollout, spec: RolloutSpec) -> Iterator[str]:
    steps = [f"[{step:.0%}]" if place == rollout.step else f"{step:.0%}" for place, step in enumerate(spec.steps)]
    yield f"  rules     {rollout.spec or 'the usual ones'}"
    if rollout.kind is RolloutKind.CANARY:
        yield f"  steps     {' '.join(steps)}, each for {spec.bake_minutes:g} minutes or longer"
    yield f"  decides   with {spec.min_labelled:,} labels and {spec.min_requests:,} requests of each version"
    yield f"  ends      after {spec.max_days:g} days at the latest"
    yield f"  splits    by {spec.sticky}"


def _guardrails(rollout: Rollout) -> str:
    headers = ("guardrail", "primary", "canary", "difference", "from", "to", "n primary", "n canary", "verdict")
    rows = [
        (g.name, g.primary, g.canary, g.difference, g.low, g.high, g.n_primary, g.n_canary, g.verdict)
        for g in rollout.guardrails
    ]
    return table(headers, rows, "No figures yet.")


def _missing(rollout: Rollout, spec: RolloutSpec) -> Iterator[str]:
    """What a decision waits for, while there is none."""
    if rollout.state is not RolloutState.RUNNING:
        return
    if not rollout.guardrails:
        yield "requests that both versions answered"
    for guardrail in rollout.guardrails:
        if guardrail.verdict == "undecided":
            yield f"{guardrail.name}: {_wanted(guardrail, spec)}"
    if rollout.reason:
        yield rollout.reason


def _wanted(guardrail: Guardrail, spec: RolloutSpec) -> str:
    fewest = min(guardrail.n_primary, guardrail.n_canary)
    if fewest < spec.min_requests:
        return f"{spec.min_requests - fewest:,} more of at least one version before it counts"
    return f"is between {in_words(guardrail.low)} and {in_words(guardrail.high)}, too wide to tell"
