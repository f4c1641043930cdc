"""Monitored windows and alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from mlops_desktop.core.clock import to_text
from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.core.events import AlertChanged, AlertRaised, WindowMonitored
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.monitoring import Action, Alert, AlertState, Cause, Severity, Window, WindowKind
from mlops_desktop.registry.repository import Context, Rows

_MOST_KNOWN = 20_000
_AT_ONCE = 500


class Windows:
    """Windows never change once they are recorded, so one that was read is not read and decoded again."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.window, Window)
        self._known: dict[str, Window] = {}

    def add(self, windows: list[Window], summary: str) -> None:
        """Record windows judged together; one event tells of them, under the last one's name."""
        if not windows:
            return
        last = windows[-1]
        with self._context.database.writing():
            for window in windows:
                self._rows.put(
                    window,
                    id=window.id,
                    endpoint=window.endpoint,
                    kind=window.kind.value,
                    start=to_text(window.start),
                    drift_score=window.drift_score,
                )
            event = WindowMonitored(
                window=last.id, start=f"{last.start:%Y-%m-%d}", end=f"{last.end:%Y-%m-%d}", summary=summary
            )
            self._context.journal.append(event, last.endpoint)

    def all(
        self, endpoint: str, kind: WindowKind | None = None, *, since: datetime | None = None, limit: int = 2_000
    ) -> list[Window]:
        """The newest `limit` windows, oldest first."""
        table = self._rows.table
        conditions = [table.endpoint == endpoint]
        if kind is not None:
            conditions.append(table.kind == kind.value)
        if since is not None:
            conditions.append(table.start >= to_text(since))
        query = table.select(table.id).where(*conditions).order_by(table.start.desc()).limit(limit)
        with self._context.database.reading():
            ids = [row[0] for row in query.tuples()]
        known = self._read(ids)
        return [known[id] for id in reversed(ids) if id in known]

    def _read(self, ids: list[str]) -> dict[str, Window]:
        """These windows by id, the unknown ones read in few queries."""
        known = self._known if len(self._known) < _MOST_KNOWN else {}
        missing = [id for id in ids if id not in known]
        for start in range(0, len(missing), _AT_ONCE):
            found = self._rows.many(self._rows.table.id.in_(missing[start : start + _AT_ONCE]))
            known |= {window.id: window for window in found}
        self._known = known
        return known

    def of_model(self, reference: str, *, limit: int = 100) -> tuple[list[Window], int]:
        """The newest `limit` windows that a model version was judged in, newest first, and how many there are."""
        table, condition = self._rows.table, self._rows.naming(reference)
        return self._rows.many(condition, order=table.start.desc(), limit=limit), self._rows.count(condition)

    def get(self, id: str) -> Window:
        found = self._rows.one(self._rows.table.id == id)
        if found is None:
            raise NotFound(f"There is no window {id}.")
        return found


class Alerts:
    """One open alert per endpoint and cause: a repeated finding adds to it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.alert, Alert)

    def raise_or_update(
        self,
        *,
        endpoint: str,
        model_version: str,
        cause: Cause,
        severity: Severity,
        action: Action,
        title: str,
        evidence: dict[str, Any],
        window: str = "",
    ) -> tuple[Alert, bool]:
        """The alert, and whether it is new. An update that asks for more than before is recorded as an event."""
        table = self._rows.table
        now = self._context.clock.now()
        with self._context.database.writing():
            current = self.open_for(endpoint, cause)
            if current is None:
                alert = Alert(
                    id=new_id(),
                    number=self._rows.highest(table.number) + 1,
                    endpoint=endpoint,
                    model_version=model_version,
                    cause=cause,
                    severity=severity,
                    action=action,
                    title=title,
                    evidence=evidence,
                    state=AlertState.OPEN,
                    raised=now,
                    updated=now,
                    window=window,
                )
                self._put(alert)
                raised = AlertRaised(
                    alert=alert.id,
                    number=alert.number,
                    cause=cause.value,
                    severity=severity.value,
                    action=action.value,
                    title=title,
                )
                self._context.journal.append(raised, endpoint)
                return alert, True
            updated = msgspec.structs.replace(
                current,
                severity=severity,
                action=action,
                title=title,
                evidence=evidence,
                updated=now,
                occurrences=current.occurrences + 1,
                model_version=model_version,
                window=window,
            )
            self._put(updated)
            self._changed(updated, f"seen again ({updated.occurrences} times): {title}")
            return updated, False

    def change_state(self, alert: Alert, state: AlertState, reason: str) -> Alert:
        """Acknowledge or resolve. Resolving is final, so that a cause never has two open alerts: else a `Conflict`."""
        with self._context.database.writing():
            current = self.get(alert.number)
            if current.state is state:
                return current
            if current.state is AlertState.RESOLVED:
                raise Conflict(
                    f"Alert {alert.number} is resolved already.", hint="A new finding will raise a new alert."
                )
            changed = msgspec.structs.replace(current, state=state, updated=self._context.clock.now())
            self._put(changed)
            self._changed(changed, f"{state.value}: {reason}")
        return changed

    def link(self, alert: Alert, pipeline_run: str) -> Alert:
        """Remember which pipeline run an alert led to."""
        with self._context.database.writing():
            linked = msgspec.structs.replace(self.get(alert.number), pipeline_run=pipeline_run)
            self._put(linked)
            self._changed(linked, "led to a pipeline run")
        return linked

    def open_for(self, endpoint: str, cause: Cause) -> Alert | None:
        table = self._rows.table
        return self._rows.one(
            table.endpoint == endpoint, table.cause == cause.value, table.state != AlertState.RESOLVED.value
        )

    def unresolved(self, endpoint: str | None = None) -> list[Alert]:
        table = self._rows.table
        conditions = [table.state != AlertState.RESOLVED.value]
        if endpoint is not None:
            conditions.append(table.endpoint == endpoint)
        return self._rows.many(*conditions, order=table.number.desc())

    def all(self, *, limit: int = 1_000) -> list[Alert]:
        """Newest first."""
        return self._rows.many(order=self._rows.table.number.desc(), limit=limit)

    def get(self, number: int) -> Alert:
        found = self._rows.one(self._rows.table.number == number)
        if found is None:
            raise NotFound(f"There is no alert {number}.", hint="List them with `mlops-desktop alerts`.")
        return found

    def _changed(self, alert: Alert, change: str) -> None:
        event = AlertChanged(alert=alert.id, number=alert.number, cause=alert.cause.value, change=change)
        self._context.journal.append(event, alert.endpoint)

    def _put(self, alert: Alert) -> None:
        self._rows.put(
            alert,
            id=alert.id,
            number=alert.number,
            endpoint=alert.endpoint,
            cause=alert.cause.value,
            state=alert.state.value,
        )
