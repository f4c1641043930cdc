"""Between the window and the workspace: questions and deeds run in threads, news of the journal come back as signals.

The window's own thread never opens the registry. A page hands over a pure function of the workspace and gets its
result as a queued call; results that came too late are dropped. One more thread tails the journal and says, ten times
a second at most, which kinds of events came.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal, Slot

from mlops_desktop.core.errors import AppError

if TYPE_CHECKING:
    from mlops_desktop.workspace import Workspace

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
_READERS = 2
_PAGE = 2_000

Query = Callable[["Workspace"], Any]
Done = Callable[[Any], None]
Failed = Callable[[AppError], None]


@dataclass(frozen=True)
class WorkspaceFacts:
    """What is known of a workspace once it is open."""

    folder: Path
    name: str
    is_replay: bool
    is_writable: bool
    last_seq: int


@dataclass(frozen=True)
class _Job:
    key: str
    ticket: int
    query: Query
    done: Done | None
    failed: Failed | None
    is_deed: bool = False
    success: str = ""


@dataclass(frozen=True)
class _Outcome:
    job: _Job
    value: Any = None
    error: AppError | None = None


class Bridge(QObject):
    """One per open workspace. Call `open()` once and `close()` at the end; `open` returns at once.

    `preload` runs in a thread before `opened` is announced: for imports that take long.

    Signals:
        opened(WorkspaceFacts): the workspace can be read.
        unopenable(AppError): it cannot: missing, damaged, written by a newer program.
        changed(frozenset[str], int): kinds of new events and the last sequence number.
        succeeded(str): what a deed did, in words for a toast.
        problem(AppError): a deed, or a query without a handler of its own, did not work out.
        bug(str): a traceback; something that should not happen did.
    """

    opened = Signal(object)
    unopenable = Signal(object)
    changed = Signal(object, int)
    succeeded = Signal(str)
    problem = Signal(object)
    bug = Signal(str)
    _arrived = Signal(object)

    def __init__(
        self, folder: Path, parent: QObject | None = None, *, preload: Callable[[], object] | None = None
    ) -> None:
        super().__init__(parent)
        self.folder = folder
        self._preload = preload
        self._reads: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._deeds: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._newest: dict[str, int] = {}
        self._tickets = 0
        self._threads: list[threading.Thread] = []
        self._arrived.connect(self._on_arrived, Qt.ConnectionType.QueuedConnection)

    def open(self) -> None:
        """Open the workspace in the background; `opened` or `unopenable` follows."""
        self._start(self._watch, "journal-watch")

    def close(self, *, patience: float = 5.0) -> None:
        """End the threads; each closes its own connection. What is still under way is finished, its result dropped."""
        self._stop.set()
        self._newest.clear()
        for _ in range(_READERS):
            self._reads.put(None)
        self._deeds.put(None)
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0.0))

    @property
    def is_closed(self) -> bool:
        return self._stop.is_set()

    def ask(self, key: str, query: Query, done: Done, failed: Failed | None = None) -> None:
        """Run `query` in a thread and call `done` with its result here.

        A newer question under the same key makes the answer to an older one unwanted.
        """
        self._reads.put(self._job(key, query, done, failed))

    def forget(self, key: str) -> None:
        """Nobody waits for the answer any more."""
        self._newest.pop(key, None)

    def do(self, deed: Query, success: str = "", done: Done | None = None, failed: Failed | None = None) -> None:
        """Run a verb of the workspace in a thread, one after the other; `success` becomes a toast.

        `success` may hold `{}` for the returned value's `reference`, `number` or `name`.
        """
        self._tickets += 1
        key = f"deed {self._tickets}"
        self._newest[key] = self._tickets
        self._deeds.put(_Job(key, self._tickets, deed, done, failed, is_deed=True, success=success))

    def _job(self, key: str, query: Query, done: Done, failed: Failed | None) -> _Job:
        self._tickets += 1
        self._newest[key] = self._tickets
        return _Job(key, self._tickets, query, done, failed)

    def _start(self, target: Callable[..., None], name: str, *arguments: object) -> None:
        thread = threading.Thread(target=target, name=name, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    @Slot(object)
    def _on_arrived(self, outcome: _Outcome) -> None:
        job = outcome.job
        if self.is_closed or self._newest.get(job.key) != job.ticket:
            return
        self._newest.pop(job.key, None)
        if outcome.error is not None:
            if job.failed is not None:
                job.failed(outcome.error)
            else:
                self.problem.emit(outcome.error)
            return
        if job.success:
            self.succeeded.emit(job.success.replace("{}", _name_of(outcome.value)))
        if job.done is not None:
            job.done(outcome.value)

    # In the threads

    def _watch(self) -> None:
        workspace = self._opened()
        if workspace is None:
            return
        try:
            registry = workspace.registry
            last, version = registry.journal.head(), registry.data_version()
            facts = WorkspaceFacts(self.folder, workspace.name, registry.is_replay, registry.is_writable(), last)
            for _ in range(_READERS):
                self._start(self._work, "reader", self._reads)
            self._start(self._work, "deeds", self._deeds)
            if self._preload is not None:
                self._preload()
            self._emit(self.opened, facts)
            while not self._stop.wait(LOOK_SECONDS):
                found = registry.data_version()
                if found == version:
                    continue
                version = found
                events = registry.journal.tail(last, limit=_PAGE)
                if events:
                    last = events[-1].seq
                    self._emit(self.changed, frozenset(event.kind for event in events), last)
        except AppError as error:
            self._emit(self.problem, error)
        except Exception:
            self._report_bug()
        finally:
            workspace.close()

    def _opened(self) -> Workspace | None:
        from mlops_desktop.workspace import Workspace

        try:
            return Workspace(self.folder)
        except AppError as error:
            self._emit(self.unopenable, error)
        except Exception:
            self._report_bug()
        return None

    def _work(self, jobs: queue.SimpleQueue[_Job | None]) -> None:
        workspace = self._opened()
        try:
            while workspace is not None and (job := jobs.get()) is not None:
                if self._stop.is_set() and not job.is_deed:
                    break
                if self._newest.get(job.key) == job.ticket or job.is_deed:
                    self._run(workspace, job)
        finally:
            if workspace is not None:
                workspace.close()

    def _run(self, workspace: Workspace, job: _Job) -> None:
        try:
            self._emit(self._arrived, _Outcome(job, job.query(workspace)))
        except AppError as error:
            self._emit(self._arrived, _Outcome(job, error=error))
        except Exception as error:
            self._report_bug()
            shown = AppError(f"This did not work: {error}.", hint="The details are in the report and in the log.")
            self._emit(self._arrived, _Outcome(job, error=shown))

    def _report_bug(self) -> None:
        log.exception("A bug in a thread of the window")
        self._emit(self.bug, traceback.format_exc())

    def _emit(self, signal: Any, *values: object) -> None:
        # The window may be gone by the time that a thread has its answer.
        if not self._stop.is_set():
            with contextlib.suppress(RuntimeError):
                signal.emit(*values)


def _name_of(value: object) -> str:
    for name in ("reference", "name", "number", "pipeline"):
        if (found := getattr(value, name, None)) is not None:
            return str(found)
    return ""
