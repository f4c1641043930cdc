"""More than two classes: labels are numbers of classes, scores a matrix with a probability for each class.

A metric keeps its name and takes either form: scores of shape (n,) are of the positive class of two, scores of shape
(n, k) of k classes. Averages over classes are macro averages, in which each class counts the same, and classes that
cannot be judged (no row of them) are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def as_scores(values: ArrayLike) -> Floats:
    """Scores as float64, of shape (n,), or (n, k) for k classes."""
    scores = np.asarray(values, dtype=np.float64)
    return scores if scores.ndim == 2 else scores.ravel()


def is_matrix(scores: Floats) -> bool:
    """Whether scores are of more than two classes."""
    return scores.ndim == 2


def top_label(y: Floats, scores: Floats) -> tuple[Floats, Floats]:
    """Whether the likeliest class was the right one (1 or 0), and its probability; both of shape (n,).

    This makes a problem of two classes out of one of many: how sure was the model, and was it right? For scores of two
    classes both come back as they are. After Guo et al. (2017), On calibration of modern neural networks.
    """
    if not is_matrix(scores):
        return y, scores
    picks = scores.argmax(axis=1)
    right = np.where(np.isnan(y), np.nan, (picks == y).astype(np.float64))
    return right, scores[np.arange(len(scores)), picks]


def own_probability(y: Floats, scores: Floats) -> Floats:
    """The probability that was given to the class that came true, shape (n,)."""
    return scores[np.arange(len(scores)), y.astype(np.intp)]


def squared_distance(y: Floats, scores: Floats) -> Floats:
    """Sum over the classes of the squared error of their probabilities, shape (n,) (Brier 1950); from 0 to 2."""
    return np.asarray(((scores - _one_hot(y, scores)) ** 2).sum(axis=1))


def recall_counts(y: Floats, scores: Floats) -> Floats:
    """Per class its rows and those of them that were found, side by side: shape (n, 2 k)."""
    true = _one_hot(y, scores)
    return _interleaved(true, true * _picked(scores))


def f1_counts(y: Floats, scores: Floats) -> Floats:
    """Per class the rows found, and those missed or wrongly taken for it, side by side: shape (n, 2 k)."""
    true, picked = _one_hot(y, scores), _picked(scores)
    return _interleaved(true * picked, np.abs(true - picked))


def over_classes(values: Floats) -> Floats:
    """Mean over the last axis, that of the classes. With more than two, classes without a value are left out."""
    if values.shape[-1] <= 2:
        return np.asarray(values.mean(axis=-1))
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=-1)
    return np.asarray(total / np.where(known.any(axis=-1), known.sum(axis=-1), np.nan))


def one_against_rest(function: Callable[[Floats, Floats], float], y: Floats, scores: Floats) -> Floats:
    """A function of labels (0 and 1) and scores for each class against all others, shape (k,)."""
    return np.array([function(*class_against_rest(y, scores, place)) for place in range(scores.shape[1])])


def class_against_rest(y: Floats, scores: Floats, place: int) -> tuple[Floats, Floats]:
    """Labels (1 for the class at `place`, else 0) and its scores, both of shape (n,)."""
    return (y == place).astype(np.float64), scores[:, place]


def rarest_class(y: Floats, classes: int) -> int:
    """How many rows the rarest class has; a class without rows counts."""
    if not y.size:
        return 0
    return int(np.bincount(y.astype(np.intp), minlength=classes).min())


def _one_hot(y: Floats, scores: Floats) -> Floats:
    return np.asarray(y[:, None] == np.arange(scores.shape[1]), dtype=np.float64)


def _picked(scores: Floats) -> Floats:
    return _one_hot(scores.argmax(axis=1).astype(np.float64), scores)


def _interleaved(first: Floats, second: Floats) -> Floats:
    return np.stack([first, second], axis=2).reshape(len(first), -1)
