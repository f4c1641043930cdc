"""Brings running rollouts on: looks at what both versions did, and promotes, rolls back, holds, or goes on.

The statistics are read on from the prediction log, and rebuilt from it after a restart.
"""

from __future__ import annotations

import contextlib
import math
from datetime import datetime, timedelta

import msgspec

from mlops_desktop.core.deployments import Guardrail, Rollout, RolloutState
from mlops_desktop.core.errors import AppError, Conflict
from mlops_desktop.governance.promotion import production_version, promote
from mlops_desktop.pipelines.collect import spool_folder
from mlops_desktop.pipelines.settings import settings_for
from mlops_desktop.registry import Registry
from mlops_desktop.serving.rollout import Judgement, Outcome, RolloutSpec, judge
from mlops_desktop.serving.rollout_reader import RolloutReader

_RECORD_EVERY = timedelta(minutes=15)


class RolloutKeeper:
    """Knows the rollouts of one workspace; used from the engine's thread alone."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._readers: dict[str, RolloutReader] = {}

    def bring_on(self, now: datetime) -> None:
        """Look at each running rollout once."""
        running = [found for e in self._registry.endpoints.all() if (found := self._registry.rollouts.running(e.name))]
        for rollout in running:
            self._bring_on(rollout, now)
        kept = {rollout.id for rollout in running}
        self._readers = {id: reader for id, reader in self._readers.items() if id in kept}

    def _bring_on(self, rollout: Rollout, now: datetime) -> None:
        if self._has_lost_its_primary(rollout):
            return
        spec = self._spec(rollout)
        reader = self._reader(rollout, spec)
        reader.update()
        step = min(rollout.step, spec.last_step)
        judgement = judge(spec, reader.primary, reader.canary, now - rollout.started, step=step)
        looked = msgspec.structs.replace(rollout, guardrails=_known(judgement), reason=judgement.reason)
        try:
            self._act(looked, judgement, spec)
        except Conflict:
            return  # somebody else decided meanwhile: the next look sees it

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
        registry = self._registry
        if judgement.outcome is Outcome.PROMOTE:
            version = registry.models.get(f"{rollout.model}@{rollout.canary}")
            with registry.transaction():
                registry.rollouts.decide(rollout, RolloutState.PROMOTED, judgement.reason)
                promote(registry, version, reason=f"canary: {judgement.reason}", expected=rollout.primary)
        elif judgement.outcome is Outcome.ROLLBACK:
            registry.rollouts.decide(rollout, RolloutState.ROLLED_BACK, judgement.reason)
        elif judgement.outcome is Outcome.HOLD:
            registry.rollouts.decide(rollout, RolloutState.HELD, judgement.reason)
        elif judgement.step != rollout.step:
            advanced = msgspec.structs.replace(rollout, step=judgement.step, weight=spec.steps[judgement.step])
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

    def _spec(self, rollout: Rollout) -> RolloutSpec:
        try:
            return settings_for(self._registry, rollout.model).spec.section("rollout", RolloutSpec)
        except AppError:
            return RolloutSpec()  # a model without a saved spec is judged by the usual rules

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
            )
            self._readers[rollout.id] = reader
        return reader


def _known(judgement: Judgement) -> tuple[Guardrail, ...]:
    """Guardrails that can be told in figures by now; the others have no rows yet, and intervals without bounds."""
    return tuple(
        g for g in judgement.guardrails if all(map(math.isfinite, (g.primary, g.canary, g.difference, g.low, g.high)))
    )
