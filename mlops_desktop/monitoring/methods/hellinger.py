"""Hellinger distance."""

from __future__ import annotations

import numpy as np

from mlops_desktop.monitoring.methods.base import Array, DriftMethod, binned, register_drift_method, shares

BINS = 20


def hellinger(reference: Array, window: Array, edges: Array | None) -> Array:
    """Distance between the square roots of the shares, in [0, 1]; numbers in 20 quantile bins of the reference.

    Hellinger, E. (1909), Neue Begründung der Theorie quadratischer Formen von unendlichvielen Veränderlichen.
    J. reine angew. Math. 136, 210-271. For drift: Ditzler, G., Polikar, R. (2011), Hellinger distance based drift
    detection for nonstationary environments. IEEE CIDUE, 41-48.

    >>> import numpy as np
    >>> float(hellinger(np.array([5, 0]), np.array([0, 5]), None))
    1.0
    """
    p, q = (shares(counts) for counts in binned(reference, window, edges, BINS))
    return np.asarray(np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=-1) / 2))


HELLINGER = register_drift_method(DriftMethod("hellinger", "Hellinger", True, True, 0.1, 2, hellinger))
