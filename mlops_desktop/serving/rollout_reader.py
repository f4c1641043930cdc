"""Accumulates a rollout's statistics from the prediction log. A new reader rebuilds them from the beginning."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from mlops_desktop.core.models import Signature, Task
from mlops_desktop.serving.log import (
    CANARY,
    PRIMARY,
    SCHEMA_MISMATCH,
    FeedbackRecord,
    LogReader,
    PredictionRecord,
    to_micros,
)
from mlops_desktop.serving.rollout import RolloutSpec, RolloutStats

_SMALLEST = 1e-6


class Costs(Protocol):
    """Cost of each outcome of a decision, per row (`evaluation.business.ValueMatrix` is one)."""

    @property
    def true_positive(self) -> float: ...
    @property
    def false_positive(self) -> float: ...
    @property
    def true_negative(self) -> float: ...
    @property
    def false_negative(self) -> float: ...


class _Served:
    """A request with the labels known so far, and what it has added to its version's statistics."""

    __slots__ = ("cost", "decisions", "known", "labels", "loss", "scores", "stats")

    def __init__(self, stats: RolloutStats, scores: list[float], decisions: list[bool]) -> None:
        self.stats = stats
        self.scores = scores
        self.decisions = decisions
        self.labels: list[float | None] = [None] * len(scores)
        self.known = 0
        self.loss = 0.0
        self.cost = 0.0


class RolloutReader:
    """Follows an endpoint's log. `primary` and `canary` hold the statistics as of the last `update`."""

    def __init__(
        self,
        folder: Path,
        spec: RolloutSpec,
        signature: Signature,
        primary: int,
        canary: int,
        started: datetime,
        *,
        costs: Costs | None = None,
    ) -> None:
        self._log = LogReader(folder)
        self._spec = spec
        self._signature = signature
        self._costs = costs
        self._started = to_micros(started)
        has_cost = costs is not None and signature.task is Task.CLASSIFICATION
        self.primary = RolloutStats(primary, has_cost=has_cost)
        self.canary = RolloutStats(canary, has_cost=has_cost)
        self._served: dict[str, _Served] = {}
        self._rows_of_entity: dict[str, list[tuple[str, int]]] = {}
        self._parked: dict[str, Any] = {}

    def update(self) -> None:
        """Read what is new in the log."""
        for record in self._log.read():
            if isinstance(record, FeedbackRecord):
                self._take_label(record)
            elif record.time >= self._started:
                self._take_prediction(record)

    @property
    def parked(self) -> int:
        """Labels that match no prediction of this rollout (yet)."""
        return len(self._parked)

    def _take_prediction(self, record: PredictionRecord) -> None:
        by_role = {(PRIMARY, self.primary.version): self.primary, (CANARY, self.canary.version): self.canary}
        stats = by_role.get((record.role, record.version))
        if stats is None:
            return
        if record.error:
            if record.error.startswith(SCHEMA_MISMATCH):
                stats.schema_mismatches += 1
            else:
                stats.note_error()
            return
        stats.note_success(record.rows)
        if not record.cold:
            stats.timed += 1
            stats.slow += record.total_us > self._spec.slow_ms * 1000
        self._served[record.id] = _Served(stats, record.scores, self._decisions(record))
        for row, entity in enumerate(record.entity_ids or ()):
            self._rows_of_entity.setdefault(entity, []).append((record.id, row))
            if entity in self._parked:
                self._label(record.id, row, self._parked[entity])

    def _decisions(self, record: PredictionRecord) -> list[bool]:
        if self._signature.task is Task.REGRESSION:
            return []
        positive = self._signature.classes[-1]
        return [prediction == positive for prediction in record.predictions]

    def _take_label(self, feedback: FeedbackRecord) -> None:
        request, _, row = feedback.id.rpartition("/")
        served = self._served.get(request)
        if served is not None and row.isdigit() and int(row) < len(served.scores):
            self._label(request, int(row), feedback.label)
        elif feedback.id in self._rows_of_entity:
            self._parked[feedback.id] = feedback.label  # for predictions of this entity that are still to come
            for request, place in self._rows_of_entity[feedback.id]:
                self._label(request, place, feedback.label)
        else:
            self._parked[feedback.id] = feedback.label

    def _label(self, request: str, row: int, label: Any) -> None:
        """Set or correct one label: the request's old sums are taken back and the new ones added."""
        served = self._served[request]
        self._count(served, -1)
        before, after = served.labels[row], self._as_number(label)
        for value, sign in ((before, -1), (after, 1)):
            if value is not None:
                served.known += sign
                served.loss += sign * self._loss(served.scores[row], value)
                served.cost += sign * self._cost(served, row, value)
        served.labels[row] = after
        self._count(served, 1)

    def _as_number(self, label: Any) -> float | None:
        """1 for the positive class and 0 for another one, or the number of a regression; None for neither."""
        if self._signature.task is Task.REGRESSION:
            is_number = isinstance(label, int | float) and not isinstance(label, bool) and math.isfinite(label)
            return float(label) if is_number else None
        spellings = _spellings(label)
        classes = self._signature.classes
        if not spellings.intersection(classes):
            return None
        return 1.0 if classes[-1] in spellings else 0.0

    def _count(self, served: _Served, sign: int) -> None:
        if not served.known:
            return
        served.stats.loss.add(served.known, served.loss, sign)
        if served.stats.has_cost:
            served.stats.cost.add(served.known, served.cost, sign)

    def _cost(self, served: _Served, row: int, label: float) -> float:
        if self._costs is None or not served.decisions:
            return 0.0
        return _cost(self._costs, served.decisions[row], label)

    def _loss(self, score: float, label: float) -> float:
        if self._signature.task is Task.REGRESSION or self._spec.loss == "brier":
            return (score - label) ** 2
        chance = score if label else 1 - score
        return -math.log(min(1.0, max(_SMALLEST, chance)))


def _cost(costs: Costs, decision: bool, label: float) -> float:
    if label:
        return costs.true_positive if decision else costs.false_negative
    return costs.false_positive if decision else costs.true_negative


def _spellings(label: Any) -> set[str]:
    """How a class may be written: 1, 1.0, true and "1" name the same one."""
    if isinstance(label, bool):
        return {"true", "True", "1"} if label else {"false", "False", "0"}
    if isinstance(label, float) and label.is_integer():
        return {str(int(label)), str(label)}
    return {str(label)}
