"""Segment files of a prediction log: frames that are appended to (`.seg`), or the same ones compacted (`.parquet`).

A frame is `length (u32) | CRC-32 of the body (u32) | body`, little-endian. A compacted segment holds each body with the
offset at which its frame ended, so that a position in a log means the same before and after.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

SUFFIX = ".seg"
COMPACTED = ".parquet"
FRAME_HEADER = struct.Struct("<II")
LARGEST_BODY = 1 << 30
_BATCH = 4096


class Tail(StrEnum):
    """How a segment ends: behind its last whole frame, within one that was being written, or at a damaged one."""

    WHOLE = "whole"
    TORN = "torn"
    DAMAGED = "damaged"


def framed(body: bytes) -> bytes:
    """The body as one frame."""
    return frame_header(body) + body


def frame_header(*parts: bytes) -> bytes:
    """What stands before a body that is given in parts."""
    size = checksum = 0
    for part in parts:
        size, checksum = size + len(part), zlib.crc32(part, checksum)
    return FRAME_HEADER.pack(size, checksum)


def stems(folder: Path) -> list[str]:
    """Names of a log's segments without their suffix, oldest first."""
    return sorted({path.stem for path in folder.glob("*") if path.suffix in (SUFFIX, COMPACTED)})


def bodies(folder: Path, stem: str, offset: int = 0) -> Iterator[tuple[bytes, int]]:
    """Whole frames' bodies behind `offset`, each with the offset after it; stops at a torn or damaged one.

    A segment may be compacted or removed at any moment: what was opened is read to its end.
    """
    compacted, plain = folder / (stem + COMPACTED), folder / (stem + SUFFIX)
    if not compacted.exists():
        with contextlib.suppress(FileNotFoundError):
            frames = Frames(plain, offset)
            yield from frames
            return
    if compacted.exists():
        yield from _compacted_bodies(compacted, offset)


class Frames:
    """Iterates over a plain segment's frames from an offset; `tail` says how it ended. Opened at once."""

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._stream = path.open("rb")
        self._stream.seek(offset)
        self._offset = offset
        self.tail = Tail.WHOLE

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        with self._stream as stream:
            while header := stream.read(FRAME_HEADER.size):
                if len(header) < FRAME_HEADER.size:
                    self.tail = Tail.TORN
                    return
                length, checksum = FRAME_HEADER.unpack(header)
                if not 0 < length <= LARGEST_BODY:
                    self.tail = Tail.DAMAGED
                    return
                body = stream.read(length)
                if len(body) < length or zlib.crc32(body) != checksum:
                    self.tail = Tail.TORN if len(body) < length else Tail.DAMAGED
                    return
                self._offset += FRAME_HEADER.size + length
                yield body, self._offset


def _compacted_bodies(path: Path, offset: int) -> Iterator[tuple[bytes, int]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_BATCH, columns=["end", "body"]):
            ends, found = batch.column(0).to_pylist(), batch.column(1).to_pylist()
            yield from ((body, end) for body, end in zip(found, ends, strict=True) if end > offset)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries survive the machine; nothing where the system does not offer it."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def lock(descriptor: int, *, alone: bool) -> bool:
    """Lock an open segment: its writer shares it, who replaces it wants it alone. False when it cannot be had.

    Where there are no such locks (Windows) an open file cannot be removed anyway.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
