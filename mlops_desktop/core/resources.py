"""Where the bundled files are: in a source tree, in an installed package, in a frozen program."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path


@cache
def resource_folder(name: str) -> Path:
    """The folder `resources/<name>`. Raises FileNotFoundError when the program was packed without it."""
    package = Path(__file__).resolve().parents[1]
    roots = [Path(getattr(sys, "_MEIPASS", package)), package, package.parent]
    for root in roots:
        folder = root / "resources" / name
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"resources/{name} is missing from this installation")
