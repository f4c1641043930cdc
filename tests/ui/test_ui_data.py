"""The Data page: versions, rows, profile, difference, origin, log, and what a person says about a version."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mlops_desktop.core.contracts import ColumnRule, Contract, ContractMode
from mlops_desktop.core.datasets import ColumnType, VersionLine
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.pages.data import TABS, DataPage
from mlops_desktop.ui.pages.data_watches import open_watches
from mlops_desktop.ui.queries import datasets as queries
from mlops_desktop.ui.queries import rows as row_queries
from mlops_desktop.ui.widgets.datasetlist import painted_list
from mlops_desktop.ui.widgets.rowmodel import WAITING
from mlops_desktop.ui.widgets.timeline import VersionDelegate, VersionsModel
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace

OpenView = Callable[[Path], WorkspaceView]

WIDE = 300
TALL = 3_000


def _orders(rows: int, edited: int = 0) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "at": pa.array([1_700_000_000_000_000 + i * 60_000_000 for i in range(rows)], pa.timestamp("us", "UTC")),
            "price 價格": pa.array([None if i % 10 == 3 else i / 4 + (i < edited) for i in range(rows)]),
            "city 😀": pa.array([("Taipei", "Gaoxiong", "a\tb")[i % 3] for i in range(rows)]),
            "late": pa.array([i % 2 == 0 for i in range(rows)]),
        }
    )


@pytest.fixture(scope="session")
def _orders_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four versions of orders, one of them archived, one deleted; failed attempts; a wide and a tall dataset."""
    folder = tmp_path_factory.mktemp("data") / "orders"
    workspace = Workspace.create(folder, name="Orders")
    data = workspace.data
    data.add("orders", _orders(400), name="first.csv", time_column="at", note="by hand", tags=["raw"])
    contract = Contract(columns=(ColumnRule("id", type=ColumnType.INTEGER),), mode=ContractMode.QUARANTINE, key=("id",))
    data.save_contract("orders", contract)
    for number in range(2, 5):
        data.add("orders", _orders(400 + number * 10, edited=number), name=f"{number}.csv", tags=["nightly"])
    data.delete("orders@3", "made by mistake")
    data.add("orders", _orders(500).append_column("extra", pa.array(["x"] * 500)), name="five.csv")
    data.archive("orders@2", reason="superseded")
    data.set_alias("orders@1", "reference")
    broken = folder.parent / "broken.csv"
    broken.write_text("a,b\n1,2\n1,2,3\n", encoding="utf-8")
    with pytest.raises(AppError):
        data.ingest(broken, "orders")
    data.add("wide", pa.table({f"column {i:03d}": pa.array(range(i, i + 5)) for i in range(WIDE)}), name="wide")
    data.add("tall", pa.table({"number": pa.array(range(TALL), pa.int64())}), name="tall")
    workspace.close()
    return folder


@pytest.fixture
def orders(_orders_workspace: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(_orders_workspace, tmp_path / "orders"))


@pytest.fixture
def page(orders: Path, open_view: OpenView, qtbot: QtBot) -> Iterator[Any]:
    """The Data page with the newest version of orders."""
    view = open_view(orders)
    view.open("data/orders@5")
    made = view.page("data")
    assert isinstance(made, DataPage)
    qtbot.waitUntil(lambda: made.is_settled and made.chosen == "orders@5", timeout=20_000)
    yield made


def choose(qtbot: QtBot, page: Any, wanted: str) -> None:
    page.open_target(wanted)
    qtbot.waitUntil(lambda: page.chosen == wanted and page.is_settled, timeout=20_000)


def tab(qtbot: QtBot, page: Any, key: str) -> Any:
    page.show_tab(key)
    qtbot.waitUntil(lambda: page.is_settled, timeout=20_000)
    return page.tab


def marks(folder: Path, wanted: str) -> Any:
    workspace = Workspace(folder)
    found = workspace.registry.datasets.line(wanted)
    workspace.close()
    return found


# Versions


def test_versions_are_listed_newest_first_with_the_change_of_their_rows(page: Any) -> None:
    timeline = page.panel.versions.timeline
    assert [line.number for line in timeline.lines] == [5, 4, 1]
    assert timeline.changes == (60, 40, None)


