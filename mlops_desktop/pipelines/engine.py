"""The engine: one thread per workspace that reacts, queues, supervises, and computes nothing.

It holds the workspace's lease, so a second program on the same workspace starts none. What it does in a round follows
from the registry's state alone; it may be killed at any moment and the next one goes on.
"""

from __future__ import annotations

import os
import platform
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from mlops_desktop.core.clock import SystemClock
from mlops_desktop.core.errors import AppError
from mlops_desktop.core.events import EngineChanged
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.pipelines.delivery import Delivery
from mlops_desktop.pipelines.engine_state import EngineState, JobState, write_engine_state
from mlops_desktop.pipelines.left_behind import requeue_left_behind, retry_or_fail
from mlops_desktop.pipelines.schedules import Alarm
from mlops_desktop.pipelines.triggers import act_on_alerts, fire_schedules
from mlops_desktop.pipelines.watching import Watching
from mlops_desktop.pipelines.worker import WorkerProcess, warm_up
from mlops_desktop.registry import Registry

_ROUND_SECONDS = 0.02
_IDLE_ROUND_SECONDS = 0.1
_STATE_SECONDS = 0.1
_LOOKING_SECONDS = 0.2
# A replay that moved on lately is looked at more often, since its player waits for the engine.
_LIVELY_SECONDS = 2.0


class Engine:
    """Start it, stop it; everything between is in its thread.

    Attributes:
        failure: why the engine's thread ended by itself, empty while all is well.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failure = ""
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._live, name="engine", daemon=True)
        registry = Registry(folder, actor="engine")
        self._lease = registry.engine_lease()
        registry.close()

    def start(self, *, patience: float = 0.0) -> bool:
        """Start the engine; False when another program runs one on this workspace, and does for `patience` seconds."""
        if not self._acquire(max(patience, _LOOKING_SECONDS)):
            return False
        self._thread.start()
        self._started.wait(10)
        return True

    def _acquire(self, patience: float) -> bool:
        """Take the lease; somebody who only looks whether it is free holds it for a moment."""
        deadline = time.monotonic() + patience
        while not self._lease.acquire():
            if time.monotonic() > deadline or self._stop.is_set():
                return False
            time.sleep(0.02)
        return True

    @property
    def holder(self) -> str:
        """Who holds the lease, in words."""
        return self._lease.holder()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def wake(self) -> None:
        """Look again now instead of at the next round."""
        self._wake.set()

    def stop(self, *, patience: float = 10.0) -> None:
        """End the worker and the gateway and let go of the lease."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(patience)
        self._lease.release()

    def _live(self) -> None:
        rounds = EngineRounds(self.folder, self.wake)
        try:
            rounds.begin()
            self._started.set()
            while not self._stop.is_set():
                busy = rounds.next()
                self._wake.wait(_ROUND_SECONDS if busy else _IDLE_ROUND_SECONDS)
                self._wake.clear()
        except Exception as error:
            self.failure = str(error) or type(error).__name__
            if not isinstance(error, AppError):
                raise
        finally:
            self._started.set()
            self._end(rounds)

    def _end(self, rounds: EngineRounds) -> None:
        """Also where the workspace has become unusable: what the engine started is ended in any case."""
        try:
            rounds.end(self.failure)
        except AppError as error:
            self.failure = self.failure or str(error)


