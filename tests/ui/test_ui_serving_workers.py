"""The Workers tab: what runs, why, and within which limits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from pytestqt.qtbot import QtBot
from ui_kit import shown

from mlops_desktop.pipelines.engine_state import read_engine_state, write_engine_state
from mlops_desktop.serving.figures import PoolStats
from mlops_desktop.ui.queries.serving_workers import decisions_of, limits_of, workers_of
from mlops_desktop.ui.shots_data import ENDPOINT
from mlops_desktop.ui.widgets.reasons import Reason, ReasonList
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace

OpenView = Callable[[Path], WorkspaceView]


def workers_tab(qtbot: QtBot, view: WorkspaceView) -> Any:
    view.open("serving")
    page = view.page("serving")
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    page.show_tab("workers")
    qtbot.waitUntil(lambda: page.is_settled and page.tab.versions.model.total > 0, timeout=10_000)
    return page.tab


def test_workers_are_told_by_version_with_their_role(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    model = workers_tab(qtbot, open_view(story)).versions.model
    assert list(model.column_of("version")) == ["v6", "v5", "v2"]
    assert list(model.column_of("role")) == ["canary", "production", "kept warm"]
    assert list(model.column_of("state")) == ["healthy", "healthy", "asleep"]
    assert list(model.column_of("workers")) == ["1 of 1", "2 of 2", "0 of 0"]


def test_memory_of_each_process_is_looked_up(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    tab = workers_tab(qtbot, open_view(story))
    qtbot.waitUntil(lambda: "MB" in str(tab.processes.model.column_of("memory")[0]), timeout=10_000)
    assert 0 < tab.processes.model.column_of("share")[0] < 10


def test_decisions_are_told_newest_first_in_plain_words(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    tab = workers_tab(qtbot, open_view(story))
    reasons = tab.decisions.reasons
    assert [each.title for each in reasons[:3]] == ["v5: 4 → 2 workers", "v5: 3 → 4 workers", "v5: 1 → 3 workers"]
    assert reasons[0].text == "11.8 requests are there on average over 60 s, target 7 a worker"
    assert [each.status for each in reasons[:3]] == ["", "panic", "panic"]
    times = [each.at for each in decisions_of(read_engine_state(story).endpoints[0])]
    assert times == sorted(times, reverse=True)


def test_workers_that_keep_ending_are_a_trouble(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    engine = read_engine_state(flights)
    pools = (PoolStats(ENDPOINT, 5, False, 4, [], 3, trouble="3 workers in a row ended without an answer.", hung=1),)
    traffic = tuple(msgspec.structs.replace(each, pools=pools) for each in engine.endpoints)
    (found,) = workers_of(traffic[0])
    assert (found.status, found.restarts, found.ready) == ("failing", 4, 0)
    write_engine_state(flights, msgspec.structs.replace(engine, endpoints=traffic))
    tab = workers_tab(qtbot, open_view(flights))
    qtbot.waitUntil(tab.trouble.isVisible, timeout=10_000)
    assert tab.processes.empty.kind == "never"


def test_numbers_of_workers_are_set_by_hand_with_a_reason(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    tab = workers_tab(qtbot, open_view(flights))
    sheet = tab.open_scale()
    qtbot.keyClicks(sheet.reason, "the sale begins")
    assert not sheet.act.isEnabled()
    sheet.minimum.setValue(6)
    assert not sheet.act.isEnabled()
    sheet.maximum.setValue(8)
    assert sheet.act.isEnabled()
    sheet.act.click()
    qtbot.waitUntil(lambda: tab.limits.by_hand, timeout=10_000)
    workspace = Workspace(flights)
    scaler = limits_of(workspace, ENDPOINT).spec.autoscaler
    told = workspace.registry.journal.newest(1, kinds=("endpoint.scaled",))
    workspace.close()
    assert (scaler.min_workers, scaler.max_workers) == (6, 8)
    assert "the sale begins" in str(told[0].payload)


def test_reasons_are_read_by_keyboard_and_by_assistive_technology(qtbot: QtBot) -> None:
    reasons = ReasonList("Decisions")
    shown(qtbot, reasons)
    reasons.set_reasons([Reason("10:42", "v5: 1 → 3 workers", "because " * 40, "panic"), Reason("10:40", "v5", "idle")])
    assert reasons.accessibleName() == "Decisions"
    first = reasons.model().index(0, 0)
    assert str(first.data()).startswith("10:42 v5: 1 → 3 workers Panic because")
    reasons.setCurrentIndex(first)
    assert reasons.grab().width() == reasons.width()
