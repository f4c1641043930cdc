"""Messages between gateway and serving worker: length-prefixed msgpack over pipes.

The first message to a worker is a `LoadRequest`, answered by `Loaded`. Every further one is a batch: a list of jobs,
each a list of columns in the order of the signature's features; it is answered by one `BatchReply`.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.models import Runtime, Signature

_LENGTH = struct.Struct("<I")


class LoadRequest(Struct, frozen=True):
    """Load this artifact, warm it up and probe it."""

    artifact: str
    runtime: Runtime
    signature: Signature


class Loaded(Struct, frozen=True):
    """Answer to `LoadRequest`; `error` is empty when the version is ready to predict."""

    error: str
    load_ms: float


class JobResult(Struct, frozen=True, array_like=True):
    """Outcome of one job. `picks` are class indices where there are more than two classes, else empty."""

    scores: list[float]
    picks: list[int] = []
    error: str = ""


class BatchReply(Struct, frozen=True, array_like=True):
    """One result per job of the batch, in its order; `inference_us` is the time of the whole batch."""

    results: list[JobResult]
    inference_us: int


_encoder = msgspec.msgpack.Encoder()


def encode_frame(message: Any) -> bytes:
    """The message as msgpack behind its length."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into the bodies of its frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Add what was received; returns the bodies that are now complete."""
        self._buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            end = start + _LENGTH.size + length
            if end > len(self._buffer):
                break
            bodies.append(bytes(self._buffer[start + _LENGTH.size : end]))
            start = end
        if start:
            del self._buffer[:start]
        return bodies
