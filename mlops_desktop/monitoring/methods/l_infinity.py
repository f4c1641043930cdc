"""L-infinity distance."""

from __future__ import annotations

import numpy as np

from mlops_desktop.monitoring.methods.base import Array, DriftMethod, register_drift_method, shares


def l_infinity(reference: Array, window: Array, _edges: Array | None) -> Array:
    """The largest change in the share of any one category, in [0, 1].

    Breck, E. et al. (2019), Data validation for machine learning. SysML.

    >>> import numpy as np
    >>> round(float(l_infinity(np.array([50, 50]), np.array([30, 70]), None)), 3)
    0.2
    """
    return np.asarray(np.abs(shares(window) - shares(reference)).max(axis=-1))


L_INFINITY = register_drift_method(DriftMethod("l_infinity", "L∞", False, True, 0.05, 2, l_infinity))
