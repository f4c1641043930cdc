"""Made-up traffic of an endpoint, for pictures and tests: two minutes of live points, workers, scaling decisions."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator

import numpy as np

from mlops_desktop.serving.figures import PoolStats, ScalingDecision
from mlops_desktop.ui.queries.serving_live import LivePoint

_POINTS = 1_200
_STEP = 0.1


def made_points(now: float) -> Iterator[LivePoint]:
    """Ten a second up to `now`: a canary at 20 %, and a spike that two more workers are started for."""
    random = np.random.default_rng(7)
    for index in range(_POINTS):
        at = now - (_POINTS - 1 - index) * _STEP
        phase = index / _POINTS
        spike = 620.0 * math.exp(-(((phase - 0.55) / 0.09) ** 2))
        total = 182.0 + 26 * math.sin(phase * 9) + spike
        first, second = (max(0.0, random.normal(total * share, 2.4 + total / 60)) for share in (0.8, 0.2))
        strain = 1 + max(0.0, spike - 180 * (phase > 0.56)) / 160
        p50 = 1.9 * (1 + 0.12 * strain) + random.normal(0, 0.04)
        main = (p50, 3.1 * strain + random.normal(0, 0.12), 5.6 * strain**1.2 + random.normal(0, 0.5))
        other = (p50 * 1.05, main[1] * 1.08, main[2] * 1.04)
        ready = 1 if phase < 0.5 else 2 if phase < 0.53 else 4
        queued = max(0, round((spike - 150 * ready) / 14 + random.normal(0, 1.2)))
        yield LivePoint(
            at, "gateway",
            {"v5": first, "v6": second},
            {"v5": 1.0 if 0.54 < phase < 0.58 and random.random() > 0.4 else 0.0, "v6": 0.0},
            {"": main, "v5": main, "v6": other},
            queued, max(1, round(total / 70 + random.normal(0, 0.8))), ready + 1, ready + 1,
        )  # fmt: skip


def made_pools(endpoint: str, now: float) -> tuple[PoolStats, ...]:
    """Workers of three versions: production, canary, and the one before, asleep."""
    planned = "requests are there on average over"
    decisions = [
        ScalingDecision(now - 3_641, 1, 0, "1 → 0 workers: no request for 90 s", 0.0, 90.0, 7.0),
        ScalingDecision(now - 1_912, 0, 1, "0 → 1 worker: a request came", 1.0, 0.0, 7.0),
        ScalingDecision(
            now - 61, 1, 3, f"1 → 3 workers: 19.4 {planned} 6 s, target 7 a worker", 19.4, 6.0, 7.0, is_panic=True
        ),
        ScalingDecision(
            now - 55, 3, 4,
            f"3 → 4 workers: 41.2 {planned} 6 s, target 7 a worker; 6 would be needed, at most 4 are allowed",
            41.2, 6.0, 7.0, is_panic=True,
        ),
        ScalingDecision(now - 2, 4, 2, f"4 → 2 workers: 11.8 {planned} 60 s, target 7 a worker", 11.8, 60.0, 7.0),
    ]  # fmt: skip
    own, parent = os.getpid(), os.getppid()
    asleep = [ScalingDecision(now - 7_230, 1, 0, "1 → 0 workers: no request for 90 s", 0.0, 90.0, 7.0)]
    return (
        PoolStats(endpoint, 5, True, 3, [own, parent], 1, working=6, wanted=2, decisions=decisions),
        PoolStats(endpoint, 6, True, 0, [own], 0, working=1, wanted=1),
        PoolStats(endpoint, 2, True, 0, [], 0, wanted=0, decisions=asleep),
    )
