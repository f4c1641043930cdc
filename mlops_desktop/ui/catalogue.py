"""All pages by key: title, icon, and where the class is; a page's module is imported when it is first shown."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import cast

from PySide6.QtCore import QCoreApplication

from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.theme.status import QT_TRANSLATE_NOOP


@dataclass(frozen=True)
class PageInfo:
    """`source` is the English title; `target` is `module:class` under `mlops_desktop.ui.pages`."""

    key: str
    source: str
    icon: str
    target: str

    @property
    def title(self) -> str:
        return QCoreApplication.translate("Pages", self.source)


PAGES = (
    PageInfo(
        "control-room", QT_TRANSLATE_NOOP("Pages", "Control Room"), "control-room", "control_room:ControlRoomPage"
    ),
    PageInfo("data", QT_TRANSLATE_NOOP("Pages", "Data"), "data", "data:DataPage"),
    PageInfo("experiments", QT_TRANSLATE_NOOP("Pages", "Experiments"), "experiments", "experiments:ExperimentsPage"),
    PageInfo("models", QT_TRANSLATE_NOOP("Pages", "Models"), "models", "models:ModelsPage"),
    PageInfo("pipelines", QT_TRANSLATE_NOOP("Pages", "Pipelines"), "pipelines", "pipelines:PipelinesPage"),
    PageInfo("serving", QT_TRANSLATE_NOOP("Pages", "Serving"), "serving", "serving:ServingPage"),
    PageInfo("monitoring", QT_TRANSLATE_NOOP("Pages", "Monitoring"), "monitoring", "monitoring:MonitoringPage"),
    PageInfo("alerts", QT_TRANSLATE_NOOP("Pages", "Alerts"), "alerts", "alerts:AlertsPage"),
    PageInfo("lineage", QT_TRANSLATE_NOOP("Pages", "Lineage"), "lineage", "lineage:LineagePage"),
    PageInfo("journal", QT_TRANSLATE_NOOP("Pages", "Audit"), "audit", "journal:JournalPage"),
    PageInfo("settings", QT_TRANSLATE_NOOP("Pages", "Settings"), "settings", "settings:SettingsPage"),
)
BY_KEY = {info.key: info for info in PAGES}


def preload() -> None:
    """Import what the charts need; half a second that the window's thread is spared."""
    import_module("numpy")
    import_module("pyqtgraph")


def make_page(key: str, bridge: Bridge, preferences: Preferences) -> Page:
    """Import and build a page. Raises KeyError for an unknown key."""
    module, _, name = BY_KEY[key].target.partition(":")
    made = getattr(import_module(f"mlops_desktop.ui.pages.{module}"), name)
    return cast("Page", made(bridge, preferences) if key == "settings" else made(bridge))
