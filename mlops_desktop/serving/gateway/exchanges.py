"""One request on its way through one version: what is sent to a worker for it, and how its answer is put in words."""

from __future__ import annotations

import time
from typing import Any

from mlops_desktop.serving.config import ServedVersion
from mlops_desktop.serving.decisions import decide
from mlops_desktop.serving.earlybody import EarlyBody
from mlops_desktop.serving.frames import BulkJob, BulkResult, JobResult
from mlops_desktop.serving.gateway.calls import Answer, Call, Codec, Form
from mlops_desktop.serving.gateway.checks import columns_in_order
from mlops_desktop.serving.gateway.compression import SMALLEST_BYTES, compressed
from mlops_desktop.serving.gateway.endpoints import LiveEndpoint
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.http import HttpConnection
from mlops_desktop.serving.gateway.pool import BATCH_ROWS, Job, QueueFull, VersionFailed
from mlops_desktop.serving.log import PRIMARY, SHADOW, is_sampled

BULK_ROWS = BATCH_ROWS + 1
"""What a request that was not read yet counts for: it goes to a worker alone."""

RETRY_LATER = {b"Retry-After": b"1"}


class Exchange:
    """One request on its way through one version. A shadow has no connection: nobody waits for it.

    A request that a worker is to read has its `body`, and a `call` without rows until it is answered. `mismatch` is
    what the worker of the canary `refused_by` had against it; it counts against the canary if the primary takes it.
    `early` is its body on the way into the log.
    """

    __slots__ = (
        "body", "call", "codec", "connection", "early", "form", "id", "live", "mismatch", "received", "received_ns",
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
        self.early: EarlyBody | None = None
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

    def job(self) -> Job:
        """What is sent to a worker; raises `HttpError` 400 for columns that do not fit the version's signature."""
        live, config, version = self.live, self.live.config, self.version
        if self.body is None:
            columns: Any = columns_in_order(self.call.columns, version.signature, config.rules)
            return Job(columns, self.call.rows, self)
        bulk: Any = BulkJob(
            self.codec.name, self.form, memoryview(self.body), self.id, config.name, config.model,
            version.number, self.role, version.threshold, config.rules, is_sampled(self.id, live.share),
            {name: str(how) for name, how in config.serving.log.sensitive.items()}, live.key,
        )  # fmt: skip
        return Job(bulk, BULK_ROWS, self)

    def answer(self, result: JobResult) -> Answer:
        """What a version's scores mean."""
        config, version = self.live.config, self.version
        predictions = decide(version.signature, version.threshold, result.scores, result.picks)
        return Answer(
            self.id,
            self.call.client_id,
            config.model,
            config.name,
            version.number,
            self.role,
            result.scores,
            predictions,
            version.signature.classes,
            result.probabilities,
        )

    def respond(self, answer: Answer | BulkResult, error: HttpError | None = None) -> None:
        """Send the answer to whoever waits for it, or the error that came between."""
        connection = self.connection
        if connection is None:
            return
        if error is not None:
            connection.respond_error(error)
        elif isinstance(answer, BulkResult):
            connection.respond(200, answer.content, answer.content_type.encode(), _as_headers(answer.headers))
        else:
            encoded, form = self.codec.encode(answer, self.call, self.form), self.form
            if form.compress and len(encoded.content) >= SMALLEST_BYTES:
                encoded.content = compressed(encoded.content, form.compress)
                encoded.headers = (encoded.headers or {}) | {"Content-Encoding": form.compress}
            connection.respond(200, encoded.content, encoded.content_type.encode(), _as_headers(encoded.headers))


def _as_headers(headers: dict[str, str] | None) -> dict[bytes, bytes] | None:
    return {name.encode(): value.encode() for name, value in headers.items()} if headers else None


def as_http_error(problem: Exception) -> HttpError:
    """What to answer where a version did not take a request."""
    if isinstance(problem, HttpError):
        return problem
    if isinstance(problem, QueueFull):
        return HttpError(503, "Too many requests are waiting; try again in a second.", RETRY_LATER)
    if isinstance(problem, VersionFailed):
        return HttpError(503, str(problem), RETRY_LATER)
    return HttpError(503, "The version is not available.", RETRY_LATER)
