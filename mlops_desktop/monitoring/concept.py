"""Concept drift: does the model's error change in a way that its inputs do not explain?"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

DETECTORS = ("adwin", "hddm_a", "page_hinkley")
MAJORITY = 2
LEAST_HISTORY = 100


class ConceptVerdict(Struct, frozen=True):
    """What the detectors say of an error stream.

    `changes` maps a detector to the position in the window where it first saw a change. `before` and `after` are the
    usual mean error and that of the window.
    """

    changes: dict[str, int]
    before: float
    after: float

    @property
    def votes(self) -> int:
        return len(self.changes)

    @property
    def is_drift(self) -> bool:
        """Whether the majority saw a rise."""
        return self.votes >= MAJORITY


class ChangeSplit(Struct, frozen=True):
    """A change of a metric in two parts that add up to it."""

    covariates: float
    concept: float

    @property
    def total(self) -> float:
        return self.covariates + self.concept


class _Detector(Protocol):
    @property
    def drift_detected(self) -> bool: ...

    def update(self, x: Any) -> Any: ...


def detect_concept_drift(
    history: NDArray[np.floating[Any]],
    errors: NDArray[np.floating[Any]],
    *,
    usual: float | None = None,
    margin: float = 0.0,
) -> ConceptVerdict:
    """Vote of ADWIN, HDDM_A and Page-Hinkley on whether errors rose in the window.

    The detectors take rows for independent: where some days are harder than others they see a change in every storm
    and after it. So they are asked only if the window's mean error exceeds the usual one by more than `margin`, which
    is what unchanged windows show; they tell whether it was a change of level, and since when.

    Bifet, A., Gavaldà, R. (2007), Learning from time-changing data with adaptive windowing. SDM.
    Frías-Blanco, I. et al. (2015), Online and non-parametric drift detection methods based on Hoeffding's bounds.
    IEEE Trans. Knowl. Data Eng. 27, 810-823.
    Page, E. S. (1954), Continuous inspection schemes. Biometrika 41, 100-115.

    Args:
        history: errors of at least 0 from which the detectors learn the level, oldest first, shape (m,).
        errors: errors of the window's labelled rows in the order of time, shape (n,).
        usual: mean error to compare with; that of the history if not given.
        margin: a smaller rise of the mean error is no change.

    Returns:
        No votes where either is too short to say anything.
    """
    before = usual if usual is not None else float(history.mean()) if len(history) else 0.0
    after = float(errors.mean()) if len(errors) else 0.0
    if len(history) < LEAST_HISTORY or not len(errors) or after <= before + margin:
        return ConceptVerdict({}, before, after)
    # HDDM_A needs a bound; 1 for classifiers, whose errors are shares already.
    bound = max(1.0, float(np.quantile(history, 0.99)))
    changes = {}
    for name, detector in _detectors().items():
        place = _first_change(detector, np.minimum(history / bound, 1), np.minimum(errors / bound, 1))
        if place is not None:
            changes[name] = place
    return ConceptVerdict(changes, before, after)


def split_change(baseline: float, estimated: float, realised: float) -> ChangeSplit:
    """How much of a change the covariates explain (estimate against baseline) and how much only the concept can.

    >>> split_change(0.70, 0.69, 0.60)
    ChangeSplit(covariates=-0.01, concept=-0.09)
    """
    return ChangeSplit(round(estimated - baseline, 12), round(realised - estimated, 12))


def _detectors() -> dict[str, _Detector]:
    # river takes a second to import, and with it scikit-learn and pandas.
    from river.drift import ADWIN, PageHinkley
    from river.drift.binary import HDDMA

    return {
        "adwin": ADWIN(delta=0.002),  # type: ignore[no-untyped-call]
        "hddm_a": HDDMA(drift_confidence=0.001, two_sided_test=False),  # type: ignore[no-untyped-call]
        "page_hinkley": PageHinkley(min_instances=30, delta=0.005, threshold=50.0, mode="up"),
    }


def _first_change(detector: _Detector, history: NDArray[Any], errors: NDArray[Any]) -> int | None:
    """Position in `errors` of the first detection, if there is one."""
    for error in history.tolist():
        detector.update(error)
    for place, error in enumerate(errors.tolist()):
        detector.update(error)
        if detector.drift_detected:
            return place
    return None
