"""Effect sizes between the counts of a reference and of a window, one method per file.

To add one: write the file with its source and a runnable example, call `register_drift_method`, import it here. The
checks in `tests/contracts/test_contracts_drift.py` then run on it as they do on the others.
"""

from mlops_desktop.monitoring.methods.base import DriftMethod, drift_method, drift_methods, register_drift_method
from mlops_desktop.monitoring.methods.chi2 import CHI2, homogeneity
from mlops_desktop.monitoring.methods.hellinger import HELLINGER
from mlops_desktop.monitoring.methods.jensen_shannon import JENSEN_SHANNON
from mlops_desktop.monitoring.methods.ks import KS
from mlops_desktop.monitoring.methods.l_infinity import L_INFINITY
from mlops_desktop.monitoring.methods.psi import PSI
from mlops_desktop.monitoring.methods.wasserstein import WASSERSTEIN

__all__ = [
    "CHI2",
    "HELLINGER",
    "JENSEN_SHANNON",
    "KS",
    "L_INFINITY",
    "PSI",
    "WASSERSTEIN",
    "DriftMethod",
    "drift_method",
    "drift_methods",
    "homogeneity",
    "register_drift_method",
]
