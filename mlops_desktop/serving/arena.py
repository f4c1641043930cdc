"""Memory that the gateway shares with one worker: large bodies and answers are laid into it instead of through pipes.

Only Linux has it, as memory without a name that nobody else can reach; elsewhere all goes through the pipes. Nobody can
shrink it, so no end can make the other one fail. Who has the turn may write: the gateway while the worker is idle, the
worker until it has answered.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys

ARENA_BYTES = 256 << 20
"""Addresses, not memory: pages are taken when they are first written."""

SMALLEST_SHARED = 64 << 10
_KEPT_BYTES = 32 << 20
_ALIGNMENT = 4096
_BLOCK_BYTES = 512
_F_ADD_SEALS, _SEAL_SEAL, _SEAL_SHRINK, _SEAL_GROW = 1033, 1, 2, 4


class Arena:
    """Shared memory by its descriptor, which a worker inherits."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, ARENA_BYTES)
        self._view = memoryview(self._memory)

    @classmethod
    def inherited(cls, arguments: list[str]) -> Arena | None:
        """The one that a worker's command line names with `--arena=<descriptor>`, if it does."""
        named = [argument.partition("=")[2] for argument in arguments if argument.startswith("--arena=")]
        return cls(int(named[0])) if named else None

    @classmethod
    def create(cls) -> Arena | None:
        """A new one, empty; None where the system has none to give."""
        if sys.platform != "linux":
            return None
        import fcntl

        try:
            descriptor = os.memfd_create("serving-arena", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        except OSError:
            return None
        try:
            os.ftruncate(descriptor, ARENA_BYTES)
            fcntl.fcntl(descriptor, _F_ADD_SEALS, _SEAL_SEAL | _SEAL_SHRINK | _SEAL_GROW)
            return cls(descriptor)
        except OSError:
            os.close(descriptor)
            return None

    def put(self, content: bytes | bytearray | memoryview, place: int = 0) -> bool:
        """Lay `content` at `place`; False where it is too small to be worth it or does not fit."""
        end = place + len(content)
        if len(content) < SMALLEST_SHARED or end > ARENA_BYTES:
            return False
        self._view[place:end] = memoryview(content).cast("B")
        return True

    def view(self, place: int, size: int) -> memoryview:
        """What lies there, without copying. Raises ValueError for a place that is outside."""
        if place < 0 or size < 0 or place + size > ARENA_BYTES:
            raise ValueError(f"{size} bytes at {place} are not within the shared memory")
        return self._view[place : place + size]

    def trim(self) -> None:
        """Give memory back behind what is usual, which stays, as taking it anew costs time."""
        if os.fstat(self.descriptor).st_blocks * _BLOCK_BYTES > _KEPT_BYTES:
            self._memory.madvise(mmap.MADV_REMOVE, _KEPT_BYTES, ARENA_BYTES - _KEPT_BYTES)

    def close(self) -> None:
        """Give all of it back; who still looks at a part keeps it for as long."""
        os.close(self.descriptor)
        with contextlib.suppress(BufferError):
            self._view.release()
            self._memory.close()


def behind(size: int) -> int:
    """The first place behind `size` bytes at which something else may lie."""
    return -(-size // _ALIGNMENT) * _ALIGNMENT
