"""The gateway's end of one serving worker: its process, its pipes, and the batch it works on."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec

from mlops_desktop.core.processes import program_command
from mlops_desktop.serving.arena import Arena, behind
from mlops_desktop.serving.frames import (
    BatchReply,
    BulkJob,
    BulkResult,
    FrameReader,
    JobResult,
    Loaded,
    LoadRequest,
    encode_frame,
)
from mlops_desktop.serving.gateway.isolation import worker_environment, worker_folder

if TYPE_CHECKING:
    from mlops_desktop.serving.gateway.pool import Job

_reply_decoder = msgspec.msgpack.Decoder(BatchReply)
_loaded_decoder = msgspec.msgpack.Decoder(Loaded)
# The last is what joblib takes for the number of cores, so that a forest trained with all of them predicts with one.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LOKY_MAX_CPU_COUNT"), "1")


_SIGKILL = 9
_END_SECONDS = 1.0
CLOSE_SECONDS = 10.0


class Ending(Enum):
    """How a worker ended: by itself, for want of an answer, or by somebody else's `kill -9`."""

    CRASHED = auto()
    HUNG = auto()
    KILLED = auto()


class WorkerOwner(Protocol):
    """Whom a worker reports to."""

    def worker_ready(self, worker: WorkerLink) -> None: ...

    def worker_refused(self, worker: WorkerLink, reason: str) -> None: ...

    def worker_answered(self, worker: WorkerLink, pairs: list[tuple[Job, JobResult]], inference_us: int) -> None: ...

    def worker_died(self, worker: WorkerLink, lost: list[Job], ending: Ending, reason: str) -> None: ...


