"""A running rollout with the evidence so far, what could be tried next, and how earlier ones ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlops_desktop.core.deployments import Guardrail, Rollout, RolloutState
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.pipelines.rollouts import rules_of, spec_of
from mlops_desktop.pipelines.settings import saved_spec
from mlops_desktop.serving.rollout import labels_wanted
from mlops_desktop.serving.rollout_labels import OTHER_LOSSES
from mlops_desktop.serving.rolloutspec import GuardrailName, RolloutSpec
from mlops_desktop.workspace import Workspace

_PAST = 50
_LABELLED: frozenset[GuardrailName] = frozenset(["loss", "cost", "auc"])


@dataclass(frozen=True)
class Evidence:
    """One guardrail of the spec as it stands. `needed` rows (or requests) of each version decide at the earliest.

    `figures` is None while nothing is known. `margin` is how much worse is tolerated, in the units of the difference;
    `higher_is_better` says in which direction. `verdict` is `pass`, `fail` or `undecided`.
    """

    name: GuardrailName
    figures: Guardrail | None
    needed: int
    of_labels: bool
    margin: float | None
    higher_is_better: bool

    @property
    def verdict(self) -> str:
        return self.figures.verdict if self.figures is not None else "undecided"

    @property
    def seen(self) -> int:
        """Of the version that has fewer."""
        return min(self.figures.n_canary, self.figures.n_primary) if self.figures is not None else 0


@dataclass(frozen=True)
class Candidate:
    """A version that could be tried beside production."""

    reference: str
    number: int
    summary: str


@dataclass(frozen=True)
class RolloutView:
    """`rollout` is the running one, None where none runs; `spec` holds its rules, or those of the next one.

    `bake_left` is in seconds. `production` is 0 where no version is in production.
    """

    endpoint: str
    rollout: Rollout | None
    spec: RolloutSpec
    spec_name: str
    now: datetime
    bake_left: float
    days_left: float
    evidence: tuple[Evidence, ...]
    candidates: tuple[Candidate, ...]
    production: int
    past: tuple[Rollout, ...]


def rollout_view(workspace: Workspace, endpoint: str) -> RolloutView:
    """Everything about the rollouts of an endpoint."""
    registry = workspace.registry
    model = registry.endpoints.get(endpoint).model
    rollout = registry.rollouts.running(endpoint)
    spec = spec_of(registry, rollout) if rollout is not None else rules_of(registry, model)
    now = registry.clock.now()
    alias = registry.models.alias(model, "production")
    production = alias.number if alias is not None else 0
    past = [each for each in workspace.serving.rollouts(endpoint) if each.state is not RolloutState.RUNNING]
    began = (rollout.step_since or rollout.started) if rollout is not None else now
    started = rollout.started if rollout is not None else now
    return RolloutView(
        endpoint=endpoint,
        rollout=rollout,
        spec=spec,
        spec_name=(rollout.spec if rollout is not None else "") or saved_spec(registry, model),
        now=now,
        bake_left=max(0.0, (spec.bake_time - (now - began)).total_seconds()),
        days_left=max(0.0, (spec.max_duration - (now - started)).total_seconds() / 86_400),
        evidence=evidence_of(rollout, spec) if rollout is not None else (),
        candidates=tuple(_candidate(each) for each in registry.models.versions(model) if each.number != production),
        production=production,
        past=tuple(past[:_PAST]),
    )


def _candidate(version: ModelVersion) -> Candidate:
    figures = ", ".join(f"{name} {value:.4g}" for name, value in list(version.metrics.items())[:2])
    return Candidate(version.reference, version.number, figures)


def evidence_of(rollout: Rollout, spec: RolloutSpec) -> tuple[Evidence, ...]:
    """The guardrails of the spec, with what was recorded of them at the last look.

    A recorded one that the spec does not name is told too: it was judged by, once.
    """
    recorded = {guardrail.name: guardrail for guardrail in rollout.guardrails}
    found = []
    for name in spec.guardrails:
        figures = next((recorded.pop(label) for label in list(recorded) if _is_of(label, name, spec)), None)
        found.append(_evidence(name, figures, rollout, spec))
    others = [Evidence("loss", each, 0, True, None, False) for each in recorded.values()]
    return (*found, *others)


def _is_of(label: str, name: GuardrailName, spec: RolloutSpec) -> bool:
    """Whether a recorded guardrail is the one that the spec calls `name`."""
    label = label.lower()
    if name == "latency":
        return label.startswith(("slower", "latency"))
    told = {"cost": "cost", "auc": "auc", "errors": "error", "predictions": "change of predictions"}
    return label.startswith((spec.loss, *OTHER_LOSSES) if name == "loss" else told[name])


def _evidence(name: GuardrailName, figures: Guardrail | None, rollout: Rollout, spec: RolloutSpec) -> Evidence:
    labels = labels_wanted(spec, min(rollout.step, spec.last_step))
    margins = {
        "loss": spec.loss_margin,
        "cost": spec.cost_margin * abs(figures.primary) if figures is not None else None,
        "auc": spec.auc_margin,
        "errors": spec.error_margin,
        "latency": spec.latency_margin,
        "predictions": spec.prediction_margin,
    }
    of_labels = name in _LABELLED
    return Evidence(name, figures, labels if of_labels else spec.min_requests, of_labels, margins[name], name == "auc")
