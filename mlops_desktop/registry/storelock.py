"""The lock of the content store: many may store at the same time, or one may remove.

It is a lock of the operating system on a file, so it goes with its holder, also with a killed one.
"""

from __future__ import annotations

import contextlib
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

_POLL_SECONDS = 0.02


class StoreLock:
    """Shared between threads; each thread may take the shared side again while it holds it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mutex = threading.Lock()
        self._sharing = 0
        self._file: IO[bytes] | None = None

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Hold off `exclusive` meanwhile; waits while somebody holds that. Raises `OSError` where it cannot lock."""
        with self._mutex:
            if self._sharing == 0:
                self._file = self._open()
                while not _locked(lock_shared, self._file):
                    time.sleep(_POLL_SECONDS)
            self._sharing += 1
        try:
            yield
        finally:
            with self._mutex:
                self._sharing -= 1
                if self._sharing == 0 and self._file is not None:
                    self._file.close()
                    self._file = None

    @contextlib.contextmanager
    def exclusive(self, *, wait: float) -> Iterator[bool]:
        """Yields whether the lock was had within `wait` seconds; then nobody shares it meanwhile."""
        deadline = time.monotonic() + wait
        with self._open() as file:
            while not (held := _locked(lock_exclusive, file)) and time.monotonic() < deadline:
                time.sleep(_POLL_SECONDS)
            yield held

    def _open(self) -> IO[bytes]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._path.open("ab")


def _locked(lock: Callable[[IO[bytes]], None], file: IO[bytes]) -> bool:
    try:
        lock(file)
    except OSError as error:
        if isinstance(error, BlockingIOError | PermissionError):
            return False
        raise
    return True


if sys.platform == "win32":
    import msvcrt

    # Windows has no shared lock here: each that shares locks a byte of its own, the other one locks them all.
    _BYTES = 1 << 30

    def lock_shared(file: IO[bytes]) -> None:
        file.seek(secrets.randbelow(_BYTES))
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def lock_exclusive(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, _BYTES)

else:
    import fcntl

    def lock_shared(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)

    def lock_exclusive(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
