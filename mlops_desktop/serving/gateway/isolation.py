"""What a serving worker gets to know of us: as little as it needs, for it runs the code of models.

It inherits no descriptor but its pipes, the memory that it shares with us, and standard error, no variable that is not
named here (no password or token of whoever started the program), and a working directory that leads nowhere. All it
needs comes through its pipe.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import mlops_desktop

_NEEDED = frozenset(
    {
        "PATH", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
        "VIRTUAL_ENV", "PYTHONHOME", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE",
        "SYSTEMROOT", "WINDIR", "PATHEXT", "COMSPEC", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE",
    }
)  # fmt: skip


def worker_environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The variables that a worker gets: how to find libraries, languages and temporary files."""
    kept = {name: value for name, value in ours.items() if name.upper() in _NEEDED or name.startswith("LC_")}
    if not getattr(sys, "frozen", False):
        # It starts elsewhere, so it is told where we are; a module that lies in its working directory is not imported.
        places = [str(Path(mlops_desktop.__file__).resolve().parents[1])]
        places += [os.path.abspath(place) for place in ours.get("PYTHONPATH", "").split(os.pathsep) if place]  # noqa: PTH100
        kept |= {"PYTHONPATH": os.pathsep.join(dict.fromkeys(places)), "PYTHONSAFEPATH": "1"}
    return kept | {"ORT_DISABLE_TELEMETRY": "1"}  # else ONNX Runtime keeps a database in the home folder


def worker_folder() -> str:
    """Where a worker is started: the root of the disk that Python is on, never a workspace."""
    return Path(sys.executable).anchor or os.sep
