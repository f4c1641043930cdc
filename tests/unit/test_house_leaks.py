"""The shared checks notice a thread and a child process that a test leaves behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

LEAKS = """
import subprocess, sys, threading

def test_clean():
    thread = threading.Thread(target=int)
    thread.start()
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_thread():
    threading.Timer(1, int).start()

def test_child():
    subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
"""


def _outcome(tmp_path: Path, tests: str) -> str:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path / "shared.py")
    quick = "import shared\nfrom shared import _nothing_is_left_running\nshared.PATIENCE_SECONDS = 0.3\n"
    (tmp_path / "conftest.py").write_text(quick, encoding="utf-8")
    (tmp_path / "test_leaks.py").write_text(tests, encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        "-p",
        "no:pytest-qt",
        str(tmp_path),
    ]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout


def test_a_test_that_leaves_a_thread_or_a_child_behind_fails(tmp_path: Path) -> None:
    text = _outcome(tmp_path, LEAKS)
    assert "3 passed, 2 errors" in text, text
    assert "threads left running" in text
    assert "child processes left running" in text
