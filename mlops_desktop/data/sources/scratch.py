"""A private folder for what an archive holds while it is read.

It lies in the user's cache, not in the system's temporary folder, which is often kept in memory. It goes when nothing
refers to it any more, at the latest with the process. What a killed process left is removed by the next one.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import weakref
from pathlib import Path

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.ids import new_id

_NAME = re.compile(r"(?P<host>.+)~(?P<process>\d+)~(?P<started>\d+)~\w+")


class ScratchFolder:
    """An empty folder at `path` until `remove()`, or for as long as this object lives. Raises `EnvironmentProblem`."""

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or scratch_parent()
        process = os.getpid()
        try:
            parent.mkdir(parents=True, exist_ok=True)
            _remove_stale(parent)
            self.path = parent / f"{_host()}~{process}~{_started(process)}~{new_id()}"
            self.path.mkdir(mode=0o700)
        except OSError as error:
            raise EnvironmentProblem(
                f"{parent} cannot be written to, where archives are unpacked ({error.strerror}).",
                hint="Give that folder the right to be written to.",
            ) from error
        self.remove = weakref.finalize(self, _remove, self.path, process)


def scratch_parent() -> Path:
    """Where the folders are made."""
    from platformdirs import user_cache_path

    return user_cache_path("mlops-desktop") / "unpacked"


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child has the object too
        shutil.rmtree(folder, ignore_errors=True)


def _remove_stale(parent: Path) -> None:
    """Removes the folders of this machine's processes that are gone."""
    for folder in parent.iterdir():
        made = _NAME.fullmatch(folder.name)
        if made and made["host"] == _host() and _started(int(made["process"])) != int(made["started"]):
            shutil.rmtree(folder, ignore_errors=True)


def _started(process: int) -> int:
    """When a process started, in ms since 1970; -1 where there is no such process."""
    import psutil

    try:
        return round(psutil.Process(process).create_time() * 1000)
    except psutil.NoSuchProcess:
        return -1
    except psutil.AccessDenied:
        return 0


def _host() -> str:
    return re.sub(r"[^\w.-]", "-", platform.node()) or "host"
