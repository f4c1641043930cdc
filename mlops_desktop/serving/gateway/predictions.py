"""The way of a prediction: decode, route, check, queue, log, answer. Nothing is answered before it is logged."""

from __future__ import annotations

import asyncio
from functools import partial

from mlops_desktop.core.ids import new_id
from mlops_desktop.serving.frames import BulkResult, JobResult
from mlops_desktop.serving.gateway.calls import Answer, Call, Codec
from mlops_desktop.serving.gateway.checks import columns_in_order
from mlops_desktop.serving.gateway.clock import GatewayTime
from mlops_desktop.serving.gateway.endpoints import LiveEndpoint
from mlops_desktop.serving.gateway.exchanges import RETRY_LATER, Exchange, as_http_error
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.forms import form_of, small_body
from mlops_desktop.serving.gateway.http import HttpConnection, Request
from mlops_desktop.serving.gateway.meters import Meters
from mlops_desktop.serving.gateway.pool import Job, QueueFull, VersionFailed
from mlops_desktop.serving.gateway.recorder import Recorder
from mlops_desktop.serving.gateway.routing import pick
from mlops_desktop.serving.log import CANARY, PINNED, PRIMARY, SCHEMA_MISMATCH, LogFull

SHADOW_QUEUE = 64

Answered = list[tuple[Exchange, Answer | BulkResult]]


class Predictions:
    """Takes calls and answers them."""

    def __init__(self, meters: Meters, clock: GatewayTime) -> None:
        self._meters = meters
        self._recorder = Recorder(meters)
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
        if exchange.body is not None:
            self._recorder.begin(exchange)
        if route.shadow is not None and exchange.role != PINNED:
            self._submit_shadow(exchange.as_shadow(live.config.version(route.shadow)))

    def _submit(self, exchange: Exchange) -> None:
        try:
            exchange.live.pools[exchange.version.number].submit(exchange.job())
        except (HttpError, QueueFull, VersionFailed, KeyError) as problem:
            if exchange.role == CANARY:
                self._fall_back(exchange, problem)
                return
            raise as_http_error(problem) from None

    def _fall_back(self, exchange: Exchange, problem: Exception) -> None:
        """A canary that cannot take a request must not hurt the client: note it, and let the primary answer."""
        primary = exchange.live.config.version(exchange.live.config.route.primary)
        if isinstance(problem, HttpError):
            columns_in_order(
                exchange.call.columns, primary.signature, exchange.live.config.rules
            )  # wrong for both: the client's error alone
            self._recorder.note_error(exchange, 400, SCHEMA_MISMATCH + problem.message)
        elif not isinstance(problem, QueueFull):
            self._recorder.note_error(exchange, 503, str(problem))
        self._answer_by_primary(exchange)

    def _answer_by_primary(self, exchange: Exchange) -> None:
        self._meters.canary_fallbacks += 1
        exchange.version = exchange.live.config.version(exchange.live.config.route.primary)
        exchange.role = PRIMARY
        self._submit(exchange)

    def _submit_shadow(self, shadow: Exchange) -> None:
        """Dropped first and never in the primary's way."""
        try:
            shadow.live.pools[shadow.version.number].submit(shadow.job(), limit=SHADOW_QUEUE)
        except (HttpError, QueueFull, VersionFailed, KeyError):
            self._meters.shadow_dropped += 1

    # results

    def finished(self, pairs: list[tuple[Job, JobResult]], inference_us: int) -> None:
        """Log a batch's results with one write, then answer them. A batch is of one version, so of one endpoint."""
        answered: Answered = []
        frames: list[bytes] = []
        body = b""
        for job, result in pairs:
            exchange: Exchange = job.context
            if result.error:
                self._finish_without(exchange, result, job)
                continue
            answer: Answer | BulkResult
            if result.bulk is None:
                answer = exchange.answer(result)
                frame = self._recorder.frame(exchange, job, inference_us, answer)
            else:
                answer = result.bulk
                self._take_in(exchange, answer)
                frame, body = self._recorder.bulk_frame(exchange, job, inference_us, answer)
                if not body:
                    self._recorder.drop(exchange)
            if frame:
                frames.append(frame)
            answered.append((exchange, answer))
            self._recorder.count(exchange, job.is_cold, is_error=False)
        if answered:
            self._log_and_answer(answered[0][0].live, answered, frames, body)

    def _log_and_answer(self, live: LiveEndpoint, answered: Answered, frames: list[bytes], body: bytes) -> None:
        error = self._recorder.write(live, frames, body, answered[0][0].early) if frames else None
        if frames and error is None and live.config.serving.log.strict:
            answer_later = partial(self._synced, live, answered, len(frames))
            live.log.after_sync(partial(asyncio.get_running_loop().call_soon_threadsafe, answer_later))
            return
        for exchange, answer in answered:
            exchange.respond(answer, error)

    def _synced(self, live: LiveEndpoint, answered: Answered, count: int, failure: LogFull | None) -> None:
        error = self._recorder.lost(live, failure, count) if failure else None
        for exchange, answer in answered:
            exchange.respond(answer, error)

    def _take_in(self, exchange: Exchange, bulk: BulkResult) -> None:
        """What only the worker knew of a request that it read itself."""
        exchange.call.rows, exchange.call.client_id = bulk.rows, bulk.client_id
        if exchange.mismatch:  # the primary took what the canary had refused
            twin = exchange.as_shadow(exchange.live.config.version(exchange.refused_by))
            twin.role, twin.received_ns = CANARY, exchange.received_ns
            self._recorder.note_error(twin, 400, SCHEMA_MISMATCH + exchange.mismatch)

    def _finish_without(self, exchange: Exchange, result: JobResult, job: Job) -> None:
        self._recorder.drop(exchange)
        if result.bulk is not None:
            self._finish_refused(exchange, HttpError(result.bulk.status, result.error))
        else:
            self._finish_failed(exchange, result.error, job)

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
        self._recorder.note_error(exchange, status, error, job.is_cold)
        if exchange.connection is None:
            return
        try:
            if exchange.role == CANARY:
                self._answer_by_primary(exchange)
                return
            raise HttpError(status, error, RETRY_LATER if status == 503 else None)
        except HttpError as problem:
            exchange.connection.respond_error(problem)


def event_time(clock: GatewayTime, request: Request, received: int) -> int:
    """The time of a request's event in µs; in a replay its header `X-Event-Time` may say it. Raises `HttpError` 400."""
    try:
        return clock.micros_of(request.headers.get(b"x-event-time"), received)
    except ValueError:
        raise HttpError(400, "The header X-Event-Time is not a time in ISO 8601.") from None