def test_the_change_is_against_the_next_older_version_that_there_is(orders: Path) -> None:
    workspace = Workspace(orders)
    traced = queries.traced(workspace, "orders@4")
    with_archived = queries.timeline(workspace, "orders", include_archived=True)
    workspace.close()
    assert traced.before is not None
    assert traced.before.reference == "orders@2"
    assert [line.number for line in with_archived.lines] == [5, 4, 2, 1]
    assert with_archived.changes == (60, 20, 20, None)


def test_archived_versions_are_listed_on_demand(page: Any, qtbot: QtBot) -> None:
    page.panel.archived.setChecked(True)
    qtbot.waitUntil(lambda: [line.number for line in page.panel.versions.timeline.lines] == [5, 4, 2, 1])
    assert page.chosen == "orders@5"


def test_an_archived_version_that_is_asked_for_is_shown(page: Any, qtbot: QtBot) -> None:
    choose(qtbot, page, "orders@2")
    assert page.panel.archived.isChecked()
    assert page.head.archived.isVisible()


def test_a_version_is_opened_by_its_alias(page: Any, qtbot: QtBot) -> None:
    page.open_target("orders@reference")
    qtbot.waitUntil(lambda: page.chosen == "orders@1" and page.is_settled)


def test_a_deleted_version_is_told_of_and_what_is_shown_stays(page: Any, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.bridge.problem) as problem:
        page.open_target("orders@3")
    assert "was deleted" in problem.args[0].message
    assert page.chosen == "orders@5"


def test_versions_are_filtered_by_tag_and_note(page: Any, qtbot: QtBot) -> None:
    page.panel.version_field.setText("by hand")
    qtbot.waitUntil(lambda: page.panel.versions.rowCount() == 1)
    assert page.panel.versions.line(0).number == 1
    page.panel.version_field.setText("no such thing")
    qtbot.waitUntil(lambda: page.panel.versions.rowCount() == 0)
    assert page.panel.version_stack.currentWidget().kind == "nothing"
    qtbot.mouseClick(page.panel.version_stack.currentWidget().action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.panel.versions.rowCount() == 3)
    assert page.chosen == "orders@5"


def test_a_filter_does_not_hide_the_version_that_is_asked_for(page: Any, qtbot: QtBot) -> None:
    page.panel.version_field.setText("by hand")
    qtbot.waitUntil(lambda: page.panel.versions.rowCount() == 1)
    choose(qtbot, page, "orders@4")
    assert page.panel.version_field.text() == ""
    assert page.panel.version_view.currentIndex().row() == 1


def test_another_dataset_shows_its_newest_version(page: Any, qtbot: QtBot) -> None:
    row = page.panel.datasets.row_of("tall")
    page.panel.dataset_view.setCurrentIndex(page.panel.datasets.index(row))
    qtbot.waitUntil(lambda: page.chosen == "tall@1" and page.is_settled)


def test_ten_thousand_versions_are_one_model_without_a_widget_per_row(qtbot: QtBot) -> None:
    now = datetime(2024, 1, 1, tzinfo=UTC)
    lines = tuple(VersionLine("d", n, "c", n * 10, 1, now, "file") for n in range(10_000, 0, -1))
    model = VersionsModel()
    view = painted_list("versions", model)
    qtbot.addWidget(view)
    view.setItemDelegate(VersionDelegate(model, view))
    model.set_timeline(queries.timeline_of("d", lines))
    view.resize(300, 600)
    view.show()
    view.scrollToBottom()
    assert view.indexAt(QPoint(10, 590)).row() == 9_999
    assert len(view.viewport().children()) == 0


# Rows


def test_rows_are_shown_as_they_are_stored(page: Any) -> None:
    rows = page.tab.rows
    assert rows.rowCount() == 500
    assert [rows.column_at(at).name for at in range(6)] == ["id", "at", "price 價格", "city 😀", "late", "extra"]
    assert [rows.cell(3, at) for at in range(6)] == ["3", "2023-11-14 22:16:20", None, "Taipei", "false", "x"]
    assert rows.data(rows.index(3, 2), Qt.ItemDataRole.AccessibleTextRole) == "missing"


def test_rows_far_down_are_fetched_when_they_come_into_view(page: Any, qtbot: QtBot) -> None:
    choose(qtbot, page, "tall@1")
    rows = page.tab.rows
    assert rows.cell(2_900, 0) is WAITING
    page.tab.row_field.setText("2,901")
    qtbot.keyClick(page.tab.row_field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: rows.cell(2_900, 0) == "2900")
    assert page.tab.table.currentIndex().row() == 2_900
    assert "of 3,000" in page.tab.place.text()


