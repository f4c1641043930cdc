"""Settings: appearance, the workspace, and where things are."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from mlops_desktop.ui.bridge import Bridge, Query
from mlops_desktop.ui.pages.base import Page, page_column
from mlops_desktop.ui.preferences import OnClose, Preferences
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.figures import compact
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import Label, caption
from mlops_desktop.ui.widgets.player import Segmented
from mlops_desktop.workspace import Workspace

_THEMES = (Theme.SYSTEM, Theme.LIGHT, Theme.DARK)
_ON_CLOSE = (OnClose.ASK, OnClose.KEEP, OnClose.STOP)


@dataclass(frozen=True)
class WorkspaceFacts:
    """`size` is in bytes: database, objects, prediction log."""

    name: str
    folder: str
    events: int
    objects: int
    size: int
    replay: bool


def workspace_facts(workspace: Workspace) -> WorkspaceFacts:
    files = [path for path in workspace.folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files if path.exists())
    objects = sum(1 for _name in workspace.registry.objects.names())
    head = workspace.registry.journal.head()
    return WorkspaceFacts(workspace.name, str(workspace.folder), head, objects, size, workspace.registry.is_replay)


class SettingsPage(Page):
    """Cards of settings; the field on top hides those that do not match."""

    key = "settings"

    def __init__(self, bridge: Bridge, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        self.preferences = preferences

    def query(self) -> Query:
        return workspace_facts

    def build(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText(self.tr("Search the settings"))
        self.search.setAccessibleName(self.tr("Search the settings"))
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(360)
        self.search.textChanged.connect(self._on_search)
        self.cards = [self._appearance(), self._behaviour(), self._workspace(), self._about()]
        column: QVBoxLayout = page_column(self.content)
        column.addWidget(self.search)
        for card in self.cards:
            card.setMaximumWidth(760)
            column.addWidget(card)
        column.addStretch(1)

    def _appearance(self) -> Card:
        card = Card(self.tr("Appearance"))
        self.theme = Segmented((self.tr("As the system"), self.tr("Light"), self.tr("Dark")))
        self.theme.setAccessibleName(self.tr("Theme"))
        self.theme.set_current(_THEMES.index(self.preferences.theme))
        self.theme.chosen.connect(self._on_theme)
        card.body.addLayout(
            _setting(self.tr("Theme"), self.tr("Charts are exported in the light theme always."), self.theme)
        )
        return card

    def _behaviour(self) -> Card:
        card = Card(self.tr("Behaviour"))
        self.on_close = Segmented((self.tr("Ask"), self.tr("Keep running"), self.tr("Stop all")))
        self.on_close.setAccessibleName(self.tr("When the window closes"))
        self.on_close.set_current(_ON_CLOSE.index(self.preferences.on_close))
        self.on_close.chosen.connect(self._on_close_chosen)
        note = self.tr("What becomes of endpoints and pipelines that still run.")
        card.body.addLayout(_setting(self.tr("When the window closes"), note, self.on_close))
        return card

    def _workspace(self) -> Card:
        card = Card(self.tr("Workspace"))
        self.facts = FactList()
        card.add(self.facts)
        row = QHBoxLayout()
        row.addWidget(button(self.tr("Show in file manager"), "folder", on_click=self._on_show_folder))
        row.addWidget(button(self.tr("Verify journal…"), "shield", on_click=lambda: self.openRequested.emit("journal")))
        row.addStretch(1)
        card.body.addLayout(row)
        return card

    def _about(self) -> Card:
        card = Card(self.tr("About"))
        text = self.tr("MLOps Desktop {version}, Python {python}, on this machine only: nothing is sent anywhere.")
        try:
            own = version("mlops-desktop")
        except Exception:
            own = ""
        card.add(Label(text.format(version=own, python=platform.python_version()), wrap=True))
        return card

    def show_model(self, model: WorkspaceFacts) -> None:
        kind = (
            self.tr("replays recorded data; its time is the data's") if model.replay else self.tr("lives in real time")
        )
        self.facts.set_facts(
            [
                (self.tr("Name"), model.name),
                (self.tr("Folder"), model.folder),
                (self.tr("Time"), kind),
                (self.tr("Journal"), self.tr("{n} events").format(n=f"{model.events:,}")),
                (
                    self.tr("Stored"),
                    self.tr("{n} objects, {size} in all").format(
                        n=f"{model.objects:,}", size=f"{compact(model.size)}B"
                    ),
                ),
            ]
        )

    def _on_search(self, text: str) -> None:
        needle = text.strip().lower()
        for card in self.cards:
            words = [str(card.accessibleName())]
            words += [label.text() for label in card.findChildren(Label)]
            card.setVisible(not needle or any(needle in word.lower() for word in words))

    def _on_theme(self, index: int) -> None:
        self.preferences.theme = _THEMES[index]
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, _THEMES[index])

    def _on_close_chosen(self, index: int) -> None:
        self.preferences.on_close = _ON_CLOSE[index]

    def _on_show_folder(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.bridge.folder)))


def _setting(name: str, note: str, control: Any) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(t.SPACE_4)
    words = QVBoxLayout()
    words.setSpacing(0)
    words.addWidget(Label(name, weight=fonts.MEDIUM))
    words.addWidget(caption(note))
    row.addLayout(words, 1)
    row.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)
    return row
