"""A Windows job that ends with this process, and with it every child in it, however this process ends.

The second guard beside the children's watch of their standard input, which a child that hangs may miss. Programs that
are to outlive us are started with `CREATE_BREAKAWAY_FROM_JOB`.

Source: Microsoft's documentation of job objects (`JOBOBJECT_EXTENDED_LIMIT_INFORMATION`, limit flags).
"""

from __future__ import annotations

import contextlib
import ctypes
from ctypes import c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from typing import Any

_EXTENDED_LIMIT_INFORMATION = 9
_BREAKAWAY_OK = 0x0800
_KILL_ON_JOB_CLOSE = 0x2000


class BasicLimits(ctypes.Structure):
    """`JOBOBJECT_BASIC_LIMIT_INFORMATION`."""

    _fields_ = (
        ("PerProcessUserTimeLimit", c_int64),
        ("PerJobUserTimeLimit", c_int64),
        ("LimitFlags", c_uint32),
        ("MinimumWorkingSetSize", c_size_t),
        ("MaximumWorkingSetSize", c_size_t),
        ("ActiveProcessLimit", c_uint32),
        ("Affinity", c_size_t),
        ("PriorityClass", c_uint32),
        ("SchedulingClass", c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """`JOBOBJECT_EXTENDED_LIMIT_INFORMATION`; the six counters in the middle are `IO_COUNTERS`."""

    _fields_ = (
        ("BasicLimitInformation", BasicLimits),
        ("IoInfo", c_uint64 * 6),
        ("ProcessMemoryLimit", c_size_t),
        ("JobMemoryLimit", c_size_t),
        ("PeakProcessMemoryUsed", c_size_t),
        ("PeakJobMemoryUsed", c_size_t),
    )


def bind_to_us(process_handle: int) -> None:
    """Put a child into our job. Where Windows refuses, as in some nested jobs, the child's own watch has to do."""
    with contextlib.suppress(OSError):
        kernel, job = _job()
        if not kernel.AssignProcessToJobObject(job, c_void_p(process_handle)):
            raise OSError("AssignProcessToJobObject")


@cache
def _job() -> tuple[Any, Any]:
    """The library and our one job. Its handle is never closed: Windows does when this process ends."""
    kernel = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009 - exists on Windows alone, and mypy knows it
    kernel.CreateJobObjectW.restype = c_void_p
    kernel.CreateJobObjectW.argtypes = (c_void_p, c_void_p)
    kernel.SetInformationJobObject.argtypes = (c_void_p, ctypes.c_int, c_void_p, c_uint32)
    kernel.AssignProcessToJobObject.argtypes = (c_void_p, c_void_p)
    job = kernel.CreateJobObjectW(None, None)
    limits = ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE | _BREAKAWAY_OK
    size = ctypes.sizeof(limits)
    if not job or not kernel.SetInformationJobObject(job, _EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), size):
        raise OSError("no job object")
    return kernel, job
