"""The gateway process."""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

from mlops_desktop.core.errors import Conflict, EnvironmentProblem
from mlops_desktop.serving.config import GatewayConfig
from mlops_desktop.serving.gateway.app import App
from mlops_desktop.serving.gateway.control import Command, Control, Message, emit
from mlops_desktop.serving.gateway.endpoints import Endpoints
from mlops_desktop.serving.gateway.http import HttpConnection, Limits

HOST = "127.0.0.1"
EXIT_NO_SOCKET = 4
_CLOSE_SECONDS = 3.0
_SWEEP_SECONDS = 5.0


def main(argv: list[str]) -> int:
    """Serve until standard input ends or `stop` comes. Exit code 4 when the port cannot be had."""
    parser = argparse.ArgumentParser(prog="gateway")
    parser.add_argument("--spool", type=Path, required=True, help="folder of the prediction log")
    parser.add_argument("--port", type=int, default=0, help="0 chooses one")
    arguments = parser.parse_args(argv)
    try:
        listener = bind(arguments.port)
    except EnvironmentProblem as problem:
        emit(Message(event="failed", error=str(problem)))
        return EXIT_NO_SOCKET
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(Gateway(listener, arguments.spool).run())
    return 0


def _loop_factory() -> Any:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def bind(port: int) -> socket.socket:
    """A listening socket on the loopback interface that nobody else can share; raises `EnvironmentProblem`."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform == "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            # Lets a restarted gateway have its port back at once; a port that is listened on stays refused.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind((HOST, port))
        listener.listen(1024)
        listener.setblocking(False)
    except (OSError, OverflowError) as problem:
        listener.close()
        raise EnvironmentProblem(
            f"Port {port} on {HOST} cannot be had: {getattr(problem, 'strerror', None) or problem}.",
            hint="Stop the program that uses it, or choose another port (0 picks a free one).",
        ) from problem
    return listener


class Gateway:
    """Joins control channel, HTTP server and endpoints. Connections are accepted once a configuration has come."""

    def __init__(self, listener: socket.socket, spool: Path) -> None:
        self._listener = listener
        self._spool = spool
        self._connections: set[HttpConnection] = set()
        self._app = App(self._connections)
        self._limits = Limits()
        self._server: asyncio.Server | None = None

    async def run(self) -> None:
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
        applying = asyncio.get_running_loop().create_task(self._app.configure(config))
        await asyncio.sleep(0)
        if self._server is None:
            self._server = await asyncio.get_running_loop().create_server(
                lambda: HttpConnection(self._app.handle, self._connections, self._limits), sock=self._listener
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
