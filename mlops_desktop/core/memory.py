"""How the memory of a process is had and handed back."""

from __future__ import annotations

import os
import sys

# Parameters of glibc's mallopt: when freed memory goes back to the system, and how many pools threads have.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def prepare_for_one_job() -> None:
    """For a process that ends with its one job, before NumPy and Arrow are imported: freed memory is kept for what
    comes next, as getting each page anew costs more than many a computation on it; and no threads wait for linear
    algebra. Where the C library is not glibc, its memory stays as it is.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform != "linux":
        return
    import ctypes

    set_option = getattr(ctypes.CDLL(None), "mallopt", None)
    for option, value in ((_TRIM_THRESHOLD, 1 << 30), (_MMAP_THRESHOLD, 32 << 20), (_ARENA_MAX, 1)):
        if set_option is not None:
            set_option(option, value)
