"""The control channel: commands are JSON lines on standard input, replies and events on standard output."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.serving.config import GatewayConfig


class Command(Struct, frozen=True):
    """`command` is `configure`, `stats`, `clock` or `stop`; the reply carries the same `id`."""

    id: int
    command: str
    config: GatewayConfig | None = None
    time: str | None = None


class Message(Struct, frozen=True, omit_defaults=True):
    """A reply, when it has an id, or an event: `listening` or `failed`."""

    id: int = 0
    ok: bool = False
    error: str = ""
    event: str = ""
    host: str = ""
    port: int = 0
    pid: int = 0
    result: msgspec.Raw = msgspec.Raw(b"null")


_decoder = msgspec.json.Decoder(Command)


def emit(message: Message) -> None:
    """Write one line to whoever started us; nobody may be listening any more."""
    try:
        os.write(1, msgspec.json.encode(message) + b"\n")
    except OSError as problem:
        print(f"Nobody reads our messages: {problem}", file=sys.stderr, flush=True)  # noqa: T201


Answer = Callable[[Command], Awaitable[Any]]


class Control:
    """Reads commands in a thread, as standard input cannot be awaited on every system, and answers them in the loop."""

    def __init__(self, answer: Answer, ended: Callable[[], None]) -> None:
        self._answer = answer
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        threading.Thread(target=self._read, name="control", daemon=True).start()

    def _read(self) -> None:
        """Lines until the end of standard input; runs in its thread."""
        buffer = b""
        while data := os.read(0, 1 << 16):
            buffer += data
            *lines, buffer = buffer.split(b"\n")
            for line in lines:
                self._schedule(self._take, line)
        self._schedule(self._ended)

    def _schedule(self, callback: Callable[..., None], *arguments: bytes) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended by `stop`
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _take(self, line: bytes) -> None:
        try:
            command = _decoder.decode(line)
        except msgspec.DecodeError as problem:
            emit(Message(error=f"Not a command: {problem}"))
            return
        task = self._loop.create_task(self._reply(command))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, command: Command) -> None:
        try:
            result = await self._answer(command)
        except Exception as problem:
            emit(Message(command.id, error=str(problem) or type(problem).__name__))
        else:
            emit(Message(command.id, True, result=msgspec.Raw(msgspec.json.encode(result))))
