"""Accumulates a rollout's statistics from the prediction log. A new reader rebuilds them from the beginning."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from mlops_desktop.core.deployments import RolloutKind
from mlops_desktop.core.models import Signature, Task
from mlops_desktop.serving.guardrails import Contrast, Figures, RolloutStats
from mlops_desktop.serving.log import (
    CANARY,
    PRIMARY,
    SCHEMA_MISMATCH,
    SHADOW,
    FeedbackRecord,
    LogReader,
    PredictionRecord,
    to_micros,
)
from mlops_desktop.serving.rolloutspec import RolloutSpec

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
    """Follows an endpoint's log. `primary`, `canary` and `contrast` hold the statistics as of the last `update`.

    A shadow is the canary here; its predictions carry the ids of the primary's, of which they are copies.
    """

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
        has_ranks = len(signature.classes) == 2
        self.primary = RolloutStats(primary, has_cost=has_cost, has_ranks=has_ranks)
        self.canary = RolloutStats(canary, has_cost=has_cost, has_ranks=has_ranks)
        self.contrast = Contrast(spec)
        role = SHADOW if spec.kind is RolloutKind.SHADOW else CANARY
        self._sides = {(PRIMARY, primary): self.primary, (role, canary): self.canary}
        self._served: dict[str, list[_Served]] = {}
        self._rows_of_entity: dict[str, list[tuple[str, int]]] = {}
        self._parked: dict[str, Any] = {}

    @property
    def figures(self) -> Figures:
        return Figures(self.primary, self.canary, self.contrast)

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
        stats = self._sides.get((record.role, record.version))
        if stats is None:
            return
        if record.error.startswith(SCHEMA_MISMATCH):
            stats.schema_mismatches += 1
            return
        is_error, is_canary = bool(record.error), stats is self.canary
        self.contrast.note(record.total_us, is_canary=is_canary, is_error=is_error, is_cold=record.cold)
        if is_error:
            stats.note_error()
            return
        stats.note_success(record.rows)
        if record.scores:
            stats.scores.add(record.scores[0])
        self._keep(record, stats)

    def _keep(self, record: PredictionRecord, stats: RolloutStats) -> None:
        """Remember a prediction until its labels come; those that its copy has are its own at once."""
        copies = self._served.setdefault(record.id, [])
        copies.append(_Served(stats, record.scores, self._decisions(record)))
        if len(copies) > 1:
            for row, value in enumerate(copies[0].labels):
                self._set(copies, row, value)
            return
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
        copies = self._served.get(request)
        if copies is not None and row.isdigit() and int(row) < len(copies[0].scores):
            self._label(request, int(row), feedback.label)
        elif feedback.id in self._rows_of_entity:
            self._parked[feedback.id] = feedback.label  # for predictions of this entity that are still to come
            for request, place in self._rows_of_entity[feedback.id]:
                self._label(request, place, feedback.label)
        else:
            self._parked[feedback.id] = feedback.label

    def _label(self, request: str, row: int, label: Any) -> None:
        self._set(self._served[request], row, self._as_number(label))

    def _set(self, copies: list[_Served], row: int, value: float | None) -> None:
        """Set or correct one label: the request's old sums are taken back and the new ones added."""
        self._count_pair(copies, -1)
        for served in copies:
            self._count(served, -1)
            for label, sign in ((served.labels[row], -1), (value, 1)):
                if label is not None:
                    self._add(served, row, label, sign)
            served.labels[row] = value
            self._count(served, 1)
        self._count_pair(copies, 1)

    def _add(self, served: _Served, row: int, label: float, sign: int) -> None:
        served.known += sign
        served.loss += sign * self._loss(served.scores[row], label)
        served.cost += sign * self._cost(served, row, label)
        if served.stats.has_ranks:
            served.stats.ranks.add(served.scores[row], label, sign)

    def _count_pair(self, copies: list[_Served], sign: int) -> None:
        """By how much the copy's loss and cost are above the primary's on the same rows."""
        if len(copies) != 2 or not copies[0].known or copies[0].known != copies[1].known:
            return
        canary, primary = sorted(copies, key=lambda served: served.stats is self.primary)
        self.contrast.paired_loss.add(canary.known, canary.loss - primary.loss, sign)
        self.contrast.paired_cost.add(canary.known, canary.cost - primary.cost, sign)

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
