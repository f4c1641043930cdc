"""Hosts the engine of the open workspace: begun and ended off the window's thread."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from mlops_desktop.core.errors import AppError

if TYPE_CHECKING:
    from mlops_desktop.pipelines.engine import Engine

log = logging.getLogger(__name__)
_WATCH_SECONDS = 1.0
_TAKE_OVER_SECONDS = 30.0


class EngineHost(QObject):
    """One engine in this process.

    Signals:
        started: it runs here.
        refused(str): another program runs it; who, in words.
        failed(str): it could not start, or ended by itself.
        stopped: it has ended, with all that it had started.
        bug(str): a traceback.
    """

    started = Signal()
    refused = Signal(str)
    failed = Signal(str)
    stopped = Signal()
    bug = Signal(str)

    def __init__(self, folder: Path, parent: QObject | None = None, *, takes_over: bool = False) -> None:
        """With `takes_over` an agent that runs the engine is asked to end, and waited for."""
        super().__init__(parent)
        self.folder = folder
        self._takes_over = takes_over
        self.is_hosting = False
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, *, after: EngineHost | None = None) -> None:
        """Begin in the background, once the engine of `after` has ended."""
        if self._end.is_set():
            self.stopped.emit()
            return
        earlier = after._thread if after is not None else None
        self._thread = threading.Thread(target=self._host, args=(earlier,), name="engine-host", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the engine to end; `stopped` follows. Returns at once."""
        self._end.set()

    def wait(self, patience: float = 20.0) -> None:
        """Wait until it has ended; for the end of the program."""
        self._end.set()
        if self._thread is not None:
            self._thread.join(patience)

    def _host(self, earlier: threading.Thread | None) -> None:
        if earlier is not None:
            earlier.join(20.0)
        try:
            self._live()
        except AppError as error:
            self._emit(self.failed, str(error))
        except Exception:
            log.exception("The engine could not be hosted")
            self._emit(self.bug, traceback.format_exc())
        self.is_hosting = False
        self._emit(self.stopped)

    def _live(self) -> None:
        if self._end.is_set():
            return
        from mlops_desktop.pipelines.background import ask_to_end
        from mlops_desktop.pipelines.engine import Engine

        if self._takes_over:
            ask_to_end(self.folder)
        engine: Engine = Engine(self.folder)
        if not self._begin(engine):
            if not self._end.is_set():
                self._emit(self.refused, engine.holder)
            return
        self.is_hosting = True
        try:
            self._emit(self.started)
            while not self._end.wait(_WATCH_SECONDS) and engine.is_running:
                pass
            if not self._end.is_set():
                self._emit(self.failed, engine.failure or "it ended by itself")
        finally:
            engine.stop()

    def _begin(self, engine: Engine) -> bool:
        """Start the engine, if need be once the agent that was asked to end has ended; False where it does not."""
        deadline = time.monotonic() + (_TAKE_OVER_SECONDS if self._takes_over else 0.0)
        while not engine.start():
            if time.monotonic() >= deadline or self._end.is_set():
                return False
        return True

    def _emit(self, signal: object, *values: object) -> None:
        # The window may be gone when the last word is said.
        with contextlib.suppress(RuntimeError):
            signal.emit(*values)  # type: ignore[attr-defined]
