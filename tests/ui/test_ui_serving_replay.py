"""The replay sheet: choose, follow, compare, and go on to a rollout."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from pytestqt.qtbot import QtBot

from mlops_desktop.core.events import describe
from mlops_desktop.serving.replay import ChangedRow, Quantiles, ReplayReport
from mlops_desktop.ui.pages.serving_replay import ReplaySheet, open_replay
from mlops_desktop.ui.pages.serving_replay_result import ReplayResult
from mlops_desktop.ui.pages.serving_sheets import StartSheet
from mlops_desktop.ui.pages.serving_tail import RequestTail
from mlops_desktop.ui.shots_serving_parts import Stage, staged
from mlops_desktop.ui.shots_upkeep import work
from mlops_desktop.ui.widgets.differencebars import DifferenceBars
from mlops_desktop.workspace import Workspace
from tests.ui_kit import shown
from tests.ui_serving_kit import ENDPOINT, MODEL, build_serving, record, write_log

SECOND = f"{MODEL}@2"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With forty logged requests whose scores were made up."""
    folder = build_serving(tmp_path_factory.mktemp("serving") / "workspace")
    write_log(folder, *(record(f"r{n}", n / 10, predictions=["1"], scores=[0.6]) for n in range(-20, 20)))
    return folder


@pytest.fixture
def folder(told: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(told, tmp_path / "workspace"))


@pytest.fixture
def page(folder: Path, qtbot: QtBot) -> Iterator[Stage]:
    with staged(folder, RequestTail) as (made, _):
        yield made


def waits(qtbot: QtBot, condition: Callable[[], bool]) -> None:
    qtbot.waitUntil(condition, timeout=20_000)


def replayed(qtbot: QtBot, sheet: ReplaySheet, folder: Path) -> ReplayReport:
    """Press the button, let a worker do it, and wait until the sheet shows what came of it."""
    waits(qtbot, sheet.act.isEnabled)
    before = sheet.found.report
    sheet.act.click()
    waits(qtbot, sheet.job.cancel.isEnabled)
    work(folder)
    waits(qtbot, lambda: sheet.found.report is not before)
    assert sheet.found.report is not None
    return sheet.found.report


def test_a_version_is_replayed_and_compared(page: Stage, folder: Path, qtbot: QtBot) -> None:
    sheet = open_replay(page, ENDPOINT)
    waits(qtbot, sheet.act.isEnabled)
    assert sheet.version.count() == 1 and sheet.reference == SECOND  # not the one in production
    sheet.requests.setValue(30)
    report = replayed(qtbot, sheet, folder)
    assert (report.requests, report.version) == (30, 2) and report.changed > 0
    assert f"{report.changed} of 30" in sheet.found.agreement.delta.text
    table = sheet.found.table.model
    changes = [abs(value) for value in table.column_of("change")]
    assert changes == sorted(changes, reverse=True) and len(changes) == report.changed
    assert sheet.found.bars.isVisible() and sheet.act.text() == "Replay again"
    sheet.reject()


def test_an_earlier_replay_shows_at_once(page: Stage, folder: Path, qtbot: QtBot) -> None:
    first = open_replay(page, ENDPOINT)
    report = replayed(qtbot, first, folder)
    first.reject()
    second = open_replay(page, ENDPOINT, SECOND)
    waits(qtbot, lambda: second.found.report is not None)
    assert second.found.report == report and "last replay" in second.message.accessibleName()
    second.reject()


def test_a_replay_leads_to_a_rollout_of_that_version(page: Stage, folder: Path, qtbot: QtBot) -> None:
    sheet = open_replay(page, ENDPOINT)
    replayed(qtbot, sheet, folder)
    sheet.roll_out.click()
    waits(qtbot, lambda: any(each.isVisible() for each in page.findChildren(StartSheet)))
    (start,) = page.findChildren(StartSheet)
    assert start.version.currentData() == SECOND and "predictions change" in start.reason.toPlainText()
    waits(qtbot, start.act.isEnabled)
    with qtbot.waitSignal(page.bridge.succeeded, timeout=20_000):
        start.act.click()
    workspace = Workspace(folder)
    rollout = workspace.serving.rollout(ENDPOINT)
    told = [describe(event) for event in workspace.registry.journal.tail(0, limit=10_000)]
    workspace.close()
    assert rollout.canary == 2 and any("Replay of 40 requests" in line for line in told)