def test_tiles_of_a_version_that_is_no_longer_shown_are_dropped(page: Any, qtbot: QtBot) -> None:
    choose(qtbot, page, "tall@1")
    page.tab.table.go_to_row(2_000)
    choose(qtbot, page, "orders@1")
    qtbot.waitUntil(lambda: not page.tab.rows.is_waiting)
    assert page.tab.rows.cell(0, 3) == "Taipei"


def test_every_row_of_a_version_comes_as_the_store_has_it(orders: Path) -> None:
    workspace = Workspace(orders)
    opened = row_queries.open_rows(workspace, "orders@5")
    tiles = [opened.reader.tile(workspace.registry, (row, 0)) for row in range(3)]
    workspace.close()
    found = [text for tile in tiles for text in tile.columns[0]]
    assert found == [str(number) for number in range(500)]


def test_what_is_selected_is_copied_under_its_headers(page: Any, qtbot: QtBot) -> None:
    table = page.tab.table
    selection = table.selectionModel()
    first, last = page.tab.rows.index(2, 2), page.tab.rows.index(3, 3)
    selection.select(QItemSelection(first, last), QItemSelectionModel.SelectionFlag.ClearAndSelect)
    with qtbot.waitSignal(page.bridge.succeeded, timeout=10_000) as said:
        qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert said.args[0] == "2 rows copied"
    rows = list(csv.reader(QApplication.clipboard().text().splitlines(), delimiter="\t"))
    assert rows == [["price 價格", "city 😀"], ["0.5", "a\tb"], ["", "Taipei"]]


def test_a_column_is_found_among_hundreds_also_a_hidden_one(page: Any, qtbot: QtBot) -> None:
    choose(qtbot, page, "wide@1")
    preview = page.tab
    picker = preview.choose_columns()
    picker.names.tick(picker.names.names, False)
    assert not picker.accept_button.isEnabled()
    picker.names.tick(["column 007"], True)
    qtbot.mouseClick(picker.accept_button, Qt.MouseButton.LeftButton)
    assert preview.rows.columnCount() == 1
    assert "1 of 300 columns" in preview.place.text()
    preview.column_field.setText("N 299")
    qtbot.keyClick(preview.column_field, Qt.Key.Key_Return)
    assert preview.rows.columnCount() == 2
    assert preview.rows.column_at(preview.table.currentIndex().column()).name == "column 299"
    qtbot.waitUntil(lambda: preview.rows.cell(0, 299) == "299")


# Profile


def test_the_profile_has_a_row_per_column_and_tells_all_of_the_chosen_one(page: Any, qtbot: QtBot) -> None:
    profile = tab(qtbot, page, "profile")
    assert list(profile.table.model.column_of("name")) == ["id", "at", "price 價格", "city 😀", "late", "extra"]
    assert profile.table.model.column_of("missing")[2] == pytest.approx(0.1)
    profile.table.select_row(2)
    qtbot.waitUntil(lambda: profile.name.text() == "price 價格")
    assert "50 (10.0" in " ".join(label.text() for label in profile.facts.findChildren(type(profile.name).__mro__[1]))


def test_the_time_column_tells_its_coverage(page: Any, qtbot: QtBot) -> None:
    profile = tab(qtbot, page, "profile")
    profile.table.select_row(1)
    qtbot.waitUntil(lambda: "time column" in profile.kind.text())


def test_correlation_is_computed_on_demand(page: Any, qtbot: QtBot) -> None:
    dialog = tab(qtbot, page, "profile").correlate()
    qtbot.waitUntil(lambda: dialog.found is not None, timeout=20_000)
    names = dialog.found.columns
    dialog.matrix.pointed.emit(names.index("id"), names.index("price 價格"))
    assert "Pearson" in dialog.said.text()
    dialog.done(0)


# Difference


