"""What of the Windows guard can be tested elsewhere: its structures are as large as Windows has them."""

from __future__ import annotations

import ctypes

import pytest

from mlops_desktop.core.winjob import BasicLimits, ExtendedLimits, bind_to_us


@pytest.mark.skipif(ctypes.sizeof(ctypes.c_void_p) != 8, reason="the sizes are those of 64 bits")
def test_the_structures_have_the_sizes_and_places_of_windows() -> None:
    assert ctypes.sizeof(BasicLimits) == 64 and ctypes.sizeof(ExtendedLimits) == 144
    assert BasicLimits.LimitFlags.offset == 16 and ExtendedLimits.ProcessMemoryLimit.offset == 112


@pytest.mark.skipif(hasattr(ctypes, "WinDLL"), reason="on Windows there is such a library")
def test_elsewhere_there_is_no_such_job() -> None:
    with pytest.raises(AttributeError):
        bind_to_us(0)
