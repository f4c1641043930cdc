"""How an import that was asked for ends: what is told, and where it leads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from mlops_desktop.core.pipelines import StepRun
from mlops_desktop.core.runs import RunState
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.ui.pages.import_wizard import ImportWizard
from mlops_desktop.ui.queries import imports as queries
from mlops_desktop.ui.queries.imports import ImportRequest
from mlops_desktop.ui.queries.jobs import job_rows
from mlops_desktop.ui.widgets.notifications import Level
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace

CSV = ReadOptions(format="csv", delimiter=",", encoding="utf-8", decimal=".", has_header=True)


@pytest.fixture
def view(flights: Path, open_view: Callable[[Path], WorkspaceView]) -> WorkspaceView:
    return open_view(flights)


# How it goes on


def ended(view: WorkspaceView, state: RunState, reason: str = "", output: dict[str, Any] | None = None) -> str:
    """An import that this person asked for, as if a worker had ended it."""
    workspace = Workspace(view.bridge.folder)
    request = ImportRequest("/data/trips.csv", "trips", CSV)
    run = workspace.queue(queries.PIPELINE, request.parameters())
    if output is not None:
        workspace.registry.pipeline_runs.set_step(run.id, StepRun("ingest", state, output))
    workspace.registry.pipeline_runs.finish(run.id, state, reason)
    workspace.close()
    return run.id


def test_a_failed_import_stays_with_its_reason_and_can_be_opened_again(view: WorkspaceView, qtbot: QtBot) -> None:
    ended(view, RunState.FAILED, "ingest: trips.csv, line 7: 4 values.")
    qtbot.waitUntil(lambda: bool(view.toasts.toasts), timeout=10_000)
    toast = view.toasts.toasts[0]
    assert (toast.notice.level, toast.notice.detail) == (Level.ERROR, "trips.csv, line 7: 4 values.")
    toast.actionTriggered.emit()
    qtbot.waitUntil(lambda: bool(view.window().findChildren(ImportWizard)), timeout=10_000)
    wizard = view.window().findChildren(ImportWizard)[0]
    assert wizard.destination.name == "trips"
    assert wizard.look.settings.delimiter.asked == ","
    wizard.reject()


def test_an_import_that_went_well_leads_to_its_version(view: WorkspaceView, qtbot: QtBot) -> None:
    ended(view, RunState.SUCCEEDED, output={"dataset_version": "flights@2", "made": ["flights@2"], "summary": "2 rows"})
    qtbot.waitUntil(lambda: bool(view.toasts.toasts), timeout=10_000)
    toast = view.toasts.toasts[0]
    assert (toast.notice.text, toast.notice.detail, toast.notice.stays) == ("trips.csv is in trips", "2 rows", False)
    toast.actionTriggered.emit()
    assert view.current is view.page("data")
    qtbot.waitUntil(lambda: view.page("data").is_settled and view.page("data").chosen == "flights@2", timeout=10_000)


def test_rows_in_quarantine_are_told_of_and_shown(view: WorkspaceView, qtbot: QtBot) -> None:
    ended(view, RunState.SUCCEEDED, output={"dataset_version": "trips@2", "made": ["trips@2", "trips.quarantine@1"]})
    qtbot.waitUntil(lambda: bool(view.toasts.toasts), timeout=10_000)
    notice = view.toasts.toasts[0].notice
    assert (notice.level, notice.target) == (Level.WARNING, "data/trips.quarantine@1")


def test_imports_of_schedules_and_folders_are_not_told_of(view: WorkspaceView) -> None:
    workspace = Workspace(view.bridge.folder)
    last = workspace.registry.journal.head()
    run = workspace.queue(queries.PIPELINE, ImportRequest("/data/a.csv", "a").parameters(), trigger="watch inbox")
    workspace.registry.pipeline_runs.finish(run.id, RunState.FAILED, "no")
    found = queries.endings(workspace, last)
    workspace.close()
    assert found == queries.Endings(last + 2, ())


def test_the_drawer_names_the_file_and_the_dataset(view: WorkspaceView) -> None:
    workspace = Workspace(view.bridge.folder)
    workspace.queue(queries.PIPELINE, ImportRequest("/data/trips.csv", "trips").parameters())
    row = job_rows(workspace)[0]
    workspace.close()
    assert (row.title, row.state) == ("trips.csv into trips", "queued")