def test_a_difference_is_told_in_words_and_by_column(page: Any, qtbot: QtBot) -> None:
    difference = tab(qtbot, page, "difference")
    assert difference.other == "orders@4"
    assert difference.words.text() == "+60 rows: 60 added, 0 removed, 3 changed. Columns added: extra."
    assert "paired by id" in difference.detail.text()
    table = difference.columns.table.model
    changes = dict(zip(table.column_of("name"), table.column_of("change"), strict=True))
    assert changes["extra"] == "added"
    cells = dict(zip(table.column_of("name"), table.column_of("cells"), strict=True))
    assert cells["price 價格"] == 3


def test_changed_rows_show_their_cells_before_and_after(page: Any, qtbot: QtBot) -> None:
    difference = tab(qtbot, page, "difference")
    difference.parts.setCurrentIndex(1)
    qtbot.waitUntil(lambda: page.is_settled)
    changes = difference.changed.changes
    assert changes.rowCount() == 3  # the fourth edited row has a missing value in both
    assert changes.data(changes.index(0, 0)) == "0"
    assert changes.data(changes.index(0, 1)) == "1 → 0"
    difference.parts.setCurrentIndex(2)
    assert difference.added.rows.rowCount() == 60
    assert difference.added.rows.number_of(0) == 440
    assert difference.added.count.text() == "60 of 60 rows shown"
    difference.parts.setCurrentIndex(3)
    assert difference.removed.stack.currentWidget() is difference.removed.state


