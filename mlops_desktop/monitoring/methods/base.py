"""What a drift method is, and the registry of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.monitoring.grid import group_starts

Array = NDArray[Any]

ScoreFunction = Callable[[Array, Array, Array | None], Array]
"""Takes the reference's counts (K,), the counts of one or many windows (..., K), and for numbers the K - 1 edges
between cells (None for categories); returns one score of at least 0 per window (...). Windows hold at least one row."""


class DriftMethod(Struct, frozen=True):
    """An effect size between reference and window.

    Attributes:
        name: how settings name it.
        title: how people read it.
        numeric, categorical: which columns it is for.
        floor: a score below it does not matter, however certain it is.
        power: without drift `score ** power` shrinks with 1 / rows and is distributed about like chi², scaled: 2 for
            distances, 1 for divergences.
    """

    name: str
    title: str
    numeric: bool
    categorical: bool
    floor: float
    power: int
    score: ScoreFunction


_METHODS: dict[str, DriftMethod] = {}


def register_drift_method(method: DriftMethod) -> DriftMethod:
    """Make a method available by its name; it is calibrated for every reference that is built afterwards."""
    if method.name in _METHODS:
        raise Conflict(f"There is a drift method `{method.name}` already.", hint="Give the new one another name.")
    _METHODS[method.name] = method
    return method


def drift_method(name: str) -> DriftMethod:
    """The method of that name; raises `NotFound`."""
    if name not in _METHODS:
        raise NotFound(f"There is no drift method `{name}`.", hint=f"Use one of {', '.join(sorted(_METHODS))}.")
    return _METHODS[name]


def drift_methods() -> tuple[DriftMethod, ...]:
    """All registered methods, in the order of their registration."""
    return tuple(_METHODS.values())


def shares(counts: Array) -> Array:
    """Counts as shares of their total, along the last axis."""
    total = counts.sum(axis=-1, keepdims=True)
    return np.asarray(counts / np.maximum(total, 1))


def binned(reference: Array, window: Array, edges: Array | None, bins: int) -> tuple[Array, Array]:
    """Counts merged into about `bins` quantile bins of the reference; categories are left as they are."""
    if edges is None:
        return reference, window
    starts = group_starts(reference, bins)
    return np.add.reduceat(reference, starts), np.add.reduceat(window, starts, axis=-1)


def smoothed_shares(counts: Array) -> Array:
    """Shares with half a row added to each cell (Jeffreys' prior), so that logarithms of empty cells stay finite."""
    padded = counts + 0.5
    return np.asarray(padded / padded.sum(axis=-1, keepdims=True))
