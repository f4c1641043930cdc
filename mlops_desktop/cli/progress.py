"""Long jobs on the command line: one line of progress on a terminal, and an end by Ctrl+C that leaves nothing half."""

from __future__ import annotations

import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from mlops_desktop.core.progress import CancelToken, Progress

_SECONDS = 0.1


@contextmanager
def job() -> Iterator[Progress]:
    """A progress for one job, shown where standard error is a terminal.

    The first Ctrl+C cancels the job where it next reports, so that it ends in order and is on record as cancelled; a
    second one interrupts it at once.
    """
    token = CancelToken()
    line = _Line(sys.stderr)
    with _interrupts_to(token):
        try:
            yield token.reporting_to(line.show)
        finally:
            line.clear()


@contextmanager
def _interrupts_to(token: CancelToken) -> Iterator[None]:
    def interrupted(number: int, frame: FrameType | None) -> None:
        if token.is_cancelled:
            signal.default_int_handler(number, frame)
        token.cancel()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class _Line:
    """One line of a terminal, written over again and again."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream if stream is not None and stream.isatty() else None
        self._width = 0
        self._shown = 0.0

    def show(self, fraction: float | None, message: str) -> None:
        now = time.monotonic()
        if self._stream is None or now - self._shown < _SECONDS:
            return
        self._shown = now
        share = "" if fraction is None else f"{fraction:4.0%}  "
        text = f"{share}{message}"[: shutil.get_terminal_size().columns - 1]
        self._write(text)

    def clear(self) -> None:
        if self._stream is not None and self._width:
            self._write("")
            self._stream.write("\r")
            self._stream.flush()

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write("\r" + text.ljust(self._width))
            self._stream.flush()
            self._width = len(text)
