"""HTTP/1.1 over asyncio: parsing with httptools, limits, keep-alive, and answers in the order of the requests."""

from __future__ import annotations

import asyncio
import io
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, cast

import httptools
import msgspec
from msgspec import Struct

from mlops_desktop.serving.gateway.faults import HttpError

JSON = b"application/json"

BODIES_AT_A_TIME = 16
_LARGE_BODY = 64 * 1024
MOST_TOLD = 512
_SURPLUS_SECONDS = 5.0
_RETRY_LATER = {b"Retry-After": b"1"}

_REASONS = {
    200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 403: b"Forbidden", 404: b"Not Found",
    405: b"Method Not Allowed", 408: b"Request Timeout", 411: b"Length Required", 413: b"Content Too Large",
    414: b"URI Too Long", 415: b"Unsupported Media Type", 431: b"Request Header Fields Too Large",
    429: b"Too Many Requests", 500: b"Internal Server Error", 503: b"Service Unavailable", 504: b"Gateway Timeout",
    507: b"Insufficient Storage",
}  # fmt: skip


class Limits(Struct, frozen=True):
    """Sizes in bytes, times in seconds: between two parts of a request, for a whole one, between two, for an answer.

    Beyond `connections` a client is told so; far beyond it is cut off. All large bodies that have not been answered yet
    may together have `BODIES_AT_A_TIME` times the size of one.
    """

    target: int = 8 * 1024
    headers: int = 32 * 1024
    header_count: int = 100
    body: int = 64 * 1024 * 1024
    pipelined: int = 16
    receive_seconds: float = 30.0
    request_seconds: float = 180.0
    idle_seconds: float = 300.0
    answer_seconds: float = 240.0
    connections: int = 4096


class Request:
    """One request. Header names are in lower case."""

    __slots__ = ("body", "headers", "held", "keep_alive", "method", "received_ns", "target")

    def __init__(self) -> None:
        self.method = b""
        self.target = b""
        self.headers: dict[bytes, bytes] = {}
        self.body = b""
        self.held = 0
        self.keep_alive = True
        self.received_ns = 0


_NOTHING = Request()
"""Stands for the request that has not begun, so that the last one is not held for longer than it takes."""

Handler = Callable[[Request, "HttpConnection"], None]


