"""How much memory a process has, and may have."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def resident_bytes(pid: int) -> int:
    """Resident set in bytes; 0 for a process that is gone."""
    if sys.platform == "linux":  # psutil would add to what the gateway itself weighs
        try:
            pages = int(Path(f"/proc/{pid}/statm").read_bytes().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def allow_more(extra: int) -> None:
    """Let this process have so many bytes beyond what it has: asking for more raises `MemoryError`. Linux alone can.

    A request of a few kilobytes can unpack to more than the machine has (a table of one long text in each row).
    """
    if sys.platform == "linux":
        import resource

        has = int(Path("/proc/self/statm").read_bytes().split()[5]) * os.sysconf("SC_PAGE_SIZE")
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = has + extra
        resource.setrlimit(
            resource.RLIMIT_DATA, (wanted if most == resource.RLIM_INFINITY else min(wanted, most), most)
        )
