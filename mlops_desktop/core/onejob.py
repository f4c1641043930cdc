"""A process that ends with its one job: how it has memory and hashes early, and how it ends without clearing up."""

from __future__ import annotations

import atexit
import os
import sys
import threading

# Parameters of glibc's mallopt: when freed memory goes back to the system, and how many pools threads have.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8

_jobs: list[int] = []


def prepare_for_one_job() -> None:
    """For a process that ends with its one job, before NumPy and Arrow are imported: freed memory is kept for what
    comes next, as getting each page anew costs more than many a computation on it; and no threads wait for linear
    algebra. Where the C library is not glibc, its memory stays as it is.
    """
    if os.getpid() in _jobs:
        return
    _jobs.append(os.getpid())
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform != "linux":
        return
    import ctypes

    library = ctypes.CDLL(None)
    if not hasattr(library, "mallopt"):
        return
    for option, value in ((_TRIM_THRESHOLD, 1 << 30), (_MMAP_THRESHOLD, 32 << 20), (_ARENA_MAX, 1)):
        library.mallopt(option, value)


def end_one_job(code: int) -> int:
    """End a process that was prepared for one job, with its exit code, once nothing is left to be written.

    Python would take all modules apart and give memory back bit by bit, for nothing. Returns the code where that is not
    for us to skip: in any other process, and while other threads are alive.
    """
    if os.getpid() not in _jobs or threading.active_count() > 1:
        return code
    atexit._run_exitfuncs()
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except OSError:
        return code  # Python says what it says of a broken pipe
    os._exit(code)
