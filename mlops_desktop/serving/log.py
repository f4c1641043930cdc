"""Prediction log: what is recorded of each request and label, and reading it back.

Records are msgpack bodies of frames in segment files (`segments.py`). A record is handed to the operating system with
one `write()` before its answer leaves (`logwriter.py`), so `kill -9` of any process loses no answered prediction. A
torn or damaged frame ends its segment, and a new process always begins a new one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.serving.segments import SUFFIX, bodies, frame_header, framed, stems

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


class BulkRecord(Struct, frozen=True, array_like=True, tag="b"):
    """A prediction of many rows as it is written: `table` holds what is empty in `head` (`log_tables.py`)."""

    head: PredictionRecord
    table: bytes

    def whole(self, last: int | None = None) -> PredictionRecord:
        """The prediction, as readers get it; with values of the `last` rows alone, where that is given."""
        return _whole(self.head, self.table, last)


class TableRecord(Struct, frozen=True, array_like=True, tag="t"):
    """One whose features are as they came: `body` is the request's, an Arrow table. It comes first, as it is there
    before the results are.
    """

    body: bytes
    head: PredictionRecord
    table: bytes

    def whole(self, last: int | None = None) -> PredictionRecord:
        """As of a `BulkRecord`."""
        return _whole(self.head, self.table, last, self.body)


def _whole(head: PredictionRecord, table: bytes, last: int | None, body: bytes = b"") -> PredictionRecord:
    from mlops_desktop.serving.log_tables import read_log_table

    features, scores, predictions, entity_ids = read_log_table(table, last, body)
    return msgspec.structs.replace(
        head, features=features, scores=scores, predictions=predictions, entity_ids=entity_ids
    )


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


class SegmentHeader(Struct, frozen=True, array_like=True, tag="h"):
    """First in a segment: how what follows was recorded.

    `share` of the requests are in the log, chosen by their id (see `is_sampled`); `redacted` maps a column to what was
    done with its values before they were written, `remove` or `hash`.
    """

    endpoint: str
    share: float = 1.0
    redacted: dict[str, str] = {}


class GapRecord(Struct, frozen=True, array_like=True, tag="g"):
    """Requests that were answered while the log could not be written. Times are the machine's, in µs since 1970."""

    since: int
    until: int
    requests: int
    reason: str = ""


Record = PredictionRecord | FeedbackRecord
AnyRecord = PredictionRecord | FeedbackRecord | SegmentHeader | GapRecord

_encoder = msgspec.msgpack.Encoder()
_LONG_BYTES = struct.Struct(">BI")
_Written = AnyRecord | BulkRecord | TableRecord
_decoder: msgspec.msgpack.Decoder[_Written] = msgspec.msgpack.Decoder(_Written)


def encode_record(record: AnyRecord | BulkRecord) -> bytes:
    """The record as one frame."""
    return framed(_encoder.encode(record))


def start_of_table(body: bytes) -> bytes:
    """What stands before the body in a `TableRecord`: an array of four, the letter, and the mark of long bytes."""
    return b"\x94\xa1t" + _LONG_BYTES.pack(0xC6, len(body))


def rest_of_table(record: BulkRecord) -> bytes:
    """What stands behind the body in a `TableRecord` with the results of `record`."""
    return _encoder.encode(record.head) + _encoder.encode(record.table)


def table_frame(body: bytes, rest: bytes) -> tuple[bytes, bytes, bytes]:
    """The `TableRecord` as one frame, in parts: so a body of megabytes is not copied to be written."""
    start = start_of_table(body)
    return frame_header(start, body, rest) + start, body, rest


def decode_body(body: bytes, last: int | None = None) -> AnyRecord | None:
    """The record of a frame; None for a whole one of a kind that this version of the program does not know.

    Of a prediction of many rows only the `last` ones have values, where that is given.
    """
    try:
        record = _decoder.decode(body)
        return record.whole(last) if isinstance(record, BulkRecord | TableRecord) else record
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def is_sampled(request_id: str, share: float) -> bool:
    """Whether a request belongs to the `share` that is logged: by the hash of its id, so that everybody can tell."""
    return share >= 1.0 or zlib.crc32(request_id.encode()) < share * (1 << 32)


class LogFull(EnvironmentProblem):
    """A record could not be written."""


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
        """Predictions and labels that are new; `position` follows each one that was taken."""
        return (record for record in self.read_all() if isinstance(record, PredictionRecord | FeedbackRecord))

    def read_all(self) -> Iterator[AnyRecord]:
        """The same with what is recorded of the log itself: segments' headers and gaps."""
        # Segments are listed before any is read: one that has a successor in the list is complete.
        for stem in stems(self._folder):
            name = stem + SUFFIX
            if name < self.position.segment:
                continue
            offset = self.position.offset if name == self.position.segment else 0
            self.position = LogPosition(name, offset)
            for body, end in bodies(self._folder, stem, offset):
                self.position = LogPosition(name, end)
                record = decode_body(body)
                if record is not None:
                    yield record


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
