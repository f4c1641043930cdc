"""Jensen-Shannon distance."""

from __future__ import annotations

import numpy as np

from mlops_desktop.monitoring.methods.base import Array, DriftMethod, binned, register_drift_method, shares

BINS = 20


def jensen_shannon(reference: Array, window: Array, edges: Array | None) -> Array:
    """Square root of the Jensen-Shannon divergence in bits, in [0, 1]; numbers in 20 quantile bins of the reference.

    Lin, J. (1991), Divergence measures based on the Shannon entropy. IEEE Trans. Inf. Theory 37, 145-151.
    Endres, D. M., Schindelin, J. E. (2003), A new metric for probability distributions. Ibid. 49, 1858-1860.

    >>> import numpy as np
    >>> float(jensen_shannon(np.array([10, 0]), np.array([0, 10]), None))
    1.0
    >>> float(jensen_shannon(np.array([10, 30]), np.array([1, 3]), None))
    0.0
    """
    p, q = (shares(counts) for counts in binned(reference, window, edges, BINS))
    middle = (p + q) / 2
    divergence = (_bits(p, middle) + _bits(q, middle)) / 2
    return np.asarray(np.sqrt(np.clip(divergence, 0, 1)))


def _bits(p: Array, middle: Array) -> Array:
    """Kullback-Leibler divergence from the middle in bits; empty cells contribute nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = p * np.log2(p / middle)
    return np.asarray(np.where(p > 0, terms, 0).sum(axis=-1))


JENSEN_SHANNON = register_drift_method(
    DriftMethod("jensen_shannon", "Jensen-Shannon", True, True, 0.1, 2, jensen_shannon)
)
