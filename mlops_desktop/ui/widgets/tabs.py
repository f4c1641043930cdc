"""Tabs of a page: words with a line under the chosen one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSizePolicy, QTabBar, QWidget


class PageTabs(QTabBar):
    """`PageTabs(["Preview", "Profile"])`; connect Qt's own `currentChanged(int)`."""

    def __init__(self, titles: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setExpanding(False)
        self.setDrawBase(False)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        for title in titles:
            self.addTab(title)