class WorkerLink(asyncio.SubprocessProtocol):
    """One worker process. It is ready once it has loaded a version, and idle while it has no batch.

    One that `is_leaving` goes on predicting until its successor is ready; `loaded_bytes` is its size after loading.
    """

    def __init__(self, owner: WorkerOwner, arena: Arena | None) -> None:
        self._owner = owner
        self._arena = arena
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._frames = FrameReader()
        self._batch: list[Job] = []
        self._busy_since = 0.0
        self._started = time.monotonic()
        self._is_closed = False
        self._has_refused = False
        self._fault = ""
        self._killing: asyncio.TimerHandle | None = None
        self.is_dead = self.is_ready = self.is_loading = self.is_hung = self.is_leaving = False
        self.ready_ns = 0
        self.loaded_bytes = 0
        self.pid = 0

    @classmethod
    async def start(cls, owner: WorkerOwner, *arguments: str) -> WorkerLink:
        """Start the process; it waits to be told what to load."""
        arena = Arena.create()
        shared = (arena.descriptor,) if arena is not None else ()
        try:
            _, link = await asyncio.get_running_loop().subprocess_exec(
                lambda: cls(owner, arena),
                *program_command("serving-worker", *arguments, *(f"--arena={number}" for number in shared)),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=None,
                env=worker_environment(os.environ) | _ONE_THREAD,
                cwd=worker_folder(),
                pass_fds=shared,
            )
        except BaseException:
            if arena is not None:
                arena.close()
            raise
        return link

    def load(self, request: LoadRequest, owner: WorkerOwner) -> None:
        """Have it load a version; it reports to `owner` from now on, also when it has."""
        self._owner = owner
        self._started = time.monotonic()
        self.is_loading = True
        self._write(encode_frame(request))

    @property
    def is_idle(self) -> bool:
        return self.is_ready and not self._batch and not self.is_dead

    @property
    def busy_seconds(self) -> float:
        return time.monotonic() - self._busy_since if self._batch else 0.0

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self._started

    @property
    def died_before_ready(self) -> bool:
        return self.is_dead and not self.ready_ns

    def send(self, batch: list[Job]) -> None:
        """Give it a batch; it must be idle."""
        self._batch = batch
        self._busy_since = time.monotonic()
        columns: list[Any] = [job.columns for job in batch]
        if self._arena is not None and isinstance(columns[0], BulkJob) and self._arena.put(columns[0].body):
            columns = [msgspec.structs.replace(columns[0], body=memoryview(b""), shared=len(columns[0].body))]
        self._write(encode_frame(columns))

    def close(self) -> None:
        """Let it end by itself, at the end of its standard input; one that hangs is made to."""
        self._is_closed = True
        if self._stdin is not None:
            self._stdin.close()
        if not self.is_dead:
            self._killing = asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._kill)

    def kill_hung(self) -> None:
        """End a worker that does not come back; its batch is lost to it."""
        self.is_hung = True
        self._kill()

    def _kill(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(ProcessLookupError):
                self._transport.kill()

    def _write(self, data: bytes) -> None:
        if self._stdin is not None and not self._stdin.is_closing():
            self._stdin.write(data)

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self.pid = self._transport.get_pid() or 0
        self._stdin = cast(asyncio.WriteTransport, self._transport.get_pipe_transport(0))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        del fd
        if self.is_dead:
            return
        try:
            bodies = self._frames.feed(data)
        except ValueError as problem:
            self._mistrust(f"it does not speak as a worker does: {problem}")
            return
        for body in bodies:
            if self.is_dead:
                return  # its batch is already with another worker
            try:
                if self.is_ready:
                    self._take_reply(_reply_decoder.decode(body))
                else:
                    self._take_loaded(_loaded_decoder.decode(body))
            except msgspec.DecodeError as problem:
                self._mistrust(f"it does not speak as a worker does: {problem}")

    def _take_loaded(self, loaded: Loaded) -> None:
        self.is_loading = False
        if loaded.error:
            self._has_refused = True
            self._owner.worker_refused(self, loaded.error)
            return
        self.is_ready, self.ready_ns = True, time.perf_counter_ns()
        self._owner.worker_ready(self)

    def _take_reply(self, reply: BatchReply) -> None:
        results = reply.results
        if len(results) != len(self._batch):
            self._mistrust(f"{len(results)} results for {len(self._batch)} requests")
            return
        bulk = results[0].bulk
        if bulk is not None and (bulk.shared or bulk.shared_table):
            try:
                results = [msgspec.structs.replace(results[0], bulk=self._taken_out(bulk))]
            except ValueError as problem:
                self._mistrust(str(problem))
                return
        if self._arena is not None and bulk is not None:
            self._arena.trim()
        batch, self._batch = self._batch, []
        pairs: list[tuple[Job, JobResult]] = list(zip(batch, results, strict=True))
        self._owner.worker_answered(self, pairs, reply.inference_us)

    def _taken_out(self, bulk: BulkResult) -> BulkResult:
        """The result with what of it lies in the shared memory, where the next request is laid over it."""
        if self._arena is None:
            raise ValueError("it answers in shared memory that it does not have")
        content, table = bulk.content, bulk.table
        if bulk.shared:
            content = memoryview(bytes(self._arena.view(bulk.place, bulk.shared)))
        if bulk.shared_table:
            table = memoryview(bytes(self._arena.view(behind(bulk.place + bulk.shared), bulk.shared_table)))
        return msgspec.structs.replace(bulk, content=content, table=table)

    def _mistrust(self, fault: str) -> None:
        self._fault = fault
        self._lose()
        self._kill()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        del exc
        if fd == 1 and not self.is_dead:
            self._lose()
            self._killing = asyncio.get_running_loop().call_later(_END_SECONDS, self._mistrust, "its output closed")

    def _lose(self) -> None:
        """It answers no more. What it had in its hands is told when it has ended, as how it did matters."""
        self.is_dead = True
        self.is_ready = False

    def process_exited(self) -> None:
        self._lose()
        if self._killing is not None:
            self._killing.cancel()
        code = self._transport.get_returncode() if self._transport is not None else None
        if self._transport is not None:
            self._transport.close()
        if self._arena is not None:
            self._arena.close()
            self._arena = None
        lost, self._batch = self._batch, []
        if lost or not (self._is_closed or self._has_refused):
            self._owner.worker_died(self, lost, *self._ending(code))

    def _ending(self, code: int | None) -> tuple[Ending, str]:
        if self.is_hung:
            return Ending.HUNG, "killed, as it did not come back"
        if self._fault:
            return Ending.CRASHED, self._fault
        if code is not None and code < 0:
            return Ending.KILLED if code == -_SIGKILL else Ending.CRASHED, f"killed by signal {-code}"
        return Ending.CRASHED, f"exit code {code}"
