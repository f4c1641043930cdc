"""What each URL does."""

from __future__ import annotations

import asyncio
import sys
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from mlops_desktop import __version__
from mlops_desktop.serving.config import GatewayConfig
from mlops_desktop.serving.figures import GatewayStats
from mlops_desktop.serving.gateway.calls import Codec
from mlops_desktop.serving.gateway.clock import GatewayTime
from mlops_desktop.serving.gateway.docs import DOCS_HEADERS, docs_page
from mlops_desktop.serving.gateway.endpoints import Endpoints, LiveEndpoint
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.guard import Guard
from mlops_desktop.serving.gateway.http import HttpConnection, Request
from mlops_desktop.serving.gateway.invocations import InvocationsCodec
from mlops_desktop.serving.gateway.meters import Meters
from mlops_desktop.serving.gateway.openapi import openapi
from mlops_desktop.serving.gateway.plain import PlainCodec, decode_feedback, decode_json
from mlops_desktop.serving.gateway.predictions import Predictions, event_time
from mlops_desktop.serving.gateway.v2 import V2Codec
from mlops_desktop.serving.gateway.v2_models import (
    model_config,
    model_metadata,
    repository_index,
    server_metadata,
    statistics,
)
from mlops_desktop.serving.log import FeedbackRecord, LogFull, encode_record

_PLAIN, _V2, _INVOCATIONS = PlainCodec(), V2Codec(), InvocationsCodec()
_index_decoder = msgspec.json.Decoder(dict[str, Any])
_PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"
_encode = msgspec.json.encode


