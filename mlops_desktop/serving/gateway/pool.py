"""The workers of one model version: queue, batches, retries, and replacing workers that die.

A job stays in the gateway until it is answered. Where its worker dies it is dispatched once more, alone, so that a
request that kills workers takes no other down with it. While all workers are busy, what queues up goes as one batch.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from mlops_desktop.serving.config import ServedVersion
from mlops_desktop.serving.figures import PoolStats
from mlops_desktop.serving.frames import JobResult, LoadRequest
from mlops_desktop.serving.gateway.link import WorkerLink

MAX_ATTEMPTS = 2
BATCH_ROWS = 512
BATCH_SECONDS = 60.0
QUICK_SECONDS = 10.0
MAX_QUICK_DEATHS = 5
BACK_OFF_SECONDS = (0.0, 0.0, 0.2, 0.5, 1.0)


class Job:
    """Columns to predict and who waits for the result. Times are of `perf_counter_ns`."""

    __slots__ = ("attempts", "columns", "context", "dispatched_ns", "enqueued_ns", "is_cold", "rows")

    def __init__(self, columns: list[list[Any]], rows: int, context: Any) -> None:
        self.columns = columns
        self.rows = rows
        self.context = context
        self.attempts = 0
        self.enqueued_ns = time.perf_counter_ns()
        self.dispatched_ns = 0
        self.is_cold = False


class QueueFull(Exception):
    """The version's queue holds as many requests as it may."""


class VersionFailed(Exception):
    """The version has no worker and will get none."""


Finished = Callable[[list[tuple[Job, JobResult]], int], None]


