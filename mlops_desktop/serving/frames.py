"""Messages between gateway and serving worker: length-prefixed msgpack over pipes.

The first message to a worker is a `LoadRequest`, answered by `Loaded`. Every further one is a batch: a list of jobs,
each a list of columns in the order of the signature's features, or a `BulkJob`; it is answered by one `BatchReply`.
"""

from __future__ import annotations

import struct
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.models import Runtime, Signature
from mlops_desktop.serving.gateway.calls import Form
from mlops_desktop.serving.rules import InputRules

_LENGTH = struct.Struct("<I")
_LARGEST_FRAME = 1 << 31


class LoadRequest(Struct, frozen=True):
    """Load this artifact, warm it up and probe it. Requests may then take up to `request_bytes` (0 for any number)."""

    artifact: str
    runtime: Runtime
    signature: Signature
    request_bytes: int = 0


class Loaded(Struct, frozen=True):
    """Answer to `LoadRequest`; `error` is empty when the version is ready to predict."""

    error: str
    load_ms: float


class BulkJob(Struct, frozen=True):
    """A request that the worker reads, checks and answers itself: `body` is as it came, `codec` names its protocol.

    Where `shared` is not 0 the body is not here but lies in the shared memory, and is so many bytes long.
    `redaction` says what is done with columns before they are logged, with `key` where they are hashed; `is_logged`
    whether anything is.
    """

    codec: str
    form: Form
    body: memoryview
    id: str
    endpoint: str
    model: str
    version: int
    role: str
    threshold: float
    rules: InputRules = InputRules()
    is_logged: bool = True
    redaction: dict[str, str] = {}
    key: bytes = b""
    shared: int = 0


class BulkResult(Struct, frozen=True):
    """The answer to a `BulkJob`, and in `table` what is to be logged. A `status` other than 200 is the client's.

    Where `shared` is not 0 the content lies in the shared memory, so many bytes behind `place`; where `shared_table` is
    not 0 the table lies behind that. `keeps_body` says that the table has only the results, as the body is a table of
    just the features and can be logged as it came.
    """

    status: int
    rows: int = 0
    client_id: str = ""
    content: memoryview = memoryview(b"")
    content_type: str = ""
    headers: dict[str, str] = {}
    table: memoryview = memoryview(b"")
    place: int = 0
    shared: int = 0
    keeps_body: bool = False
    shared_table: int = 0


class JobResult(Struct, frozen=True, array_like=True):
    """Outcome of one job. Where there are more than two classes `picks` are indices of the likeliest ones, and
    `probabilities` row-major those of all; else both are empty.
    """

    scores: list[float]
    picks: list[int] = []
    error: str = ""
    probabilities: list[float] = []
    bulk: BulkResult | None = None


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
        """Add what was received; returns the bodies that are now complete. ValueError for what cannot be a frame."""
        self._buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(self._buffer) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            if length > _LARGEST_FRAME:
                raise ValueError(f"a frame of {length:,} bytes is announced")
            end = start + _LENGTH.size + length
            if end > len(self._buffer):
                break
            bodies.append(bytes(memoryview(self._buffer)[start + _LENGTH.size : end]))
            start = end
        if start:
            del self._buffer[:start]
        return bodies
