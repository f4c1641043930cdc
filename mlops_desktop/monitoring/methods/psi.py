"""Population stability index."""

from __future__ import annotations

import numpy as np

from mlops_desktop.monitoring.methods.base import Array, DriftMethod, binned, register_drift_method, smoothed_shares

BINS = 10


def psi(reference: Array, window: Array, edges: Array | None) -> Array:
    """Symmetric Kullback-Leibler divergence in nats over 10 quantile bins of the reference; at least 0.

    By convention 0.1 is noticeable and 0.25 large, which holds for large windows only: without drift its mean is
    (bins - 1)(1/n + 1/N).

    Siddiqi, N. (2006), Credit Risk Scorecards. Wiley. Its distribution: Yurdakul, B., Naranjo, J. (2020), Statistical
    properties of the population stability index. J. Risk Model Validation 14(4), 89-100.

    >>> import numpy as np
    >>> round(float(psi(np.array([500, 500]), np.array([600, 400]), None)), 3)
    0.04
    """
    p, q = (smoothed_shares(counts) for counts in binned(reference, window, edges, BINS))
    return np.asarray(((q - p) * np.log(q / p)).sum(axis=-1))


PSI = register_drift_method(DriftMethod("psi", "PSI", True, True, 0.1, 1, psi))
