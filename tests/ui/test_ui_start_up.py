"""What the window's process loads before it shows anything."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

# On Windows onnxruntime's DLL would have to load before Qt's; the others cost seconds and hundreds of megabytes.
HEAVY = ("sklearn", "onnxruntime", "pandas", "skl2onnx", "river", "scipy.stats")


@pytest.mark.parametrize("module", ["mlops_desktop.app", "mlops_desktop.ui.main_window"])
def test_the_windows_process_starts_without_the_libraries_that_train(module: str) -> None:
    if find_spec(module) is None:
        pytest.skip(f"{module} is not there")
    code = f"import json, sys, {module}; print(json.dumps([each for each in {HEAVY!r} if each in sys.modules]))"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(finished.stdout.splitlines()[-1]) == []
