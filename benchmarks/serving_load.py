"""Load on a server: a process of its own keeps a number of connections busy and notes what came back when.

Each connection sends its next request as soon as the last one is answered. Times are of `time.monotonic()`, which is
one clock for all processes of a machine.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import time
from dataclasses import dataclass, field
from typing import Any

RETRY_SECONDS = 0.002
_NO_STATUS = b"the connection was lost"


@dataclass(frozen=True)
class Job:
    """What to send: whole requests, in turns, until `seconds` are over or whoever started it says so.

    A connection that is lost is opened anew; with `retries` its request is not counted as failed. `marker` is what
    stands before the prediction's id in an answer, whose ids are then kept.
    """

    port: int
    requests: tuple[bytes, ...]
    connections: int
    seconds: float
    retries: bool = False
    marker: bytes = b""


@dataclass
class Outcome:
    """What came back. `finished` are the times of answers and `latencies` what each took, in the same order."""

    began: float
    ended: float = 0.0
    finished: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    failures: list[bytes] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    lost: int = 0

    @property
    def per_second(self) -> float:
        """Requests answered well."""
        return (len(self.finished) - len(self.failures)) / (self.ended - self.began)

    def quantile_ms(self, share: float) -> float:
        """Latency that `share` of the requests did not exceed; NaN where none was answered."""
        times = sorted(self.latencies)
        return times[min(int(len(times) * share), len(times) - 1)] * 1e3 if times else float("nan")


class _Connection(asyncio.Protocol):
    """One connection; `ended` is done when it is lost, or closed because the time is over."""

    def __init__(self, run: _Run) -> None:
        self.ended = asyncio.get_running_loop().create_future()
        self._run = run
        self._buffer = b""
        self._wanted = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._send()

    def _send(self) -> None:
        self._buffer, self._wanted = b"", -1
        self._sent = time.monotonic()
        self._transport.write(next(self._run.requests))

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        if self._wanted < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            length = self._buffer[:end].lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
            self._wanted = end + 4 + int(length)
        if len(self._buffer) < self._wanted:
            return
        self._run.note(self._sent, self._buffer)
        if self._run.is_over:
            self._wanted = 0
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self._wanted != 0:
            self._run.note_loss(self._sent)
        self.ended.set_result(None)


class _Run:
    """All connections of a job."""

    def __init__(self, job: Job, stop: Any) -> None:
        self._job = job
        self._stop = stop
        self._until = time.monotonic() + job.seconds
        self.requests = itertools.cycle(job.requests)
        self.is_stopped = False
        self.outcome = Outcome(time.monotonic())

    @property
    def is_over(self) -> bool:
        return self.is_stopped or time.monotonic() >= self._until

    def note(self, sent: float, answer: bytes) -> None:
        now, outcome = time.monotonic(), self.outcome
        outcome.finished.append(now)
        outcome.latencies.append(now - sent)
        if not answer.startswith(b"HTTP/1.1 200"):
            outcome.failures.append(answer)
        elif self._job.marker:
            _, _, rest = answer.partition(self._job.marker)
            outcome.ids.append(rest[: rest.find(b'"')].decode())

    def note_loss(self, sent: float) -> None:
        self.outcome.lost += 1
        if not self._job.retries:
            now = time.monotonic()
            self.outcome.finished.append(now)
            self.outcome.latencies.append(now - sent)
            self.outcome.failures.append(_NO_STATUS)

    async def run(self) -> Outcome:
        loop = asyncio.get_running_loop()
        loop.add_reader(self._stop.fileno(), self._told_to_stop)
        await asyncio.gather(*(self._keep_connected() for _ in range(self._job.connections)))
        loop.remove_reader(self._stop.fileno())
        self.outcome.ended = time.monotonic()
        return self.outcome

    def _told_to_stop(self) -> None:
        self.is_stopped = True
        asyncio.get_running_loop().remove_reader(self._stop.fileno())

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        while not self.is_over:
            try:
                _, connection = await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._job.port)
            except OSError:
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await connection.ended


def _work(job: Job, pipe: Any) -> None:
    import resource

    import uvloop

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    outcome = uvloop.run(_Run(job, pipe).run())
    os.set_blocking(pipe.fileno(), True)  # which the loop had changed
    pipe.send(outcome)


class Load:
    """A job that runs in a process of its own; `result` waits for its end, `stop` brings it about."""

    def __init__(self, job: Job) -> None:
        self._pipe, theirs = multiprocessing.get_context("spawn").Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_work, args=(job, theirs))
        self._process.start()
        theirs.close()

    def result(self) -> Outcome:
        outcome: Outcome = self._pipe.recv()
        self._process.join()
        return outcome

    def stop(self) -> Outcome:
        self._pipe.send(None)
        return self.result()


def drive(job: Job) -> Outcome:
    """Send a job's load and wait for its end."""
    return Load(job).result()


def post(path: str, body: bytes, content_type: str = "application/json") -> bytes:
    """A whole HTTP request."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
