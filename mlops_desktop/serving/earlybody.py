"""A request's body on its way into the log while a worker still predicts; its record is whole once the results follow.

The frame begins with a length that no file reaches, so that readers take it for one that is being written. That length
becomes the true one with the last write: a body without its results was not answered, and is not there for readers.
"""

from __future__ import annotations

import os
import threading
import zlib
from concurrent.futures import Future, ThreadPoolExecutor

from mlops_desktop.serving.segments import FRAME_HEADER, LARGEST_BODY

UNFINISHED = FRAME_HEADER.pack(LARGEST_BODY, 0)
_PIECE = 256 << 10


class EarlyBody:
    """Writes `start` and `body` behind each other at the end of a segment, in the thread of `executor`.

    `descriptor` appends and must stay open until `stop` or `complete` has returned.
    """

    def __init__(self, executor: ThreadPoolExecutor, descriptor: int, place: int, start: bytes, body: bytes) -> None:
        self._descriptor = descriptor
        self._place = place
        self._stopped = threading.Event()
        self._size = len(start) + len(body)
        self._writing: Future[int] = executor.submit(self._write, start, body)

    def _write(self, start: bytes, body: bytes) -> int:
        """Returns the checksum of all."""
        _write_whole(self._descriptor, UNFINISHED + start)
        checksum, view = zlib.crc32(start), memoryview(body)
        for begin in range(0, len(body), _PIECE):
            if self._stopped.is_set():
                break
            piece = view[begin : begin + _PIECE]
            _write_whole(self._descriptor, piece)
            checksum = zlib.crc32(piece, checksum)
        return checksum

    def stop(self) -> None:
        """Write no more of it, and have it gone from the segment. Raises OSError where that cannot be."""
        self._stopped.set()
        self._writing.exception()
        os.ftruncate(self._descriptor, self._place)

    def complete(self, rest: bytes, path: str) -> int:
        """Write what is behind the body, then the frame's length; returns the frame's size. Raises OSError."""
        checksum = zlib.crc32(rest, self._writing.result())
        _write_whole(self._descriptor, rest)
        length = self._size + len(rest)
        descriptor = os.open(path, os.O_WRONLY)  # one that appends cannot write elsewhere
        try:
            os.pwrite(descriptor, FRAME_HEADER.pack(length, checksum), self._place)
        finally:
            os.close(descriptor)
        return FRAME_HEADER.size + length


def _write_whole(descriptor: int, data: bytes | memoryview) -> None:
    if os.write(descriptor, data) != len(data):
        raise OSError(28, "the disk took only a part of the record")
