"""The requests of one model version: queue, batches and retries, and how many workers the load asks for.

A job stays in the gateway until it is answered. Where its worker dies it is dispatched once more, alone, so that a
request that kills workers takes no other down with it. While all workers are busy, what queues up goes as one batch.
A version without workers holds its requests until the one that the first of them brings is ready.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from mlops_desktop.serving.config import ServedVersion, ServingSpec
from mlops_desktop.serving.figures import PoolStats, ScalingDecision
from mlops_desktop.serving.frames import JobResult, LoadRequest
from mlops_desktop.serving.gateway.autoscaler import Autoscaler
from mlops_desktop.serving.gateway.crew import Crew
from mlops_desktop.serving.gateway.link import Ending
from mlops_desktop.serving.gateway.meters import LoadGauge
from mlops_desktop.serving.gateway.spares import Spares

MAX_ATTEMPTS = 2
MAX_KILLED_ATTEMPTS = 5
BATCH_ROWS = 512
DECISIONS_KEPT = 20


class Job:
    """Columns to predict and who waits for the result. Times are of `perf_counter_ns`.

    `status` is the HTTP status of a failure that is not the model's answer, 0 where there is none.
    """

    __slots__ = ("attempts", "columns", "context", "dispatched_ns", "enqueued_ns", "is_cold", "rows", "status")

    def __init__(self, columns: list[list[Any]], rows: int, context: Any) -> None:
        self.columns = columns
        self.rows = rows
        self.context = context
        self.attempts = 0
        self.status = 0
        self.enqueued_ns = time.perf_counter_ns()
        self.dispatched_ns = 0
        self.is_cold = False


class QueueFull(Exception):
    """The version's queue holds as many requests as it may."""


class VersionFailed(Exception):
    """The version has no worker and will get none."""


Finished = Callable[[list[tuple[Job, JobResult]], int], None]


