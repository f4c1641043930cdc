"""Makes Qt un-importable in this process and in every Python process it starts.

Python imports a module of this name at start-up when its folder is on PYTHONPATH; `MLOPS_WITHOUT_QT=1` arms it. So the
headless lane of `make test` proves that the core and every stage work where the `gui` extra is not installed.
"""

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec

QT = frozenset({"PySide6", "shiboken6", "pyqtgraph"})


class _WithoutQt(MetaPathFinder):
    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in QT:
            raise ModuleNotFoundError(f"No module named {name!r} (MLOPS_WITHOUT_QT=1)", name=name)
        return None


if os.environ.get("MLOPS_WITHOUT_QT") == "1":
    sys.meta_path.insert(0, _WithoutQt())
