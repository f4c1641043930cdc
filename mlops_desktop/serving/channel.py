"""The supervisor's end of the gateway's control channel: one child process, its commands and what it says."""

from __future__ import annotations

import itertools
import subprocess
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.processes import kill_group, program_command, start_child, stop_child
from mlops_desktop.serving.policies import SecuritySpec

_KEEPING_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(64 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
"""Has glibc keep the memory of one large request for the next one: taking it anew costs as much as all else."""

_NO_RESULT = msgspec.Raw(b"null")


class _Line(Struct, frozen=True):
    """What the gateway writes, see `gateway/control.py`."""

    id: int = 0
    ok: bool = False
    error: str = ""
    event: str = ""
    host: str = ""
    port: int = 0
    result: msgspec.Raw = _NO_RESULT


_decoder = msgspec.json.Decoder(_Line)


class Refused(Exception):
    """The gateway answered a command with an error."""


class Ended(Exception):
    """The gateway ended before it answered."""


class Access(Struct, frozen=True):
    """Where the gateway listens, and what it needs for that beyond this machine: PEM files, and the file of tokens."""

    host: str = "127.0.0.1"
    certificate: str = ""
    key: str = ""
    tokens: str = ""

    @classmethod
    def of(cls, security: SecuritySpec, tokens: str) -> Access:
        return cls(security.host, security.certificate, security.key, tokens)

    @property
    def arguments(self) -> list[str]:
        """How a gateway is told."""
        named = {"--host": self.host, "--certificate": self.certificate, "--key": self.key, "--tokens": self.tokens}
        return [word for name, value in named.items() if value for word in (name, value)]


class GatewayChannel:
    """A started gateway. Thread-safe; a thread of its own reads what the gateway says until it ends."""

    def __init__(self, spool: Path, log_file: Path, port: int, access: Access) -> None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("ab") as stderr:
            command = program_command("gateway", "--spool", str(spool), "--port", str(port), *access.arguments)
            self.process = start_child(command, stdout=subprocess.PIPE, stderr=stderr, environment=_KEEPING_MEMORY)
        self.started = time.monotonic()
        self.host, self.port = access.host, port
        self.failure = ""
        self._listening = threading.Event()
        self._ids = itertools.count(1)
        self._lock = threading.Lock()
        self._pending: dict[int, Future[bytes]] = {}
        stdout = self.process.stdout
        if stdout is None:
            raise EnvironmentProblem("The gateway was started without an output.")
        self._reader = threading.Thread(target=self._read, args=(stdout,), name="gateway-control", daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self.started

    def wait_listening(self, seconds: float) -> bool:
        """Whether the gateway has its port, waiting up to `seconds`; False at once when it ended."""
        self._listening.wait(seconds)
        return self._listening.is_set() and not self.failure and self.is_alive

    def send(self, command: str, **fields: Any) -> Future[bytes]:
        """Send a command; the future holds the JSON of the result, or `Refused` or `Ended`."""
        future: Future[bytes] = Future()
        number = next(self._ids)
        line = msgspec.json.encode({"id": number, "command": command} | fields) + b"\n"
        with self._lock:
            self._pending[number] = future
            try:
                if self.process.stdin is None:
                    raise BrokenPipeError
                self.process.stdin.write(line)
                self.process.stdin.flush()
            except (OSError, ValueError):
                self._pending.pop(number, None)
                future.set_exception(Ended("The gateway has ended."))
        return future

    def _read(self, stdout: IO[bytes]) -> None:
        for line in stdout:
            try:
                said = _decoder.decode(line)
            except msgspec.DecodeError:
                continue
            if said.event == "listening":
                self.host, self.port = said.host, said.port
                self._listening.set()
            elif said.event == "failed":
                self.failure = said.error
            else:
                self._settle(said)
        self._end()

    def _settle(self, said: _Line) -> None:
        with self._lock:
            future = self._pending.pop(said.id, None)
        if future is None:
            return
        if said.ok:
            future.set_result(bytes(said.result))
        else:
            future.set_exception(Refused(said.error))

    def _end(self) -> None:
        with self._lock:
            pending = list(self._pending.values())
            self._pending.clear()
        for future in pending:
            future.set_exception(Ended("The gateway ended before it answered."))
        self._listening.set()

    def stop(self, patience: float) -> int:
        """Let it drain and end, or make it; returns the exit code."""
        code = stop_child(self.process, patience=patience)
        kill_group(self.process)
        self._reader.join(2.0)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def abandon(self) -> None:
        """Release what belongs to a process that has ended."""
        kill_group(self.process)
        self.process.wait()
        self._reader.join(2.0)
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
