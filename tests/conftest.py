"""What all tests share: a home of their own, no screen, and nothing left running.

The leak checks attach by themselves: threads and child processes to every test, top-level widgets, timers and Qt's
threads to the tests that use Qt.
"""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest

WITHOUT_QT = os.environ.get("MLOPS_WITHOUT_QT") == "1"
PATIENCE_SECONDS = 5.0

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def pytest_addoption(parser: pytest.Parser) -> None:
    if WITHOUT_QT:  # pytest-qt, whose setting this is, is not loaded in the headless lane
        parser.addini("qt_api", "unused here")


@pytest.fixture(autouse=True, scope="session")
def _settings_of_their_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests, and the processes they start, never read or write the settings of the person who runs them."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
            patch.setenv(name, str(home / name.lower()))
        yield


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    """Fails a test that leaves a thread or a child process behind (daemon threads end by themselves)."""
    threads, children = set(threading.enumerate()), set(_children())
    yield
    left_threads = _wait_until_empty(lambda: [each for each in _threads() if each not in threads])
    assert not left_threads, f"threads left running: {left_threads}"
    left_children = _wait_until_empty(lambda: [each for each in _children() if each not in children])
    assert not left_children, f"child processes left running: {[each.cmdline() for each in left_children]}"


@pytest.fixture(autouse=True)
def _qt_is_left_clean(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that leaves a top-level widget, a running timer, or a running Qt thread behind."""
    if not {"qtbot", "qapp"} & set(request.fixturenames):
        yield
        return
    from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QThreadPool, QTimer
    from PySide6.QtWidgets import QApplication
    from shiboken6 import isValid

    started: list[weakref.ref[Any]] = []
    for kind in (QTimer, QThread):
        _record_starts(monkeypatch, kind, started)
    before = {id(widget) for widget in QApplication.topLevelWidgets()}
    yield

    def is_live(thing: QObject | None) -> bool:
        if thing is None or not isValid(thing):
            return False
        return thing.isActive() if isinstance(thing, QTimer) else thing.isRunning()  # type: ignore[attr-defined]

    def settle(left: Callable[[], list[Any]]) -> list[Any]:
        def look() -> list[Any]:
            gc.collect()
            QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            QCoreApplication.processEvents()
            return left()

        return _wait_until_empty(look)

    assert QThreadPool.globalInstance().waitForDone(int(PATIENCE_SECONDS * 1000)), "a task is left in the thread pool"
    widgets = settle(lambda: [each for each in QApplication.topLevelWidgets() if id(each) not in before])
    assert not widgets, f"top-level widgets left behind: {widgets}"
    running = settle(lambda: [each() for each in started if is_live(each())])
    assert not running, f"timers or threads left running: {running}"


def _record_starts(monkeypatch: pytest.MonkeyPatch, kind: type[Any], started: list[weakref.ref[Any]]) -> None:
    start = kind.start

    def recorded(self: Any, *arguments: Any) -> None:
        started.append(weakref.ref(self))
        start(self, *arguments)

    monkeypatch.setattr(kind, "start", recorded)


def _threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if not thread.daemon]


def _children() -> list[psutil.Process]:
    """Living children but the helpers that `multiprocessing` and `loky` keep for as long as the process lives."""
    return [child for child in psutil.Process().children() if _is_living(child) and not _is_kept_helper(child)]


def _is_living(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_kept_helper(process: psutil.Process) -> bool:
    try:
        command = " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return True
    return "resource_tracker" in command or "forkserver" in command or "loky" in command


def _wait_until_empty(look: Callable[[], list[Any]]) -> list[Any]:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (left := look()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
