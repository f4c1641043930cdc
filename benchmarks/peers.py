"""Environments of the programs that ours is measured against: each has its own, so that its pins bind nobody else.

They are made on first use in `.bench/`, by pip as the user has configured it.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / ".bench"


def peer(name: str, *requirements: str) -> Path:
    """The folder of programs of an environment that holds `requirements`; made if it is not there or holds others."""
    home = FOLDER / name
    programs = home / ("Scripts" if sys.platform == "win32" else "bin")
    stamp = home / "requirements"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != "\n".join(requirements):
        venv.create(home, clear=True, with_pip=True)
        command = [programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, *requirements], check=True)
        stamp.write_text("\n".join(requirements), encoding="utf-8")
    return programs
