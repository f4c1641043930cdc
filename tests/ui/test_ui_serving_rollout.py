"""The Rollout tab: the plan, the evidence, what a person decides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from mlops_desktop.core.deployments import Rollout, RolloutKind, RolloutState
from mlops_desktop.ui.queries.serving_rollout import rollout_view
from mlops_desktop.ui.shots_data import ENDPOINT
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace

OpenView = Callable[[Path], WorkspaceView]


def rollout_tab(qtbot: QtBot, view: WorkspaceView) -> Any:
    view.open("serving")
    page = view.page("serving")
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    page.show_tab("rollout")
    qtbot.waitUntil(lambda: page.is_settled, timeout=10_000)
    return page.tab


def newest(folder: Path) -> Rollout:
    workspace = Workspace(folder)
    try:
        return workspace.serving.rollouts(ENDPOINT)[0]
    finally:
        workspace.close()


def agree(tab: Any, qtbot: QtBot, reason: str) -> None:
    """Give a reason, and go ahead."""
    assert not tab.deeds.sheet.accept_button.isEnabled()
    qtbot.keyClicks(tab.deeds.sheet.reason, reason)
    tab.deeds.sheet.accept_button.click()


def test_the_plan_and_the_evidence_are_on_screen(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    tab = rollout_tab(qtbot, open_view(story))
    assert [step.replace("\N{NO-BREAK SPACE}", " ") for step in tab.plan.steps] == ["5 %", "20 %", "50 %", "Promote"]
    assert tab.plan.step == 1
    rows = {row.title: row for row in tab.evidence.rows}
    quality = rows["Quality · Brier score"]
    assert quality.waiting == "733 / 2,932 labelled rows, 800 of each are needed"
    assert quality.progress == pytest.approx(733 / 800)
    assert quality.limit == 0.01
    assert rows["Errors · Error rate"].waiting == "decided on 1,233 / 4,932 requests"
    assert [tab.past.model.column_of("outcome")[i] for i in range(3)] == ["promoted", "rolled back", "promoted"]


def test_a_rollout_without_figures_tells_what_it_waits_for(flights: Path) -> None:
    workspace = Workspace(flights)
    workspace.serving.hold(ENDPOINT, reason="another one")
    workspace.serving.start_rollout(ENDPOINT, "late-arrival@6", kind=RolloutKind.CANARY, weight=0.05)
    view = rollout_view(workspace, ENDPOINT)
    workspace.close()
    assert [each.name for each in view.evidence] == ["loss", "cost", "errors", "latency", "predictions"]
    assert {each.figures for each in view.evidence} == {None}
    assert view.evidence[0].needed == 400
    assert view.bake_left == pytest.approx(4320 * 60, abs=60)
    assert view.past[0].state is RolloutState.HELD


@pytest.mark.parametrize(
    ("button", "state"),
    [("hold", RolloutState.HELD), ("roll_back", RolloutState.ROLLED_BACK), ("promote", RolloutState.PROMOTED)],
)
def test_a_person_ends_a_rollout_with_a_reason(
    flights: Path, open_view: OpenView, qtbot: QtBot, button: str, state: RolloutState
) -> None:
    tab = rollout_tab(qtbot, open_view(flights))
    getattr(tab, button).click()
    agree(tab, qtbot, "seen enough")
    qtbot.waitUntil(lambda: newest(flights).state is state, timeout=10_000)
    assert "seen enough" in newest(flights).reason
    qtbot.waitUntil(lambda: tab.view.rollout is None, timeout=10_000)
    assert tab.running.currentIndex() == 0


def test_a_person_goes_to_the_next_step(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    tab = rollout_tab(qtbot, open_view(flights))
    tab.advance.click()
    agree(tab, qtbot, "the labels look good")
    qtbot.waitUntil(lambda: newest(flights).step == 2, timeout=10_000)
    qtbot.waitUntil(lambda: tab.plan.step == 2, timeout=10_000)
    assert not tab.advance.isEnabled()


def test_a_share_is_set_once_it_is_confirmed_and_else_taken_back(
    flights: Path, open_view: OpenView, qtbot: QtBot
) -> None:
    tab = rollout_tab(qtbot, open_view(flights))
    tab.split.spin.setValue(35)
    tab.split.apply.click()
    tab.deeds.sheet.reject()
    qtbot.waitUntil(lambda: tab.split.spin.value() == 20)
    assert newest(flights).weight == 0.2
    tab.split.spin.setValue(35)
    tab.split.apply.click()
    agree(tab, qtbot, "more figures sooner")
    qtbot.waitUntil(lambda: newest(flights).weight == 0.35, timeout=10_000)
    qtbot.waitUntil(lambda: "35" in tab.plan.note or "35" in tab.split.canary.text(), timeout=10_000)


def test_a_rollout_is_started_from_the_sheet(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    workspace = Workspace(flights)
    workspace.serving.hold(ENDPOINT, reason="another one")
    workspace.close()
    tab = rollout_tab(qtbot, open_view(flights))
    sheet = tab.open_start()
    sheet.version.setCurrentIndex(sheet.version.findData("late-arrival@4"))
    sheet.kind.setCurrentIndex(sheet.kind.findData(RolloutKind.SHADOW.value))
    assert not sheet.share.isEnabled()
    assert not sheet.act.isEnabled()
    qtbot.keyClicks(sheet.reason, "a second look")
    sheet.act.click()
    qtbot.waitUntil(lambda: newest(flights).state is RolloutState.RUNNING, timeout=10_000)
    begun = newest(flights)
    assert (begun.canary, begun.kind, begun.weight) == (4, RolloutKind.SHADOW, 0.0)
    qtbot.waitUntil(lambda: tab.title.text() == "Shadow v4 of v5", timeout=10_000)
    assert not tab.split.isVisible()


def test_what_the_workspace_refuses_is_said_in_the_sheet(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    workspace = Workspace(flights)
    workspace.serving.hold(ENDPOINT, reason="another one")
    workspace.close()
    tab = rollout_tab(qtbot, open_view(flights))
    sheet = tab.open_start()
    other = Workspace(flights)
    other.serving.start_rollout(ENDPOINT, "late-arrival@6")
    other.close()
    qtbot.keyClicks(sheet.reason, "too late")
    sheet.act.click()
    qtbot.waitUntil(sheet.message.isVisible, timeout=10_000)
    sheet.reject()
