"""Progress and cancellation of long jobs.

A job takes a `Progress` and calls it now and then; the call reports and, when somebody asked the job to stop,
raises `Cancelled`. A job that was given none reports to `no_progress`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from mlops_desktop.core.errors import Cancelled


class Progress(Protocol):
    """`fraction` is in [0, 1], or None when the total is unknown; `message` is for people."""

    def __call__(self, fraction: float | None, message: str = "") -> None: ...


def no_progress(fraction: float | None, message: str = "") -> None:
    """Reports to nobody and is never cancelled."""


class CancelToken:
    """Set from any thread; read by the job through its progress."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        self._event.set()

    @property
    def is_cancelled(self) -> bool:
        return self._event.is_set()

    def reporting_to(self, sink: Callable[[float | None, str], None]) -> Progress:
        """A progress that forwards to `sink` and raises `Cancelled` once this token is set."""

        def report(fraction: float | None, message: str = "") -> None:
            if self._event.is_set():
                raise Cancelled
            sink(fraction, message)

        return report


def part_of(progress: Progress, start: float, end: float) -> Progress:
    """A progress for a part of a job: its 0..1 becomes `start`..`end` of the whole."""

    def report(fraction: float | None, message: str = "") -> None:
        progress(None if fraction is None else start + fraction * (end - start), message)

    return report
