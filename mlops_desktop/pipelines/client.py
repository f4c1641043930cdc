"""A client of the local gateway that keeps its connection and outlives a restart of the gateway."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Callable
from typing import Any

import msgspec

from mlops_desktop.core.errors import EnvironmentProblem

_PATIENCE = 30.0
_TRY_AGAIN = (503, 502)


class GatewayClient:
    """`address` tells where the gateway is now; it is asked again after every failed try."""

    def __init__(self, address: Callable[[], tuple[str, int]], token: str) -> None:
        self._address = address
        self._token = token
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        """Send JSON and return JSON. Tries again while the gateway is away, up to half a minute."""
        content = msgspec.json.encode(body)
        deadline = time.monotonic() + _PATIENCE
        pause = 0.01
        while True:
            try:
                status, answer = self._send(path, content, headers or {})
            except (OSError, http.client.HTTPException) as error:
                self.close()
                status, answer = 503, str(error).encode()
            if status == 200:
                return msgspec.json.decode(answer)
            if status not in _TRY_AGAIN or time.monotonic() > deadline:
                raise EnvironmentProblem(
                    f"The gateway answered {status} to {path}: {answer[:300].decode(errors='replace')}.",
                    hint="See logs/gateway.log in the workspace.",
                )
            time.sleep(pause)
            pause = min(pause * 2, 0.5)

    def _send(self, path: str, content: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        if self._connection is None:
            host, port = self._address()
            self._connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own = {"Content-Type": "application/json", "Authorization": f"Bearer {self._token}"}
        self._connection.request("POST", path, content, own | headers)
        response = self._connection.getresponse()
        return response.status, response.read()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
