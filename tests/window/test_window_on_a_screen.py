"""On a real screen (Xvfb on Linux) the platform plug-in loads, a window is exposed, its pixels reach the screen."""

from __future__ import annotations

import pyqtgraph
from PySide6.QtGui import QColor, QGuiApplication
from PySide6.QtWidgets import QMainWindow
from pytestqt.qtbot import QtBot


def test_a_window_with_a_chart_is_seen_on_the_screen(qtbot: QtBot) -> None:
    window = QMainWindow()
    qtbot.addWidget(window)
    chart = pyqtgraph.PlotWidget(background="#0a5c36")
    chart.plot([0, 1, 2], [0, 1, 0])
    window.setCentralWidget(chart)
    with qtbot.waitExposed(window):
        window.show()
    assert QGuiApplication.platformName() not in {"offscreen", "minimal"}
    middle = window.mapToGlobal(window.rect().center())

    def is_painted() -> bool:
        picture = window.screen().grabWindow(0, middle.x(), middle.y() + 40, 1, 1).toImage()
        return picture.pixelColor(0, 0) == QColor("#0a5c36")

    qtbot.waitUntil(is_painted, timeout=10_000)
