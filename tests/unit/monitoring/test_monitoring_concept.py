"""Change detectors on error streams."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from mlops_desktop.monitoring import concept
from mlops_desktop.monitoring.concept import detect_concept_drift, split_change


def _errors(seed: int, rows: int, rate: float) -> np.ndarray:
    return (np.random.default_rng(seed).random(rows) < rate).astype(float)


def test_a_rise_of_the_error_is_seen_by_the_majority_soon_after_it_happened() -> None:
    errors = np.concatenate([_errors(1, 1_000, 0.15), _errors(2, 2_000, 0.4)])
    verdict = detect_concept_drift(_errors(3, 2_000, 0.15), errors)
    assert verdict.is_drift
    assert verdict.votes == 3
    assert all(1_000 <= place < 1_700 for place in verdict.changes.values())
    assert verdict.after > verdict.before


@pytest.mark.parametrize("seed", range(5, 11))
def test_a_stable_stream_is_no_drift(seed: int) -> None:
    assert not detect_concept_drift(_errors(seed, 3_000, 0.2), _errors(seed + 50, 3_000, 0.2)).is_drift


def test_errors_that_fall_are_no_drift() -> None:
    assert detect_concept_drift(_errors(1, 2_000, 0.4), _errors(2, 2_000, 0.1)).votes == 0


def test_a_rise_within_the_usual_variation_is_no_drift() -> None:
    history, errors = _errors(1, 3_000, 0.2), _errors(2, 3_000, 0.3)
    assert detect_concept_drift(history, errors, usual=0.2, margin=0.05).is_drift
    assert detect_concept_drift(history, errors, usual=0.2, margin=0.15).votes == 0


def test_errors_of_a_regression_are_bounded_for_the_detectors() -> None:
    random = np.random.default_rng(4)
    verdict = detect_concept_drift(random.gamma(2, 40, 3_000), random.gamma(2, 80, 3_000))
    assert verdict.is_drift


@pytest.mark.parametrize(("history", "errors"), [(0, 100), (50, 100), (500, 0)])
def test_streams_too_short_to_say_anything_get_no_votes(history: int, errors: int) -> None:
    verdict = detect_concept_drift(np.zeros(history), np.ones(errors))
    assert verdict.votes == 0
    assert not verdict.is_drift


def test_the_two_parts_of_a_change_add_up_to_it() -> None:
    assert doctest.testmod(concept).failed == 0
    parts = split_change(0.72, 0.70, 0.61)
    assert parts.total == pytest.approx(0.61 - 0.72)
