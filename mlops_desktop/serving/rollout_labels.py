"""Labels of a rollout's requests: late, early, corrected, of rows or of entities; and the sums that follow from them.

What is awaited is bounded: where there are more rows, a share of the requests is kept, chosen by their ids and so the
same for both versions. What labels came before a request was given up stays in the sums.
"""

from __future__ import annotations

import math
import zlib
from typing import Any, Protocol

from mlops_desktop.core.models import Signature, Task
from mlops_desktop.serving.guardrails import RolloutStats
from mlops_desktop.serving.labels import class_place, label_number
from mlops_desktop.serving.log import FeedbackRecord, PredictionRecord
from mlops_desktop.serving.rollout_state import RolloutState, Served
from mlops_desktop.serving.rolloutspec import RolloutSpec

MOST_AWAITED = 50_000
"""Rows whose labels are awaited; about a kilobyte each."""

MOST_ROWS = 1_000
"""Of a larger request so many rows stand for all."""

_MOST_PARKED = 50_000
_SMALLEST = 1e-6


OTHER_LOSSES = ("squared error", "wrong predictions")
"""Of a regression, and of more than two classes: of the other classes' probabilities the log knows nothing."""


def loss_name(spec: RolloutSpec, signature: Signature) -> str:
    """What the loss of a model is called, by which a rollout judges quality."""
    if signature.task is Task.REGRESSION:
        return OTHER_LOSSES[0]
    return OTHER_LOSSES[1] if signature.is_multiclass else spec.loss


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


