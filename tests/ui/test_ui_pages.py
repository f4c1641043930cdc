"""Every page with history and without, what a click on it does, and what it says when something is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractScrollArea, QWidget
from pytestqt.qtbot import QtBot

from mlops_desktop.core.events import describe
from mlops_desktop.core.monitoring import AlertState
from mlops_desktop.ui.catalogue import PAGES
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.queries import runs as run_queries
from mlops_desktop.ui.queries.control_room import control_room
from mlops_desktop.ui.widgets.confirm import ConfirmSheet
from mlops_desktop.ui.widgets.rollout import ComparedMetric
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace

KEYS = [info.key for info in PAGES]
OpenView = Callable[[Path], WorkspaceView]


def shown(qtbot: QtBot, view: WorkspaceView, target: str) -> Any:
    view.open(target)
    page = view.page(target.partition("/")[0])
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    return page


def the_sheet(page: Page) -> ConfirmSheet:
    sheets = [sheet for sheet in page.window().findChildren(ConfirmSheet) if sheet.isVisible()]
    assert len(sheets) == 1
    return sheets[0]


def test_every_page_shows_a_workspace_with_history(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    for key in KEYS:
        page = shown(qtbot, view, key)
        assert page.is_built, key
        assert page.content.isVisible(), key


def test_every_page_of_an_empty_workspace_says_what_helps(empty: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(empty)
    for key in KEYS:
        if key in ("settings", "journal"):  # these have something to show from the first moment
            continue
        page = shown(qtbot, view, key)
        assert page.state.isVisible(), key
        assert page.state.kind == "never", key
        assert page.state.action.text(), key


def test_the_one_action_of_an_empty_page_leads_on(empty: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(empty)
    page = shown(qtbot, view, "alerts")
    qtbot.mouseClick(page.state.action, Qt.MouseButton.LeftButton)
    assert view.current is view.page("serving")


def test_a_hidden_page_waits_until_it_is_shown_to_read_again(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    alerts = shown(qtbot, view, "alerts")
    shown(qtbot, view, "settings")
    workspace = Workspace(flights)
    with qtbot.waitSignal(view.bridge.changed):
        workspace.acknowledge(4)
    workspace.close()
    assert alerts.is_stale
    assert alerts.model.alerts[0].state is AlertState.OPEN
    view.open("alerts")
    qtbot.waitUntil(lambda: alerts.model.alerts[0].state is AlertState.ACKNOWLEDGED)


def test_a_version_is_promoted_by_hand_through_the_sheet(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    page = shown(qtbot, view, "models/late-arrival@6")
    qtbot.waitUntil(page.inspector.isVisible)
    qtbot.mouseClick(page.promote, Qt.MouseButton.LeftButton)
    sheet = the_sheet(page)
    assert not sheet.accept_button.isEnabled()
    qtbot.keyClicks(sheet.reason, "the canary looks good")
    with qtbot.waitSignal(view.bridge.succeeded, timeout=10_000):
        qtbot.mouseClick(sheet.accept_button, Qt.MouseButton.LeftButton)
    workspace = Workspace(flights)
    assert workspace.registry.models.get("late-arrival@production").number == 6
    assert workspace.registry.rollouts.running("late-arrival") is None
    told = [describe(event) for event in workspace.registry.journal.newest(3)]
    assert any("the canary looks good" in text for text in told)
    workspace.close()
    qtbot.waitUntil(lambda: page.model.production["late-arrival"].number == 6)


def test_a_sheet_that_is_cancelled_changes_nothing(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    page = shown(qtbot, view, "control-room")
    before = view.facts.last_seq if view.facts else 0
    qtbot.mouseClick(page.promote, Qt.MouseButton.LeftButton)
    sheet = the_sheet(page)
    qtbot.keyClick(sheet, Qt.Key.Key_Escape)
    workspace = Workspace(flights)
    assert workspace.registry.journal.head() == before
    workspace.close()


def test_the_control_room_ends_a_canary(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    page = shown(qtbot, view, "control-room")
    qtbot.mouseClick(page.roll_back, Qt.MouseButton.LeftButton)
    sheet = the_sheet(page)
    qtbot.keyClicks(sheet.reason, "too slow")
    qtbot.mouseClick(sheet.accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.rollout is None, timeout=10_000)
    assert "too slow" in page.note.text()
    assert not page.split.isVisible()


def test_the_control_room_sets_the_share_of_a_canary(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    page = shown(qtbot, view, "control-room")
    page.split.slider.setValue(35)
    qtbot.mouseClick(page.split.apply, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.rollout.weight == 0.35, timeout=10_000)


def test_the_control_room_follows_what_another_program_writes(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    page = shown(qtbot, view, "control-room")
    lines = len(page.log.lines)
    workspace = Workspace(flights)
    workspace.resolve(4, reason="the season turned")
    workspace.close()
    qtbot.waitUntil(lambda: len(page.log.lines) > lines, timeout=10_000)
    assert "the season turned" in page.log.lines[-1].text
    assert page.model.lifecycle.current == "canary"


@pytest.mark.parametrize(("days", "step"), [(20, "traffic"), (75, "drift"), (80, "canary")])
def test_the_lit_step_follows_from_what_is_recorded(days: int, step: str, tmp_path: Path) -> None:
    from mlops_desktop.ui.shots_data import build_workspace

    workspace = Workspace(build_workspace(tmp_path / "young", days=days))
    found = control_room(workspace)
    workspace.close()
    expected = "traffic" if step == "drift" else step  # the alert of day 74 led to a version on day 75
    assert found.lifecycle.current == expected
    assert {"data", "train"} <= found.lifecycle.done


def test_two_runs_are_compared_by_what_differs(story: Path) -> None:
    workspace = Workspace(story)
    newest, before = run_queries.run_list(workspace).runs[:2]
    workspace.close()
    found = {(item.group, item.name) for item in run_queries.differences(before, newest)}
    assert ("parameter", "max_iter") in found
    assert ("parameter", "seed") not in found
    assert ("metric", "auc") in found


def test_an_alert_is_resolved_with_a_reason(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    page = shown(qtbot, view, "alerts/4")
    qtbot.waitUntil(page.inspector.isVisible)
    qtbot.mouseClick(page.resolve, Qt.MouseButton.LeftButton)
    sheet = the_sheet(page)
    qtbot.keyClicks(sheet.reason, "expected in autumn")
    qtbot.mouseClick(sheet.accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.model.open == 0, timeout=10_000)
    qtbot.waitUntil(lambda: view.rail._buttons["alerts"].badge == 0)


def test_a_broken_cron_expression_cannot_be_saved(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    page = shown(qtbot, view, "pipelines")
    sheet = page.edit_schedule(None)
    sheet.name.setText("hourly")
    sheet.cron.setText("every monday")
    assert not sheet.save.isEnabled()
    sheet.cron.setText("0 * * * *")
    assert sheet.times.text().count(":00") == 5
    with qtbot.waitSignal(view.bridge.succeeded, timeout=10_000):
        qtbot.mouseClick(sheet.save, Qt.MouseButton.LeftButton)
    workspace = Workspace(flights)
    assert workspace.registry.schedules.get("hourly").cron == "0 * * * *"
    workspace.close()


def test_the_chain_is_verified_and_a_change_found(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(flights)
    page = shown(qtbot, view, "journal")
    page.verify()
    qtbot.waitUntil(lambda: "intact" in page.verdict.accessibleName(), timeout=10_000)
    workspace = Workspace(flights)
    table = workspace.registry._database.tables.journal
    table.update(actor="nobody").where(table.seq == 5).execute()
    workspace.close()
    page.verify()
    qtbot.waitUntil(lambda: "event 5 was changed" in page.verdict.accessibleName(), timeout=10_000)


@pytest.mark.parametrize("name", ["journal.jsonl", "journal.csv"])
def test_the_journal_is_exported_whole(
    name: str, story: Path, open_view: OpenView, qtbot: QtBot, tmp_path: Path
) -> None:
    view = open_view(story)
    page = shown(qtbot, view, "journal")
    with qtbot.waitSignal(view.bridge.succeeded, timeout=10_000):
        page.export(tmp_path / name)
    lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
    assert view.facts is not None
    assert len(lines) == view.facts.last_seq + (1 if name.endswith("csv") else 0)


def test_lineage_leads_from_the_file_to_the_endpoint(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    page = shown(qtbot, view, "lineage/late-arrival@5")
    assert {node.kind for node in page.model.nodes} == {"source", "data", "spec", "run", "model", "endpoint"}
    with qtbot.waitSignal(page.openRequested) as opened:
        page.graph.setFocus()
        qtbot.keyClick(page.graph, Qt.Key.Key_Return)
    assert opened.args == ["models/late-arrival@5"]


def test_a_challenger_is_called_worse_only_on_the_same_rows(story: Path) -> None:
    from mlops_desktop.ui.pages.promotion import compared_metrics, comparison_note

    workspace = Workspace(story)
    champion, challenger = (workspace.registry.models.get(f"late-arrival@{n}") for n in (5, 3))
    workspace.close()
    assert {metric.verdict for metric in compared_metrics(champion, challenger)} == {"unknown"}
    assert "Each on its own" in comparison_note(champion, challenger)
    at_the_gate = {"auc": challenger.metrics["auc"] + 0.01, "log_loss": challenger.metrics["log_loss"] + 0.01}
    compared = structs.replace(challenger, champion=champion.reference, champion_metrics=at_the_gate)
    found: dict[str, ComparedMetric] = {metric.name: metric for metric in compared_metrics(champion, compared)}
    assert {name: metric.verdict for name, metric in found.items()} == {"AUC": "worse", "Log loss": "better"}
    assert found["AUC"].champion == at_the_gate["auc"] and "as the gate" in comparison_note(champion, compared)


def test_every_focusable_widget_of_a_page_has_a_name(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    nameless = []
    for key in KEYS:
        page = shown(qtbot, view, key)
        for widget in page.findChildren(QWidget):
            can_focus = bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)
            text = getattr(widget, "text", "")
            words = widget.accessibleName() or (text() if callable(text) else text)
            if can_focus and widget.isVisible() and not words and not _is_inner(widget):
                nameless.append(f"{key}: {type(widget).__name__} {widget.objectName()}")
    assert not nameless


def _is_inner(widget: QWidget) -> bool:
    """Parts that Qt makes itself, and areas that only scroll."""
    if isinstance(widget.parent(), QAbstractScrollArea):  # the viewport of a view that has the name
        return True
    name = type(widget).__name__
    return widget.objectName().startswith("qt_") or name in ("QScrollArea", "QTabBar", "QTabWidget", "QStackedWidget")
