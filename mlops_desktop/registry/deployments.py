"""Endpoints and rollouts."""

from __future__ import annotations

import msgspec

from mlops_desktop.core.deployments import (
    Endpoint,
    EndpointState,
    Rollout,
    RolloutKind,
    RolloutState,
    WorkerRange,
)
from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.core.events import EndpointChanged, EndpointScaled, RolloutChanged, RolloutDecided, RolloutStarted
from mlops_desktop.core.ids import new_id
from mlops_desktop.registry.repository import Context, Rows


class Endpoints:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.endpoint, Endpoint)

    def put(self, endpoint: Endpoint) -> Endpoint:
        """Record an endpoint's state; a repeated state is not recorded again. Its `workers` stay as they are."""
        with self._context.database.writing():
            before = self._rows.one(self._rows.table.name == endpoint.name)
            workers = before.workers if before else None
            stamped = msgspec.structs.replace(endpoint, updated=self._context.clock.now(), workers=workers)
            self._rows.put(stamped, name=stamped.name)
            if before is None or (before.state, before.port, before.pid) != (stamped.state, stamped.port, stamped.pid):
                url = f"http://{stamped.host}:{stamped.port}" if stamped.port else ""
                event = EndpointChanged(state=stamped.state.value, url=url, reason=stamped.reason)
                self._context.journal.append(event, stamped.name)
            return stamped

    def scale(self, name: str, workers: WorkerRange | None, reason: str) -> Endpoint:
        """Record how many workers an endpoint is to have; None for as many as its spec says."""
        with self._context.database.writing():
            scaled = msgspec.structs.replace(self.get(name), workers=workers)
            self._rows.put(scaled, name=name)
            told = f"{workers.minimum} to {workers.maximum} workers" if workers else "the workers of its spec"
            self._context.journal.append(EndpointScaled(told, reason), name)
            return scaled

    def get(self, name: str) -> Endpoint:
        found = self._rows.one(self._rows.table.name == name)
        if found is None:
            raise NotFound(f"There is no endpoint {name}.", hint="Start one with `mlops-desktop serve start`.")
        return found

    def all(self) -> list[Endpoint]:
        return self._rows.many(order=self._rows.table.name)

    def left_serving(self) -> list[Endpoint]:
        return [e for e in self.all() if e.state in (EndpointState.STARTING, EndpointState.SERVING)]


class Rollouts:
    """At most one rollout runs per endpoint."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.rollout, Rollout)

    def start(
        self,
        endpoint: str,
        model: str,
        *,
        canary: int,
        primary: int,
        weight: float,
        kind: RolloutKind = RolloutKind.CANARY,
        spec: str = "",
    ) -> Rollout:
        """Begin a rollout by the rules of a saved spec; raises `Conflict` where one runs."""
        now = self._context.clock.now()
        with self._context.database.writing():
            running = self.running(endpoint)
            if running is not None:
                raise Conflict(
                    f"{running.model}@{running.canary} is already a {running.kind} on {endpoint}.",
                    hint="Promote it or roll it back first.",
                )
            rollout = Rollout(
                id=new_id(),
                endpoint=endpoint,
                model=model,
                canary=canary,
                primary=primary,
                state=RolloutState.RUNNING,
                weight=weight,
                step=0,
                started=now,
                updated=now,
                kind=kind,
                spec=spec,
            )
            self._put(rollout)
            event = RolloutStarted(
                rollout=rollout.id, canary=f"{model}@{canary}", primary=f"{model}@{primary}", percent=weight * 100
            )
            self._context.journal.append(event, endpoint)
            return rollout

    def change(self, rollout: Rollout, reason: str) -> Rollout:
        """Record a new weight or step of a running rollout."""
        with self._context.database.writing():
            stamped = self._checked(rollout)
            self._put(stamped)
            event = RolloutChanged(
                rollout=rollout.id,
                canary=f"{rollout.model}@{rollout.canary}",
                percent=rollout.weight * 100,
                reason=reason,
            )
            self._context.journal.append(event, rollout.endpoint)
            return stamped

    def decide(self, rollout: Rollout, outcome: RolloutState, reason: str) -> Rollout:
        with self._context.database.writing():
            checked = self._checked(rollout)
            decided = msgspec.structs.replace(checked, state=outcome, reason=reason)
            self._put(decided)
            event = RolloutDecided(
                rollout=rollout.id,
                canary=f"{rollout.model}@{rollout.canary}",
                primary=f"{rollout.model}@{rollout.primary}",
                outcome=outcome.value,
                reason=reason,
                guardrails=msgspec.to_builtins(rollout.guardrails),
            )
            self._context.journal.append(event, rollout.endpoint)
            return decided

    def running(self, endpoint: str) -> Rollout | None:
        table = self._rows.table
        return self._rows.one(table.endpoint == endpoint, table.state == RolloutState.RUNNING.value)

    def any_running(self) -> bool:
        """Whether a rollout runs on any endpoint."""
        return self._rows.count(self._rows.table.state == RolloutState.RUNNING.value) > 0

    def get(self, id: str) -> Rollout:
        found = self._rows.one(self._rows.table.id == id)
        if found is None:
            raise NotFound(f"There is no rollout {id}.")
        return found

    def all(self, *, limit: int = 500) -> list[Rollout]:
        """Newest first."""
        return self._rows.many(order=self._rows.table.id.desc(), limit=limit)

    def _checked(self, rollout: Rollout) -> Rollout:
        current = self.get(rollout.id)
        if current.state is not RolloutState.RUNNING:
            raise Conflict(
                f"The rollout of {rollout.model}@{rollout.canary} has already ended: {current.state.value}.",
                hint="Look at the newest state.",
            )
        return msgspec.structs.replace(rollout, updated=self._context.clock.now())

    def _put(self, rollout: Rollout) -> None:
        self._rows.put(rollout, id=rollout.id, endpoint=rollout.endpoint, state=rollout.state.value)
