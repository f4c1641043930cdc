"""Scores and decisions of many rows as arrays; what `decisions.py` and `result_of` say of a few, in the same way."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlops_desktop.core.models import Signature


class Outcome(NamedTuple):
    """n rows: `scores` [n] as they are logged, `picks` [n] indices of classes, and `probabilities` [n, classes].

    A regression has neither classes, picks nor probabilities.
    """

    scores: NDArray[np.float64]
    classes: tuple[str, ...] = ()
    picks: NDArray[np.int32] = np.empty(0, np.int32)
    probabilities: NDArray[np.float64] = np.empty((0, 0))

    @property
    def predictions(self) -> list[Any]:
        if not self.classes:
            return list(self.scores.tolist())
        return [self.classes[index] for index in self.picks.tolist()]

    @property
    def first_bad_row(self) -> int | None:
        """The first row for which the model gave no finite number."""
        is_finite = np.isfinite(self.scores)
        return None if is_finite.all() else int(np.argmin(is_finite))


def outcome_of(output: NDArray[np.float64], signature: Signature, threshold: float) -> Outcome:
    """The outcome for what a predictor gave."""
    if output.ndim == 1:
        return Outcome(output)
    if output.shape[1] <= 2:
        scores = np.ascontiguousarray(output[:, -1])
        picks = np.where(scores >= threshold, np.int32(len(signature.classes) - 1), np.int32(0))
        return Outcome(scores, signature.classes, picks, np.column_stack([1.0 - scores, scores]))
    chosen = output.argmax(axis=1)
    return Outcome(output[np.arange(len(output)), chosen], signature.classes, chosen.astype(np.int32), output)
