"""The newest rows of a prediction log, for people who look at what is served: read from the log's end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from mlops_desktop.serving.backwards import backwards
from mlops_desktop.serving.labels import LabelBook, LabelValue
from mlops_desktop.serving.log import (
    FeedbackRecord,
    LogPosition,
    PredictionRecord,
    SegmentHeader,
    decode_body,
)
from mlops_desktop.serving.segments import SUFFIX, bodies, stems

MOST_BYTES = 8 * 1024 * 1024
"""How far back is looked for rows, in bytes of the log."""


class TailRow(Struct, frozen=True):
    """One row that was answered, or one request that was not: then `status` is not 200 and `error` says why.

    `id` is the request's and `row` the place in it: together, as `id/row`, they are what a label can come for, as is
    `entity`. Times are in ms: `latency_ms` in the gateway as a whole, of it `queue_ms` waiting and `inference_ms` with
    the model; `cold` says that a worker had to be started. `inputs` are as they were logged. `probabilities` are by
    class; of more than two classes that of the predicted one, of a regression none. `label` is None while unknown.
    """

    time: datetime
    id: str
    row: int
    version: int
    role: str
    latency_ms: float
    inputs: dict[str, Any]
    prediction: str | int | float | bool | None
    probabilities: dict[str, float]
    status: int = 200
    error: str = ""
    label: LabelValue = None
    score: float | None = None
    entity: str = ""
    client_id: str = ""
    queue_ms: float = 0.0
    inference_ms: float = 0.0
    cold: bool = False


class Tail(Struct, frozen=True):
    """What a log ends with, oldest row first.

    `position` is where the next look goes on. `labels` are those that came meanwhile, by the id they came for: also for
    rows that an earlier look found. `left_out` says that there were more rows than wanted, or too far back. `share` of
    the requests are in the log by now, and `redacted` tells what was done with values before they were written.
    """

    rows: tuple[TailRow, ...]
    position: LogPosition
    labels: dict[str, LabelValue] = {}
    left_out: bool = False
    share: float = 1.0
    redacted: dict[str, str] = {}


class Wanted(Struct, frozen=True):
    """Which rows to look for; by default all."""

    version: int | None = None
    role: str = ""
    errors: bool = False

    def takes(self, record: PredictionRecord) -> bool:
        return (
            self.version in (None, record.version)
            and self.role in ("", record.role)
            and not (self.errors and record.status == 200)
        )


ALL = Wanted()
Classes = Callable[[str, int], tuple[str, ...]]


def tail(
    folder: Path,
    *,
    last: int = 100,
    after: LogPosition | None = None,
    wanted: Wanted = ALL,
    classes: Classes | None = None,
) -> Tail:
    """The last rows of an endpoint's folder, or those of them behind the position `after`.

    At most `last` rows, and those within the last `MOST_BYTES` of the log. `classes` tells those of the
    signature of a model's version; without it there are no probabilities.
    """
    look = _Look(last, wanted, cache(classes or (lambda *_: ())))
    position = after or LogPosition()
    names = [stem for stem in stems(folder) if after is None or stem + SUFFIX >= after.segment]
    for stem in reversed(names):
        start = after.offset if after is not None and stem + SUFFIX == after.segment else 0
        if stem == names[-1]:
            position = LogPosition(stem + SUFFIX, start)
        for frames in backwards(folder, stem, start):
            if stem == names[-1]:
                position = max(position, LogPosition(stem + SUFFIX, frames[-1][1]), key=lambda each: each.offset)
            look.take(frames)
            if look.left_out:
                break
        if look.left_out:
            break
    header = _header(folder, names[-1]) if names else SegmentHeader("")
    return Tail(look.rows(), position, look.labels, look.left_out, header.share, header.redacted)


def _header(folder: Path, stem: str) -> SegmentHeader:
    """How a segment is recorded, which its first frame says."""
    for body, _ in bodies(folder, stem):
        record = decode_body(body, 0)
        return record if isinstance(record, SegmentHeader) else SegmentHeader("")
    return SegmentHeader("")


class _Look:
    """Gathers rows and labels, newest first, until there are enough."""

    def __init__(self, last: int, wanted: Wanted, classes: Classes) -> None:
        self._last = last
        self._wanted = wanted
        self._classes = classes
        self._bytes = 0
        self._rows = 0
        self._records: list[PredictionRecord] = []
        self._feedback: list[FeedbackRecord] = []
        self.left_out = False

    @property
    def labels(self) -> dict[str, LabelValue]:
        """The last one for each id, in the order in which these came."""
        newest_first: dict[str, LabelValue] = {}
        for feedback in self._feedback:
            newest_first.setdefault(feedback.id, feedback.label)
        return dict(reversed(newest_first.items()))

    def take(self, frames: list[tuple[bytes, int]]) -> None:
        """Take in a piece of the log, as far as more is looked for."""
        for body, _ in reversed(frames):
            if self._rows >= self._last or self._bytes >= MOST_BYTES:
                self.left_out = True
                return
            self._bytes += len(body)
            match decode_body(body, self._last):
                case FeedbackRecord() as feedback:
                    self._feedback.append(feedback)
                case PredictionRecord() as record if self._wanted.takes(record):
                    self._records.append(record)
                    self._rows += record.rows if record.status == 200 else 1
                    self.left_out = self._rows > self._last

    def rows(self) -> tuple[TailRow, ...]:
        book = LabelBook(reversed(self._feedback))
        found = [row for record in reversed(self._records) for row in self._rows_of(record, book)]
        return tuple(found[max(0, len(found) - self._last) :])

    def _rows_of(self, record: PredictionRecord, book: LabelBook) -> Iterator[TailRow]:
        if record.status != 200:
            yield _row(record, 0)
            return
        unread = record.rows - len(record.predictions)
        classes = self._classes(record.model, record.version)
        for place, prediction in enumerate(record.predictions):
            row, score = unread + place, record.scores[place]
            entity = record.entity_ids[place] if record.entity_ids else None
            feedback = book.of(f"{record.id}/{row}", entity)
            yield _row(
                record,
                row,
                inputs={name: values[place] for name, values in record.features.items()},
                prediction=prediction,
                probabilities=_probabilities(classes, prediction, score),
                label=feedback.label if feedback else None,
                score=score,
                entity=entity or "",
            )


def _row(record: PredictionRecord, row: int, **values: Any) -> TailRow:
    given: dict[str, Any] = {"inputs": {}, "prediction": None, "probabilities": {}} | values
    return TailRow(
        time=record.moment,
        id=record.id,
        row=row,
        version=record.version,
        role=record.role,
        latency_ms=record.total_us / 1000,
        status=record.status,
        error=record.error,
        client_id=record.client_id,
        queue_ms=record.queue_us / 1000,
        inference_ms=record.inference_us / 1000,
        cold=record.cold,
        **given,
    )


def _probabilities(classes: tuple[str, ...], prediction: Any, score: float) -> dict[str, float]:
    """What is logged of them: the positive class's, or of many classes that of the predicted one."""
    if len(classes) == 2:
        return {classes[0]: 1.0 - score, classes[1]: score}
    return {str(prediction): score} if classes else {}
