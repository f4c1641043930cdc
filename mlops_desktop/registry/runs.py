"""Training runs."""

from __future__ import annotations

from typing import Any

import msgspec

from mlops_desktop.core.clock import to_text
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.events import RunFailed, RunFinished, RunStarted
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.runs import Run, RunState
from mlops_desktop.registry.repository import Context, Rows


class Runs:
    """A run is started, then finished or failed, once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.run, Run)

    def start(self, experiment: str, spec: str, dataset_version: str, parameters: dict[str, Any]) -> Run:
        run = Run(
            id=new_id(),
            experiment=experiment,
            state=RunState.RUNNING,
            spec=spec,
            dataset_version=dataset_version,
            parameters=parameters,
            metrics={},
            artifacts={},
            started=self._context.clock.now(),
        )
        with self._context.database.writing():
            self._put(run)
            event = RunStarted(experiment=experiment, dataset_version=dataset_version, spec=spec)
            self._context.journal.append(event, f"run:{run.id}")
        return run

    def finish(
        self, run: Run, *, metrics: dict[str, float], artifacts: dict[str, str], summary: str, seconds: float
    ) -> Run:
        """Record what came out. `seconds` is real time, which the workspace's clock may not show."""
        done = msgspec.structs.replace(
            run, state=RunState.SUCCEEDED, metrics=metrics, artifacts=artifacts, finished=self._context.clock.now()
        )
        with self._context.database.writing():
            self._put(done)
            event = RunFinished(experiment=run.experiment, summary=summary, seconds=round(seconds, 3))
            self._context.journal.append(event, f"run:{run.id}")
        return done

    def fail(self, run: Run, reason: str) -> Run:
        failed = msgspec.structs.replace(run, state=RunState.FAILED, reason=reason, finished=self._context.clock.now())
        with self._context.database.writing():
            self._put(failed)
            self._context.journal.append(RunFailed(experiment=run.experiment, reason=reason), f"run:{run.id}")
        return failed

    def get(self, id: str) -> Run:
        found = self._rows.one(self._rows.table.id == id)
        if found is None:
            raise NotFound(f"There is no run {id}.", hint="List them with `mlops-desktop runs`.")
        return found

    def all(self, *, limit: int = 1_000, offset: int = 0) -> list[Run]:
        """Newest first."""
        return self._rows.many(order=self._rows.table.id.desc(), limit=limit, offset=offset)

    def of_data(self, reference: str) -> list[Run]:
        """Runs that learned from a dataset version, newest first."""
        found = self._rows.many(self._rows.naming(reference), order=self._rows.table.id.desc())
        return [run for run in found if run.dataset_version == reference]

    def left_running(self) -> list[Run]:
        return self._rows.many(self._rows.table.state == RunState.RUNNING.value)

    def _put(self, run: Run) -> None:
        self._rows.put(run, id=run.id, experiment=run.experiment, state=run.state.value, started=to_text(run.started))
