"""Follows the prediction log for a rollout, in bounded memory, and goes on where an earlier reader was."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

import numpy as np

from mlops_desktop.core.deployments import RolloutKind
from mlops_desktop.core.models import Signature, Task
from mlops_desktop.serving.guardrails import Contrast, Figures, RolloutStats
from mlops_desktop.serving.log import (
    CANARY,
    PRIMARY,
    SCHEMA_MISMATCH,
    SHADOW,
    FeedbackRecord,
    LogPosition,
    LogReader,
    PredictionRecord,
    decode_body,
    to_micros,
)
from mlops_desktop.serving.rollout_labels import Costs, RolloutLabels, costs_of, loss_name
from mlops_desktop.serving.rollout_state import RolloutKey, RolloutState, remove_states, save_state, saved_state
from mlops_desktop.serving.rolloutspec import RolloutSpec
from mlops_desktop.serving.segments import SUFFIX, bodies, stems

MOST_PER_LOOK = 10_000
"""Records that are read at once: some tenths of a second."""

_SAVE_SECONDS = 60.0
_SAVE_RECORDS = 200_000
_CHUNK = 10_000


class RolloutReader:
    """Follows an endpoint's log. `primary`, `canary` and `contrast` hold the statistics as of the last `update`.

    A shadow is the canary here; its predictions carry the ids of the primary's, of which they are copies. With the id
    of the rollout as `name`, the statistics are kept beside the log now and then, and a new reader begins with them.
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
        name: str = "",
    ) -> None:
        self._folder, self._name = folder, name
        self._started = to_micros(started)
        known_costs = costs_of(costs) if costs is not None else None
        key = RolloutKey(primary, canary, self._started, spec, known_costs)
        saved = saved_state(folder, name, key) if name else None
        self._state = saved or _empty(key, signature)
        if saved is None:
            self._state.position = position_of(folder, self._started)
        self._log = LogReader(folder, self._state.position)
        self._labels = RolloutLabels(self._state, signature)
        self._loss = loss_name(spec, signature)
        role = SHADOW if spec.kind is RolloutKind.SHADOW else CANARY
        self._sides = {(PRIMARY, primary): False, (role, canary): True}
        self._requests: list[tuple[int, bool, bool, bool]] = []
        self._unsaved, self._saved_at = 0, time.monotonic()
        if name:
            remove_states(folder, but=name)

    @property
    def primary(self) -> RolloutStats:
        return self._state.primary

    @property
    def canary(self) -> RolloutStats:
        return self._state.canary

    @property
    def contrast(self) -> Contrast:
        return self._state.contrast

    @property
    def figures(self) -> Figures:
        return Figures(self.primary, self.canary, self.contrast, self._loss)

    @property
    def parked(self) -> int:
        """Labels that match no prediction of this rollout (yet)."""
        return len(self._state.awaited.parked)

    def update(self, most: int = MOST_PER_LOOK) -> bool:
        """Read what is new in the log, at most so many records; True when all of it was."""
        taken = 0
        for record in self._log.read():
            if isinstance(record, FeedbackRecord):
                self._labels.take(record)
            elif self._is_since_start(record):
                self._take_prediction(record)
            taken += 1
            if taken >= most:
                break
        self._settle()
        self._unsaved += taken
        if time.monotonic() - self._saved_at > _SAVE_SECONDS or self._unsaved > _SAVE_RECORDS:
            self.save()
        return taken < most

    def save(self) -> None:
        """Keep the statistics beside the log, where something was read since the last time."""
        self._saved_at = time.monotonic()
        if self._name and self._unsaved:
            self._state.position = self._log.position
            save_state(self._state, self._folder, self._name)
            self._unsaved = 0

    def forget(self) -> None:
        """Remove what was kept, as the rollout is over."""
        remove_states(self._folder)

    def _is_since_start(self, record: PredictionRecord) -> bool:
        """Whether the log has come to the rollout: what follows is of it, also when the clock was set back since."""
        self._state.has_begun = self._state.has_begun or record.time >= self._started
        return self._state.has_begun

    def _take_prediction(self, record: PredictionRecord) -> None:
        is_canary = self._sides.get((record.role, record.version))
        if is_canary is None:
            return
        stats = self.canary if is_canary else self.primary
        if record.error.startswith(SCHEMA_MISMATCH):
            stats.schema_mismatches += 1
            return
        is_error = bool(record.error)
        self._requests.append((record.total_us, is_canary, is_error, record.cold))
        if len(self._requests) >= _CHUNK:
            self._settle()
        if is_error:
            stats.note_error()
            return
        stats.note_success(record.rows)
        if record.scores:
            stats.scores.add(record.scores[0])
        self._labels.keep(record, is_canary=is_canary)

    def _settle(self) -> None:
        """Hand the requests that were read to what compares both versions, in their order."""
        if self._requests:
            total_us, is_canary, is_error, is_cold = np.array(self._requests, dtype=np.float64).T
            self.contrast.add(total_us, is_canary > 0, is_error > 0, is_cold > 0)
            self._requests.clear()


def _empty(key: RolloutKey, signature: Signature) -> RolloutState:
    has_cost = key.costs is not None and signature.task is Task.CLASSIFICATION
    has_ranks = len(signature.classes) == 2
    primary, canary = (
        RolloutStats(number, has_cost=has_cost, has_ranks=has_ranks) for number in (key.primary, key.canary)
    )
    return RolloutState(key, LogPosition(), primary, canary, Contrast.by(key.spec))


def position_of(folder: Path, moment: int) -> LogPosition:
    """A position before all predictions since a moment (µs since 1970): the last segment that begins before it."""
    for stem in reversed(stems(folder)):
        for body, _ in bodies(folder, stem):
            record = decode_body(body)
            if isinstance(record, PredictionRecord | FeedbackRecord):
                if record.time < moment:
                    return LogPosition(stem + SUFFIX)
                break
    return LogPosition()