class VersionPool:
    """Takes jobs for a version. `finished(pairs, inference_us)` is called with each batch that is done."""

    def __init__(
        self, label: str, version: ServedVersion, serving: ServingSpec, finished: Finished, spares: Spares
    ) -> None:
        self.label = label
        self.version = version
        self._serving = serving
        self._finished = finished
        self._queue: deque[Job] = deque()
        self._gauge = LoadGauge(time.monotonic())
        self._counts_working = serving.autoscaler.metric == "concurrency"
        self._autoscaler = Autoscaler(serving.autoscaler, time.monotonic())
        self._decisions: deque[ScalingDecision] = deque(maxlen=DECISIONS_KEPT)
        request = LoadRequest(version.artifact, version.runtime, version.signature, serving.request_bytes)
        self._crew = Crew(label, request, serving, self, spares)
        self._working = 0
        self._expired = 0
        self._was_ready = False
        self._is_retired = False
        self._changed = asyncio.Event()

    @property
    def failure(self) -> str:
        return self._crew.failure

    @property
    def is_ready(self) -> bool:
        """Whether requests are answered; a version that was ready and has no worker for want of load is."""
        is_asleep = self._was_ready and not self._autoscaler.wanted
        return not self._is_retired and (self._crew.ready > 0 or (is_asleep and not self.failure))

    def stats(self, endpoint: str) -> PoolStats:
        crew = self._crew
        return PoolStats(
            endpoint,
            self.version.number,
            self.is_ready,
            len(self._queue),
            crew.pids,
            crew.restarts,
            crew.failure,
            self._working,
            self._autoscaler.wanted,
            crew.trouble,
            crew.hung,
            crew.replaced,
            self._expired,
            list(self._decisions),
        )

    # requests

    def submit(self, job: Job, *, limit: int | None = None) -> None:
        """Queue a job and dispatch it as soon as a worker is idle; raises `QueueFull` or `VersionFailed`."""
        if self.failure or self._is_retired:
            raise VersionFailed(self.failure or f"{self.label} is no longer configured.")
        if len(self._queue) >= (self._serving.queue_limit if limit is None else limit):
            raise QueueFull
        self._queue.append(job)
        if not self._autoscaler.wanted:
            self._carry_out(self._autoscaler.wake(time.monotonic(), time.time()))
        self._pump()
        self._note_load()

    def _pump(self) -> None:
        while self._queue:
            worker = self._crew.idle
            if worker is None:
                return
            batch = self._next_batch()
            now = time.perf_counter_ns()
            for job in batch:
                job.attempts += 1
                job.dispatched_ns = now
                job.is_cold = job.is_cold or job.enqueued_ns < worker.ready_ns
            self._working += len(batch)
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

    @property
    def _level(self) -> int:
        return len(self._queue) + self._working if self._counts_working else len(self._queue)

    def _note_load(self) -> None:
        self._gauge.set(self._level, time.monotonic())

    # scaling

    def start(self) -> None:
        """Bring up the workers; returns at once."""
        self._crew.want(self._autoscaler.wanted)

    def follow(self, version: ServedVersion, serving: ServingSpec) -> None:
        """Go by other limits and another threshold from now on; the workers stay."""
        self.version, self._serving, self._crew.limits = version, serving, serving
        self._counts_working = serving.autoscaler.metric == "concurrency"
        self._carry_out(self._autoscaler.follow(serving.autoscaler, time.time()))

    def tick(self, now: float) -> None:
        """Look after queue and workers, and decide on their number when it is time; `now` is monotonic, in seconds."""
        self._expire()
        self._crew.watch()
        if not self.failure and self._was_ready and self._autoscaler.is_due(now, self._level):
            load = self._gauge.take(now)
            self._carry_out(self._autoscaler.tick(now, load, self._crew.ready, time.time()))

    def _carry_out(self, decision: ScalingDecision | None) -> None:
        if decision is not None:
            self._decisions.append(decision)
            self._crew.want(decision.after)

    def _expire(self) -> None:
        """Answer jobs that have waited too long; ones that go once more have had their turn."""
        oldest = time.perf_counter_ns() - int(self._serving.queue_seconds * 1e9)
        waiting = takewhile(lambda job: job.attempts or job.enqueued_ns < oldest, self._queue)
        late = [job for job in waiting if not job.attempts]
        if late:
            gone = set(late)
            self._queue = deque(job for job in self._queue if job not in gone)
            self._expired += len(late)
            text = f"The request has waited for {self._serving.queue_seconds:g} s without its turn; try again."
            self._give_up(late, 503, text)
            self._note_load()

    def _give_up(self, jobs: list[Job], status: int, text: str) -> None:
        for job in jobs:
            job.status = status
        error = JobResult([], [], text)
        self._finished([(job, error) for job in jobs], 0)

    # what the crew tells

    def workers_changed(self) -> None:
        """A worker is idle, ready, or gone."""
        self._was_ready = self._was_ready or self._crew.ready > 0
        self._pump()
        self._note_load()
        self._changed.set()

    def answered(self, pairs: list[tuple[Job, JobResult]], inference_us: int) -> None:
        """A batch is done."""
        self._working -= len(pairs)
        self._finished(pairs, inference_us)

    def lost(self, jobs: list[Job], ending: Ending) -> None:
        """A worker ended with jobs in its hands: once more, or never. One killed by others says little of its jobs."""
        self._working -= len(jobs)
        most = MAX_KILLED_ATTEMPTS if ending is Ending.KILLED else MAX_ATTEMPTS
        given_up = [job for job in jobs if job.attempts >= most]
        self._queue.extendleft(reversed([job for job in jobs if job.attempts < most]))
        if given_up and ending is Ending.HUNG:
            text = f"The model did not answer within {self._serving.request_seconds:g} s, twice."
            self._give_up(given_up, 504, text)
        elif given_up:
            text = f"The model's process ended {most} times while it worked on this request."
            self._give_up(given_up, 500, text)

    def failed(self, reason: str) -> None:
        """No worker will come: answer what waits."""
        waiting = list(self._queue)
        self._queue.clear()
        if waiting:
            self._give_up(waiting, 503, reason)
        self._changed.set()

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
        while (self._queue or self._working) and time.monotonic() < deadline:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), deadline - time.monotonic())
            except TimeoutError:
                break
        self._is_retired = True
        self._changed.set()
        self._crew.retire()
