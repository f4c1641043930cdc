"""The engine's lease: an operating-system lock on a file, so that one engine runs per workspace.

The lock goes with its holder, also with a killed one, and does not depend on any clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
from pathlib import Path
from typing import IO

from mlops_desktop.core.errors import EnvironmentProblem


class Lease:
    """Try to hold `path`. The file also says who holds it, for the message of those who do not."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    @property
    def is_held(self) -> bool:
        return self._file is not None

    def acquire(self) -> bool:
        """True when this process now holds the lease (or already did). Raises where its file cannot be written."""
        if self._file is not None:
            return True
        try:
            self._path.touch(exist_ok=True)
            file = self._path.open("r+b")
        except OSError as error:
            raise EnvironmentProblem(
                f"The workspace at {self._path.parent} cannot be written ({error.strerror}).",
                hint="Check the permissions of the folder and its files, or copy the workspace to a writable place.",
            ) from error
        try:
            _lock(file)
        except OSError:
            file.close()
            return False
        # The first byte is what Windows locks; the holder's description follows it.
        file.seek(1)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "host": platform.node()}).encode())
        file.flush()
        self._file = file
        return True

    def holder(self) -> str:
        """Who holds the lease, in words; empty when that cannot be read."""
        try:
            with self._path.open("rb") as file:
                file.seek(1)
                found = json.loads(file.read() or b"{}")
            return f"process {found['pid']} on {found['host']}"
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def release(self) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self._file.seek(1)
            self._file.truncate()
            _unlock(self._file)
        self._file.close()
        self._file = None


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _unlock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _unlock(file: IO[bytes]) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_UN)
