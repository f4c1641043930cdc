"""Kolmogorov-Smirnov distance."""

from __future__ import annotations

import numpy as np

from mlops_desktop.monitoring.methods.base import Array, DriftMethod, register_drift_method, shares


def ks(reference: Array, window: Array, _edges: Array | None) -> Array:
    """The largest difference between the two cumulative shares, in [0, 1].

    Reads as: so large a share of the rows has moved past some value. Exact at the edges between cells.

    Massey, F. J. (1951), The Kolmogorov-Smirnov test for goodness of fit. JASA 46, 68-78.

    >>> import numpy as np
    >>> float(ks(np.array([50, 50, 0]), np.array([0, 50, 50]), np.array([1.0, 2.0])))
    0.5
    """
    difference = np.cumsum(shares(window), axis=-1) - np.cumsum(shares(reference))
    return np.asarray(np.abs(difference).max(axis=-1))


KS = register_drift_method(DriftMethod("ks", "KS", True, False, 0.1, 2, ks))
