"""Endpoints as they are served now, each with configuration, worker pools and log; and how they are changed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from mlops_desktop.serving.config import GatewayConfig, ServedEndpoint, ServedVersion, ServingSpec
from mlops_desktop.serving.figures import PoolStats
from mlops_desktop.serving.gateway.pool import Finished, VersionPool
from mlops_desktop.serving.gateway.spares import Spares
from mlops_desktop.serving.log import SegmentHeader
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.redaction import Redaction, Redactor, read_key

DRAIN_SECONDS = 30.0
_SLOWEST_TICK = 0.5


class LiveEndpoint:
    """An endpoint with its pools by version number. `config` is what requests are routed by.

    `kept_schemas` are those of tables that were logged as they came, by version number.
    """

    def __init__(self, config: ServedEndpoint, folder: Path, key: bytes) -> None:
        self.log = LogWriter(folder)
        self.pools: dict[int, VersionPool] = {}
        self.follow(config, key)

    def follow(self, config: ServedEndpoint, key: bytes) -> None:
        """Route and record by this configuration from now on. `key` is what sensitive columns are hashed with."""
        self.config, spec, self.key = config, config.serving.log, key
        version = config.version(config.route.primary)
        self.kept_schemas: dict[int, bytes] = {}
        self.features = tuple(feature.name for feature in version.signature.features)
        self.share = spec.share
        self.redactor = Redactor(spec.sensitive, key) if spec.sensitive else None
        self.log.segment_bytes = round(spec.segment_mb * 1e6)
        self.log.segment_seconds = spec.segment_hours * 3600
        redacted = {name: str(how) for name, how in spec.sensitive.items()}
        self.log.describe(SegmentHeader(config.name, spec.share, redacted))

    @property
    def is_ready(self) -> bool:
        pool = self.pools.get(self.config.route.primary)
        return pool is not None and pool.is_ready


class Endpoints:
    """All endpoints. Changes are made one after the other; requests see the old route until the new one is ready."""

    def __init__(self, spool: Path, finished: Finished) -> None:
        self._spool = spool
        self._finished = finished
        self._live: dict[str, LiveEndpoint] = {}
        self._turn = asyncio.Lock()
        self._drains: set[asyncio.Task[None]] = set()
        self._spares = Spares()

    def get(self, name: str) -> LiveEndpoint | None:
        return self._live.get(name)

    @property
    def only(self) -> LiveEndpoint | None:
        """The endpoint that needs not be named, as there is no other."""
        return next(iter(self._live.values())) if len(self._live) == 1 else None

    @property
    def all(self) -> list[LiveEndpoint]:
        return list(self._live.values())

    @property
    def is_ready(self) -> bool:
        return bool(self._live) and all(endpoint.is_ready for endpoint in self._live.values())

    async def apply(self, config: GatewayConfig) -> str:
        """Make the configuration real; returns an empty text, or why the old one stays."""
        async with self._turn:
            key = _key_of(config)
            new = [self._prepare(endpoint, key) for endpoint in config.endpoints]
            self._spares.set_count(max((e.serving.spare_workers for e in config.endpoints), default=0))
            failure = await self._load(new)
            if failure:
                self._undo(new)
                return failure
            names = {endpoint.name for endpoint in config.endpoints}
            for live, endpoint in new:
                live.follow(endpoint, key)
            for live, _ in new:
                self._drop(live, {version.number for version in live.config.versions})
            for name in [name for name in self._live if name not in names]:
                self._keep(self._retire(self._live.pop(name)))
            return ""

    def _prepare(self, endpoint: ServedEndpoint, key: bytes) -> tuple[LiveEndpoint, ServedEndpoint]:
        """Start what is new. An endpoint that is new as a whole takes requests at once; they wait for its workers."""
        live = self._live.get(endpoint.name)
        if live is None:
            live = self._live[endpoint.name] = LiveEndpoint(endpoint, self._spool / endpoint.name, key)
        for version in endpoint.versions:
            self._prepare_version(live, version, _serving_of(endpoint, version.number))
        return live, endpoint

    def _prepare_version(self, live: LiveEndpoint, version: ServedVersion, serving: ServingSpec) -> None:
        pool = live.pools.get(version.number)
        if pool is not None and not pool.failure and _is_same(pool.version, version):
            pool.follow(version, serving)
            return
        if pool is not None:
            self._drain(pool)
        label = f"{live.config.name}@{version.number}"
        fresh = live.pools[version.number] = VersionPool(label, version, serving, self._finished, self._spares)
        fresh.start()

    async def _load(self, new: list[tuple[LiveEndpoint, ServedEndpoint]]) -> str:
        for live, endpoint in new:
            for version in endpoint.versions:
                failure = await live.pools[version.number].until_ready()
                if failure:
                    return failure
        return ""

    def _undo(self, new: list[tuple[LiveEndpoint, ServedEndpoint]]) -> None:
        """Keep what was routed to before; a first configuration stays, to answer why it cannot."""
        for live, _ in new:
            self._drop(live, {version.number for version in live.config.versions})

    def _drop(self, live: LiveEndpoint, keep: set[int]) -> None:
        for number in [number for number in live.pools if number not in keep]:
            self._drain(live.pools.pop(number))

    def _drain(self, pool: VersionPool) -> None:
        self._keep(pool.drain(DRAIN_SECONDS))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._drains.add(task)
        task.add_done_callback(self._drains.discard)

    async def _retire(self, live: LiveEndpoint, seconds: float = DRAIN_SECONDS) -> None:
        """Answer what was accepted, end the workers, sync the log."""
        await asyncio.gather(*(pool.drain(seconds) for pool in live.pools.values()))
        await asyncio.to_thread(live.log.close)

    def pool_stats(self) -> list[PoolStats]:
        return [pool.stats(live.config.name) for live in self._live.values() for _, pool in sorted(live.pools.items())]

    @property
    def tick_seconds(self) -> float:
        """How long to wait between ticks; well within what the fastest autoscaler asks for."""
        wanted = (live.config.serving.autoscaler.tick_seconds / 4 for live in self._live.values())
        return min([_SLOWEST_TICK, *wanted])

    def tick(self, now: float) -> None:
        """Look after all queues and workers."""
        for live in self._live.values():
            for pool in live.pools.values():
                pool.tick(now)

    async def close(self, seconds: float) -> None:
        """Answer what was accepted, end the workers, sync the logs."""
        await self._spares.close()
        await asyncio.gather(*(self._retire(live, seconds) for live in self._live.values()))
        if self._drains:
            await asyncio.wait(self._drains, timeout=seconds)


def _is_same(running: ServedVersion, wanted: ServedVersion) -> bool:
    """Whether the running workers hold what is wanted; threshold and limits are not theirs."""
    return (running.artifact, running.runtime, running.signature) == (wanted.artifact, wanted.runtime, wanted.signature)


def _serving_of(endpoint: ServedEndpoint, number: int) -> ServingSpec:
    """A version that is only kept for a rollback, without requests, is kept with one worker at most."""
    serving, scaling = endpoint.serving, endpoint.serving.autoscaler
    if number in endpoint.route.numbers or scaling.min_workers <= 1:
        return serving
    return msgspec.structs.replace(serving, autoscaler=msgspec.structs.replace(scaling, min_workers=1))


def _key_of(config: GatewayConfig) -> bytes:
    """The key for hashing, where a column is to be hashed. Raises `EnvironmentProblem` where it cannot be had."""
    wanted = any(Redaction.HASH in endpoint.serving.log.sensitive.values() for endpoint in config.endpoints)
    return read_key(Path(config.log_key)) if wanted else b""
