"""The worker: one process per pipeline run.

On Linux workers are forked from a server process that has imported the slow libraries once (`multiprocessing`'s
forkserver), so that a run starts in milliseconds instead of seconds; elsewhere they are spawned.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from mlops_desktop.core.errors import AppError, Cancelled
from mlops_desktop.core.processes import yield_to_people
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.registry import Registry

_CANCEL_PATIENCE = 5.0
_PRELOAD = ["mlops_desktop.pipelines.preload"]


class WorkerProcess:
    """A worker that runs one pipeline run. Progress comes back through a pipe; closing it cancels."""

    def __init__(self, folder: Path, run_id: str) -> None:
        context = _context()
        self._ours, theirs = context.Pipe()
        self.run_id = run_id
        self.stage = ""
        self.fraction: float | None = None
        self._cancelled: float | None = None
        self._process = context.Process(
            target=_work, args=(str(folder), run_id, theirs), name=f"worker-{run_id}", daemon=False
        )
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        return int(self._process.pid or 0)

    @property
    def is_alive(self) -> bool:
        return bool(self._process.is_alive())

    @property
    def sentinel(self) -> int:
        return int(self._process.sentinel)

    def outcome(self) -> str:
        """What happened to the process, in words; empty while it runs or when it ended well."""
        code = self._process.exitcode
        if code in (None, 0):
            return ""
        return f"the worker was killed by signal {-code}" if code < 0 else f"the worker ended with code {code}"

    def read_progress(self) -> bool:
        """Take in what the worker reported since; True when something changed."""
        changed = False
        try:
            while self._ours.poll():
                self.fraction, self.stage = self._ours.recv()
                changed = True
        except (EOFError, OSError):
            return changed
        return changed

    def cancel(self) -> None:
        """Ask once; a worker that has not ended 5 s later is killed."""
        if self._cancelled is None:
            self._cancelled = time.monotonic()
            with contextlib.suppress(OSError):
                self._ours.send("cancel")
        elif time.monotonic() - self._cancelled > _CANCEL_PATIENCE:
            self.kill()

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        self._process.join(5)
        self._ours.close()


def warm_up() -> None:
    """Start the server process that workers are forked from, where there is one, without waiting for its imports."""
    if sys.platform == "linux":
        from multiprocessing import forkserver

        _context()
        forkserver.ensure_running()


def _context() -> Any:
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOAD)
    return context


def _work(folder: str, run_id: str, pipe: Connection) -> None:
    _end_with_parent()
    yield_to_people()
    registry = Registry(Path(folder), actor="worker")
    try:
        _run(registry, run_id, _reporting(pipe))
    finally:
        registry.close()


def _run(registry: Registry, run_id: str, progress: Progress) -> None:
    # Imported here: it registers the steps and, with them, the libraries that they need.
    from mlops_desktop.pipelines import steps
    from mlops_desktop.pipelines.runner import carry_out

    steps.register_all()
    carry_out(registry, run_id, progress=progress)


def _reporting(pipe: Connection) -> Progress:
    def report(fraction: float | None, message: str = "") -> None:
        try:
            if pipe.poll():
                pipe.recv()
                raise Cancelled
            pipe.send((fraction, message))
        except (EOFError, OSError):
            raise Cancelled from None

    return report


def _end_with_parent() -> None:
    """End at once when the engine's process is gone: every step is safe to lose at any moment."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(3)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def main(argv: list[str]) -> int:
    """Run the next queued (or the named) pipeline run in this process: for machines where another scheduler decides."""
    parser = argparse.ArgumentParser(prog="mlops-desktop worker", description=main.__doc__)
    parser.add_argument("folder", type=Path, help="the workspace")
    parser.add_argument("run", nargs="?", help="id of a queued pipeline run; the next one when left out")
    arguments = parser.parse_args(argv)
    registry = Registry(arguments.folder, actor="worker")
    try:
        queued = registry.pipeline_runs.get(arguments.run) if arguments.run else registry.pipeline_runs.next_queued()
        if queued is None:
            return 0
        registry.pipeline_runs.start(queued, os.getpid())
        _run(registry, queued.id, no_progress)
        return 0 if registry.pipeline_runs.get(queued.id).state.value == "succeeded" else 1
    except AppError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    finally:
        registry.close()