def test_any_version_can_be_compared_with_and_rows_paired_otherwise(page: Any, qtbot: QtBot) -> None:
    difference = tab(qtbot, page, "difference")
    difference.before.setEditText("reference")
    qtbot.keyClick(difference.before.lineEdit(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.is_settled and difference.found.before == "orders@1")
    difference.key_box.setCurrentIndex(1)
    difference.key_box.activated.emit(1)
    qtbot.waitUntil(lambda: page.is_settled and difference.found is not None and difference.found.key == ())
    assert "by their content" in difference.detail.text()
    picker = difference.choose_key()
    picker.names.tick(["id"], True)
    difference.key_box.setCurrentIndex(2)
    qtbot.mouseClick(picker.accept_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.is_settled and difference.found is not None and difference.found.key == ("id",))


def test_the_first_version_has_nothing_older_to_compare_with(page: Any, qtbot: QtBot) -> None:
    choose(qtbot, page, "orders@1")
    difference = tab(qtbot, page, "difference")
    assert difference.state.isVisible()
    assert "no older version" in difference.state.title.text()


# Origin and log


def test_origin_links_open_the_records(page: Any, qtbot: QtBot) -> None:
    origin = tab(qtbot, page, "origin")
    assert "orders@1" in origin.made.links.text()  # the contract
    assert origin.used.links.text().startswith("Nothing has used it yet")
    assert origin.content_id.value.text() == marks(page.bridge.folder, "orders@5").content_id
    with qtbot.waitSignal(page.openRequested) as opened:
        origin.made.links.linkActivated.emit("data/orders@1")
    assert opened.args == ["data/orders@1"]


def test_the_log_has_attempts_that_failed_with_their_reason(page: Any, qtbot: QtBot) -> None:
    log = tab(qtbot, page, "log")
    outcomes = [attempt.outcome for attempt in log.attempts]
    assert outcomes.count("failed") == 1
    assert outcomes.count("stored") == 5
    log.table.select_row(outcomes.index("failed"))
    qtbot.waitUntil(lambda: "line 3" in log.reason.text())
    assert log.reason.isVisible()


# Marks


def test_a_note_is_edited_in_place_and_taken_back(page: Any, orders: Path, qtbot: QtBot) -> None:
    view = page.window().view
    page.head.edit_note()
    qtbot.keyClicks(page.head.note_editor, "looks good")
    qtbot.keyClick(page.head.note_editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.head.note.text() == "looks good")
    toast = view.toasts.toasts[-1]
    assert toast.notice.action == "Undo"
    toast.actionTriggered.emit()
    qtbot.waitUntil(lambda: page.head.line.note == "")
    assert marks(orders, "orders@5").note == ""


def test_escape_gives_up_a_note(page: Any, orders: Path, qtbot: QtBot) -> None:
    page.head.edit_note()
    qtbot.keyClicks(page.head.note_editor, "never mind")
    qtbot.keyClick(page.head.note_editor, Qt.Key.Key_Escape)
    assert not page.head.note_editor.isVisible()
    assert marks(orders, "orders@5").note == ""


def test_tags_are_set_and_removed_by_the_keyboard(page: Any, orders: Path, qtbot: QtBot) -> None:
    qtbot.mouseClick(page.head.tag_button, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(page.head.tag_field, "gold")
    qtbot.keyClick(page.head.tag_field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: page.head.line.tags == ("gold",))
    label = next(label for label in page.head._labels if label.text() == "gold")
    qtbot.keyClick(label, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: page.head.line.tags == ())
    page.window().view.toasts.toasts[-1].actionTriggered.emit()
    qtbot.waitUntil(lambda: page.head.line.tags == ("gold",))
    assert marks(orders, "orders@5").tags == ("gold",)


def test_an_alias_is_moved_here_and_back(page: Any, orders: Path, qtbot: QtBot) -> None:
    qtbot.mouseClick(page.head.alias_button, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(page.head.alias_field, "@reference")
    qtbot.keyClick(page.head.alias_field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: "reference" in page.head.line.aliases)
    toast = page.window().view.toasts.toasts[-1]
    assert toast.notice.text == "@reference moved from orders@1 to orders@5"
    toast.actionTriggered.emit()
    qtbot.waitUntil(lambda: "reference" not in page.head.line.aliases)
    assert marks(orders, "orders@1").aliases == ("reference",)


def test_a_word_that_cannot_be_a_tag_is_refused(page: Any, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.bridge.problem) as problem:
        page.head.tagGiven.emit("x" * 1_000)
    assert "cannot be a tag" in problem.args[0].message


# When something is amiss


def test_a_damaged_version_says_so_and_can_be_tried_again(orders: Path, open_view: OpenView, qtbot: QtBot) -> None:
    workspace = Workspace(orders)
    version = workspace.registry.datasets.get("orders@5")
    workspace.close()
    stored = orders / "objects" / version.profile[:2] / version.profile[2:]
    whole = stored.read_bytes()
    stored.chmod(0o644)
    stored.write_bytes(b"{}")
    view = open_view(orders)
    view.open("data/orders@5")
    page: Any = view.page("data")
    qtbot.waitUntil(lambda: page.is_settled and page.chosen == "orders@5", timeout=20_000)
    profile = tab(qtbot, page, "profile")
    assert profile.state.kind == "error"
    assert "damaged" in profile.state.title.text()
    stored.write_bytes(whole)
    qtbot.mouseClick(profile.state.action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: page.is_settled and profile.content.isVisible())


def test_every_tab_of_every_dataset_can_be_shown(page: Any, qtbot: QtBot) -> None:
    for wanted in ("orders@5", "wide@1", "tall@1"):
        choose(qtbot, page, wanted)
        for info in TABS:
            made = tab(qtbot, page, info.key)
            assert made.isVisible(), info.key
            state = getattr(made, "state", None)
            assert getattr(state, "kind", "") != "error", info.key


def test_the_menu_offers_the_upkeep_of_a_version(page: Any, qtbot: QtBot) -> None:
    menu = page.show_menu()
    texts = [action.text() for action in menu.actions() if action.text()]
    assert texts == ["Export…", "Archive…", "Verify…", "Delete for good…", "Free space…"]
    menu.close()


# Watched folders


def test_folders_are_watched_paused_and_forgotten(page: Any, orders: Path, tmp_path: Path, qtbot: QtBot) -> None:
    dialog = open_watches(page, ["orders"], "orders")
    qtbot.waitUntil(dialog.table.empty.isVisible)
    dialog.folder.setText(str(tmp_path))
    qtbot.mouseClick(dialog.add_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(dialog.states) == 1)
    assert dialog.selected is not None
    dialog.toggle_pause()
    qtbot.waitUntil(lambda: dialog.states[0].watch.is_paused)
    workspace = Workspace(orders)
    assert [watch.folder for watch in workspace.data.watches()] == [str(tmp_path)]
    workspace.close()
    dialog.remove()
    qtbot.waitUntil(lambda: not dialog.states)
    dialog.accept()


def test_a_watch_that_makes_no_sense_is_refused_at_its_field(page: Any, tmp_path: Path, qtbot: QtBot) -> None:
    dialog = open_watches(page, [], "orders")
    dialog.folder.setText(str(tmp_path))
    dialog.pattern.setText("../*.csv")
    dialog.add()
    qtbot.waitUntil(lambda: "no pattern" in dialog.folder_field.note.text())
    dialog.reject()