class App:
    """Answers requests with what is configured. `endpoints` is given after construction, as it reports back to us."""

    def __init__(self, connections: set[HttpConnection], *, is_local: bool = True) -> None:
        self.meters = Meters()
        self.clock = GatewayTime()
        self.predictions = Predictions(self.meters, self.clock)
        self.endpoints: Endpoints
        self._connections = connections
        self.guard = Guard(is_local=is_local)
        self._fixed: dict[bytes, tuple[bytes, Callable[[Request, HttpConnection], None]]] = {
            b"/predict": (b"POST", self._predict_only),
            b"/feedback": (b"POST", self._feedback),
            b"/invocations": (b"POST", self._invoke_only),
            b"/ping": (b"GET", self._ping),
            b"/version": (b"GET", lambda _, c: c.respond(200, __version__.encode(), b"text/plain; charset=utf-8")),
            b"/openapi.json": (b"GET", self._openapi),
            b"/docs": (b"GET", lambda _, c: c.respond(200, docs_page(), b"text/html; charset=utf-8", DOCS_HEADERS)),
            b"/health": (b"GET", self._health),
            b"/metrics": (b"GET", self._metrics),
            b"/v2": (b"GET", lambda _, c: c.respond(200, _encode(server_metadata()))),
            b"/v2/health/live": (b"GET", lambda _, c: c.respond(200, b'{"live":true}')),
            b"/v2/health/ready": (b"GET", self._v2_ready),
            b"/v2/repository/index": (b"POST", self._v2_index),
            b"/v2/models/stats": (b"GET", self._v2_all_stats),
        }

    async def configure(self, config: GatewayConfig) -> str:
        """Apply a configuration; returns an empty text, or why the old one stays."""
        self.guard.configure(config.security, config.feedback_token, config.tokens_file)
        return await self.endpoints.apply(config)

    def stats(self) -> GatewayStats:
        return self.meters.snapshot(self.endpoints.pool_stats(), len(self._connections), self.clock.text)

    def handle(self, request: Request, connection: HttpConnection) -> None:
        """Answer a request; what nobody foresaw is logged here and told to the client without details."""
        try:
            self._dispatch(request, connection)
        except HttpError as error:
            self.meters.rejected += 1
            connection.respond_error(error)
        except Exception:
            traceback.print_exc(file=sys.stderr)
            connection.respond_error(HttpError(500, "The gateway met an unexpected problem; its log says more."))

    def _dispatch(self, request: Request, connection: HttpConnection) -> None:
        path = request.target.partition(b"?")[0]
        if b"%" in path:
            path = unquote_to_bytes(path)  # before the guard looks at it, which must see what is done
        if len(path) > 1:
            path = path.rstrip(b"/")
        self.guard.admit(request, path, connection)
        fixed = self._fixed.get(path)
        if fixed is not None:
            _allow(request, fixed[0])
            fixed[1](request, connection)
            return
        parts = path.decode("utf-8", "replace").split("/")[1:] or [""]
        if parts[:2] == ["v2", "models"] and len(parts) > 2:
            self._v2_model(parts[2:], request, connection)
        elif parts[0] == "models" and len(parts) > 2:
            self._own_model(parts[1:], request, connection)
        else:
            raise HttpError(404, "There is nothing at this address.")

    def _endpoint(self, name: str) -> LiveEndpoint:
        live = self.endpoints.get(name)
        if live is None:
            raise HttpError(404, f"There is no model '{name}' here.")
        return live

    def _only_endpoint(self) -> LiveEndpoint:
        only = self.endpoints.only
        if only is None:
            names = ", ".join(live.config.name for live in self.endpoints.all) or "none"
            raise HttpError(404, f"Say which model: /models/<name>/…; there are: {names}.")
        return only

    # predictions

    def _predict_only(self, request: Request, connection: HttpConnection) -> None:
        self.predictions.take(self._only_endpoint(), None, _PLAIN, request, connection)

    def _invoke_only(self, request: Request, connection: HttpConnection) -> None:
        self.predictions.take(self._only_endpoint(), None, _INVOCATIONS, request, connection)

    def _own_model(self, parts: list[str], request: Request, connection: HttpConnection) -> None:
        """`{m}[/versions/{v}]/predict`, `…/invocations`, and `{m}/feedback`."""
        live, number, rest = self._version_in(parts)
        if rest == ["feedback"] and number is None:
            _allow(request, b"POST")
            self._take_feedback(live, request, connection)
        elif rest in (["predict"], ["invocations"]):
            _allow(request, b"POST")
            codec: Codec = _PLAIN if rest == ["predict"] else _INVOCATIONS
            self.predictions.take(live, number, codec, request, connection)
        else:
            raise HttpError(404, "There is nothing at this address.")

    def _version_in(self, parts: list[str]) -> tuple[LiveEndpoint, int | None, list[str]]:
        """The endpoint and, where it is named, the version of `{m}[/versions/{v}]…`; and what follows."""
        live, rest = self._endpoint(parts[0]), parts[1:]
        if rest[:1] == ["versions"] and len(rest) > 1:
            return live, _version_number(live, rest[1]), rest[2:]
        return live, None, rest

    # feedback

    def _feedback(self, request: Request, connection: HttpConnection) -> None:
        self._take_feedback(None, request, connection)

    def _take_feedback(self, live: LiveEndpoint | None, request: Request, connection: HttpConnection) -> None:
        name, pairs = decode_feedback(request.body)
        if live is None:
            live = self._endpoint(name) if name else self._only_endpoint()
        received = time.time_ns() // 1000
        moment, endpoint, redactor = event_time(self.clock, request, received), live.config.name, live.redactor
        if redactor is not None:
            pairs = [(redactor.label_id(key), label) for key, label in pairs]
        records = [encode_record(FeedbackRecord(key, label, moment, received, endpoint)) for key, label in pairs]
        if not records:
            connection.respond(200, _encode({"accepted": 0}))
            return
        try:
            live.log.append(b"".join(records))
        except LogFull as problem:
            self._labels_stored(len(pairs), connection, problem)
            return
        answer = partial(self._labels_stored, len(pairs), connection)
        if live.config.serving.log.strict:
            live.log.after_sync(partial(asyncio.get_running_loop().call_soon_threadsafe, answer))
        else:
            answer(None)

    def _labels_stored(self, count: int, connection: HttpConnection, failure: LogFull | None) -> None:
        """Say that labels were stored, which by any policy is only said when they were."""
        if failure is not None:
            self.meters.log_error = str(failure)
            error = HttpError(503, "The labels could not be stored: the disk is full.", {b"Retry-After": b"10"})
            connection.respond_error(error)
            return
        self.meters.feedback += count
        connection.respond(200, _encode({"accepted": count}))

    # state

    def _health(self, _: Request, connection: HttpConnection) -> None:
        is_ready = self.endpoints.is_ready
        body: dict[str, Any] = {"status": "ok" if is_ready else "not ready"}
        body["endpoints"] = {live.config.name: live.is_ready for live in self.endpoints.all}
        connection.respond(200 if is_ready else 503, _encode(body))

    def _metrics(self, _: Request, connection: HttpConnection) -> None:
        connection.respond(200, self.meters.prometheus(self.endpoints.pool_stats()).encode(), _PROMETHEUS)

    def _v2_ready(self, _: Request, connection: HttpConnection) -> None:
        is_ready = self.endpoints.is_ready
        connection.respond(200 if is_ready else 503, _encode({"ready": is_ready}))

    def _ping(self, _: Request, connection: HttpConnection) -> None:
        connection.respond(200 if self.endpoints.is_ready else 503, b"\n", b"text/plain; charset=utf-8")

    def _openapi(self, _: Request, connection: HttpConnection) -> None:
        connection.respond(200, _encode(openapi([live.config for live in self.endpoints.all])))

    def _v2_index(self, request: Request, connection: HttpConnection) -> None:
        asked = decode_json(_index_decoder, request.body) if request.body.strip() else {}
        connection.respond(200, _encode(repository_index(self.endpoints.all, ready_only=asked.get("ready") is True)))

    def _v2_all_stats(self, _: Request, connection: HttpConnection) -> None:
        known = [entry for live in self.endpoints.all for entry in statistics(live, sorted(live.pools), self.meters)]
        connection.respond(200, _encode({"model_stats": known}))

    def _v2_model(self, parts: list[str], request: Request, connection: HttpConnection) -> None:
        """`{m}[/versions/{v}][/ready|/config|/stats|/infer]`."""
        live, number, rest = self._version_in(parts)
        if rest == ["infer"]:
            _allow(request, b"POST")
            self.predictions.take(live, number, _V2, request, connection)
            return
        _allow(request, b"GET")
        shown = live.config.route.primary if number is None else number
        if rest == ["ready"]:
            is_ready = shown in live.pools and live.pools[shown].is_ready
            connection.respond(200 if is_ready else 503, _encode({"name": live.config.name, "ready": is_ready}))
        elif not rest:
            connection.respond(200, _encode(model_metadata(live.config, live.config.version(shown))))
        elif rest == ["config"]:
            connection.respond(200, _encode(model_config(live.config, live.config.version(shown))))
        elif rest == ["stats"]:
            numbers = sorted(live.pools) if number is None else [number]
            connection.respond(200, _encode({"model_stats": statistics(live, numbers, self.meters)}))
        else:
            raise HttpError(404, "There is nothing at this address.")


def _version_number(live: LiveEndpoint, text: str) -> int:
    for version in live.config.versions:
        if str(version.number) == text:
            return version.number
    raise HttpError(404, f"There is no version '{text}' of model '{live.config.name}' here.")


def _allow(request: Request, method: bytes) -> None:
    if request.method != method and not (method == b"GET" and request.method == b"HEAD"):
        raise HttpError(405, f"Use {method.decode()} here.", {b"Allow": method})
