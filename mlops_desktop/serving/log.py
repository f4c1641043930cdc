"""Prediction log: framed records appended to segment files before the answer is sent.

A frame is `length (u32) | CRC-32 of the body (u32) | body`, little-endian, the body being msgpack. A record is handed
to the operating system with one `write()` before its answer leaves, so `kill -9` of any process loses no answered
prediction; `fdatasync` follows within ~100 ms for the case that the machine itself dies. A torn or corrupt frame ends
its segment, and a new process always begins a new one.
"""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.ids import new_id

SEGMENT_BYTES = 64 * 1024 * 1024
SYNC_SECONDS = 0.1
_HEADER = struct.Struct("<II")
_LARGEST_RECORD = 1 << 30
_SUFFIX = ".seg"
_ULID_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

PRIMARY, CANARY, SHADOW, PINNED = "primary", "canary", "shadow", "pinned"
SCHEMA_MISMATCH = "schema mismatch: "


class PredictionRecord(Struct, frozen=True, array_like=True, tag="p"):
    """One HTTP request of n rows.

    `time` is the gateway's notion of time and `received` the machine's, both in µs since 1970. `features` maps a column
    to its n values. `role` is `primary`, `canary`, `shadow`, or `pinned` when the client asked for this very version.
    `status` is the HTTP status the prediction led to; `error` is empty when it is 200. `cold` says that the request
    waited for a worker to start.
    """

    id: str
    client_id: str
    time: int
    received: int
    endpoint: str
    model: str
    version: int
    role: str
    rows: int
    features: dict[str, list[Any]]
    scores: list[float]
    predictions: list[Any]
    queue_us: int
    inference_us: int
    total_us: int
    cold: bool = False
    status: int = 200
    error: str = ""
    entity_ids: list[str] | None = None

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.time / 1e6, UTC)


class FeedbackRecord(Struct, frozen=True, array_like=True, tag="f"):
    """A label that arrived. `id` is an inference id (`<request id>/<row>`) or an entity id; times as above."""

    id: str
    label: str | int | float | bool | None
    time: int
    received: int
    endpoint: str

    @property
    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.time / 1e6, UTC)


Record = PredictionRecord | FeedbackRecord

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """The record as one frame."""
    body = _encoder.encode(record)
    return _HEADER.pack(len(body), zlib.crc32(body)) + body


class LogFull(EnvironmentProblem):
    """A record could not be written."""


class LogWriter:
    """Appends to the segments of one endpoint. `append` is for one thread; syncing happens in a thread of its own."""

    def __init__(self, folder: Path, *, segment_bytes: int = SEGMENT_BYTES, sync_seconds: float = SYNC_SECONDS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._segment_bytes = segment_bytes
        self._descriptor: int | None = None
        self._size = 0
        self._is_dirty = False
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._sync_every, args=(sync_seconds,), name="log-sync", daemon=True)
        self._thread.start()

    def append(self, frames: bytes) -> None:
        """Hand whole frames to the operating system; raises `LogFull`, leaving no torn frame where it can help it."""
        try:
            descriptor = self._descriptor
            if descriptor is None or self._size >= self._segment_bytes:
                descriptor = self._rotate()
            written = os.write(descriptor, frames)
            if written != len(frames):
                raise OSError(28, "the disk took only a part of the record")
            self._size += written
            self._is_dirty = True
        except OSError as problem:
            self._abandon()
            raise LogFull(
                f"The prediction log in {self._folder} cannot be written: {problem.strerror or problem}.",
                hint="Free some space on the disk, or let the endpoint serve unlogged.",
            ) from problem

    def _rotate(self) -> int:
        """Begin a new segment; the old one is synced by its closing."""
        self._release(sync=True)
        name = _later_than(max((path.stem for path in self._folder.glob(f"*{_SUFFIX}")), default=""))
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
        descriptor = os.open(self._folder / (name + _SUFFIX), flags, 0o600)
        with self._lock:
            self._descriptor, self._size = descriptor, 0
        _sync_folder(self._folder)
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
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    if sync:
                        _sync(descriptor)
                os.close(descriptor)

    def _sync_every(self, seconds: float) -> None:
        while not self._closed.wait(seconds):
            self.sync()

    def sync(self) -> None:
        """Make what was appended survive the machine; cheap when nothing is new."""
        if not self._is_dirty:
            return
        with self._lock:
            descriptor = None if self._descriptor is None else os.dup(self._descriptor)
        if descriptor is None:
            return
        self._is_dirty = False
        try:
            _sync(descriptor)
        except OSError:
            self._is_dirty = True
        finally:
            os.close(descriptor)

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
        self._release(sync=True)


def _sync(descriptor: int) -> None:
    getattr(os, "fdatasync", os.fsync)(descriptor)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


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


class LogPosition(Struct, frozen=True):
    """How far a log was read: JSON-able, to be remembered between looks. The default is the beginning."""

    segment: str = ""
    offset: int = 0


class LogReader:
    """Reads an endpoint's log on from a position; calling `read` again tails it."""

    def __init__(self, folder: Path, position: LogPosition | None = None) -> None:
        self._folder = folder
        self.position = position or LogPosition()

    def read(self) -> Iterator[Record]:
        """Records that are new; `position` follows each one that was taken."""
        # Segments are listed before any is read: one that has a successor in the list is complete.
        names = sorted(path.name for path in self._folder.glob(f"*{_SUFFIX}"))
        for name in names:
            if name < self.position.segment:
                continue
            offset = self.position.offset if name == self.position.segment else 0
            self.position = LogPosition(name, offset)
            for record, end in _frames(self._folder / name, offset):
                self.position = LogPosition(name, end)
                yield record


def _frames(path: Path, offset: int) -> Iterator[tuple[Record, int]]:
    """Whole records of a segment with the offset after each; stops at a torn or corrupt one."""
    with path.open("rb") as stream:
        stream.seek(offset)
        while True:
            header = stream.read(_HEADER.size)
            if len(header) < _HEADER.size:
                return
            length, checksum = _HEADER.unpack(header)
            if not 0 < length <= _LARGEST_RECORD:
                return
            body = stream.read(length)
            if len(body) < length or zlib.crc32(body) != checksum:
                return
            offset += _HEADER.size + length
            try:
                record = _decoder.decode(body)
            except msgspec.DecodeError:
                continue  # a whole record of a kind that this version of the program does not know
            yield record, offset


def to_micros(moment: datetime) -> int:
    """µs since 1970, as records keep time."""
    return round(moment.timestamp() * 1e6)


def read_log(folder: Path, start: datetime | None = None, end: datetime | None = None) -> Iterator[Record]:
    """Records of an endpoint's folder with `start` <= time < `end`, in the order in which they were written."""
    low = to_micros(start) if start else None
    high = to_micros(end) if end else None
    for record in LogReader(folder).read():
        if (low is None or record.time >= low) and (high is None or record.time < high):
            yield record


def predictions_of(records: Iterable[Record]) -> Iterator[PredictionRecord]:
    """The predictions alone."""
    return (record for record in records if isinstance(record, PredictionRecord))
