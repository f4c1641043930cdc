"""The Serving page: its head, its states, its tabs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pytestqt.qtbot import QtBot

from mlops_desktop.ui.workspace_view import WorkspaceView

OpenView = Callable[[Path], WorkspaceView]


def serving_page(qtbot: QtBot, view: WorkspaceView) -> Any:
    view.open("serving")
    page = view.page("serving")
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    return page


def test_the_address_of_each_protocol_can_be_copied(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    page = serving_page(qtbot, open_view(story))
    head = page.head
    assert head.url.text() == "http://127.0.0.1:8731/models/late-arrival/predict"
    head.protocol.setCurrentIndex(head.protocol.findData("v2"))
    head.copy_url.click()
    from PySide6.QtGui import QGuiApplication

    assert QGuiApplication.clipboard().text() == "http://127.0.0.1:8731/v2/models/late-arrival/infer"
