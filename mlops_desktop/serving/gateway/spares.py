"""Workers started ahead of need: the interpreter and its libraries are there, a model is not yet."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from mlops_desktop.serving.gateway.link import Ending, WorkerLink

REFILL_SECONDS = 2.0


class Spares:
    """Keeps up to `count` of them. One that is taken is made good later, when the cold start that took it is over."""

    def __init__(self) -> None:
        self._count = 0
        self._links: list[WorkerLink] = []
        self._filling: asyncio.Task[None] | None = None

    def set_count(self, count: int) -> None:
        """Start as many as are missing, soon; end those too many."""
        self._count = count
        while len(self._links) > count:
            self._links.pop().close()
        self._refill(0.0)

    def take(self) -> WorkerLink | None:
        """A spare, or None when there is none at the moment."""
        if not self._links:
            return None
        link = self._links.pop(0)
        self._refill(REFILL_SECONDS)
        return link

    def _refill(self, delay: float) -> None:
        if len(self._links) < self._count and (self._filling is None or self._filling.done()):
            self._filling = asyncio.get_running_loop().create_task(self._fill(delay))

    async def _fill(self, delay: float) -> None:
        await asyncio.sleep(delay)
        while len(self._links) < self._count:
            try:
                link = await WorkerLink.start(self, "--warm")
            except OSError as problem:
                print(f"A spare worker could not be started: {problem}", file=sys.stderr, flush=True)  # noqa: T201
                return
            if link.is_dead or len(self._links) >= self._count:
                link.close()
                return
            self._links.append(link)

    # what a link tells its owner; a spare has nothing to load or to answer

    def worker_ready(self, worker: WorkerLink) -> None:
        pass

    def worker_refused(self, worker: WorkerLink, reason: str) -> None:
        pass

    def worker_answered(self, worker: WorkerLink, pairs: list[Any], inference_us: int) -> None:
        pass

    def worker_died(self, worker: WorkerLink, lost: list[Any], ending: Ending, reason: str) -> None:
        """A spare ended by itself."""
        del lost, ending
        print(f"Spare worker {worker.pid} ended: {reason}", file=sys.stderr, flush=True)  # noqa: T201
        if worker in self._links:
            self._links.remove(worker)
        self._refill(REFILL_SECONDS)

    async def close(self) -> None:
        self.set_count(0)
        if self._filling is not None:
            self._filling.cancel()