class EngineRounds:
    """What the engine does, round by round; apart from the thread so that tests can take single steps."""

    def __init__(self, folder: Path, wake: Callable[[], None]) -> None:
        self.registry = Registry(folder, actor="engine")
        self.delivery = Delivery(self.registry)
        self._alarm = Alarm(wake)
        self._worker: WorkerProcess | None = None
        self._seen_version = -1
        self._seen_head = -1
        self._now: datetime | None = None
        self._settled: datetime | None = None
        self._state_written = 0.0
        self._is_replay = self.registry.is_replay
        self._moved = 0.0
        self._watching = Watching(self.registry)

    def begin(self) -> None:
        """Announce the engine and pick up what an earlier one left.

        It announces itself first: on a busy machine the libraries of its first worker may take longer than others wait.
        """
        self._announce(None, None)
        warm_up()
        self.registry.record(self._changed("started"), self.registry.name)
        requeue_left_behind(self.registry)
        for training in self.registry.runs.left_running():
            self.registry.runs.fail(training, "the program ended while it ran")
        self.delivery.begin()
        self._watching.begin()

    def next(self) -> bool:
        """One round; True when something is going on, so that the next one should come soon."""
        now = self.registry.clock.now()
        if self._has_news(now):
            self._react(now)
        self._attend_worker()
        self.delivery.attend(now)
        self._write_state(now)
        return self._worker is not None or time.monotonic() - self._moved < _LIVELY_SECONDS

    def end(self, failure: str) -> None:
        """Stop what was started. A run that is cut off goes on with the next engine."""
        self._alarm.close()
        self._watching.end()
        worker = self._worker
        try:
            if worker is not None:
                worker.kill()
                worker.close()
                self.registry.pipeline_runs.requeue(worker.run_id, "the engine stopped")
        finally:
            self.delivery.end()
        self.registry.record(self._changed(f"failed: {failure}" if failure else "stopped"), self.registry.name)
        write_engine_state(self.registry.folder, EngineState(pid=0, running=False))
        self.registry.close()

    def _has_news(self, now: datetime) -> bool:
        """Whether another connection wrote, we did, or the time moved on."""
        version, head = self.registry.data_version(), self.registry.journal.head()
        moved = self._now is None or abs((now - self._now).total_seconds()) >= 1
        if moved and self._is_replay:
            self._moved = time.monotonic()
        news = moved or version != self._seen_version or head != self._seen_head
        self._seen_version = version
        return news

    def _react(self, now: datetime) -> None:
        time_moved = self._now != now
        self._cancel_if_asked()
        fire_schedules(self.registry, now)
        act_on_alerts(self.registry)
        self.delivery.reconcile(now, time_moved=time_moved)
        self._now = now
        self._seen_head = self.registry.journal.head()
        if not self._is_replay:
            upcoming = [s.next_at for s in self.registry.schedules.all() if s.enabled and s.next_at is not None]
            self._alarm.set(upcoming)

    def _cancel_if_asked(self) -> None:
        if self._worker is not None and self.registry.pipeline_runs.get(self._worker.run_id).cancel_requested:
            self._worker.cancel()

    def _attend_worker(self) -> None:
        if self._worker is not None:
            self._worker.read_progress()
            if self._worker.is_alive:
                return
            self._reap(self._worker)
            self._worker = None
        queued = self.registry.pipeline_runs.next_queued()
        if queued is not None:
            self._launch(queued)

    def _launch(self, queued: PipelineRun) -> None:
        # Marked as running before the worker exists, so that the worker finds its run in that state.
        self.registry.pipeline_runs.start(queued, os.getpid())
        self._worker = WorkerProcess(self.registry.folder, queued.id)

    def _reap(self, worker: WorkerProcess) -> None:
        outcome = worker.outcome()
        worker.close()
        run = self.registry.pipeline_runs.get(worker.run_id)
        if run.state.is_final:
            return
        reason = outcome or "the worker ended without an outcome"
        for training in self.registry.runs.left_running():
            self.registry.runs.fail(training, reason)
        retry_or_fail(self.registry, run, reason)

    def _write_state(self, now: datetime) -> None:
        idle = self._worker is None and self.registry.pipeline_runs.next_queued() is None
        settled = now if idle and self._seen_head == self.registry.journal.head() and self._now == now else None
        moved_on = settled is not None and settled != self._settled
        if not moved_on and time.monotonic() - self._state_written < _STATE_SECONDS:
            return
        self._settled = settled or self._settled
        self._state_written = time.monotonic()
        worker = self._worker
        job = None
        if worker is not None:
            job = JobState(run=worker.run_id, pid=worker.pid, stage=worker.stage, fraction=worker.fraction)
        self._announce(settled, job)

    def _announce(self, settled: datetime | None, job: JobState | None) -> None:
        state = EngineState(
            pid=os.getpid(),
            running=True,
            written=SystemClock().now(),
            settled=settled,
            job=job,
            endpoints=self.delivery.states(),
        )
        write_engine_state(self.registry.folder, state)

    def _changed(self, state: str) -> EngineChanged:
        return EngineChanged(state=state, pid=os.getpid(), host=platform.node())