class VersionPool:
    """Owns the workers of a version. `finished(pairs, inference_us)` is called with each batch that is done."""

    def __init__(self, label: str, version: ServedVersion, queue_limit: int, finished: Finished) -> None:
        self.label = label
        self.version = version
        self.restarts = 0
        self.failure = ""
        self.queue_limit = queue_limit
        self._finished = finished
        self._request = LoadRequest(version.artifact, version.runtime, version.signature)
        self._target = version.workers
        self._queue: deque[Job] = deque()
        self._workers: list[WorkerLink] = []
        self._quick_deaths = 0
        self._starting = 0
        self._is_retired = False
        self._changed = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        return any(worker.is_ready for worker in self._workers)

    def stats(self, endpoint: str) -> PoolStats:
        pids = [worker.pid for worker in self._workers if worker.is_ready]
        working = sum(worker.working for worker in self._workers)
        number, queued = self.version.number, len(self._queue)
        return PoolStats(endpoint, number, self.is_ready, queued, pids, self.restarts, self.failure, working)

    # requests

    def submit(self, job: Job, *, limit: int | None = None) -> None:
        """Queue a job and dispatch it as soon as a worker is idle; raises `QueueFull` or `VersionFailed`."""
        if self.failure or self._is_retired:
            raise VersionFailed(self.failure or f"{self.label} is no longer configured.")
        if len(self._queue) >= (self.queue_limit if limit is None else limit):
            raise QueueFull
        self._queue.append(job)
        self._pump()

    def _pump(self) -> None:
        while self._queue:
            worker = next((worker for worker in self._workers if worker.is_idle), None)
            if worker is None:
                return
            batch = self._next_batch()
            now = time.perf_counter_ns()
            for job in batch:
                job.attempts += 1
                job.dispatched_ns = now
                job.is_cold = job.is_cold or job.enqueued_ns < worker.ready_ns
            worker.send(batch)

    def _next_batch(self) -> list[Job]:
        """What has queued up, up to a limit of rows; a job that saw a worker die goes alone."""
        batch = [self._queue.popleft()]
        rows = batch[0].rows
        while self._queue and not batch[0].attempts and not self._queue[0].attempts:
            rows += self._queue[0].rows
            if rows > BATCH_ROWS:
                break
            batch.append(self._queue.popleft())
        return batch

    # workers

    def start(self) -> None:
        """Bring the number of workers up to the target; returns at once."""
        while len(self._workers) + self._starting < self._target:
            self._starting += 1
            asyncio.get_running_loop().create_task(self._start_one(0.0))

    def set_workers(self, count: int) -> None:
        """Change how many workers the version has; surplus ones end when idle. The seam for autoscaling."""
        self._target = max(1, count)
        self.start()
        self._trim()

    def _trim(self) -> None:
        for worker in [worker for worker in self._workers if worker.is_idle][: len(self._workers) - self._target]:
            self._workers.remove(worker)
            worker.close()

    async def _start_one(self, delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        try:
            worker = None if self._is_retired else await WorkerLink.start(self._request, self)
        except OSError as problem:
            worker = None
            self._fail(f"A worker of {self.label} could not be started: {problem.strerror or problem}.")
        finally:
            self._starting -= 1
        if worker is not None:
            if self._is_retired or worker.is_dead:
                worker.close()
            else:
                self._workers.append(worker)
                self._pump()

    def worker_ready(self, worker: WorkerLink) -> None:
        """Called by a worker that has loaded its version."""
        del worker
        self._changed.set()
        self._pump()

    def worker_answered(self, worker: WorkerLink, pairs: list[tuple[Job, JobResult]], inference_us: int) -> None:
        """Called by a worker with the results of its batch."""
        if worker.age_seconds > QUICK_SECONDS:
            self._quick_deaths = 0
        self._finished(pairs, inference_us)
        if len(self._workers) > self._target:
            self._trim()
        self._pump()
        self._changed.set()

    def worker_refused(self, reason: str) -> None:
        """Called by a worker that cannot load the version: another one could not either."""
        self._fail(f"{self.label} cannot be loaded: {reason}")

    def worker_died(self, worker: WorkerLink, lost: list[Job], reason: str) -> None:
        """Called when a worker's process ended, with the jobs it had not answered."""
        if worker in self._workers:
            self._workers.remove(worker)
        given_up = [job for job in lost if job.attempts >= MAX_ATTEMPTS]
        self._queue.extendleft(reversed([job for job in lost if job.attempts < MAX_ATTEMPTS]))
        if given_up:
            error = JobResult([], [], "The model's process ended twice while it worked on this request.")
            self._finished([(job, error) for job in given_up], 0)
        if self._is_retired or self.failure:
            self._changed.set()
            return
        print(f"Worker {worker.pid} of {self.label} ended: {reason}", file=sys.stderr, flush=True)  # noqa: T201
        self.restarts += 1
        self._quick_deaths = self._quick_deaths + 1 if worker.died_before_ready else 0
        if self._quick_deaths >= MAX_QUICK_DEATHS:
            self._fail(f"The workers of {self.label} end before they are ready ({reason}).")
            return
        self._starting += 1
        delay = BACK_OFF_SECONDS[min(self._quick_deaths, len(BACK_OFF_SECONDS) - 1)]
        asyncio.get_running_loop().create_task(self._start_one(delay))
        self._pump()

    def _fail(self, reason: str) -> None:
        """No worker will come: answer what waits."""
        self.failure = self.failure or reason
        error = JobResult([], [], self.failure)
        waiting = [(job, error) for job in self._queue]
        self._queue.clear()
        if waiting:
            self._finished(waiting, 0)
        self._changed.set()

    def kill_hanging(self) -> None:
        """End workers that do not come back with a batch; their jobs are retried as with any death."""
        for worker in self._workers:
            if worker.busy_seconds > BATCH_SECONDS:
                worker.kill()

    # life cycle

    async def until_ready(self) -> str:
        """Wait for a worker; returns an empty text, or the reason why none will come."""
        while not self.is_ready and not self.failure and not self._is_retired:
            self._changed.clear()
            await self._changed.wait()
        return self.failure or ("" if self.is_ready else f"{self.label} was taken out of the configuration.")

    async def drain(self, seconds: float) -> None:
        """Take no more jobs' workers away until what was accepted is answered, then end the workers."""
        deadline = time.monotonic() + seconds
        while (self._queue or any(worker.is_busy for worker in self._workers)) and time.monotonic() < deadline:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())
            except TimeoutError:
                break
        self._is_retired = True
        self._changed.set()
        for worker in self._workers:
            worker.close()
        self._workers = []
