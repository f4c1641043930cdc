"""The way of a prediction: decode, route, check, queue, log, answer. Nothing is answered before it is logged."""

from __future__ import annotations

import time
from typing import Any

from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import Signature, Task
from mlops_desktop.serving.config import DiskFullPolicy, ServedVersion
from mlops_desktop.serving.frames import JobResult
from mlops_desktop.serving.gateway.calls import Answer, Call, Codec
from mlops_desktop.serving.gateway.checks import columns_in_order
from mlops_desktop.serving.gateway.clock import GatewayTime
from mlops_desktop.serving.gateway.endpoints import LiveEndpoint
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.http import HttpConnection, Request
from mlops_desktop.serving.gateway.meters import Meters
from mlops_desktop.serving.gateway.pool import Job, QueueFull, VersionFailed
from mlops_desktop.serving.gateway.routing import pick
from mlops_desktop.serving.log import (
    CANARY,
    PINNED,
    PRIMARY,
    SCHEMA_MISMATCH,
    SHADOW,
    LogFull,
    PredictionRecord,
    encode_record,
)

SHADOW_QUEUE = 64

_RETRY_LATER = {b"Retry-After": b"1"}


class Exchange:
    """One request on its way through one version. A shadow has no connection: nobody waits for it."""

    __slots__ = ("call", "codec", "connection", "id", "live", "received", "received_ns", "role", "time", "version")

    def __init__(
        self, id: str, live: LiveEndpoint, call: Call, codec: Codec, connection: HttpConnection | None, received_ns: int
    ) -> None:
        self.id = id
        self.live = live
        self.call = call
        self.codec = codec
        self.connection = connection
        self.received_ns = received_ns
        self.version: ServedVersion
        self.role = PRIMARY
        self.received = time.time_ns() // 1000
        self.time = self.received

    def as_shadow(self, version: ServedVersion) -> Exchange:
        twin = Exchange(self.id, self.live, self.call, self.codec, None, time.perf_counter_ns())
        twin.version, twin.role, twin.time = version, SHADOW, self.time
        return twin


