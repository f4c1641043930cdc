"""How many workers a version is to have: Knative's autoscaler as a pure function of time and load.

Every tick the load (requests at a time, averaged over a window) is divided by what one worker is planned to have.

- The stable window decides as a rule. Within one decision workers become at most half, and never fewer than were needed
  a short while ago, as a load that swings around a whole number of workers would else make them come and go.
- Where the short panic window asks for twice the workers that are ready, it decides, and for as long as that was so
  within the last stable window the number never falls.
- Without any load for a while the last worker goes too, if the spec allows none; the next request brings one back.

Source: Knative Serving, `pkg/autoscaler/scaling/autoscaler.go` and the documentation of its configuration.
"""

from __future__ import annotations

import math
from collections import deque

from msgspec import Struct

from mlops_desktop.serving.config import AutoscalerSpec
from mlops_desktop.serving.figures import ScalingDecision

_EARLY, _IN_TIME = 0.2, 0.9


class _Sample(Struct, frozen=True):
    """The average load in the `seconds` before `end`."""

    end: float
    seconds: float
    load: float


class Autoscaler:
    """Knows what one version wants. All times are seconds of one clock that never goes back; none is read here.

    `wanted` is the number of workers that there are to be. What is returned are changes of it, to be carried out.
    """

    def __init__(self, spec: AutoscalerSpec, now: float) -> None:
        self.spec = spec
        # One worker is started even where none may do: it shows whether the version can be served at all.
        self.wanted = max(1, spec.min_workers)
        self._samples: deque[_Sample] = deque()
        self._needs: deque[tuple[float, int]] = deque()
        self._ticked = self._last_load = now
        self._panic_since: float | None = None
        self._panic_peak = 0

    @property
    def is_panic(self) -> bool:
        return self._panic_since is not None

    @property
    def _least(self) -> int:
        """The last worker goes for want of requests alone."""
        return max(1, self.spec.min_workers) if self.wanted else self.spec.min_workers

    def is_due(self, now: float, level: int) -> bool:
        """Whether it is time for a tick: a little early is in time, as whoever asks does so in steps.

        It comes earlier still where `level`, the requests there are now, would be reason for panic if they stayed.
        """
        waited, spec = now - self._ticked, self.spec
        most = spec.panic_threshold * spec.planned * max(1, self.wanted)
        is_spike = level > most and self.wanted < spec.max_workers
        return waited >= (_EARLY if is_spike else _IN_TIME) * spec.tick_seconds

    def follow(self, spec: AutoscalerSpec, at: float) -> ScalingDecision | None:
        """Go by another spec from now on; only what it forbids is changed at once."""
        self.spec = spec
        allowed = min(max(self.wanted, self._least), spec.max_workers)
        bound = f"at least {self._least}" if allowed > self.wanted else f"at most {spec.max_workers}"
        return self._decided(allowed, at, 0.0, 0.0, f"its limits ask for {bound}")

    def wake(self, now: float, at: float) -> ScalingDecision | None:
        """A request came: where there is no worker there has to be one, without waiting for the tick."""
        self._last_load = now
        if self.wanted:
            return None
        return self._decided(max(1, self.spec.min_workers), at, 1.0, 0.0, "a request came")

    def tick(self, now: float, load: float, ready: int, at: float) -> ScalingDecision | None:
        """Take in the average load since the last tick and decide; `at` is the time to show people."""
        seconds = now - self._ticked
        if seconds <= 0:
            return None
        self._ticked = now
        if load > 0:
            self._last_load = now
        self._remember(_Sample(now, seconds, load))
        stable, panic = self._average(self.spec.stable_seconds), self._average(self.spec.panic_seconds)
        ready = max(1, ready)
        self._watch_for_panic(now, self._needed(panic), ready)
        if self.is_panic:
            self._panic_peak = max(self._panic_peak, self._within_rate(self._needed(panic), ready))
            return self._decided_by_load(self._panic_peak, at, panic, self.spec.panic_seconds)
        needed = self._needed_of_late(now, self._needed(stable))
        idle = now - self._last_load
        if idle >= self.spec.idle_seconds + self.spec.grace_seconds:
            least = max(self._within_rate(0, ready), self.spec.min_workers)
            return self._decided(min(least, self.wanted), at, 0.0, idle, f"no request for {idle:.0f} s")
        return self._decided_by_load(self._within_rate(needed, ready), at, stable, self.spec.stable_seconds)

    def _remember(self, sample: _Sample) -> None:
        self._samples.append(sample)
        while self._samples[0].end <= sample.end - self.spec.stable_seconds:
            self._samples.popleft()

    def _average(self, window: float) -> float:
        """Over the last `window` seconds, or over as many as are known."""
        start = self._samples[-1].end - window
        known = total = 0.0
        for sample in self._samples:
            seconds = min(sample.seconds, sample.end - start)
            if seconds > 0:
                known += seconds
                total += seconds * sample.load
        return total / known

    def _needed(self, load: float) -> int:
        # Averages are sums of fractions: a load of exactly one worker's must not ask for two.
        return math.ceil(load / self.spec.planned - 1e-9)

    def _needed_of_late(self, now: float, needed: int) -> int:
        """The most that was needed within the delay, `needed` now included."""
        self._needs.append((now, needed))
        while self._needs[0][0] <= now - self.spec.down_delay_seconds and len(self._needs) > 1:
            self._needs.popleft()
        return max(count for _, count in self._needs)

    def _within_rate(self, needed: int, ready: int) -> int:
        most, least = math.ceil(ready * self.spec.max_up), math.floor(ready / self.spec.max_down)
        return min(max(needed, least), most)

    def _watch_for_panic(self, now: float, needed: int, ready: int) -> None:
        # What cannot be had is no reason to panic: at the limit no spike brings more workers.
        if needed >= self.spec.panic_threshold * ready and ready < self.spec.max_workers:
            if self._panic_since is None:
                self._panic_peak = self.wanted
            self._panic_since = now
        elif self._panic_since is not None and now - self._panic_since >= self.spec.stable_seconds:
            self._panic_since, self._panic_peak = None, 0

    def _decided_by_load(self, needed: int, at: float, load: float, window: float) -> ScalingDecision | None:
        allowed = min(max(needed, self._least), self.spec.max_workers)
        verb = "wait" if self.spec.metric == "queue" else "are there"
        reason = f"{load:.3g} requests {verb} on average over {window:g} s, target {self.spec.planned:g} a worker"
        if needed > allowed:
            reason += f"; {needed} would be needed, at most {allowed} are allowed"
        return self._decided(allowed, at, load, window, reason)

    def _decided(self, wanted: int, at: float, load: float, window: float, reason: str) -> ScalingDecision | None:
        before, self.wanted = self.wanted, wanted
        if wanted == before:
            return None
        text = f"{before} → {wanted} {'worker' if wanted == 1 else 'workers'}: {reason}"
        return ScalingDecision(at, before, wanted, text, load, window, self.spec.planned, self.is_panic)
