"""Logged requests once more, by another version: what it would have answered, before it gets live traffic."""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.serving.config import ServedVersion
from mlops_desktop.serving.decisions import decide
from mlops_desktop.serving.gateway.checks import columns_in_order
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.log import CANARY, PINNED, PRIMARY, PredictionRecord, predictions_of, read_log
from mlops_desktop.serving.predictors import Predictor, predict, result_of

MOST_SHOWN = 200
"""Changed rows that a report holds, those that change most; it always counts all."""

_ANSWERED = (PRIMARY, CANARY, PINNED)
_WARM_UP = 5
_BINS = 41


class ChangedRow(Struct, frozen=True):
    """A row whose prediction is another one. `id` is its inference id."""

    id: str
    entity: str
    version_before: int
    score_before: float
    score_after: float
    before: Any
    after: Any
    features: dict[str, Any]


class Quantiles(Struct, frozen=True):
    """Of n values; NaN never: without values all are 0."""

    n: int
    mean: float = 0.0
    p01: float = 0.0
    p05: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    largest: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> Quantiles:
        if not values:
            return cls(0)
        found = np.quantile(values, (0.01, 0.05, 0.5, 0.95, 0.99)).tolist()
        p01, p05, p50, p95, p99 = found
        return cls(len(values), float(np.mean(values)), p01, p05, p50, p95, p99, float(np.max(np.abs(values))))


class ReplayReport(Struct, frozen=True):
    """What a version answers to `requests` logged ones, from `start` to `end`, that others had answered.

    `differences` are score after minus score before, per row; a row is `changed` when its class is another one, or a
    regression's value differs by more than a hundredth. `refused` requests do not fit the version's signature, `failed`
    ones it could not predict; `problem` is the first reason. Times are of inference alone, in ms per request:
    `latency_before` as logged (of the whole batch that a request went with), `latency_after` of this machine now, each
    request alone.
    """

    endpoint: str
    version: int
    requests: int
    rows: int
    changed: int
    refused: int
    failed: int
    problem: str
    differences: Quantiles
    latency_before: Quantiles
    latency_after: Quantiles
    start: str
    end: str
    rows_shown: tuple[ChangedRow, ...]
    edges: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def share_changed(self) -> float:
        """Share of the rows that were predicted again whose prediction changes."""
        return self.changed / self.differences.n if self.differences.n else 0.0


def last_requests(folder: Path, requests: int) -> list[PredictionRecord]:
    """The last so many answered requests of an endpoint's log, oldest first."""
    answered = (r for r in predictions_of(read_log(folder)) if r.status == 200 and r.role in _ANSWERED and r.features)
    return list(deque(answered, maxlen=requests))


def replay(
    records: Sequence[PredictionRecord],
    predictor: Predictor,
    version: ServedVersion,
    endpoint: str,
    progress: Progress = no_progress,
) -> ReplayReport:
    """Answer the records' requests, one by one, by `version` as `predictor` has it, and compare."""
    replayer = _Replayer(predictor, version)
    for place, record in enumerate(records):
        if place % 50 == 0:
            progress(place / len(records), f"{place:,} of {len(records):,} requests")
        replayer.take(record)
    edges, counts = _histogram(replayer.differences)
    moments = [record.moment.isoformat(timespec="seconds") for record in (*records[:1], *records[-1:])]
    return ReplayReport(
        endpoint=endpoint,
        version=version.number,
        requests=len(records),
        rows=sum(record.rows for record in records),
        changed=replayer.changed,
        refused=replayer.refused,
        failed=replayer.failed,
        problem=replayer.problem,
        differences=Quantiles.of(replayer.differences),
        latency_before=Quantiles.of([record.inference_us / 1000 for record in records]),
        latency_after=Quantiles.of(replayer.millis),
        start=moments[0] if moments else "",
        end=moments[-1] if moments else "",
        rows_shown=replayer.shown,
        edges=edges,
        counts=counts,
    )


def to_bytes(report: ReplayReport) -> bytes:
    """The report as JSON, as it is stored."""
    return msgspec.json.encode(report)


def from_bytes(body: bytes) -> ReplayReport:
    """The report of `to_bytes`."""
    return msgspec.json.decode(body, type=ReplayReport)


class _Replayer:
    def __init__(self, predictor: Predictor, version: ServedVersion) -> None:
        self._predictor = predictor
        self._version = version
        self._is_warm = False
        self.changed = self.refused = self.failed = 0
        self.problem = ""
        self.differences: list[float] = []
        self.millis: list[float] = []
        self._largest: list[tuple[float, int, ChangedRow]] = []

    @property
    def shown(self) -> tuple[ChangedRow, ...]:
        """The rows that change most, the largest change first, equal ones as they came."""
        return tuple(row for _, _, row in sorted(self._largest, reverse=True))

    def take(self, record: PredictionRecord) -> None:
        try:
            columns = columns_in_order(record.features, self._version.signature)
        except HttpError as error:
            self.refused += 1
            self.problem = self.problem or error.message
            return
        try:
            result = result_of(self._predict(columns))
        except Exception as error:  # whatever the model raises is what is to be found out
            self._fail(f"The model failed: {type(error).__name__}.")
            return
        if result.error:
            self._fail(result.error)
            return
        after = decide(self._version.signature, self._version.threshold, result.scores, result.picks)
        for row, (score, prediction) in enumerate(zip(result.scores, after, strict=True)):
            self._compare(record, row, score, prediction)

    def _fail(self, reason: str) -> None:
        self.failed += 1
        self.problem = self.problem or reason

    def _predict(self, columns: list[list[Any]]) -> Any:
        if not self._is_warm:
            for _ in range(_WARM_UP):
                predict(self._predictor, columns)
            self._is_warm = True
        started = time.perf_counter_ns()
        output = predict(self._predictor, columns)
        self.millis.append((time.perf_counter_ns() - started) / 1e6)
        return output

    def _compare(self, record: PredictionRecord, row: int, score: float, prediction: Any) -> None:
        before = record.predictions[row]
        self.differences.append(score - record.scores[row])
        if not _is_another(before, prediction):
            return
        self.changed += 1
        difference = abs(score - record.scores[row])
        if len(self._largest) == MOST_SHOWN and difference <= self._largest[0][0]:
            return
        changed = ChangedRow(
            f"{record.id}/{row}",
            record.entity_ids[row] if record.entity_ids else "",
            record.version,
            record.scores[row],
            score,
            before,
            prediction,
            {name: values[row] for name, values in record.features.items()},
        )
        keep = heapq.heappush if len(self._largest) < MOST_SHOWN else heapq.heapreplace
        keep(self._largest, (difference, -self.changed, changed))


def _histogram(differences: Sequence[float]) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Edges and counts of bins as wide as one another, as many below as above no difference."""
    bound = max(map(abs, differences), default=0.0)
    if not 0.0 < bound < math.inf:
        return (), ()
    counts, edges = np.histogram(differences, _BINS, (-bound, bound))
    return tuple(edges.tolist()), tuple(counts.tolist())


def _is_another(before: Any, after: Any) -> bool:
    """Another class, or a number that differs by more than a hundredth."""
    if isinstance(before, float) and isinstance(after, float):
        return abs(after - before) > 0.01 * max(abs(before), abs(after))
    return str(before) != str(after)  # a class may have been a number in the log
