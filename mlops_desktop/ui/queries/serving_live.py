"""Live figures of an endpoint, ten times a second: from the gateway's metrics, or else from what the engine writes.

The gateway counts from its start; what happened of late is the difference of two looks. A look costs one request over a
connection that is kept, and none of it happens in the window's thread.
"""

from __future__ import annotations

import http.client
import time
from collections import deque
from statistics import fmean
from urllib.parse import urlsplit

from msgspec import Struct

from mlops_desktop.pipelines.engine_state import EndpointTraffic, EngineState
from mlops_desktop.ui.queries.serving_metrics import Look, Percentiles, parse_metrics, percentiles, version_name
from mlops_desktop.workspace import Workspace

RATE_SECONDS = 1.0
LATENCY_SECONDS = 5.0
_STATE_SECONDS = 0.4
_TIMEOUT = 0.5
_RETRY_SECONDS = 2.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LivePoint(Struct, frozen=True):
    """Figures at one moment: rates and the queue over the last second; p50, p95 and p99 in ms over the last five.

    `latency[""]` is that of all versions that answer. `source` is `gateway`, or `engine` where only the engine's own
    figures are to be had: those come more slowly, and their latencies are since the start.
    """

    at: float
    source: str
    requests: dict[str, float]
    errors: dict[str, float]
    latency: dict[str, Percentiles]
    queued: float = 0
    working: float = 0
    ready: int = 0
    wanted: int = 0


class LiveReading(Struct, frozen=True):
    """The engine's state, what it says of one endpoint, and a new point where there is one."""

    endpoint: str
    engine: EngineState
    traffic: EndpointTraffic | None = None
    point: LivePoint | None = None


class Recent:
    """The looks of the last seconds, from which points follow."""

    def __init__(self) -> None:
        self._looks: deque[Look] = deque()

    def point(self, look: Look) -> LivePoint | None:
        """What happened up to a new look; None for the first after a start, which has nothing before it.

        A clock that was set back makes a new start: between looks before and after there are no true seconds.
        """
        if self._looks and (look.at < self._looks[-1].at or _has_restarted(self._looks[-1], look)):
            self._looks.clear()
        self._looks.append(look)
        while len(self._looks) > 2 and self._looks[1].at <= look.at - LATENCY_SECONDS:
            self._looks.popleft()
        if len(self._looks) < 2:
            return None
        second = self._before(look.at - RATE_SECONDS)
        seconds = max(look.at - second.at, 1e-3)
        lately = [each for each in self._looks if each.at > second.at]
        return LivePoint(
            look.at, "gateway",
            {name: _more(look, second, name, "requests") / seconds for name in look.versions},
            {name: _more(look, second, name, "errors") / seconds for name in look.versions},
            _latencies(look, self._looks[0]),
            fmean(each.queued for each in lately), fmean(each.working for each in lately), look.ready, look.wanted,
        )  # fmt: skip

    def _before(self, moment: float) -> Look:
        """The newest look up to a moment, or the oldest there is."""
        return next((each for each in reversed(self._looks) if each.at <= moment), self._looks[0])


def _has_restarted(before: Look, now: Look) -> bool:
    return any(
        name not in now.versions or now.versions[name].requests < had.requests for name, had in before.versions.items()
    )


def _more(now: Look, before: Look, name: str, field: str) -> int:
    had = before.versions.get(name)
    count: int = getattr(now.versions[name], field) - (getattr(had, field) if had else 0)
    return count


def _latencies(now: Look, before: Look) -> dict[str, Percentiles]:
    found: dict[str, Percentiles] = {}
    together: list[int] = []
    bounds: list[float] = []
    for name, counted in now.versions.items():
        had = before.versions.get(name)
        counts = [n - b for n, b in zip(counted.below, had.below, strict=True)] if had else counted.below
        found[name] = percentiles(counted.bounds, counts)
        if not name.endswith("shadow"):
            bounds = counted.bounds
            together = [a + b for a, b in zip(together, counts, strict=True)] if together else list(counts)
    return {"": percentiles(bounds, together)} | found


class LiveSource:
    """Looks at one endpoint at a time. Only one thread may ask at a time."""

    def __init__(self) -> None:
        self._endpoint = ""
        self._recent = Recent()
        self._connection: http.client.HTTPConnection | None = None
        self._address = ""
        self._not_before = 0.0
        self._state = EngineState(pid=0, running=False)
        self._state_read = 0.0
        self._told: tuple[object, ...] = ()
        self._errors: dict[str, tuple[float, int]] = {}

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._address = None, ""

    def read(self, workspace: Workspace, endpoint: str) -> LiveReading:
        """One look. Never raises for a gateway that does not answer: then figures come from the engine."""
        now = time.monotonic()
        if endpoint != self._endpoint:
            self._endpoint, self._recent, self._told, self._errors = endpoint, Recent(), (), {}
        if now - self._state_read >= _STATE_SECONDS:
            self._state, self._state_read = workspace.engine_state(), now
        engine = self._state
        traffic = next((each for each in engine.endpoints if each.name == endpoint), None)
        if not engine.running or traffic is None:
            self.close()
            return LiveReading(endpoint, engine, traffic if engine.running else None)
        point = None
        if now >= self._not_before:
            point = self._ask_gateway(traffic.url, now)
        if point is None and self._connection is None:
            point = self._ask_engine(engine, traffic)
        return LiveReading(endpoint, engine, traffic, point)

    def _ask_gateway(self, url: str, now: float) -> LivePoint | None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in _LOOPBACK or not parts.port:
            return None  # TLS and other machines: the engine's figures will do
        if parts.netloc != self._address or self._connection is None:
            self.close()
            self._connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT)
            self._address, self._recent = parts.netloc, Recent()
        try:
            self._connection.request("GET", "/metrics")
            answer = self._connection.getresponse()
            text = answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            text = ""
        else:
            text = text if answer.status == http.client.OK else ""
        if not text:
            self.close()
            self._not_before = now + _RETRY_SECONDS
            return None
        return self._recent.point(parse_metrics(text, self._endpoint, time.time()))

    def _ask_engine(self, engine: EngineState, traffic: EndpointTraffic) -> LivePoint | None:
        told = (engine.written, traffic.versions)
        if told == self._told:
            return None
        self._told = told
        at = time.time()
        versions = {version_name(each.number, each.role): each for each in traffic.versions}
        errors: dict[str, float] = {}
        for name, each in versions.items():
            since, had = self._errors.get(name, (at, each.errors))
            errors[name] = max(0, each.errors - had) / max(at - since, 1e-3)
            self._errors[name] = (at, each.errors)
        main = max(traffic.versions, key=lambda each: (each.role != "shadow", each.requests), default=None)
        latency = {name: (each.p50, each.p95, each.p99) for name, each in versions.items() if each.requests}
        if main is not None and main.requests:
            latency[""] = (main.p50, main.p95, main.p99)
        pools = traffic.pools
        return LivePoint(
            at, "engine", {name: each.rate for name, each in versions.items()}, errors, latency,
            sum(pool.queued for pool in pools), sum(pool.working for pool in pools),
            sum(len(pool.pids) for pool in pools), sum(pool.wanted for pool in pools),
        )  # fmt: skip
