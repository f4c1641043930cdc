"""Datasets: their versions at the left; rows, profile, difference, contract, origin and log of one at the right."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.ui.bridge import Bridge, Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, page_column
from mlops_desktop.ui.pages.data_head import VersionHead
from mlops_desktop.ui.pages.data_list import DatasetPanel
from mlops_desktop.ui.pages.data_marks import MarkDeeds
from mlops_desktop.ui.queries import datasets as queries
from mlops_desktop.ui.queries.rows import warm_up
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.status import QT_TRANSLATE_NOOP
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.tabs import PageTabs

if TYPE_CHECKING:
    from mlops_desktop.ui.pages.import_wizard import ImportWizard

_LEFT, _LEFT_LEAST = 312, 240


class TabInfo(NamedTuple):
    """A tab: its English title, and `module:class` under `mlops_desktop.ui.pages`, imported when it is first seen."""

    key: str
    source: str
    target: str


TABS = (
    TabInfo("preview", QT_TRANSLATE_NOOP("DataPage", "Preview"), "data_preview:PreviewTab"),
    TabInfo("profile", QT_TRANSLATE_NOOP("DataPage", "Profile"), "data_profile:ProfileTab"),
    TabInfo("difference", QT_TRANSLATE_NOOP("DataPage", "Difference"), "data_difference:DifferenceTab"),
    TabInfo("contract", QT_TRANSLATE_NOOP("DataPage", "Contract"), "data_contract:ContractTab"),
    TabInfo("quarantine", QT_TRANSLATE_NOOP("DataPage", "Quarantine"), "data_quarantine:QuarantineTab"),
    TabInfo("origin", QT_TRANSLATE_NOOP("DataPage", "Origin and lineage"), "data_origin:OriginTab"),
    TabInfo("log", QT_TRANSLATE_NOOP("DataPage", "Log"), "data_log:LogTab"),
)


class DataPage(Page):
    """A tab is made when it is first seen, and asks for a version only while it is seen."""

    key = "data"
    listens_to = ("dataset.", "run.", "model.")

    def query(self) -> Query:
        return queries.dataset_list

    def never_set_up(self, model: queries.DatasetList) -> NeverSetUp | None:
        if model.newest or model.archived:
            return None
        text = self.tr("Drop a CSV, Excel, Parquet or JSON file on the window, or choose one. It becomes a version.")
        return NeverSetUp(self.tr("No data yet"), text, self.tr("Add data…"), "data", self.choose_file)

    def actions_of_page(self) -> list[tuple[QAction, str, str]]:
        return [
            (self.action(self.tr("Watched folders…"), self.show_watches), "folder", ""),
            (self.action(self.tr("Add data…"), self.choose_file), "import", "primary"),
        ]

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        bridge.ask("data warm up", warm_up, lambda _none: None)

    def build(self) -> None:
        self.panel = DatasetPanel(self.bridge)
        self.head = VersionHead()
        self.deeds = MarkDeeds(self, self.head)
        self.menu_button = icon_button("more", self.tr("More to do with this version"), self.show_menu)
        self.head.add_action(button(self.tr("Export…"), "export", on_click=partial(self.open_sheet, "open_export")))
        self.head.add_action(self.menu_button)
        self.made: dict[str, QWidget] = {}
        self.tabs = PageTabs([self.tr(info.source) for info in TABS])
        self.tabs.setAccessibleName(self.tr("Views of the version"))
        self.stack = QStackedWidget()
        self.tabs.currentChanged.connect(lambda _index: self._show_tab())
        self.panel.chosen.connect(self._on_chosen)
        self.panel.timelineShown.connect(self._on_timeline)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(t.SPACE_2, 0, 0, 0)
        column.setSpacing(t.SPACE_2)
        column.addWidget(self.head)
        column.addWidget(self.tabs)
        column.addWidget(self.stack, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.setHandleWidth(t.SPACE_3)
        splitter.setStyleSheet("QSplitter::handle { background: transparent; }")
        splitter.addWidget(self.panel)
        splitter.addWidget(right)
        self.panel.setMinimumWidth(_LEFT_LEAST)
        splitter.setSizes([_LEFT, 900])
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        page_column(self.content).addWidget(splitter, 1)

    # Showing

    def show_model(self, model: queries.DatasetList) -> None:
        self.panel.show_datasets(model)
        for tab in self.made.values():
            if (refresh := getattr(tab, "refresh", None)) is not None:
                refresh()

    def open_target(self, target: str) -> None:
        """Show a version by any way of naming it; the answer to a question that came earlier is not waited for."""
        if self.is_built:
            self.bridge.ask("data target", partial(queries.version_line, reference=target), self.panel.choose)

    @property
    def chosen(self) -> str:
        """Reference of the version that is shown; empty for none."""
        return self.panel.line.reference if self.is_built and self.panel.line is not None else ""

    def _on_chosen(self, line: VersionLine) -> None:
        timeline = self.panel.versions.timeline
        self.head.show_line(line, timeline.tags, timeline.aliases or ("reference",))
        self._show_tab()

    def _on_timeline(self, found: queries.Timeline) -> None:
        difference = self.made.get("difference")
        if difference is not None:
            difference.set_timeline(found)  # type: ignore[attr-defined]

    # Tabs

    def show_tab(self, key: str) -> None:
        """Bring a tab to the front: `preview`, `profile`, `difference`, …"""
        self.tabs.setCurrentIndex([info.key for info in TABS].index(key))

    @property
    def tab(self) -> Any:
        """The tab in front."""
        return self.stack.currentWidget()

    def _show_tab(self) -> None:
        info = TABS[self.tabs.currentIndex()]
        if info.key not in self.made:
            self._make_tab(info)
        self.stack.setCurrentWidget(self.made[info.key])
        if self.panel.line is not None:
            self.tab.show_version(self.panel.line)

    def _make_tab(self, info: TabInfo) -> None:
        module, _, name = info.target.partition(":")
        made = getattr(import_module(f"mlops_desktop.ui.pages.{module}"), name)(self)
        self.made[info.key] = made
        self.stack.addWidget(made)
        if info.key == "difference":
            made.set_timeline(self.panel.versions.timeline)

    @property
    def is_settled(self) -> bool:
        if not super().is_settled or not self.is_built:
            return super().is_settled
        return self.panel.is_settled and getattr(self.tab, "is_settled", True)

    # What else can be done

    def show_menu(self) -> QMenu:
        """Offer what keeps data whole and in order."""
        line = self.panel.line
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        is_archived = line is not None and line.is_archived
        entries = [
            (self.tr("Export…"), "open_export"),
            (self.tr("Restore…"), "open_restore") if is_archived else (self.tr("Archive…"), "open_archive"),
            (self.tr("Verify…"), "open_verify"),
            ("", ""),
            (self.tr("Delete for good…"), "open_delete"),
            (self.tr("Free space…"), "open_collect"),
        ]
        for text, name in entries:
            if text:
                menu.addAction(text, partial(self.open_sheet, name))
            else:
                menu.addSeparator()
        corner = self.menu_button.mapToGlobal(self.menu_button.rect().bottomRight())
        corner.setX(corner.x() - menu.sizeHint().width())
        menu.popup(corner)
        return menu

    def open_sheet(self, name: str) -> object:
        """Open a sheet of `data_upkeep` on the version that is shown."""
        from mlops_desktop.ui.pages import data_upkeep

        line = self.panel.line
        return getattr(data_upkeep, name)(self, line.reference) if line is not None else None

    def show_watches(self) -> object:
        """Show the watched folders."""
        from mlops_desktop.ui.pages.data_watches import open_watches

        names = [line.dataset for line in self.model.newest] if self.model else []
        return open_watches(self, names, self.panel.line.dataset if self.is_built and self.panel.line else "")

    # Adding data

    def choose_file(self) -> ImportWizard:
        """Ask where data comes from, and add it."""
        from mlops_desktop.ui.pages.import_wizard import open_wizard

        return open_wizard(self.bridge, self.window())

    def offer(self, *paths: Path) -> ImportWizard:
        """Show what is in these files, and add it once a person agrees."""
        from mlops_desktop.ui.pages.import_wizard import open_wizard

        return open_wizard(self.bridge, self.window(), paths=paths)
