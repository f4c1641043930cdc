"""Normalised Wasserstein distance."""

from __future__ import annotations

import numpy as np

from mlops_desktop.monitoring.methods.base import Array, DriftMethod, register_drift_method, shares


def wasserstein(reference: Array, window: Array, edges: Array | None) -> Array:
    """How far the rows moved on average, in standard deviations of the reference.

    Measured between the outermost edges (the 0.1 % and 99.9 % quantiles of the reference): what lies beyond counts as
    lying there, so one outlier cannot dominate. Where the reference is constant it is the share that left the constant.

    Ramdas, A., Garcia Trillos, N., Cuturi, M. (2017), On Wasserstein two-sample testing and related families of
    nonparametric tests. Entropy 19(2), 47.

    >>> import numpy as np
    >>> edges = np.array([0.0, 1.0, 2.0, 3.0])
    >>> score = wasserstein(np.array([0, 50, 50, 0, 0]), np.array([0, 0, 50, 50, 0]), edges)
    >>> round(float(score), 6)  # moved by one cell of width 1, which is two standard deviations
    2.0
    """
    gaps = np.abs(np.cumsum(shares(window), axis=-1) - np.cumsum(shares(reference)))
    if edges is None or len(edges) < 2:
        return np.asarray(gaps.max(axis=-1))
    moved = gaps[..., 1:-1] @ np.diff(edges)
    middles = np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])
    weights = shares(reference)
    mean = weights @ middles
    spread = float(np.sqrt(weights @ (middles - mean) ** 2))
    # A constant has one cell of rounding width; a distance in that width would be without bound.
    if spread <= 1e-6 * max(abs(float(mean)), 1e-300):
        return np.asarray(gaps.max(axis=-1))
    return np.asarray(moved / spread)


WASSERSTEIN = register_drift_method(DriftMethod("wasserstein", "Wasserstein", True, False, 0.2, 2, wasserstein))
