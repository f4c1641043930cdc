"""What is counted and written of each prediction, and what becomes of one that cannot be written."""

from __future__ import annotations

import time
from typing import Any

from mlops_desktop.serving.earlybody import EarlyBody
from mlops_desktop.serving.frames import BulkResult
from mlops_desktop.serving.gateway.calls import ARROW_TYPES, Answer, Form
from mlops_desktop.serving.gateway.endpoints import LiveEndpoint
from mlops_desktop.serving.gateway.exchanges import Exchange
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.meters import Meters
from mlops_desktop.serving.gateway.pool import Job
from mlops_desktop.serving.log import (
    BulkRecord,
    LogFull,
    PredictionRecord,
    encode_record,
    is_sampled,
    rest_of_table,
)
from mlops_desktop.serving.policies import DiskFullPolicy

_NO_BODY = b""
_LARGEST_SCHEMA = 1 << 20
_CONTINUATION = b"\xff\xff\xff\xff"


class Recorder:
    """Keeps the meters and the endpoints' logs, by each endpoint's rules for its log."""

    def __init__(self, meters: Meters) -> None:
        self._meters = meters

    def frame(self, exchange: Exchange, job: Job, inference_us: int, answer: Answer) -> bytes:
        """The record of a prediction, empty where it is not to be recorded."""
        if not is_sampled(exchange.id, exchange.live.share):
            return b""
        return encode_record(_record(exchange, job, inference_us, answer))

    def bulk_frame(self, exchange: Exchange, job: Job, inference_us: int, bulk: BulkResult) -> tuple[bytes, bytes]:
        """The same for a prediction of many rows: a frame, or what is behind the request's table in one, and it."""
        if not is_sampled(exchange.id, exchange.live.share):
            return b"", _NO_BODY
        record = BulkRecord(_record(exchange, job, inference_us, None), bytes(bulk.table))
        if not bulk.keeps_body or exchange.body is None:
            return encode_record(record), _NO_BODY
        exchange.live.kept_schemas[exchange.version.number] = _schema_of(exchange.body)
        return rest_of_table(record), exchange.body

    def begin(self, exchange: Exchange) -> None:
        """Begin to log a table while it is predicted, where one with the very same columns was logged as it came."""
        live, body = exchange.live, exchange.body
        known = live.kept_schemas.get(exchange.version.number)
        if body is None or not known or not body.startswith(known):
            return
        if _comes_plain(exchange.form) and is_sampled(exchange.id, live.share):
            exchange.early = live.log.begin_table(body)

    def drop(self, exchange: Exchange) -> None:
        """Have what has begun gone from the log, as there will be no results."""
        if exchange.early is not None:
            exchange.live.log.drop_table(exchange.early)
            exchange.early = None

    def write(self, live: LiveEndpoint, frames: list[bytes], body: bytes, early: EarlyBody | None) -> HttpError | None:
        """Append to the log; the error to answer with instead, where policy is not to serve unlogged."""
        try:
            if body:
                live.log.append_table(body, frames[0], early)
            else:
                live.log.append(frames[0] if len(frames) == 1 else b"".join(frames))
        except LogFull as problem:
            return self.lost(live, problem, len(frames))
        if self._meters.log_error:
            self._meters.log_error = ""
        return None

    def lost(self, live: LiveEndpoint, problem: LogFull, count: int) -> HttpError | None:
        """What becomes of answers whose records could not be written."""
        self._meters.log_error = str(problem)
        if live.config.serving.log.disk_full is DiskFullPolicy.CONTINUE:
            self._meters.unlogged += count
            live.log.note_gap(count, str(problem))
            return None
        self._meters.refused += count
        message = "The prediction was not given, as it could not be logged: the disk is full."
        return HttpError(503, message, {b"Retry-After": b"10"})

    def note_error(self, exchange: Exchange, status: int, error: str, is_cold: bool = False) -> None:
        """Log and count a prediction that a version did not make. It has no answer that a full disk could hold back."""
        self.count(exchange, is_cold, is_error=True)
        if not is_sampled(exchange.id, exchange.live.share):
            return
        job = Job([], exchange.call.rows, exchange)
        try:
            exchange.live.log.append(encode_record(_record(exchange, job, 0, None, status, error)))
        except LogFull as problem:
            self._meters.log_error = str(problem)
            exchange.live.log.note_gap(1, str(problem))

    def count(self, exchange: Exchange, is_cold: bool, *, is_error: bool) -> None:
        """One more request of the version in its role."""
        meter = self._meters.of(exchange.live.config.name, exchange.version.number, exchange.role)
        total_us = (time.perf_counter_ns() - exchange.received_ns) // 1000
        meter.add(exchange.call.rows, total_us, is_cold=is_cold, is_error=is_error)


def _comes_plain(form: Form) -> bool:
    return form.content_type in ARROW_TYPES and not form.encoding


def _schema_of(body: bytes) -> bytes:
    """The first message of an Arrow stream, which names its columns and their types; empty for anything else."""
    end = len(_CONTINUATION) + 4 + int.from_bytes(body[4:8], "little")
    return body[:end] if body.startswith(_CONTINUATION) and end <= _LARGEST_SCHEMA else b""


def _record(
    exchange: Exchange, job: Job, inference_us: int, answer: Answer | None, status: int = 200, error: str = ""
) -> PredictionRecord:
    call, version, redactor = exchange.call, exchange.version, exchange.live.redactor
    names = (feature.name for feature in version.signature.features)
    features: dict[str, list[Any]] = dict(zip(names, job.columns, strict=True)) if answer else {}
    client_id, entity_ids = call.client_id, call.entity_ids
    if redactor is not None:
        features = redactor.features(features)
        client_id, entity_ids = redactor.client_id(client_id), redactor.entity_ids(entity_ids)
    return PredictionRecord(
        exchange.id,
        client_id,
        exchange.time,
        exchange.received,
        exchange.live.config.name,
        exchange.live.config.model,
        version.number,
        exchange.role,
        call.rows,
        features,
        answer.scores if answer else [],
        answer.predictions if answer else [],
        max(0, job.dispatched_ns - job.enqueued_ns) // 1000,
        inference_us,
        (time.perf_counter_ns() - exchange.received_ns) // 1000,
        job.is_cold,
        status,
        error,
        entity_ids,
    )
