"""Pictures of the parts of the Serving page that look at single requests, over a log that was made for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar, cast

from PySide6.QtWidgets import QVBoxLayout

from mlops_desktop.pipelines.engine_state import read_engine_state
from mlops_desktop.ui import screens
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.serving import ServingPage
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.queries.serving import Serving, serving
from mlops_desktop.ui.queries.serving_live import LiveReading

Tab = TypeVar("Tab", bound=EndpointTab)


class Stage(Page):
    """A page with nothing but one tab, for pictures and tests."""

    key = "stage"

    def __init__(self, bridge: Bridge, kind: type[EndpointTab]) -> None:
        super().__init__(bridge)
        self.tab = kind(cast(ServingPage, self))
        self.endpoints: Serving | None = None
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(24, 16, 24, 24)
        layout.addWidget(self.tab)
        self._stack.setCurrentWidget(self.content)

    def reload(self) -> None:
        """Tell the tab of its endpoint, as the Serving page does on news."""
        self.bridge.ask("stage", serving, self._tell)

    def _tell(self, found: Serving) -> None:
        self.endpoints = found
        engine = read_engine_state(self.bridge.folder)
        name = found.rows[0].endpoint.name
        self.tab.show_endpoint(found.rows[0])
        self.tab.show_live(LiveReading(name, engine, next((e for e in engine.endpoints if e.name == name), None)))
        self.tab.set_active(True)


@contextmanager
def staged(folder: Path, kind: type[Tab], size: tuple[int, int] = (1180, 720)) -> Iterator[tuple[Stage, Tab]]:
    """A tab in a window of its own, on a workspace, told of its first endpoint."""
    bridge = Bridge(folder)
    page = Stage(bridge, kind)
    ready: list[object] = []
    bridge.opened.connect(ready.append)
    bridge.open()
    try:
        screens.wait_until(lambda: bool(ready))
        page.resize(*size)
        page.show()
        page.reload()
        screens.wait_until(lambda: page.endpoints is not None and page.tab.is_settled)
        yield page, cast(Tab, page.tab)
    finally:
        page.tab.set_active(False)
        bridge.close()
        page.close()
        page.deleteLater()
        screens.settle()
