"""Starts the gateway, keeps it alive on its port with its configuration, and tells how it fares."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from enum import StrEnum
from pathlib import Path

import msgspec
from msgspec import Struct

from mlops_desktop.core.errors import Conflict, EnvironmentProblem
from mlops_desktop.serving.channel import Access, Ended, GatewayChannel, Refused
from mlops_desktop.serving.config import GatewayConfig
from mlops_desktop.serving.figures import GatewayStats

START_SECONDS = 60.0
STATS_SECONDS = 0.3
STOP_SECONDS = 6.0
QUICK_SECONDS = 10.0
MAX_QUICK_DEATHS = 5
_BACK_OFF_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0)


class SupervisorState(StrEnum):
    STOPPED = "stopped"
    RUNNING = "running"
    WAITING = "waiting"
    FAILED = "failed"


class Outcome(Struct, frozen=True):
    """State of the gateway, and in words what happened to it. `restarts` counts since `start`."""

    state: SupervisorState
    reason: str
    pid: int | None = None
    port: int = 0
    restarts: int = 0


class Applied(Struct, frozen=True):
    """What became of the last configuration: `is_done` without an `error` means that it is served."""

    is_done: bool
    error: str = ""


class Supervisor:
    """Owns the gateway of one workspace. Thread-safe; only `start` and `stop` take their time."""

    def __init__(self, spool: Path, logs: Path, *, port: int = 0, access: Access | None = None) -> None:
        self.access = access or Access()
        self._spool = spool
        self._log_file = logs / "gateway.log"
        self._port = port
        self._lock = threading.RLock()
        self._channel: GatewayChannel | None = None
        self._config = GatewayConfig(endpoints=())
        self._clock: str | None = None
        self._applying: Future[bytes] | None = None
        self._stats = GatewayStats()
        self._asking: Future[bytes] | None = None
        self._quick_deaths = 0
        self._retry_at = 0.0
        self._outcome = Outcome(SupervisorState.STOPPED, "The gateway was not started.")

    @property
    def host(self) -> str:
        return self.access.host

    @property
    def scheme(self) -> str:
        return "https" if self.access.certificate else "http"

    @property
    def port(self) -> int:
        """The port it listens on; 0 before the first start when none was asked for."""
        return self._port

    @property
    def pid(self) -> int | None:
        channel = self._channel
        return channel.process.pid if channel is not None and channel.is_alive else None

    @property
    def is_alive(self) -> bool:
        return self.pid is not None

    @property
    def outcome(self) -> Outcome:
        return self._outcome

    def start(self, config: GatewayConfig) -> Outcome:
        """Start the gateway and wait until it serves `config`.

        Raises `EnvironmentProblem` when the port cannot be had or the gateway does not start, and `Conflict` when a
        version cannot be loaded; the gateway then does not run.
        """
        config.check()
        with self._lock:
            if self.is_alive:
                raise Conflict("The gateway runs already.", hint="Stop it first, or give it a new configuration.")
            self._release()
            self._config, self._quick_deaths, self._retry_at = config, 0, 0.0
            channel = self._launch()
        try:
            if not channel.wait_listening(START_SECONDS):
                raise EnvironmentProblem(
                    channel.failure or self._death(channel), hint="" if channel.failure else self._see_log()
                )
            applied = self.wait_applied(START_SECONDS)
            if not channel.is_alive:
                raise EnvironmentProblem(self._death(channel), hint=self._see_log())
            if applied.error or not applied.is_done:
                raise Conflict(
                    applied.error or "The gateway did not load its models in time.",
                    hint=f"Serve another version; {self._log_file.name} says more.",
                )
        except (EnvironmentProblem, Conflict) as problem:
            self.stop()
            self._outcome = Outcome(SupervisorState.FAILED, str(problem))
            raise
        with self._lock:
            self._port = channel.port
            self._outcome = Outcome(
                SupervisorState.RUNNING,
                f"The gateway serves at port {channel.port}.",
                channel.process.pid,
                channel.port,
            )
        return self._outcome

    def configure(self, config: GatewayConfig) -> None:
        """Hand over a new configuration and return at once; see `applied`. Raises `InvalidInput` on contradictions.

        A gateway that is restarted gets the latest configuration that was not refused.
        """
        config.check()
        with self._lock:
            before, self._config = self._config, config
            if self._channel is None or not self._channel.is_alive:
                return
            self._applying = self._channel.send("configure", config=msgspec.to_builtins(config))
            self._applying.add_done_callback(lambda done: self._revert_if_refused(done, config, before))

    def _revert_if_refused(self, done: Future[bytes], refused: GatewayConfig, before: GatewayConfig) -> None:
        if not isinstance(done.exception(), Refused):
            return
        with self._lock:
            if self._config is refused:
                self._config = before

    @property
    def applied(self) -> Applied:
        """What became of the last configuration, without waiting."""
        return self.wait_applied(0.0)

    def wait_applied(self, seconds: float) -> Applied:
        """What became of the last configuration, waiting up to `seconds` for the gateway to load it."""
        applying = self._applying
        if applying is None:
            return Applied(False, "" if self.is_alive else "The gateway does not run.")
        try:
            applying.result(seconds)
        except (FutureTimeout, Ended):
            return Applied(False)  # one that ended gets it again when it is restarted
        except Refused as problem:
            return Applied(True, str(problem))
        return Applied(True)

    def set_clock(self, moment: str | None) -> None:
        """Fix the time that records get (ISO 8601), or give them the machine's with None."""
        with self._lock:
            self._clock = moment
            if self._channel is not None and self._channel.is_alive:
                self._channel.send("clock", time=moment)

    def stats(self) -> GatewayStats:
        """The gateway's figures; the last known ones when it does not answer within 0.3 s."""
        with self._lock:
            channel = self._channel
            if channel is None or not channel.is_alive:
                return self._stats
            asking = self._asking = self._asking or channel.send("stats")
        try:
            self._stats = msgspec.json.decode(asking.result(STATS_SECONDS), type=GatewayStats)
            self._asking = None
        except FutureTimeout:
            pass
        except (Refused, Ended):
            self._asking = None
        return self._stats

    def ensure_alive(self) -> Outcome:
        """Restart a dead gateway on the same port with the same configuration; call this every now and then.

        A gateway that keeps dying young is restarted ever later, and given up after 5 times: the state is then
        `failed` until `start` is called again. Does not wait for the new gateway.
        """
        with self._lock:
            channel = self._channel
            if channel is None or self._outcome.state is SupervisorState.FAILED:
                return self._outcome
            if channel.is_alive:
                if channel.age_seconds > QUICK_SECONDS:
                    self._quick_deaths = 0
                return self._outcome
            if self._outcome.state is SupervisorState.RUNNING:
                self._note_death(channel)
            if self._outcome.state is SupervisorState.WAITING and time.monotonic() >= self._retry_at:
                self._restart()
            return self._outcome

    def _note_death(self, channel: GatewayChannel) -> None:
        self._quick_deaths = self._quick_deaths + 1 if channel.age_seconds < QUICK_SECONDS else 0
        reason = channel.failure or self._death(channel)
        restarts = self._outcome.restarts
        if self._quick_deaths > MAX_QUICK_DEATHS:
            text = f"The gateway was given up after {self._quick_deaths} quick deaths. {reason} {self._see_log()}"
            self._outcome = Outcome(SupervisorState.FAILED, text, None, self._port, restarts)
            return
        in_a_row = min(max(1, self._quick_deaths), len(_BACK_OFF_SECONDS))
        self._retry_at = time.monotonic() + _BACK_OFF_SECONDS[in_a_row - 1]
        self._outcome = Outcome(SupervisorState.WAITING, reason, None, self._port, restarts)

    def _restart(self) -> None:
        reason, restarts = self._outcome.reason, self._outcome.restarts + 1
        self._release()
        channel = self._launch()
        self._outcome = Outcome(
            SupervisorState.RUNNING, f"Restarted. {reason}", channel.process.pid, self._port, restarts
        )

    def _launch(self) -> GatewayChannel:
        """Start the process and hand it everything it has to know, without waiting."""
        channel = self._channel = GatewayChannel(self._spool, self._log_file, self._port, self.access)
        self._asking = None
        if self._clock is not None:
            channel.send("clock", time=self._clock)
        self._applying = channel.send("configure", config=msgspec.to_builtins(self._config))
        return channel

    def _release(self) -> None:
        if self._channel is not None:
            self._channel.abandon()
            self._channel = None

    def stop(self) -> Outcome:
        """Let the gateway answer what it accepted, and end it."""
        with self._lock:
            channel, self._channel = self._channel, None
            self._applying = None
        code = channel.stop(STOP_SECONDS) if channel is not None else 0
        reason = "The gateway was stopped." if code == 0 else f"The gateway ended with {_in_words(code)}."
        self._outcome = Outcome(SupervisorState.STOPPED, reason, None, self._port, self._outcome.restarts)
        return self._outcome

    def _death(self, channel: GatewayChannel) -> str:
        code = channel.process.poll()
        if code is None:
            return "The gateway did not open its port in time."
        return f"The gateway ended with {_in_words(code)} after {channel.age_seconds:.0f} s."

    def _see_log(self) -> str:
        return f"See {self._log_file.name} in the workspace's logs."


def _in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
