"""Joins labels that arrive later to the predictions they belong to.

The last label that arrived for an id wins, all are kept as history, and labels that match no prediction (yet) are
parked: they are returned, not dropped.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from mlops_desktop.core.models import Signature, Task
from mlops_desktop.serving.log import FeedbackRecord, PredictionRecord, Record

LabelValue = str | int | float | bool | None


def label_number(label: LabelValue, prediction: Any, signature: Signature) -> float | None:
    """A label as a number that goes with the score that was logged; None where it is none that the model could mean.

    A regression's is itself. Of two classes the positive one is 1 and the other 0. With more, where the score is that
    of the predicted class, 1 says that the prediction was right.
    """
    if label is None:
        return None
    if signature.task is Task.REGRESSION:
        return _as_number(label)
    if signature.is_multiclass:
        return float(str(prediction) in _spellings(label))
    place = class_place(label, signature.classes)
    return None if place is None else float(place)


def class_place(label: LabelValue, classes: tuple[str, ...]) -> int | None:
    """The place of a label among the classes, however it is written; None where it is none of them."""
    names = _spellings(label)
    return next((place for place, name in enumerate(classes) if name in names), None)


def _as_number(label: LabelValue) -> float | None:
    with contextlib.suppress(ValueError, TypeError):
        number = float(label)  # type: ignore[arg-type]
        return number if math.isfinite(number) else None
    return None


def _spellings(label: LabelValue) -> set[str]:
    """How the class of a label may be written: 1, 1.0, true and "1" all name "1", and the first three "true"."""
    is_whole = isinstance(label, int) or (isinstance(label, float) and label.is_integer())
    if not is_whole:
        return {str(label)}
    number = int(label)  # type: ignore[arg-type]
    return {str(label), str(number)} | _WORDS.get(number, set())


_WORDS = {0: {"false", "False"}, 1: {"true", "True"}}


class LabelledLog(Struct, frozen=True):
    """Predictions with what is known of their labels.

    `feedback` maps an inference id to the feedback that wins; `history` to all of them, oldest first; `unmatched` are
    the parked ones.
    """

    predictions: list[PredictionRecord]
    feedback: dict[str, FeedbackRecord]
    history: dict[str, list[FeedbackRecord]]
    unmatched: list[FeedbackRecord]

    @property
    def rows(self) -> int:
        return sum(record.rows for record in self.predictions)


class LabelBook:
    """Labels by the id that they came for, an inference id or an entity's; the last one that arrived counts."""

    def __init__(self, given: Iterable[FeedbackRecord]) -> None:
        self._labels = {feedback.id: (place, feedback) for place, feedback in enumerate(given)}

    @property
    def ids(self) -> list[str]:
        return list(self._labels)

    def of(self, inference_id: str, entity_id: str | None) -> FeedbackRecord | None:
        """The label of a row, whichever of its ids it came for."""
        found = [self._labels[id] for id in (inference_id, entity_id) if id is not None and id in self._labels]
        return max(found, key=lambda each: each[0])[1] if found else None


def join_labels(records: Iterable[Record]) -> LabelledLog:
    """Join the records of a log, which may be in any order of prediction and feedback."""
    predictions: list[PredictionRecord] = []
    given: list[FeedbackRecord] = []
    rows_of: dict[str, list[str]] = {}
    for record in records:
        if isinstance(record, FeedbackRecord):
            given.append(record)
            continue
        predictions.append(record)
        for row in range(record.rows):
            inference_id = f"{record.id}/{row}"
            rows_of[inference_id] = [inference_id]
            if record.entity_ids:
                rows_of.setdefault(record.entity_ids[row], []).append(inference_id)
    history: dict[str, list[FeedbackRecord]] = {}
    unmatched: list[FeedbackRecord] = []
    for feedback in given:
        inference_ids = rows_of.get(feedback.id)
        if inference_ids is None:
            unmatched.append(feedback)
        for inference_id in dict.fromkeys(inference_ids or ()):
            history.setdefault(inference_id, []).append(feedback)
    winners = {inference_id: entries[-1] for inference_id, entries in history.items()}
    return LabelledLog(predictions, winners, history, unmatched)


def to_columns(log: LabelledLog, *, roles: tuple[str, ...] = ("primary", "canary")) -> dict[str, list[Any]]:
    """One entry per answered row, as columns of equal length, ready to become a table.

    Besides the features: `inference_id`, `entity_id`, `time` (datetime), `version`, `role`, `score`, `prediction`,
    `label` and `label_time` (None while unknown). A feature of such a name is prefixed with `feature.`.
    """
    own: dict[str, list[Any]] = {name: [] for name in OWN_COLUMNS}
    served = [r for r in log.predictions if r.status == 200 and r.role in roles]
    names = list(dict.fromkeys(name for record in served for name in record.features))
    features: dict[str, list[Any]] = {name: [] for name in names}
    for record in served:
        for name, values in features.items():
            values.extend(record.features.get(name) or [None] * record.rows)
        for row in range(record.rows):
            cells = row_values(record, row, log.feedback.get(f"{record.id}/{row}"))
            for name, value in zip(OWN_COLUMNS, cells, strict=True):
                own[name].append(value)
    renamed = {(f"feature.{name}" if name in own else name): values for name, values in features.items()}
    return own | renamed


OWN_COLUMNS = (
    "inference_id", "entity_id", "time", "version", "role", "score", "prediction", "label", "label_time",
)  # fmt: skip


def row_values(record: PredictionRecord, row: int, feedback: FeedbackRecord | None) -> tuple[Any, ...]:
    """One answered row, in the order of `OWN_COLUMNS`."""
    return (
        f"{record.id}/{row}",
        record.entity_ids[row] if record.entity_ids else None,
        record.moment,
        record.version,
        record.role,
        record.scores[row],
        record.predictions[row],
        feedback.label if feedback else None,
        feedback.moment if feedback else None,
    )
