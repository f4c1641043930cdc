"""The program's window on a real screen: it is seen, its pages are painted, keys reach it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mlops_desktop.ui.main_window import MainWindow
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.shots_data import build_workspace
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.theme.tokens import DARK, LIGHT


@pytest.fixture
def window(qapp: QApplication, tmp_path: Path) -> Iterator[MainWindow]:
    apply_theme(qapp, Theme.LIGHT)
    made = MainWindow(Preferences(tmp_path / "window.ini"))
    yield made
    made.close()
    made.deleteLater()
    apply_theme(qapp, Theme.LIGHT)


def on_screen(window: MainWindow) -> QImage:
    corner = window.mapToGlobal(window.rect().topLeft())
    return window.screen().grabWindow(0, corner.x(), corner.y(), window.width(), window.height()).toImage()


def test_the_window_is_painted_on_the_screen_and_answers_keys(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    folder = build_workspace(tmp_path / "flights", days=90)
    view = window.open_workspace(folder)
    with qtbot.waitExposed(window):
        window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=10_000)
    assert QGuiApplication.platformName() not in {"offscreen", "minimal"}
    qtbot.waitUntil(lambda: view.current is not None and view.current.is_settled, timeout=20_000)
    rail = (window.rect().left() + 4, window.height() // 2)
    qtbot.waitUntil(lambda: on_screen(window).pixelColor(*rail) == QColor(LIGHT.surface), timeout=10_000)
    qtbot.keyClick(window, Qt.Key.Key_4, Qt.KeyboardModifier.ControlModifier)
    assert view.rail.current_key == "models"
    qtbot.waitUntil(lambda: view.page("models").is_settled, timeout=10_000)


def test_the_dark_theme_reaches_the_screen(window: MainWindow, qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, Theme.DARK)
    window.show_welcome()
    with qtbot.waitExposed(window):
        window.show()
    qtbot.waitUntil(lambda: on_screen(window).pixelColor(8, 8) == QColor(DARK.background), timeout=10_000)
