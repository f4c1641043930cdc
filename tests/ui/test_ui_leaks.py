"""The shared checks notice a widget, a timer and a Qt thread that a test leaves behind."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

LEAKS = """
import pytest
from PySide6.QtCore import QThread, QTimer
from PySide6.QtWidgets import QWidget

kept = []

def test_clean(qtbot):
    widget = QWidget()
    qtbot.addWidget(widget)
    widget.show()
    timer = QTimer(widget)
    timer.start(1000)

def test_widget(qapp):
    kept.append(QWidget())

def test_timer(qapp):
    kept.append(QTimer())
    kept[-1].start(1000)

def test_thread(qapp):
    kept.append(QThread())
    kept[-1].start()

@pytest.fixture(scope="session", autouse=True)
def end_threads():
    yield
    kept[-1].quit()
    kept[-1].wait()
"""


def _outcome(tmp_path: Path, tests: str) -> str:
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path / "shared.py")
    quick = "import shared\nfrom shared import _qt_is_left_clean\nshared.PATIENCE_SECONDS = 0.3\n"
    (tmp_path / "conftest.py").write_text(quick, encoding="utf-8")
    (tmp_path / "test_leaks.py").write_text(tests, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout


def test_a_test_that_leaves_a_widget_a_timer_or_a_qt_thread_behind_fails(tmp_path: Path) -> None:
    text = _outcome(tmp_path, LEAKS)
    assert "4 passed, 3 errors" in text, text
    assert "top-level widgets left behind" in text
    assert text.count("timers or threads left running") >= 2