class RolloutLabels:
    """Joins labels with the requests of a state, and keeps its sums."""

    def __init__(self, state: RolloutState, signature: Signature) -> None:
        self._state = state
        self._awaited = state.awaited
        self._signature = signature
        self._loss_name = state.key.spec.loss
        self._costs = state.key.costs if state.primary.has_cost else None
        self._of_entity: dict[str, list[str]] = {}
        for id, served in self._awaited.requests.items():
            self._note_entities(id, served)

    def keep(self, record: PredictionRecord, *, is_canary: bool) -> None:
        """Remember a prediction until its labels come; those that its copy has are its own at once."""
        awaited = self._awaited
        if _place(record.id) >= awaited.share:
            return
        served = Served(
            is_canary,
            record.scores[:MOST_ROWS],
            self._decisions(record),
            (record.entity_ids or [])[:MOST_ROWS],
        )
        first = awaited.requests.setdefault(record.id, served)
        awaited.rows += len(served.scores)
        if first is not served:
            awaited.copies[record.id] = served
            for row, value in enumerate(first.labels):
                self._set(record.id, row, value)
        else:
            self._note_entities(record.id, served)
            for row, entity in enumerate(served.entities):
                if entity in awaited.parked:
                    self._label(record.id, row, awaited.parked[entity])
        while awaited.rows > MOST_AWAITED:
            self._keep_half()

    def take(self, feedback: FeedbackRecord) -> None:
        """A label that arrived."""
        request, _, row = feedback.id.rpartition("/")
        served = self._awaited.requests.get(request)
        if served is not None and row.isdigit():
            if int(row) < len(served.scores):
                self._label(request, int(row), feedback.label)
            return
        for id in self._of_entity.get(feedback.id, ()):
            for place, entity in enumerate(self._awaited.requests[id].entities):
                if entity == feedback.id:
                    self._label(id, place, feedback.label)
        self._park(feedback)  # for predictions of this entity that are still to come

    def _park(self, feedback: FeedbackRecord) -> None:
        parked = self._awaited.parked
        parked.pop(feedback.id, None)
        parked[feedback.id] = feedback.label
        if len(parked) > _MOST_PARKED:
            del parked[next(iter(parked))]

    def _note_entities(self, id: str, served: Served) -> None:
        for entity in dict.fromkeys(served.entities):
            self._of_entity.setdefault(entity, []).append(id)

    def _keep_half(self) -> None:
        awaited = self._awaited
        awaited.share /= 2
        for kept in (awaited.requests, awaited.copies):
            for id in [id for id in kept if _place(id) >= awaited.share]:
                del kept[id]
        awaited.rows = sum(len(s.scores) for kept in (awaited.requests, awaited.copies) for s in kept.values())
        self._of_entity = {}
        for id, served in awaited.requests.items():
            self._note_entities(id, served)

    def _decisions(self, record: PredictionRecord) -> list[int]:
        """Places of the predicted classes, where something follows from them; of others one behind them all."""
        classes = self._signature.classes
        if self._costs is None and not self._signature.is_multiclass:
            return []
        places = {name: place for place, name in enumerate(classes)}
        return [places.get(str(prediction), len(classes)) for prediction in record.predictions[:MOST_ROWS]]

    def _label(self, request: str, row: int, label: Any) -> None:
        self._set(request, row, self._as_number(label))

    def _set(self, request: str, row: int, value: float | None) -> None:
        """Set or correct one label: the request's old sums are taken back and the new ones added."""
        first, copy = self._awaited.requests[request], self._awaited.copies.get(request)
        self._count_pair(first, copy, -1)
        for served in (first,) if copy is None else (first, copy):
            self._count(served, -1)
            served.labels = served.labels or [None] * len(served.scores)
            for label, sign in ((served.labels[row], -1), (value, 1)):
                if label is not None:
                    self._add(served, row, label, sign)
            served.labels[row] = value
            self._count(served, 1)
        self._count_pair(first, copy, 1)

    def _add(self, served: Served, row: int, label: float, sign: int) -> None:
        served.known += sign
        served.loss += sign * self._loss(served, row, label)
        if self._costs is not None:
            served.cost += sign * _cost(self._costs, served.decisions[row], label)
        stats = self._stats(served)
        if stats.has_ranks:
            stats.ranks.add(served.scores[row], label, sign)

    def _stats(self, served: Served) -> RolloutStats:
        return self._state.canary if served.is_canary else self._state.primary

    def _count(self, served: Served, sign: int) -> None:
        if not served.known:
            return
        stats = self._stats(served)
        stats.loss.add(served.known, served.loss, sign)
        if stats.has_cost:
            stats.cost.add(served.known, served.cost, sign)

    def _count_pair(self, first: Served, copy: Served | None, sign: int) -> None:
        """By how much the copy's loss and cost are above the primary's on the same rows."""
        if copy is None or not first.known or first.known != copy.known:
            return
        canary, primary = (first, copy) if first.is_canary else (copy, first)
        contrast = self._state.contrast
        contrast.paired_loss.add(canary.known, canary.loss - primary.loss, sign)
        contrast.paired_cost.add(canary.known, canary.cost - primary.cost, sign)

    def _as_number(self, label: Any) -> float | None:
        """The class's place, of two 1 for the positive one, or the number of a regression; None for neither.

        One of many that the model does not know is behind all others: whatever was predicted is wrong.
        """
        if not self._signature.is_multiclass:
            return label_number(label, None, self._signature)
        place = class_place(label, self._signature.classes)
        return float(len(self._signature.classes) if place is None else place)

    def _loss(self, served: Served, row: int, label: float) -> float:
        if self._signature.is_multiclass:
            return float(served.decisions[row] != label)
        score = served.scores[row]
        if self._signature.task is Task.REGRESSION or self._loss_name == "brier":
            return (score - label) ** 2
        chance = score if label else 1 - score
        return -math.log(min(1.0, max(_SMALLEST, chance)))


def costs_of(costs: Costs) -> tuple[float, float, float, float]:
    """Of true and false positives, and true and false negatives."""
    return costs.true_positive, costs.false_positive, costs.true_negative, costs.false_negative


def _cost(costs: tuple[float, float, float, float], decision: int, label: float) -> float:
    true_positive, false_positive, true_negative, false_negative = costs
    if label:
        return true_positive if decision else false_negative
    return false_positive if decision else true_negative


def _place(request: str) -> float:
    """A number in [0, 1) that depends on the id alone, apart from those that routing and the log's share go by."""
    return (zlib.crc32(request.encode()) * 2_654_435_761 % 4_294_967_296) / 4_294_967_296