def test_while_a_rollout_runs_no_other_is_offered(page: Stage, folder: Path, qtbot: QtBot) -> None:
    workspace = Workspace(folder)
    workspace.serving.start_rollout(ENDPOINT, SECOND)
    workspace.close()
    sheet = open_replay(page, ENDPOINT)
    waits(qtbot, sheet.act.isEnabled)
    assert "in rollout" in sheet.version.currentText()
    replayed(qtbot, sheet, folder)
    assert sheet.roll_out.isVisible() and not sheet.roll_out.isEnabled()
    sheet.reject()


def test_a_replay_that_fails_says_why(page: Stage, folder: Path, qtbot: QtBot) -> None:
    workspace = Workspace(folder)
    artifact = workspace.registry.models.get(SECOND).artifacts["onnx"]
    path = workspace.registry.objects.path(artifact)
    workspace.close()
    path.chmod(0o600)
    path.write_bytes(b"not a model")
    sheet = open_replay(page, ENDPOINT)
    waits(qtbot, sheet.act.isEnabled)
    sheet.act.click()
    waits(qtbot, sheet.job.cancel.isEnabled)
    work(folder)
    waits(qtbot, sheet.message.isVisible)
    assert not sheet.found.isVisible() and sheet.act.isEnabled() and sheet.version.isEnabled()
    sheet.reject()


def test_nothing_logged_is_nothing_to_replay(tmp_path_factory: pytest.TempPathFactory, qtbot: QtBot) -> None:
    folder = build_serving(tmp_path_factory.mktemp("silent") / "workspace")
    with staged(folder, RequestTail) as (page, _):
        sheet = open_replay(page, ENDPOINT)
        waits(qtbot, sheet.message.isVisible)
        assert "holds no answered request" in sheet.message.accessibleName() and not sheet.act.isEnabled()
        sheet.reject()


def test_the_tail_opens_the_sheet_for_its_endpoint(page: Stage, qtbot: QtBot) -> None:
    tab = page.tab
    assert isinstance(tab, RequestTail)
    sheet = tab.open_replay()
    assert sheet is not None and sheet.endpoint == ENDPOINT
    waits(qtbot, lambda: sheet.choice is not None)
    sheet.reject()


# What a report looks like


def report(**changes: object) -> ReplayReport:
    rows = tuple(ChangedRow(f"r{n}/0", "", 1, 0.4, 0.4 - n / 100, "1", "0", {"carrier": "AA"}) for n in range(9, 0, -1))
    made = ReplayReport(
        endpoint=ENDPOINT, version=2, requests=100, rows=100, changed=9, refused=0, failed=0, problem="",
        differences=Quantiles.of([0.0] * 100), latency_before=Quantiles.of([1.0] * 9),
        latency_after=Quantiles.of([0.5] * 9), start="2024-01-01T10:00:00", end="2024-01-01T11:00:00", rows_shown=rows,
        edges=(-0.2, -0.1, 0.1, 0.2), counts=(9, 91, 0),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_a_report_tells_agreement_latency_and_spread(qtbot: QtBot) -> None:
    result = ReplayResult()
    shown(qtbot, result)
    result.show_report(report())
    assert result.agreement.accessibleName().startswith("Same prediction: 91.0")
    assert "0.50 ms" in result.median.accessibleName() and "1.00 ms as logged" in result.median.accessibleName()
    assert result.bars.accessibleName() == "9 lower, 91 about the same, 0 higher"
    assert not result.lost.isVisible()


def test_requests_that_were_not_answered_are_told_with_the_first_reason(qtbot: QtBot) -> None:
    result = ReplayResult()
    shown(qtbot, result)
    result.show_report(report(refused=3, failed=1, problem="Missing column 'x'."))
    assert "4 of 100" in result.lost.accessibleName() and "'x'" in result.lost.accessibleName()


def test_a_report_without_any_answer_has_no_figures(qtbot: QtBot) -> None:
    result = ReplayResult()
    shown(qtbot, result)
    none = Quantiles.of([])
    result.show_report(
        report(rows_shown=(), changed=0, differences=none, latency_after=none, edges=(), counts=(), start="", end="")
    )
    assert result.agreement.figure.text() == "–" and result.median.figure.text() == "–"
    assert not result.bars.isVisible() and result.table.empty.isVisible()


def test_bars_without_counts_paint_nothing(qtbot: QtBot) -> None:
    bars = DifferenceBars()
    shown(qtbot, bars)
    bars.set_counts((), ())
    assert not bars.grab().isNull()
