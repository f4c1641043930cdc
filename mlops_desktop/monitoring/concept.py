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

    `changes` maps a detector to the position in the window where it first saw the error rise. `before` and `after`
    are the mean errors of history and window.
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


def detect_concept_drift(history: NDArray[np.floating[Any]], errors: NDArray[np.floating[Any]]) -> ConceptVerdict:
    """Vote of ADWIN, HDDM_A and Page-Hinkley on whether errors rose in the window.

    Bifet, A., Gavaldà, R. (2007), Learning from time-changing data with adaptive windowing. SDM.
    Frías-Blanco, I. et al. (2015), Online and non-parametric drift detection methods based on Hoeffding's bounds.
    IEEE Trans. Knowl. Data Eng. 27, 810-823.
    Page, E. S. (1954), Continuous inspection schemes. Biometrika 41, 100-115.

    Args:
        history: errors in [0, 1] from which the usual level is learnt, oldest first, shape (m,).
        errors: errors of the window's labelled rows in the order of time, shape (n,).

    Returns:
        No votes where either is too short to say anything.
    """
    before = float(history.mean()) if len(history) else 0.0
    after = float(errors.mean()) if len(errors) else 0.0
    if len(history) < LEAST_HISTORY or not len(errors):
        return ConceptVerdict({}, before, after)
    changes = {}
    for name, detector in _detectors().items():
        place = _first_rise(detector, history, errors, before)
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


def _first_rise(detector: _Detector, history: NDArray[Any], errors: NDArray[Any], before: float) -> int | None:
    """Position in `errors` of the first detection after which the mean error is higher than before."""
    for error in history.tolist():
        detector.update(error)
    for place, error in enumerate(errors.tolist()):
        detector.update(error)
        if detector.drift_detected and float(errors[max(0, place - LEAST_HISTORY) :].mean()) > before:
            return place
    return None
