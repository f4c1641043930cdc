"""A workspace with nine months behind it, for the tests of pages and window."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("PySide6")

from pytestqt.qtbot import QtBot

from mlops_desktop.ui.main_window import MainWindow
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.shots_data import build_workspace, write_live_state
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; tests that write take `flights`."""
    folder = build_workspace(tmp_path_factory.mktemp("story") / "flights")
    write_live_state(folder)
    return folder


@pytest.fixture
def flights(story: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(story, tmp_path / "flights"))


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    Workspace.create(tmp_path / "empty", name="Empty").close()
    return tmp_path / "empty"


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "window.ini")


@pytest.fixture
def open_view(qtbot: QtBot, preferences: Preferences) -> Iterator[Callable[[Path], WorkspaceView]]:
    """Opens a window on a workspace and waits until its first page is there."""
    windows: list[MainWindow] = []

    def open_workspace(folder: Path) -> WorkspaceView:
        window = MainWindow(preferences)
        windows.append(window)
        view = window.open_workspace(folder)
        window.show()
        window.activateWindow()
        qtbot.waitUntil(window.isActiveWindow)
        qtbot.waitUntil(lambda: view.current is not None and view.current.is_settled, timeout=20_000)
        return view

    yield open_workspace
    for window in windows:
        window.close()
        window.deleteLater()
