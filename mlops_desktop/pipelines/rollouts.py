"""Brings running rollouts on: looks at what both versions did, and promotes, rolls back, holds, or goes on.

The statistics are read on from the prediction log. They are kept beside it, so that a new engine goes on where the last
one was; while much is still to be read, a rollout may be rolled back by what is known, and nothing else is decided.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import msgspec

from mlops_desktop.core.deployments import Guardrail, Rollout, RolloutKind, RolloutState
from mlops_desktop.core.errors import AppError, Conflict
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.governance.promotion import production_version, promote
from mlops_desktop.pipelines.collect import spool_folder
from mlops_desktop.pipelines.settings import saved_spec, settings_for
from mlops_desktop.registry import Registry
from mlops_desktop.serving.rollout import Judgement, Outcome, Progressed, judge
from mlops_desktop.serving.rollout_reader import RolloutReader
from mlops_desktop.serving.rolloutspec import RolloutSpec

_RECORD_EVERY = timedelta(minutes=15)


class RolloutKeeper:
    """Knows the rollouts of one workspace; used from the engine's thread alone."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._readers: dict[str, RolloutReader] = {}

    def save(self) -> None:
        """Keep what is known about running rollouts for the next engine."""
        for reader in self._readers.values():
            reader.save()

    def bring_on(self, now: datetime, crash_loops: Mapping[tuple[str, int], str] = MappingProxyType({})) -> None:
        """Look at each running rollout once. `crash_loops` says, by endpoint and version, whose workers keep ending."""
        running = [found for e in self._registry.endpoints.all() if (found := self._registry.rollouts.running(e.name))]
        for rollout in running:
            self._bring_on(rollout, now, crash_loops.get((rollout.endpoint, rollout.canary), ""))
        kept = {rollout.id for rollout in running}
        for id in self._readers.keys() - kept:
            self._readers.pop(id).forget()

    def _bring_on(self, rollout: Rollout, now: datetime, crash_loop: str) -> None:
        if self._has_lost_its_primary(rollout):
            return
        spec = spec_of(self._registry, rollout)
        reader = self._reader(rollout, spec)
        is_up_to_date = self._read_on(reader)
        step = min(rollout.step, spec.last_step)
        at_step = now - (rollout.step_since or rollout.started)
        judgement = judge(spec, reader.figures, Progressed(step, now - rollout.started, at_step, crash_loop))
        if not is_up_to_date and judgement.outcome is not Outcome.ROLLBACK:
            return
        looked = msgspec.structs.replace(rollout, guardrails=_known(judgement), reason=judgement.reason)
        # Somebody else may have decided, or set step or share, while the log was read: the next look sees it.
        with contextlib.suppress(Conflict), self._registry.transaction():
            known = self._registry.rollouts.get(rollout.id)
            if (known.step, known.weight) == (rollout.step, rollout.weight):
                self._act(looked, judgement, spec)

    def _read_on(self, reader: RolloutReader) -> bool:
        """Read some of the log, or all of it in a replay, whose time waits; True when nothing is left."""
        is_up_to_date = reader.update()
        while self._registry.is_replay and not is_up_to_date:
            is_up_to_date = reader.update()
        return is_up_to_date

    def _has_lost_its_primary(self, rollout: Rollout) -> bool:
        """End a rollout whose comparison has become void, because production was moved meanwhile."""
        current = production_version(self._registry, rollout.model)
        if current is not None and current.number == rollout.primary:
            return False
        by_now = current.reference if current else "nothing"
        reason = f"production moved to {by_now} meanwhile, so the comparison is void"
        outcome = RolloutState.HELD
        if current is not None and current.number == rollout.canary:
            outcome, reason = RolloutState.PROMOTED, "put into production meanwhile"
        with contextlib.suppress(Conflict):
            self._registry.rollouts.decide(rollout, outcome, reason)
        return True

    def _act(self, rollout: Rollout, judgement: Judgement, spec: RolloutSpec) -> None:
        """Within a transaction."""
        registry = self._registry
        if judgement.outcome is Outcome.PROMOTE:
            version = registry.models.get(f"{rollout.model}@{rollout.canary}")
            registry.rollouts.decide(rollout, RolloutState.PROMOTED, judgement.reason)
            promote(registry, version, reason=f"canary: {judgement.reason}", expected=rollout.primary)
        elif judgement.outcome is Outcome.ROLLBACK:
            registry.rollouts.decide(rollout, RolloutState.ROLLED_BACK, judgement.reason)
        elif judgement.outcome is Outcome.HOLD:
            registry.rollouts.decide(rollout, RolloutState.HELD, judgement.reason)
        elif judgement.step != rollout.step:
            weight, now = spec.steps[judgement.step], registry.clock.now()
            advanced = msgspec.structs.replace(rollout, step=judgement.step, weight=weight, step_since=now)
            registry.rollouts.change(advanced, judgement.reason)
        elif self._is_news(rollout):
            registry.rollouts.change(rollout, judgement.reason)

    def _is_news(self, looked: Rollout) -> bool:
        """Whether a look is worth an event: another verdict, or other figures after a while."""
        before = self._registry.rollouts.get(looked.id)
        if [g.verdict for g in looked.guardrails] != [g.verdict for g in before.guardrails]:
            return True
        is_due = self._registry.clock.now() - before.updated >= _RECORD_EVERY
        return is_due and looked.guardrails != before.guardrails

    def _reader(self, rollout: Rollout, spec: RolloutSpec) -> RolloutReader:
        reader = self._readers.get(rollout.id)
        if reader is None:
            canary = self._registry.models.get(f"{rollout.model}@{rollout.canary}")
            try:
                costs = settings_for(self._registry, rollout.model).values
            except AppError:
                costs = None
            reader = RolloutReader(
                spool_folder(self._registry, rollout.endpoint),
                spec,
                canary.signature,
                rollout.primary,
                rollout.canary,
                rollout.started,
                costs=costs,
                name=rollout.id,
            )
            self._readers[rollout.id] = reader
        return reader


def begin_rollout(
    registry: Registry,
    endpoint: str,
    version: ModelVersion,
    champion: ModelVersion,
    *,
    kind: RolloutKind | None = None,
    weight: float | None = None,
) -> Rollout:
    """Try a version beside the champion by the newest spec; kind and first share are the spec's where not given."""
    saved = saved_spec(registry, version.model)
    spec = rules_of(registry, saved)
    kind = kind or spec.kind
    share = spec.steps[0] if weight is None else weight
    return registry.rollouts.start(
        endpoint,
        version.model,
        canary=version.number,
        primary=champion.number,
        weight=0.0 if kind is RolloutKind.SHADOW else share,
        kind=kind,
        spec=saved,
    )


def spec_of(registry: Registry, rollout: Rollout) -> RolloutSpec:
    """The rules by which a rollout goes: those of the spec version that it was started with, and of its own kind."""
    return msgspec.structs.replace(rules_of(registry, rollout.spec or rollout.model), kind=rollout.kind)


def rules_of(registry: Registry, reference: str) -> RolloutSpec:
    """`[rollout]` of a saved spec, or of a model's newest; the usual rules where none was saved."""
    try:
        return settings_for(registry, reference).spec.section("rollout", RolloutSpec)
    except AppError:
        return RolloutSpec()


def _known(judgement: Judgement) -> tuple[Guardrail, ...]:
    """Guardrails that can be told in figures by now; the others have no rows yet, and intervals without bounds."""
    return tuple(
        g for g in judgement.guardrails if all(map(math.isfinite, (g.primary, g.canary, g.difference, g.low, g.high)))
    )
