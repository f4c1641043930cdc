"""The Serving page: its head, its tabs, and what it says where there is nothing to see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.errors import Conflict
from mlops_desktop.pipelines.engine_state import read_engine_state, write_engine_state
from mlops_desktop.ui.pages.serving import TABS
from mlops_desktop.ui.shots_data import ENDPOINT
from mlops_desktop.ui.widgets.confirm import ConfirmSheet
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace

OpenView = Callable[[Path], WorkspaceView]


def serving_page(qtbot: QtBot, view: WorkspaceView) -> Any:
    view.open("serving")
    page = view.page("serving")
    qtbot.waitUntil(lambda: page.is_settled and page.feed.newest is not None, timeout=20_000)
    return page


def put(folder: Path, state: EndpointState, reason: str = "") -> None:
    """What the engine would record."""
    workspace = Workspace(folder)
    endpoint = workspace.registry.endpoints.get(ENDPOINT)
    workspace.registry.endpoints.put(msgspec.structs.replace(endpoint, state=state, reason=reason))
    workspace.close()


def state_of(folder: Path) -> EndpointState:
    workspace = Workspace(folder)
    try:
        return workspace.registry.endpoints.get(ENDPOINT).state
    finally:
        workspace.close()


def test_the_address_of_each_protocol_can_be_copied(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    head = serving_page(qtbot, open_view(story)).head
    assert head.url.text() == "http://127.0.0.1:8731/models/late-arrival/predict"
    head.protocol.setCurrentIndex(head.protocol.findData("v2"))
    head.copy_url.click()
    assert QGuiApplication.clipboard().text() == "http://127.0.0.1:8731/v2/models/late-arrival/infer"


def test_figures_are_the_engines_where_the_gateway_cannot_be_asked(
    story: Path, open_view: OpenView, qtbot: QtBot
) -> None:
    tab = serving_page(qtbot, open_view(story)).tab
    qtbot.waitUntil(lambda: tab.figures[0].figure.text() == "228.3", timeout=10_000)
    qtbot.waitUntil(lambda: not tab.requests.is_empty)
    assert [series.name for series in tab.requests.series] == ["v5", "v6 canary"]
    qtbot.waitUntil(lambda: "from the engine" in tab.requests.caption.text())


def test_every_tab_can_be_seen_and_its_controls_have_names(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    page = serving_page(qtbot, open_view(story))
    for info in TABS:
        page.show_tab(info.key)
        qtbot.waitUntil(lambda: page.tab.is_settled and page.tab.is_active, timeout=10_000)
        assert page.tab.key == info.key
    assert [key for key, tab in page.made.items() if tab.is_active] == [TABS[-1].key]


def test_a_hidden_page_looks_at_nothing(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    page = serving_page(qtbot, view)
    view.open("settings")
    assert not page.tab.is_active
    assert not page.feed._timer.isActive()


@pytest.mark.parametrize(
    ("state", "reason", "title"),
    [
        (EndpointState.STOPPED, "", "late-arrival is stopped"),
        (EndpointState.FAILED, "The port 8731 is taken.", "late-arrival does not serve"),
    ],
)
def test_what_does_not_serve_says_why_and_can_be_started(
    flights: Path, open_view: OpenView, qtbot: QtBot, state: EndpointState, reason: str, title: str
) -> None:
    put(flights, state, reason)
    page = serving_page(qtbot, open_view(flights))
    assert page.tab.state.title.text() == title
    assert reason in page.tab.state.text.text()
    assert page.trouble.isVisible() == (state is EndpointState.FAILED)
    assert not page.head.copy_url.isEnabled()
    page.tab.state.action.click()
    qtbot.waitUntil(lambda: state_of(flights) is EndpointState.STARTING, timeout=10_000)
    qtbot.waitUntil(lambda: page.tab.state.kind == "loading", timeout=10_000)


def test_an_endpoint_without_an_engine_is_told_from_one_that_serves(
    flights: Path, open_view: OpenView, qtbot: QtBot
) -> None:
    write_engine_state(flights, msgspec.structs.replace(read_engine_state(flights), running=False))
    page = serving_page(qtbot, open_view(flights))
    qtbot.waitUntil(lambda: "No engine" in page.tab.state.title.text(), timeout=10_000)
    assert page.trouble.isVisible()
    assert page.head.chip.text == "No engine"
    assert not page.head.restart.isEnabled()


def test_an_endpoint_without_requests_leads_to_the_form(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    engine = read_engine_state(flights)
    unused = tuple(msgspec.structs.replace(each, versions=()) for each in engine.endpoints)
    write_engine_state(flights, msgspec.structs.replace(engine, endpoints=unused))
    page = serving_page(qtbot, open_view(flights))
    qtbot.waitUntil(lambda: page.tab.state.title.text() == "No requests yet", timeout=10_000)
    page.tab.state.action.click()
    assert page.tab.key == "try"


def test_stopping_asks_first(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    page = serving_page(qtbot, open_view(flights))
    page.head.stop.click()
    (sheet,) = [each for each in page.window().findChildren(ConfirmSheet) if each.isVisible()]
    assert state_of(flights) is EndpointState.SERVING
    sheet.accept_button.click()
    qtbot.waitUntil(lambda: state_of(flights) is EndpointState.STOPPING, timeout=10_000)


def test_nothing_is_restarted_without_an_engine(flights: Path) -> None:
    write_engine_state(flights, msgspec.structs.replace(read_engine_state(flights), running=False))
    workspace = Workspace(flights)
    with pytest.raises(Conflict, match="No engine"):
        workspace.restart_serving(ENDPOINT)
    assert workspace.registry.endpoints.get(ENDPOINT).state is EndpointState.SERVING
    workspace.close()
