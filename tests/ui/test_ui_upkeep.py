"""The sheets of data's upkeep: what they say first, what they ask, what they do, and how that ends."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.pages.data_sheet import Sheet
from mlops_desktop.ui.pages.data_upkeep import (
    open_archive,
    open_collect,
    open_delete,
    open_export,
    open_restore,
    open_verify,
)
from mlops_desktop.ui.queries.jobs import job_rows
from mlops_desktop.ui.shots_upkeep import Stage, build_upkeep, damage, staged, work
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.workspace import Workspace


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_upkeep(tmp_path_factory.mktemp("upkeep") / "flights")


@pytest.fixture
def folder(told: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(told, tmp_path / "flights"))


@pytest.fixture
def page(folder: Path, qtbot: QtBot) -> Iterator[Stage]:
    with staged(folder) as made:
        yield made


@pytest.fixture
def workspace(folder: Path) -> Iterator[Workspace]:
    found = Workspace(folder)
    yield found
    found.close()


def press(qtbot: QtBot, button: QPushButton) -> None:
    qtbot.waitUntil(button.isEnabled)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def go_ahead(qtbot: QtBot, sheet: Sheet, folder: Path) -> None:
    """Press the button, and let a worker do what is queued."""
    press(qtbot, sheet.act)
    qtbot.waitUntil(sheet.job.cancel.isEnabled)
    work(folder)
    qtbot.waitUntil(lambda: not sheet.job.is_busy)


# Deleting


def test_a_version_in_production_is_refused_with_a_way_to_what_needs_it(page: Stage, qtbot: QtBot) -> None:
    sheet = open_delete(page, "flights@3")
    qtbot.waitUntil(lambda: sheet.found is not None)
    assert sheet.act.isHidden()
    assert sheet.confirmation.isHidden()
    assert "late-arrival@1 learned from flights@3" in sheet.message.accessibleName()
    link = sheet.links.itemAt(0).widget()
    assert isinstance(link, QPushButton)
    with qtbot.waitSignal(page.openRequested) as asked:
        qtbot.mouseClick(link, Qt.MouseButton.LeftButton)
    assert asked.args == ["models/late-arrival@1"]
    assert sheet.isHidden()


def test_deleting_needs_a_reason_and_the_reference_typed(page: Stage, workspace: Workspace, qtbot: QtBot) -> None:
    sheet = open_delete(page, "flights@1")
    qtbot.waitUntil(lambda: sheet.found is not None)
    assert not sheet.act.isEnabled()
    sheet.reason.setText("superseded")
    assert not sheet.act.isEnabled()
    sheet.typed.setText("flights@2")
    assert not sheet.act.isEnabled()
    sheet.typed.setText("flights@1")
    with qtbot.waitSignal(page.bridge.succeeded):
        press(qtbot, sheet.act)
    with pytest.raises(NotFound, match="superseded"):
        workspace.registry.datasets.get("flights@1")
    assert sheet.isHidden()


def test_return_does_not_delete_before_all_is_typed(page: Stage, workspace: Workspace, qtbot: QtBot) -> None:
    sheet = open_delete(page, "flights@1")
    qtbot.waitUntil(lambda: sheet.found is not None)
    qtbot.keyClick(sheet.reason, Qt.Key.Key_Return)
    assert workspace.registry.datasets.get("flights@1").rows == 3_000


# Archives


def test_a_hidden_version_comes_back(page: Stage, workspace: Workspace, qtbot: QtBot) -> None:
    sheet = open_archive(page, "flights@1")
    with qtbot.waitSignal(page.bridge.succeeded):
        press(qtbot, sheet.act)
    assert workspace.registry.datasets.marks("flights@1").is_archived
    back = open_restore(page, "flights@1")
    qtbot.waitUntil(lambda: back.chosen is not None)
    with qtbot.waitSignal(page.bridge.succeeded):
        press(qtbot, back.act)
    assert not workspace.registry.datasets.marks("flights@1").is_archived


def test_a_version_moves_into_a_file_and_back(
    page: Stage, folder: Path, workspace: Workspace, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = open_archive(page, "flights@1")
    qtbot.waitUntil(sheet.moved.isEnabled)
    sheet.moved.setChecked(True)
    sheet.path.setText(str(tmp_path / "one.zip"))
    go_ahead(qtbot, sheet, folder)
    assert sheet.message.tone is Tone.OK
    assert workspace.registry.datasets.marks("flights@1").packed == str(tmp_path / "one.zip")
    sheet.reject()
    back = open_restore(page, "flights@1")
    qtbot.waitUntil(lambda: back.chosen is not None)
    go_ahead(qtbot, back, folder)
    assert workspace.registry.datasets.marks("flights@1").packed == ""


def test_what_is_in_use_can_only_be_hidden(page: Stage, qtbot: QtBot) -> None:
    sheet = open_archive(page, "flights@3")
    qtbot.waitUntil(lambda: bool(sheet.refusal))
    assert not sheet.moved.isEnabled()
    assert sheet.act.isEnabled()
    assert "late-arrival@1" in sheet.freed.text()
    sheet.reject()


# Export


def test_a_version_is_exported_as_it_was_chosen(
    page: Stage, folder: Path, workspace: Workspace, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = open_export(page, "flights@1")
    qtbot.waitUntil(lambda: sheet.choice is not None)
    sheet.format.setCurrentIndex(sheet.format.findData("csv"))
    sheet.packing.setCurrentIndex(sheet.packing.findData(".gz"))
    assert sheet.path.text().endswith("flights-1.csv.gz")
    sheet.take_columns({"delay", "carrier"})
    sheet.path.setText(str(tmp_path / "some.csv.gz"))
    go_ahead(qtbot, sheet, folder)
    assert sheet.message.tone is Tone.OK
    assert hashlib.sha256((tmp_path / "some.csv.gz").read_bytes()).hexdigest() in sheet.message.accessibleName()
    assert [row.title for row in job_rows(workspace)] == ["Export, flights@1"]
    sheet.reject()


def test_a_file_that_is_there_is_replaced_only_when_told_so(page: Stage, qtbot: QtBot, tmp_path: Path) -> None:
    sheet = open_export(page, "flights@1")
    qtbot.waitUntil(lambda: sheet.choice is not None)
    (tmp_path / "there.parquet").write_bytes(b"mine")
    sheet.path.setText(str(tmp_path / "there.parquet"))
    assert not sheet.act.isEnabled()
    sheet.overwrite.setChecked(True)
    assert sheet.act.isEnabled()
    sheet.path.setText(str(tmp_path / "no such folder" / "x.parquet"))
    assert not sheet.act.isEnabled()
    sheet.reject()


def test_an_export_can_be_cancelled(page: Stage, workspace: Workspace, qtbot: QtBot, tmp_path: Path) -> None:
    sheet = open_export(page, "flights@1")
    qtbot.waitUntil(lambda: sheet.choice is not None)
    sheet.path.setText(str(tmp_path / "x.parquet"))
    press(qtbot, sheet.act)
    press(qtbot, sheet.job.cancel)
    qtbot.waitUntil(lambda: not sheet.job.is_busy)
    assert workspace.registry.pipeline_runs.all()[0].state is RunState.CANCELLED
    assert "Cancelled" in sheet.message.accessibleName()
    assert sheet.act.isEnabled()
    sheet.reject()


def test_a_closed_sheet_leaves_its_work_going_on_and_tells_the_end(
    page: Stage, folder: Path, qtbot: QtBot, tmp_path: Path
) -> None:
    sheet = open_export(page, "flights@1")
    qtbot.waitUntil(lambda: sheet.choice is not None)
    sheet.path.setText(str(tmp_path / "x.parquet"))
    press(qtbot, sheet.act)
    qtbot.waitUntil(sheet.job.cancel.isEnabled)
    sheet.reject()
    with qtbot.waitSignal(page.bridge.succeeded) as told:
        work(folder)
    assert str(tmp_path / "x.parquet") in told.args[0]


# Keeping it whole


@pytest.mark.parametrize("is_whole", [False, True])
def test_damage_is_named_with_what_it_touches(page: Stage, folder: Path, qtbot: QtBot, is_whole: bool) -> None:
    damage(folder, "flights@1")
    sheet = open_verify(page, "flights@1")
    (sheet.whole if is_whole else sheet.one).setChecked(True)
    go_ahead(qtbot, sheet, folder)
    assert sheet.message.tone is Tone.CRITICAL
    assert list(sheet.table.model.column_of("problem")) == ["damaged"]
    assert "flights@1" in sheet.table.model.column_of("versions")[0]
    assert sheet.advice.isVisible()
    sheet.reject()


def test_a_sound_store_is_said_to_be_sound(page: Stage, folder: Path, qtbot: QtBot) -> None:
    sheet = open_verify(page, "flights@1")
    sheet.deep.setChecked(True)
    go_ahead(qtbot, sheet, folder)
    assert sheet.message.tone is Tone.OK
    assert not sheet.table.isVisible()
    sheet.reject()


def test_unused_objects_are_counted_and_freed(page: Stage, folder: Path, workspace: Workspace, qtbot: QtBot) -> None:
    name = workspace.registry.objects.put_bytes(b"nobody needs this" * 1_000)
    sheet = open_collect(page)
    qtbot.waitUntil(sheet.act.isEnabled)
    assert sheet.act.text() == "Free 17 kB"
    go_ahead(qtbot, sheet, folder)
    assert "1 objects are gone" in sheet.message.accessibleName()
    assert not workspace.registry.objects.path(name).exists()
    sheet.reject()


def test_where_all_is_needed_there_is_nothing_to_free(page: Stage, qtbot: QtBot) -> None:
    sheet = open_collect(page)
    qtbot.waitUntil(sheet.message.isVisible)
    assert sheet.message.tone is Tone.OK
    assert sheet.act.isHidden()
    sheet.reject()
