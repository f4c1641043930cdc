"""The gateway process."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import socket
import ssl
import sys
import time
from pathlib import Path
from typing import Any

from mlops_desktop.core.errors import Conflict, EnvironmentProblem
from mlops_desktop.serving.config import GatewayConfig
from mlops_desktop.serving.gateway.app import App
from mlops_desktop.serving.gateway.control import Command, Control, Message, emit
from mlops_desktop.serving.gateway.endpoints import Endpoints
from mlops_desktop.serving.gateway.http import MOST_TOLD, HttpConnection, Limits
from mlops_desktop.serving.gateway.tls import server_context
from mlops_desktop.serving.policies import SecuritySpec, is_loopback
from mlops_desktop.serving.tokens import TokenFile

HOST = "127.0.0.1"
EXIT_NO_SOCKET = 4
_CLOSE_SECONDS = 3.0
_SWEEP_SECONDS = 5.0
_BACKLOG = 1024
_OWN_DESCRIPTORS, _FEWEST_CONNECTIONS = 128, 16


def main(argv: list[str]) -> int:
    """Serve until standard input ends or `stop` comes. Exit code 4 when the port cannot be had."""
    parser = argparse.ArgumentParser(prog="gateway")
    parser.add_argument("--spool", type=Path, required=True, help="folder of the prediction log")
    parser.add_argument("--port", type=int, default=0, help="0 chooses one")
    parser.add_argument("--host", default=HOST, help="address; others than this machine's need TLS and tokens")
    parser.add_argument("--certificate", type=Path, help="PEM file; with it TLS is spoken")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--tokens", type=Path, help="file of the clients' tokens")
    arguments = parser.parse_args(argv)
    try:
        tls = _tls(arguments)
        listener = bind(arguments.port, arguments.host)
    except EnvironmentProblem as problem:
        emit(Message(event="failed", error=str(problem)))
        return EXIT_NO_SOCKET
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(Gateway(listener, arguments.spool, tls).run())
    return 0


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    """TLS where a certificate is given. Raises `EnvironmentProblem` for what would leave the gateway open to others."""
    is_public = not is_loopback(arguments.host)
    if is_public and not (arguments.certificate and arguments.key):
        raise EnvironmentProblem(
            f"The gateway does not listen on {arguments.host} without TLS.",
            hint="Give a certificate and its key; `mlops-desktop serve certificate` makes them for a trial.",
        )
    if is_public and not (arguments.tokens and TokenFile(arguments.tokens)):
        raise EnvironmentProblem(
            f"The gateway does not listen on {arguments.host} while there are no tokens.",
            hint="Make one with `mlops-desktop serve token create`.",
        )
    return server_context(arguments.certificate, arguments.key) if arguments.certificate and arguments.key else None


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def bind(port: int, host: str = HOST) -> socket.socket:
    """A listening socket that nobody else can share; raises `EnvironmentProblem`."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Lets a restarted gateway have its port back at once; a port that is listened on stays refused.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except (OSError, OverflowError) as problem:
        listener.close()
        raise EnvironmentProblem(
            f"Port {port} on {host} cannot be had: {getattr(problem, 'strerror', None) or problem}.",
            hint="Stop the program that uses it, or choose another port (0 picks a free one).",
        ) from problem
    return listener


def _limits_of(security: SecuritySpec) -> Limits:
    return Limits(
        headers=round(security.header_kb * 1024),
        header_count=security.header_count,
        body=round(security.body_mb * 1024 * 1024),
        request_seconds=security.receive_seconds,
        receive_seconds=min(security.receive_seconds, Limits().receive_seconds),
        answer_seconds=security.answer_seconds,
        connections=min(security.connections, _most_connections()),
    )


def _most_connections() -> int:
    """As many as there are descriptors, without what the log, workers and clients that are sent away need."""
    with contextlib.suppress(ImportError, OSError):
        import resource

        have, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if have != resource.RLIM_INFINITY:
            return max(_FEWEST_CONNECTIONS, have - MOST_TOLD - _OWN_DESCRIPTORS)
    return sys.maxsize


def _allow_many_connections() -> None:
    """Each connection is a descriptor, of which systems give a process few until it asks for more."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 1 << 16 if most == resource.RLIM_INFINITY else min(most, 1 << 16)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


class Gateway:
    """Joins control channel, HTTP server and endpoints. Connections are accepted once a configuration has come."""

    def __init__(self, listener: socket.socket, spool: Path, tls: ssl.SSLContext | None = None) -> None:
        self._listener = listener
        self._tls = tls
        self._spool = spool
        self._connections: set[HttpConnection] = set()
        self._app = App(self._connections, is_local=is_loopback(listener.getsockname()[0]))
        self._limits = Limits()
        self._server: asyncio.Server | None = None

    async def run(self) -> None:
        _allow_many_connections()
        self._ended = asyncio.Event()
        self._app.endpoints = Endpoints(self._spool, self._app.predictions.finished)
        Control(self._answer, self._ended.set).start()
        host, port = self._listener.getsockname()[:2]
        emit(Message(event="listening", host=host, port=port, pid=os.getpid()))
        sweeper = asyncio.get_running_loop().create_task(self._sweep())
        await self._ended.wait()
        sweeper.cancel()
        await self._close()

    async def _answer(self, command: Command) -> Any:
        if command.command == "stats":
            return self._app.stats()
        if command.command == "clock":
            self._app.clock.set(command.time)
        elif command.command == "stop":
            self._ended.set()
        elif command.command == "configure" and command.config is not None:
            command.config.check()
            await self._configure(command.config)
        else:
            raise Conflict(f"There is no command '{command.command}'.")
        return None

    async def _configure(self, config: GatewayConfig) -> None:
        self._limits = _limits_of(config.security)
        applying = asyncio.get_running_loop().create_task(self._app.configure(config))
        await asyncio.sleep(0)
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: HttpConnection(self._app.handle, self._connections, self._limits),
                sock=self._listener,
                ssl=self._tls,
                backlog=_BACKLOG,
            )
        failure = await applying
        if failure:
            raise Conflict(failure)

    async def _sweep(self) -> None:
        swept = time.monotonic()
        while True:
            await asyncio.sleep(self._app.endpoints.tick_seconds)
            now = time.monotonic()
            self._app.endpoints.tick(now)
            if now - swept >= _SWEEP_SECONDS:
                swept = now
                for connection in list(self._connections):
                    connection.close_if_late(now)

    async def _close(self) -> None:
        """Accept nothing more, answer what was accepted, end the workers."""
        if self._server is not None:
            self._server.close()
        self._listener.close()
        for connection in list(self._connections):
            connection.close_when_idle()
        await self._app.endpoints.close(_CLOSE_SECONDS)
