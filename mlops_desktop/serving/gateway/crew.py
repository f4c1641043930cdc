"""The worker processes of one model version: starting, replacing and ending them, until there are as many as wanted."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Protocol

from mlops_desktop.core.models import Runtime
from mlops_desktop.serving.config import ServingSpec
from mlops_desktop.serving.frames import JobResult, LoadRequest
from mlops_desktop.serving.gateway.link import Ending, WorkerLink
from mlops_desktop.serving.gateway.memory import resident_bytes
from mlops_desktop.serving.gateway.spares import Spares

if TYPE_CHECKING:
    from mlops_desktop.serving.gateway.pool import Job

LOAD_SECONDS = 120.0
MAX_QUICK_DEATHS = 5
BACK_OFF_SECONDS = (0.0, 0.0, 0.2, 0.5, 1.0, 2.0, 5.0)
RETRY_SECONDS = (10.0, 30.0, 60.0, 300.0)
START_AGAIN_SECONDS = 1.0
_GROWTH = 1.2


class CrewOwner(Protocol):
    """Whom a crew reports to. `workers_changed` may mean that one is idle, ready, or gone."""

    def workers_changed(self) -> None: ...

    def answered(self, pairs: list[tuple[Job, JobResult]], inference_us: int) -> None: ...

    def lost(self, jobs: list[Job], ending: Ending) -> None: ...

    def failed(self, reason: str) -> None: ...


class Crew:
    """Workers of one version. `failure` says why there are none; `trouble` that they keep ending, and what is done.

    A worker that ends by itself is replaced at once, then ever later while none lasts. Where `MAX_QUICK_DEATHS` in a
    row ended before they were ready the version has failed, and is tried again every now and then; one that says that
    it cannot load the version is believed.
    """

    def __init__(self, label: str, request: LoadRequest, limits: ServingSpec, owner: CrewOwner, spares: Spares) -> None:
        self.label = label
        self.limits = limits
        self.failure = self.trouble = ""
        self.restarts = self.hung = self.replaced = 0
        self.workers: list[WorkerLink] = []
        self._request = request
        self._owner = owner
        self._spares = spares
        self._wanted = 0
        self._starting = 0
        self._deaths = 0
        self._failures = 0
        self._is_retired = False
        self._retry: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> int:
        """How many can predict."""
        return sum(worker.is_ready for worker in self.workers)

    @property
    def pids(self) -> list[int]:
        return [worker.pid for worker in self.workers if worker.is_ready]

    @property
    def idle(self) -> WorkerLink | None:
        return next((worker for worker in self.workers if worker.is_idle), None)

    def want(self, count: int) -> None:
        """Have so many workers from now on; surplus ones end once they are idle. Returns at once."""
        self._wanted = count
        self._hire()
        self._trim()

    def _hire(self) -> None:
        lasting = sum(not worker.is_leaving for worker in self.workers)
        missing = 0 if self.failure or self._is_retired else self._wanted - lasting - self._starting
        delay = BACK_OFF_SECONDS[min(self._deaths, len(BACK_OFF_SECONDS) - 1)]
        for _ in range(missing):
            self._starting += 1
            asyncio.get_running_loop().create_task(self._start_one(delay))

    async def _start_one(self, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        worker = None
        try:
            if self._is_still_missing():
                worker = await self._started()
                worker.load(self._request, self)
        except OSError as problem:
            self._cannot_start(problem)
        finally:
            self._starting -= 1
        if worker is not None:
            if self._is_retired or worker.is_dead:
                worker.close()
            else:
                self.workers.append(worker)

    def _cannot_start(self, problem: OSError) -> None:
        """Try again soon unless there is no such program: descriptors and memory come back; requests wait."""
        reason = f"A worker of {self.label} could not be started: {problem.strerror or problem}."
        if isinstance(problem, FileNotFoundError | PermissionError):
            self._fail(reason)
        elif not self._is_retired:
            self.trouble = reason
            self._retry = asyncio.get_running_loop().call_later(START_AGAIN_SECONDS, self._hire)

    def _is_still_missing(self) -> bool:
        lasting = sum(not worker.is_leaving for worker in self.workers)
        return not self._is_retired and not self.failure and lasting < self._wanted

    async def _started(self) -> WorkerLink:
        spare = self._spares.take() if self._request.runtime is Runtime.ONNX else None
        return spare or await WorkerLink.start(self)

    def _trim(self) -> None:
        """End idle workers that are too many; ones that still start do not count, as they cannot predict yet."""
        lasting = [worker for worker in self.workers if worker.is_ready and not worker.is_leaving]
        surplus = len(lasting) - self._wanted
        if surplus < 0:
            return
        leaving = [worker for worker in self.workers if worker.is_leaving and worker.is_idle]
        for worker in leaving + [worker for worker in lasting if worker.is_idle][:surplus]:
            self.workers.remove(worker)
            worker.close()

    # what workers tell

    def worker_ready(self, worker: WorkerLink) -> None:
        """It has loaded the version."""
        worker.loaded_bytes = resident_bytes(worker.pid)
        self._trim()
        self._owner.workers_changed()

    def worker_answered(self, worker: WorkerLink, pairs: list[tuple[Job, JobResult]], inference_us: int) -> None:
        """It has done its batch."""
        del worker
        if self._deaths or self.trouble:
            self._deaths = self._failures = 0
            self.trouble = ""
        self._owner.answered(pairs, inference_us)
        if len(self.workers) > self._wanted:
            self._trim()
        self._owner.workers_changed()

    def worker_refused(self, worker: WorkerLink, reason: str) -> None:
        """It cannot load the version: another one could not either."""
        if worker in self.workers:
            self.workers.remove(worker)
        self._fail(f"{self.label} cannot be loaded: {reason}")

    def worker_died(self, worker: WorkerLink, lost: list[Job], ending: Ending, reason: str) -> None:
        """Its process ended, with jobs that it had not answered."""
        if worker in self.workers:
            self.workers.remove(worker)
        if lost:
            self._owner.lost(lost, ending)
        if not self._is_retired and not self.failure:
            print(f"Worker {worker.pid} of {self.label} ended: {reason}", file=sys.stderr, flush=True)  # noqa: T201
            self.restarts += 1
            self._deaths += 1
            if self._deaths > 1:
                self.trouble = f"{self._deaths} workers of {self.label} in a row ended without an answer ({reason})."
            if self._deaths >= MAX_QUICK_DEATHS and worker.died_before_ready:
                self._fail(f"The workers of {self.label} end before they are ready ({reason}).", is_final=False)
            self._hire()
        self._owner.workers_changed()

    def _fail(self, reason: str, *, is_final: bool = True) -> None:
        """No worker will come, or not soon."""
        if self.failure or self._is_retired:
            return
        self.failure = self.trouble = reason
        if not is_final:
            delay = RETRY_SECONDS[min(self._failures, len(RETRY_SECONDS) - 1)]
            self._failures += 1
            self.trouble = f"{reason} The next attempt is in {delay:.0f} s."
            self._retry = asyncio.get_running_loop().call_later(delay, self._try_again)
        self._owner.failed(reason)

    def _try_again(self) -> None:
        self.failure = ""
        self._deaths = MAX_QUICK_DEATHS - 1
        self._hire()

    # watching

    def watch(self) -> None:
        """End workers that do not come back; replace ones that have grown too large."""
        for worker in [worker for worker in self.workers if not worker.is_hung]:
            if worker.busy_seconds > self.limits.request_seconds:
                self._kill(worker, f"no answer for {worker.busy_seconds:.0f} s")
            elif worker.is_loading and worker.age_seconds > LOAD_SECONDS:
                self._kill(worker, f"not ready after {worker.age_seconds:.0f} s")
        limit = self.limits.worker_memory_mb << 20
        if limit and not any(worker.is_leaving for worker in self.workers):
            self._replace_leaking(limit)

    def _kill(self, worker: WorkerLink, reason: str) -> None:
        print(f"Worker {worker.pid} of {self.label} is killed: {reason}", file=sys.stderr, flush=True)  # noqa: T201
        self.hung += 1
        worker.kill_hung()

    def _replace_leaking(self, limit: int) -> None:
        """One at a time. One that is that large from the beginning has not grown: its successor were no smaller."""
        for worker in self.workers:
            size = resident_bytes(worker.pid) if worker.is_ready else 0
            if size > max(limit, _GROWTH * worker.loaded_bytes):
                text = f"Worker {worker.pid} of {self.label} has grown to {size >> 20} MB and is replaced."
                print(text, file=sys.stderr, flush=True)  # noqa: T201
                self.replaced += 1
                worker.is_leaving = True
                self._hire()
                return

    def retire(self) -> None:
        """End all workers; none comes after."""
        self._is_retired = True
        if self._retry is not None:
            self._retry.cancel()
        for worker in self.workers:
            worker.close()
        self.workers = []
