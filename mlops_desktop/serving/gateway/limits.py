"""How many requests each client may send: a token bucket per token, or per address without one."""

from __future__ import annotations

from collections import OrderedDict

MOST_CLIENTS = 10_000
"""Buckets that are kept; the client that was silent longest is forgotten first, and starts anew with a full one."""


class RateLimiter:
    """`rate` requests per second for each client, and bursts of up to `burst`. Times in seconds."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate = rate
        self.burst = burst
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_for(self, client: str, now: float) -> float:
        """0 where the client may go on, and it counts as a request; else after how many seconds it may."""
        level, seen = self._buckets.get(client, (float(self.burst), now))
        level = min(float(self.burst), level + (now - seen) * self.rate)
        wait = 0.0 if level >= 1 else (1 - level) / self.rate
        self._buckets[client] = (level if wait else level - 1, now)
        self._buckets.move_to_end(client)
        if len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        return wait
