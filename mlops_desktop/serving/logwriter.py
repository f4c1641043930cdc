"""Writes an endpoint's prediction log: `write()` before the answer; `fdatasync` after it or, in strict mode, before.

What was answered survives `kill -9` of any process. In strict mode it survives the machine too: all that was appended
while one `fdatasync` ran shares the next one.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mlops_desktop.core.ids import new_id
from mlops_desktop.serving.earlybody import EarlyBody
from mlops_desktop.serving.log import (
    GapRecord,
    LogFull,
    SegmentHeader,
    encode_record,
    start_of_table,
    table_frame,
)
from mlops_desktop.serving.segments import SUFFIX, lock, stems, sync_folder

SEGMENT_BYTES = 64 * 1024 * 1024
SEGMENT_SECONDS = 24 * 3600.0
SYNC_SECONDS = 0.1
_ULID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Synced = Callable[[LogFull | None], object]


class LogWriter:
    """Appends to the segments of one endpoint. `append` is for one thread; syncing happens in a thread of its own.

    A segment ends at `segment_bytes` or, with the next record, at the age of `segment_seconds`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        sync_seconds: float = SYNC_SECONDS,
        header: SegmentHeader | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.segment_bytes = segment_bytes
        self.segment_seconds = segment_seconds
        self._header = header
        self._descriptor: int | None = None
        self._path = ""
        self._early: EarlyBody | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._size = 0
        self._due = 0.0
        self._gap: GapRecord | None = None
        self._is_dirty = False
        self._lost: LogFull | None = None
        self._lock = threading.Lock()
        self._waiting: list[Synced] = []
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._sync_every, args=(sync_seconds,), name="log-sync", daemon=True)
        self._thread.start()

    def describe(self, header: SegmentHeader) -> None:
        """Say how records are made from now on; a change begins a new segment."""
        if header != self._header:
            self._header = header
            self._release(sync=True)

    def append(self, frames: bytes, *more: bytes) -> None:
        """Hand whole frames to the operating system; raises `LogFull`, leaving no torn frame where it can help it.

        `more` is the rest of the last frame, where that is so large that it should not be copied. A body that is
        written early makes way: its record comes later.
        """
        try:
            if self._early is not None:
                self._stop_early()
            descriptor = self._descriptor
            if descriptor is None or self._size >= self.segment_bytes or time.monotonic() >= self._due:
                descriptor = self._rotate()
            if self._gap is not None or not self._size:
                frames = self._first() + frames
            size = len(frames)
            if more:
                size += sum(map(len, more))
            written = _write_all(descriptor, frames, *more) if more else os.write(descriptor, frames)
            if written != size:
                raise OSError(28, "the disk took only a part of the record")
            self._size += written
            self._gap = None
            self._is_dirty = True
        except OSError as problem:
            self._abandon()
            raise self._full(problem) from problem

    def begin_table(self, body: bytes) -> EarlyBody | None:
        """Begin to write a request's table while it is predicted; None where that cannot be at the moment."""
        if self._early is not None or self._closed or not hasattr(os, "pwrite"):
            return None
        try:
            self.append(b"")  # what has to come first, in a segment that has room
        except LogFull:
            return None
        descriptor = self._descriptor
        if descriptor is None:
            return None
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "log-body")
        self._early = EarlyBody(self._executor, descriptor, self._size, start_of_table(body), body)
        return self._early

    def append_table(self, body: bytes, rest: bytes, early: EarlyBody | None = None) -> None:
        """Write a `TableRecord`, of which `early` may have written most. Raises as `append` does."""
        if early is None or self._early is not early:
            self.append(*table_frame(body, rest))
            return
        self._early = None
        try:
            self._size += early.complete(rest, self._path)
            self._is_dirty = True
        except OSError as problem:
            self._abandon()
            raise self._full(problem) from problem

    def drop_table(self, early: EarlyBody) -> None:
        """What began with `begin_table` gets no results."""
        if self._early is early:
            try:
                self._stop_early()
            except OSError:
                self._abandon()

    def _stop_early(self) -> None:
        early, self._early = self._early, None
        if early is not None:
            early.stop()

    def _first(self) -> bytes:
        """What has to come before the next frame."""
        gap = b"" if self._gap is None else encode_record(self._gap)
        return gap if self._size or self._header is None else encode_record(self._header) + gap

    def _full(self, problem: OSError) -> LogFull:
        return LogFull(
            f"The prediction log in {self._folder} cannot be written: {problem.strerror or problem}.",
            hint="Free some space on the disk, or let the endpoint serve unlogged.",
        )

    def note_gap(self, requests: int, reason: str) -> None:
        """Count requests that were answered without a record; the log says so as soon as it can be written again."""
        now = time.time_ns() // 1000
        before = self._gap or GapRecord(now, now, 0)
        self._gap = GapRecord(before.since, now, before.requests + requests, reason)

    def after_sync(self, synced: Synced) -> None:
        """Call `synced`, from another thread, once what was appended survives the machine, or with why it may not."""
        with self._lock:
            self._waiting.append(synced)
        self._wake.set()

    def _rotate(self) -> int:
        """Begin a new segment; the old one is synced by its closing."""
        self._release(sync=True)
        name = _later_than(max(stems(self._folder), default=""))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._path = str(self._folder / (name + SUFFIX))
        descriptor = os.open(self._path, flags, 0o600)
        lock(descriptor, alone=False)
        with self._lock:
            self._descriptor, self._size = descriptor, 0
        self._due = time.monotonic() + self.segment_seconds
        sync_folder(self._folder)
        return descriptor

    def _abandon(self) -> None:
        """Cut a half-written record off; the next append begins a new segment in any case."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._size)
            if self._size == 0:
                return
        self._release(sync=False)

    def _release(self, *, sync: bool) -> None:
        with contextlib.suppress(OSError):
            self._stop_early()
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                try:
                    if sync:
                        _sync(descriptor)
                except OSError as problem:
                    self._lost = self._full(problem)
                os.close(descriptor)

    def _sync_every(self, seconds: float) -> None:
        while not self._closed:
            self._wake.wait(seconds)
            self._wake.clear()
            self.sync()

    def sync(self) -> None:
        """Make what was appended survive the machine; cheap when nothing is new."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            failure, self._lost = self._lost, None
            descriptor: int | None = None
            if self._is_dirty and self._descriptor is not None:
                try:
                    descriptor = os.dup(self._descriptor)
                except OSError as problem:  # there are too many descriptors at the moment
                    failure = self._full(problem)
        if descriptor is not None:
            self._is_dirty = False
            try:
                _sync(descriptor)
            except OSError as problem:
                self._is_dirty = True
                self._due = 0.0  # what a failed sync leaves on the disk is unknown: go on in a new segment
                failure = self._full(problem)
            finally:
                os.close(descriptor)
        for synced in waiting:
            synced(failure)

    def close(self) -> None:
        """Sync and end; a gap that is not on record yet is written if there is room."""
        self._closed = True
        self._wake.set()
        self._thread.join()
        if self._gap is not None:
            with contextlib.suppress(LogFull):
                self.append(b"")
        self._release(sync=True)
        self.sync()
        if self._executor is not None:
            self._executor.shutdown()


def _write_all(descriptor: int, *parts: bytes) -> int:
    """In one turn where the system can; returns how many bytes were taken."""
    return os.writev(descriptor, parts) if hasattr(os, "writev") else os.write(descriptor, b"".join(parts))


def _sync(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)


def _later_than(last: str) -> str:
    """A ULID above `last`, also when the machine's clock was set back."""
    fresh = new_id()
    if fresh > last:
        return fresh
    value = 0
    for letter in last:
        value = value * 32 + _ULID_ALPHABET.index(letter)
    value += 1
    return "".join(_ULID_ALPHABET[(value >> shift) & 31] for shift in range(125, -1, -5))
