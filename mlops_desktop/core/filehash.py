"""SHA-256 of files, which a thread may begin before anybody asks for it."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from mlops_desktop.core.errors import Cancelled
from mlops_desktop.core.progress import Progress, no_progress

_BLOCK = 1 << 22
# Other threads that run Python let go of it only now and then: what is hashed beside them takes few, large steps.
_BLOCK_AHEAD = 1 << 24
_SECONDS = 0.05

_State = tuple[int, int, int]
_ahead: dict[Path, _Ahead] = {}


def hash_ahead(location: str) -> None:
    """Begin to hash a file in a thread, for the next `file_sha256` of it. Anything but a file is left alone."""
    path = Path(location)
    try:
        if path.is_file():
            _ahead[path] = _Ahead(path)
    except (OSError, ValueError):
        return  # whoever opens it says what is wrong with it


def stop_hashing_ahead() -> None:
    """End what nobody asked for; returns when no such thread runs any more."""
    while _ahead:
        _ahead.popitem()[1].stop()


def file_sha256(path: Path, progress: Progress = no_progress) -> str:
    """SHA-256 of a file, in hex."""
    begun = _ahead.pop(path, None)
    found = begun.result(progress) if begun else ""
    return found or _sha256(path, _BLOCK, progress)


class _Ahead:
    """The hash of a file as it is when this is made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state = _state(path)
        self._is_stopped = threading.Event()
        self._found = ""
        self._thread = threading.Thread(target=self._run, name="hash ahead", daemon=True)
        self._thread.start()

    def result(self, progress: Progress) -> str:
        """The hash; nothing where the file could not be read or is another by now."""
        try:
            while self._thread.is_alive():
                progress(None, f"Hashing {self._path.name}")
                self._thread.join(_SECONDS)
        finally:
            self.stop()
        try:
            return self._found if _state(self._path) == self._state else ""
        except OSError:
            return ""

    def stop(self) -> None:
        self._is_stopped.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._found = _sha256(self._path, _BLOCK_AHEAD, self._go_on)
        except (OSError, Cancelled):
            self._found = ""

    def _go_on(self, fraction: float | None, message: str = "") -> None:  # noqa: ARG002 (it only stops)
        if self._is_stopped.is_set():
            raise Cancelled


def _sha256(path: Path, block: int, progress: Progress) -> str:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(min(block, path.stat().st_size + 1)))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            progress(None, f"Hashing {path.name}")
            digest.update(buffer[:size])
    return digest.hexdigest()


def _state(path: Path) -> _State:
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ino
