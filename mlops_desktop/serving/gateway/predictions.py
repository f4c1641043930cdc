"""The way of a prediction: decode, route, check, queue, log, answer. Nothing is answered before it is logged."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

from mlops_desktop.core.ids import new_id
from mlops_desktop.serving.config import ServedVersion
from mlops_desktop.serving.decisions import decide
from mlops_desktop.serving.frames import BulkJob, BulkResult, JobResult
from mlops_desktop.serving.gateway.calls import Answer, Call, Codec, Form
from mlops_desktop.serving.gateway.checks import columns_in_order
from mlops_desktop.serving.gateway.clock import GatewayTime
from mlops_desktop.serving.gateway.compression import SMALLEST_BYTES, compressed
from mlops_desktop.serving.gateway.endpoints import LiveEndpoint
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.forms import form_of, small_body
from mlops_desktop.serving.gateway.http import HttpConnection, Request
from mlops_desktop.serving.gateway.meters import Meters
from mlops_desktop.serving.gateway.pool import BATCH_ROWS, Job, QueueFull, VersionFailed
from mlops_desktop.serving.gateway.routing import pick
from mlops_desktop.serving.log import (
    CANARY,
    PINNED,
    PRIMARY,
    SCHEMA_MISMATCH,
    SHADOW,
    BulkRecord,
    LogFull,
    PredictionRecord,
    encode_record,
    is_sampled,
)
from mlops_desktop.serving.policies import DiskFullPolicy

SHADOW_QUEUE = 64
BULK_ROWS = BATCH_ROWS + 1
"""What a request that was not read yet counts for: it goes to a worker alone."""

_RETRY_LATER = {b"Retry-After": b"1"}


class Exchange:
    """One request on its way through one version. A shadow has no connection: nobody waits for it.

    A request that a worker is to read has its `body`, and a `call` without rows until it is answered. `mismatch` is
    what the worker of the canary `refused_by` had against it; it counts against the canary if the primary takes it.
    """

    __slots__ = (
        "body", "call", "codec", "connection", "form", "id", "live", "mismatch", "received", "received_ns",
        "refused_by", "role", "time", "version",
    )  # fmt: skip

    def __init__(
        self,
        id: str,
        live: LiveEndpoint,
        call: Call,
        codec: Codec,
        form: Form,
        connection: HttpConnection | None,
        received_ns: int,
    ) -> None:
        self.id = id
        self.live = live
        self.call = call
        self.codec = codec
        self.form = form
        self.body: bytes | None = None
        self.mismatch, self.refused_by = "", 0
        self.connection = connection
        self.received_ns = received_ns
        self.version: ServedVersion
        self.role = PRIMARY
        self.received = time.time_ns() // 1000
        self.time = self.received

    def as_shadow(self, version: ServedVersion) -> Exchange:
        twin = Exchange(self.id, self.live, self.call, self.codec, self.form, None, time.perf_counter_ns())
        twin.body = self.body
        twin.version, twin.role, twin.time = version, SHADOW, self.time
        return twin


class Predictions:
    """Takes calls and answers them, by each endpoint's rules for its log."""

    def __init__(self, meters: Meters, clock: GatewayTime) -> None:
        self._meters = meters
        self._clock = clock

    def take(
        self, live: LiveEndpoint, number: int | None, codec: Codec, request: Request, connection: HttpConnection
    ) -> None:
        """Decode a request, route and queue it; raises `HttpError` when it cannot be queued."""
        form = form_of(request)
        form.features = live.features
        body = small_body(request, form)
        call = Call({}, 0, form.client_id) if body is None else codec.decode(body, form)
        exchange = Exchange(new_id(), live, call, codec, form, connection, request.received_ns)
        exchange.body = request.body if body is None else None
        exchange.time = event_time(self._clock, request, exchange.received)
        route = live.config.route
        if number is None:
            entity = form.entity or (call.entity_ids[0] if call.entity_ids else "")
            key = entity if entity and not route.by_request else exchange.id
            number, exchange.role = pick(route, live.config.name, key)
        else:
            exchange.role = PINNED
        exchange.version = live.config.version(number)
        self._submit(exchange)
        if route.shadow is not None and exchange.role != PINNED:
            self._submit_shadow(exchange.as_shadow(live.config.version(route.shadow)))

    def _submit(self, exchange: Exchange) -> None:
        try:
            exchange.live.pools[exchange.version.number].submit(_job_of(exchange))
        except (HttpError, QueueFull, VersionFailed, KeyError) as problem:
            if exchange.role == CANARY:
                self._fall_back(exchange, problem)
                return
            raise _as_http_error(problem) from None

    def _fall_back(self, exchange: Exchange, problem: Exception) -> None:
        """A canary that cannot take a request must not hurt the client: note it, and let the primary answer."""
        primary = exchange.live.config.version(exchange.live.config.route.primary)
        if isinstance(problem, HttpError):
            columns_in_order(
                exchange.call.columns, primary.signature, exchange.live.config.rules
            )  # wrong for both: the client's error alone
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
            shadow.live.pools[shadow.version.number].submit(_job_of(shadow), limit=SHADOW_QUEUE)
        except (HttpError, QueueFull, VersionFailed, KeyError):
            self._meters.shadow_dropped += 1

    # results

    def finished(self, pairs: list[tuple[Job, JobResult]], inference_us: int) -> None:
        """Log a batch's results with one write per endpoint, then answer them."""
        by_endpoint: dict[LiveEndpoint, list[tuple[Exchange, Answer | BulkResult]]] = {}
        frames: dict[LiveEndpoint, list[bytes]] = {}
        for job, result in pairs:
            exchange: Exchange = job.context
            if result.bulk is not None and result.bulk.status != 200:
                self._finish_refused(exchange, HttpError(result.bulk.status, result.error))
                continue
            if result.error:
                self._finish_failed(exchange, result.error, job)
                continue
            answer, frame = self._answer_and_frame(exchange, result, job, inference_us)
            if frame:
                frames.setdefault(exchange.live, []).append(frame)
            by_endpoint.setdefault(exchange.live, []).append((exchange, answer))
            self._count(exchange, job.is_cold, is_error=False)
        for live, answered in by_endpoint.items():
            written = frames.get(live, [])
            error = self._write(live, b"".join(written), len(written)) if written else None
            if written and error is None and live.config.serving.log.strict:
                answer_later = partial(self._synced, live, answered, len(written))
                live.log.after_sync(partial(asyncio.get_running_loop().call_soon_threadsafe, answer_later))
            else:
                _respond_all(answered, error)

    def _synced(
        self,
        live: LiveEndpoint,
        answered: list[tuple[Exchange, Answer | BulkResult]],
        count: int,
        failure: LogFull | None,
    ) -> None:
        _respond_all(answered, self._lost(live, failure, count) if failure else None)

    def _answer_and_frame(
        self, exchange: Exchange, result: JobResult, job: Job, inference_us: int
    ) -> tuple[Answer | BulkResult, bytes]:
        is_logged = is_sampled(exchange.id, exchange.live.share)
        if result.bulk is None:
            answer = _answer_of(exchange, result)
            if not is_logged:
                return answer, b""
            return answer, encode_record(self._record(exchange, job, inference_us, answer))
        exchange.call.rows, exchange.call.client_id = result.bulk.rows, result.bulk.client_id
        if exchange.mismatch:
            self._note_mismatch(exchange)
        if not is_logged:
            return result.bulk, b""
        head = self._record(exchange, job, inference_us, None)
        return result.bulk, encode_record(BulkRecord(head, bytes(result.bulk.table)))

    def _note_mismatch(self, exchange: Exchange) -> None:
        """The primary took what the canary had refused."""
        twin = exchange.as_shadow(exchange.live.config.version(exchange.refused_by))
        twin.role, twin.received_ns = CANARY, exchange.received_ns
        self._note_error(twin, 400, SCHEMA_MISMATCH + exchange.mismatch)

    def _finish_refused(self, exchange: Exchange, problem: HttpError) -> None:
        """A worker found the request wrong. One that the canary refuses may still be right for the primary."""
        if exchange.connection is None:
            self._meters.shadow_dropped += 1
            return
        try:
            if exchange.role == CANARY:
                exchange.mismatch, exchange.refused_by = problem.message, exchange.version.number
                self._answer_by_primary(exchange)
                return
        except HttpError as refused:
            problem = refused
        self._meters.rejected += 1
        exchange.connection.respond_error(problem)

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
        if not is_sampled(exchange.id, exchange.live.share):
            return
        job = Job([], exchange.call.rows, exchange)
        try:
            exchange.live.log.append(encode_record(self._record(exchange, job, 0, None, status, error)))
        except LogFull as problem:
            self._meters.log_error = str(problem)
            exchange.live.log.note_gap(1, str(problem))

    def _count(self, exchange: Exchange, is_cold: bool, *, is_error: bool) -> None:
        meter = self._meters.of(exchange.live.config.name, exchange.version.number, exchange.role)
        total_us = (time.perf_counter_ns() - exchange.received_ns) // 1000
        meter.add(exchange.call.rows, total_us, is_cold=is_cold, is_error=is_error)

    def _record(
        self, exchange: Exchange, job: Job, inference_us: int, answer: Answer | None, status: int = 200, error: str = ""
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

    def _write(self, live: LiveEndpoint, frames: bytes, count: int) -> HttpError | None:
        """Append to the log; the error to answer with instead, where policy is not to serve unlogged."""
        try:
            live.log.append(frames)
        except LogFull as problem:
            return self._lost(live, problem, count)
        if self._meters.log_error:
            self._meters.log_error = ""
        return None

    def _lost(self, live: LiveEndpoint, problem: LogFull, count: int) -> HttpError | None:
        """What becomes of answers whose records could not be written."""
        self._meters.log_error = str(problem)
        if live.config.serving.log.disk_full is DiskFullPolicy.CONTINUE:
            self._meters.unlogged += count
            live.log.note_gap(count, str(problem))
            return None
        self._meters.refused += count
        message = "The prediction was not given, as it could not be logged: the disk is full."
        return HttpError(503, message, {b"Retry-After": b"10"})


def event_time(clock: GatewayTime, request: Request, received: int) -> int:
    """The time of a request's event in µs; in a replay its header `X-Event-Time` may say it. Raises `HttpError` 400."""
    try:
        return clock.micros_of(request.headers.get(b"x-event-time"), received)
    except ValueError:
        raise HttpError(400, "The header X-Event-Time is not a time in ISO 8601.") from None


def _answer_of(exchange: Exchange, result: JobResult) -> Answer:
    live, version = exchange.live.config, exchange.version
    predictions = decide(version.signature, version.threshold, result.scores, result.picks)
    return Answer(
        exchange.id,
        exchange.call.client_id,
        live.model,
        live.name,
        version.number,
        exchange.role,
        result.scores,
        predictions,
        version.signature.classes,
        result.probabilities,
    )


def _job_of(exchange: Exchange) -> Job:
    """What is sent to a worker; raises `HttpError` 400 for columns that do not fit the version's signature."""
    live, config, version = exchange.live, exchange.live.config, exchange.version
    if exchange.body is None:
        columns: Any = columns_in_order(exchange.call.columns, version.signature, config.rules)
        return Job(columns, exchange.call.rows, exchange)
    bulk: Any = BulkJob(
        exchange.codec.name, exchange.form, memoryview(exchange.body), exchange.id, config.name, config.model,
        version.number, exchange.role, version.threshold, config.rules, is_sampled(exchange.id, live.share),
        {name: str(how) for name, how in config.serving.log.sensitive.items()}, live.key,
    )  # fmt: skip
    return Job(bulk, BULK_ROWS, exchange)


def _respond_all(answered: list[tuple[Exchange, Answer | BulkResult]], error: HttpError | None) -> None:
    for exchange, answer in answered:
        _respond(exchange, answer, error)


def _respond(exchange: Exchange, answer: Answer | BulkResult, error: HttpError | None) -> None:
    connection = exchange.connection
    if connection is None:
        return
    if error is not None:
        connection.respond_error(error)
    elif isinstance(answer, BulkResult):
        connection.respond(200, answer.content, answer.content_type.encode(), _as_headers(answer.headers))
    else:
        encoded, form = exchange.codec.encode(answer, exchange.call, exchange.form), exchange.form
        if form.compress and len(encoded.content) >= SMALLEST_BYTES:
            encoded.content = compressed(encoded.content, form.compress)
            encoded.headers = (encoded.headers or {}) | {"Content-Encoding": form.compress}
        connection.respond(200, encoded.content, encoded.content_type.encode(), _as_headers(encoded.headers))


def _as_headers(headers: dict[str, str] | None) -> dict[bytes, bytes] | None:
    return {name.encode(): value.encode() for name, value in headers.items()} if headers else None


def _as_http_error(problem: Exception) -> HttpError:
    if isinstance(problem, HttpError):
        return problem
    if isinstance(problem, QueueFull):
        return HttpError(503, "Too many requests are waiting; try again in a second.", _RETRY_LATER)
    if isinstance(problem, VersionFailed):
        return HttpError(503, str(problem), _RETRY_LATER)
    return HttpError(503, "The version is not available.", _RETRY_LATER)