class HttpConnection(asyncio.Protocol):
    """One client. The handler gets one request at a time and answers it, now or later, with `respond`.

    `held_bytes` is how much all clients' large bodies have, from their first bytes until they are answered.
    """

    held_bytes = 0

    def __init__(self, handler: Handler, connections: set[HttpConnection], limits: Limits) -> None:
        self._handler = handler
        self._connections = connections
        self._limits = limits
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._incoming = _NOTHING
        self._is_receiving = False
        self._parts: list[bytes] = []
        self._large: io.BytesIO | None = None  # grows without copying and becomes the body without copying
        self._body_size = 0
        self._header_size = self._header_count = 0
        self._fault: HttpError | None = None
        self._is_closing = False
        self._is_paused = False
        self._is_draining = False
        self._is_ended = False
        self._is_unread = False
        self._changed = self._began = time.monotonic()

    # asyncio's callbacks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)
        surplus = len(self._connections) - self._limits.connections
        if surplus > MOST_TOLD:
            self._transport.abort()
        elif surplus > 0:
            self._handler = _tell_too_many
            self._limits = msgspec.structs.replace(self._limits, idle_seconds=_SURPLUS_SECONDS)

    @property
    def peer(self) -> str:
        """The client's address; empty when it is gone."""
        name = self._transport.get_extra_info("peername") if self._transport is not None else None
        return str(name[0]) if name else ""

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        for request in (self._current, self._incoming, *self._waiting):
            _let_go(request)
        self._waiting.clear()
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        if self._is_closing:
            return
        self._changed = time.monotonic()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._fault = self._fault or HttpError(400, "The request is not valid HTTP/1.1.")
        if self._fault is not None and self._current is None and not self._waiting:
            self._refuse(self._fault)

    def eof_received(self) -> bool:
        """The client sends nothing more, but may still read: it gets the answers it waits for."""
        self._is_ended = True
        if self._current is not None or self._waiting:
            return True
        if self._is_receiving:
            self._refuse(HttpError(400, "The request ended before it was complete."))
        return False

    def pause_writing(self) -> None:
        """The client does not read its answers: make no more of them until it does."""
        self._is_unread = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._is_unread = False
        if self._transport is None or self._is_closing:
            return
        if not self._is_paused:
            self._transport.resume_reading()
        if self._current is None and not self._is_draining:
            self._start_waiting()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        self._incoming = Request()
        self._is_receiving = True
        self._began = time.monotonic()
        self._parts, self._large = [], None
        self._body_size = self._header_size = self._header_count = 0

    def on_url(self, url: bytes) -> None:
        self._incoming.target += url
        if len(self._incoming.target) > self._limits.target:
            self._fail(414, "The URL is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._header_size += len(name) + len(value) + 4
        self._header_count += 1
        if self._header_size > self._limits.headers or self._header_count > self._limits.header_count:
            self._fail(431, "The request's headers are too large or too many.")
        self._incoming.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._parser.should_upgrade():
            self._fail(400, "Protocol upgrades are not supported; use plain HTTP/1.1.")
        headers = self._incoming.headers
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length) > self._limits.body:
            self._fail(413, f"The body is larger than {self._limits.body:,} bytes; send fewer rows at a time.")
        if headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body_size += len(body)
        if self._body_size > self._limits.body:
            self._fail(413, f"The body is larger than {self._limits.body:,} bytes; send fewer rows at a time.")
        if self._body_size <= _LARGE_BODY:
            self._parts.append(body)
            return
        if self._large is None:
            self._large = io.BytesIO()
            self._large.writelines(self._parts)
        self._large.write(body)
        self._hold(len(body))

    def _hold(self, size: int) -> None:
        """Count a large body's bytes among those of all connections."""
        HttpConnection.held_bytes += size
        self._incoming.held += size
        if HttpConnection.held_bytes > BODIES_AT_A_TIME * self._limits.body:
            self._fail(503, "Too many large requests are being worked on; try again in a second.", _RETRY_LATER)

    def on_message_complete(self) -> None:
        request, self._is_receiving, self._incoming = self._incoming, False, _NOTHING
        request.method = self._parser.get_method()
        request.keep_alive = self._parser.should_keep_alive()
        if self._large is not None:
            request.body, self._large = self._large.getvalue(), None
        else:
            request.body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        request.received_ns = time.perf_counter_ns()
        self._parts = []
        if self._current is None and not self._is_unread:
            self._start(request)
            return
        self._waiting.append(request)
        if len(self._waiting) >= self._limits.pipelined and self._transport is not None and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()

    def _fail(self, status: int, message: str, headers: Mapping[bytes, bytes] | None = None) -> None:
        """Stop parsing: nothing after this can be trusted."""
        self._parts, self._large = [], None
        _let_go(self._incoming)
        self._fault = HttpError(status, message, headers)
        raise self._fault

    # answering

    def _start(self, request: Request) -> None:
        self._current = request
        self._handler(request, self)

    def respond(
        self,
        status: int,
        body: bytes | memoryview,
        content_type: bytes = JSON,
        headers: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """Answer the current request, and go on with the next one that waits."""
        request, self._current = self._current, None
        if self._transport is None or request is None:
            return
        if request.held:
            _let_go(request)
        keep_alive = request.keep_alive and not self._is_closing and not (self._is_ended and not self._waiting)
        head = _head(status, len(body), content_type, headers, keep_alive)
        if request.method == b"HEAD":
            self._transport.write(head)
        elif len(body) > _LARGE_BODY:
            self._transport.writelines((head, body))
        else:
            self._transport.write(b"".join((head, body)))
        self._changed = time.monotonic()
        if not keep_alive:
            self._is_closing = True
            self._transport.close()
        elif not self._is_draining:
            self._start_waiting()

    def _start_waiting(self) -> None:
        """Go on with what was pipelined. A loop, as an answer given at once would otherwise recurse."""
        self._is_draining = True
        while self._waiting and self._current is None and not (self._is_closing or self._is_unread):
            self._start(self._waiting.popleft())
        self._is_draining = False
        if self._waiting or self._transport is None or self._is_closing:
            return
        if self._is_paused:
            self._is_paused = False
            if not self._is_unread:
                self._transport.resume_reading()
        if self._fault is not None and self._current is None:
            self._refuse(self._fault)

    def respond_error(self, error: HttpError) -> None:
        target = b"" if self._current is None else self._current.target
        self.respond(error.status, error.body(target), headers=error.headers)

    def _refuse(self, fault: HttpError) -> None:
        if self._transport is not None and not self._is_closing:
            self._is_closing = True
            body = fault.body(self._incoming.target)
            self._transport.write(_head(fault.status, len(body), JSON, fault.headers, False) + body)
            if self._transport.can_write_eof() and not self._is_ended:
                self._transport.write_eof()  # what still comes is not read, but taken: else the answer would be lost
            else:
                self._transport.close()

    def close_when_idle(self) -> None:
        """Close now, or with the answer to the request at hand."""
        self._is_closing = True
        if self._current is None and self._transport is not None:
            self._transport.close()

    def close_if_late(self, now: float) -> None:
        """Close a connection that keeps us waiting for the rest of a request, or that has long been idle.

        One that does not read what it was sent, or goes on sending what nobody wants, is cut off.
        """
        if self._transport is None:
            return
        if self._is_closing and self._current is None:
            if now - self._changed > self._limits.receive_seconds:
                self._transport.abort()
            return
        if self._current is not None:
            if time.perf_counter_ns() - self._current.received_ns > self._limits.answer_seconds * 1e9:
                self._is_closing = True  # an answer that comes after all must not go to the next request
                self.respond_error(HttpError(504, "The answer took too long."))
            return
        is_slow = now - self._changed > self._limits.receive_seconds or now - self._began > self._limits.request_seconds
        if self._is_receiving and is_slow:
            self._refuse(HttpError(408, "The rest of the request did not arrive in time."))
        elif now - self._changed > self._limits.idle_seconds:
            self._transport.abort()


def _let_go(request: Request | None) -> None:
    if request is not None and request.held:
        HttpConnection.held_bytes -= request.held
        request.held = 0


def _tell_too_many(request: Request, connection: HttpConnection) -> None:
    request.keep_alive = False
    connection.respond_error(HttpError(503, "Too many connections are open; try again later.", {b"Retry-After": b"1"}))


def _head(
    status: int, length: int, content_type: bytes, headers: Mapping[bytes, bytes] | None, keep_alive: bool
) -> bytes:
    extra = b"".join(b"%s: %s\r\n" % pair for pair in headers.items()) if headers else b""
    connection = b"" if keep_alive else b"Connection: close\r\n"
    return b"HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n%s%s\r\n" % (
        status, _REASONS.get(status, b"Error"), content_type, length, connection, extra,
    )  # fmt: skip