class Predictions:
    """Takes calls and answers them. `disk_full` says what happens when the log cannot be written."""

    def __init__(self, meters: Meters, clock: GatewayTime) -> None:
        self._meters = meters
        self._clock = clock
        self.disk_full = DiskFullPolicy.REFUSE

    def take(
        self, live: LiveEndpoint, number: int | None, codec: Codec, request: Request, connection: HttpConnection
    ) -> None:
        """Decode a request, route and queue it; raises `HttpError` when it cannot be queued."""
        call = codec.decode(request.body)
        exchange = Exchange(new_id(), live, call, codec, connection, request.received_ns)
        exchange.time = event_time(self._clock, request, exchange.received)
        route = live.config.route
        if number is None:
            key = call.entity_ids[0] if call.entity_ids else exchange.id
            number, exchange.role = pick(route, live.config.name, key)
        else:
            exchange.role = PINNED
        exchange.version = live.config.version(number)
        self._submit(exchange)
        if route.shadow is not None and exchange.role != PINNED:
            self._submit_shadow(exchange.as_shadow(live.config.version(route.shadow)))

    def _submit(self, exchange: Exchange) -> None:
        try:
            columns = columns_in_order(exchange.call.columns, exchange.version.signature)
            pool = exchange.live.pools[exchange.version.number]
            pool.submit(Job(columns, exchange.call.rows, exchange))
        except (HttpError, QueueFull, VersionFailed, KeyError) as problem:
            if exchange.role == CANARY:
                self._fall_back(exchange, problem)
                return
            raise _as_http_error(problem) from None

    def _fall_back(self, exchange: Exchange, problem: Exception) -> None:
        """A canary that cannot take a request must not hurt the client: note it, and let the primary answer."""
        primary = exchange.live.config.version(exchange.live.config.route.primary)
        if isinstance(problem, HttpError):
            columns_in_order(exchange.call.columns, primary.signature)  # wrong for both: the client's error alone
            self._note_error(exchange, 400, SCHEMA_MISMATCH + problem.message)
        elif not isinstance(problem, QueueFull):
            self._note_error(exchange, 503, str(problem))
        self._answer_by_primary(exchange)

    def _answer_by_primary(self, exchange: Exchange) -> None:
        self._meters.canary_fallbacks += 1
        exchange.version = exchange.live.config.version(exchange.live.config.route.primary)
        exchange.role = PRIMARY
        self._submit(exchange)

    def _submit_shadow(self, shadow: Exchange) -> None:
        """Dropped first and never in the primary's way."""
        try:
            columns = columns_in_order(shadow.call.columns, shadow.version.signature)
            shadow.live.pools[shadow.version.number].submit(Job(columns, shadow.call.rows, shadow), limit=SHADOW_QUEUE)
        except (HttpError, QueueFull, VersionFailed, KeyError):
            self._meters.shadow_dropped += 1

    # results

    def finished(self, pairs: list[tuple[Job, JobResult]], inference_us: int) -> None:
        """Log a batch's results with one write per endpoint, then answer them."""
        by_endpoint: dict[LiveEndpoint, list[tuple[Exchange, Answer]]] = {}
        frames: dict[LiveEndpoint, list[bytes]] = {}
        for job, result in pairs:
            exchange: Exchange = job.context
            if result.error:
                self._finish_failed(exchange, result.error, job)
                continue
            answer = _answer_of(exchange, result)
            frame = encode_record(self._record(exchange, job, inference_us, answer))
            frames.setdefault(exchange.live, []).append(frame)
            by_endpoint.setdefault(exchange.live, []).append((exchange, answer))
            self._count(exchange, job.is_cold, is_error=False)
        for live, answered in by_endpoint.items():
            error = self._write(live, b"".join(frames[live]), len(answered))
            for exchange, answer in answered:
                _respond(exchange, answer, error)

    def _finish_failed(self, exchange: Exchange, error: str, job: Job) -> None:
        status = job.status or 500
        self._note_error(exchange, status, error, job.is_cold)
        if exchange.connection is None:
            return
        try:
            if exchange.role == CANARY:
                self._answer_by_primary(exchange)
                return
            raise HttpError(status, error, _RETRY_LATER if status == 503 else None)
        except HttpError as problem:
            exchange.connection.respond_error(problem)

    def _note_error(self, exchange: Exchange, status: int, error: str, is_cold: bool = False) -> None:
        """Log and count a prediction that a version did not make. It has no answer that a full disk could hold back."""
        self._count(exchange, is_cold, is_error=True)
        job = Job([], exchange.call.rows, exchange)
        self._write(exchange.live, encode_record(self._record(exchange, job, 0, None, status, error)), 0)

    def _count(self, exchange: Exchange, is_cold: bool, *, is_error: bool) -> None:
        meter = self._meters.of(exchange.live.config.name, exchange.version.number, exchange.role)
        total_us = (time.perf_counter_ns() - exchange.received_ns) // 1000
        meter.add(exchange.call.rows, total_us, is_cold=is_cold, is_error=is_error)

    def _record(
        self, exchange: Exchange, job: Job, inference_us: int, answer: Answer | None, status: int = 200, error: str = ""
    ) -> PredictionRecord:
        call, version = exchange.call, exchange.version
        names = (feature.name for feature in version.signature.features)
        features: dict[str, list[Any]] = dict(zip(names, job.columns, strict=True)) if answer else {}
        return PredictionRecord(
            exchange.id,
            call.client_id,
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
            call.entity_ids,
        )

    def _write(self, live: LiveEndpoint, frames: bytes, count: int) -> HttpError | None:
        """Append to the log; the error to answer with instead, where policy is not to serve unlogged."""
        try:
            live.log.append(frames)
        except LogFull as problem:
            self._meters.log_error = str(problem)
            if self.disk_full is DiskFullPolicy.SERVE_UNLOGGED:
                self._meters.unlogged += count
                return None
            self._meters.refused += count
            return HttpError(507, "The prediction was not given, as it could not be logged: the disk is full.")
        return None


def event_time(clock: GatewayTime, request: Request, received: int) -> int:
    """The time of a request's event in µs; in a replay its header `X-Event-Time` may say it. Raises `HttpError` 400."""
    try:
        return clock.micros_of(request.headers.get(b"x-event-time"), received)
    except ValueError:
        raise HttpError(400, "The header X-Event-Time is not a time in ISO 8601.") from None


def _answer_of(exchange: Exchange, result: JobResult) -> Answer:
    live, version = exchange.live.config, exchange.version
    predictions = _decide(version.signature, version.threshold, result)
    return Answer(
        exchange.id,
        exchange.call.client_id,
        live.model,
        live.name,
        version.number,
        exchange.role,
        result.scores,
        predictions,
    )


def _decide(signature: Signature, threshold: float, result: JobResult) -> list[Any]:
    """Decisions for scores: by the threshold for two classes, the likeliest of more, the value of a regression."""
    if signature.task is Task.REGRESSION:
        return list(result.scores)
    classes = signature.classes
    if result.picks:
        return [classes[index] for index in result.picks]
    return [classes[-1] if score >= threshold else classes[0] for score in result.scores]


def _respond(exchange: Exchange, answer: Answer, error: HttpError | None) -> None:
    if exchange.connection is None:
        return
    if error is not None:
        exchange.connection.respond_error(error)
    else:
        exchange.connection.respond(200, exchange.codec.encode(answer, exchange.call))


def _as_http_error(problem: Exception) -> HttpError:
    if isinstance(problem, HttpError):
        return problem
    if isinstance(problem, QueueFull):
        return HttpError(503, "Too many requests are waiting; try again in a second.", _RETRY_LATER)
    if isinstance(problem, VersionFailed):
        return HttpError(503, str(problem), _RETRY_LATER)
    return HttpError(503, "The version is not available.", _RETRY_LATER)
