"""The contract editor and the quarantine: what a person sees, changes, tries and saves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QLineEdit
from pytestqt.qtbot import QtBot

from mlops_desktop.core.contracts import ColumnRule, Contract, ContractMode, ContractVersion
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.ui.pages.data_contract import ContractTab
from mlops_desktop.ui.pages.data_contract_cells import Field, Refused, cell_text, with_entry, with_type
from mlops_desktop.ui.pages.data_contract_leave import LeaveSheet
from mlops_desktop.ui.pages.data_contract_report import HistorySheet
from mlops_desktop.ui.queries import contracts as queries
from mlops_desktop.ui.shots_upkeep import Stage, build_upkeep, shown_contract, shown_quarantine, staged, work
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
        if made.contract.draft is not None:  # else the window asks before it closes
            made.contract.draft = None


def saved(folder: Path, dataset: str = "flights") -> ContractVersion | None:
    workspace = Workspace(folder)
    try:
        return workspace.data.contract(dataset)
    finally:
        workspace.close()


def press_save(qtbot: QtBot, tab: ContractTab) -> None:
    qtbot.waitUntil(tab.save.isEnabled)
    with qtbot.waitSignal(tab.bridge.succeeded):
        qtbot.mouseClick(tab.save, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not tab.is_dirty and tab.is_settled)


# Cells


@pytest.mark.parametrize(
    ("kind", "field", "entry", "value"),
    [
        (ColumnType.NUMBER, Field.MINIMUM, "-1.5", -1.5),
        (ColumnType.NUMBER, Field.MAXIMUM, "1,000", 1000.0),
        (ColumnType.NUMBER, Field.MAXIMUM, "", None),
        (ColumnType.TIME, Field.MINIMUM, "2013-01-31", "2013-01-31"),
        (ColumnType.TEXT, Field.CATEGORIES, 'AA, "B, 6", AA', ("AA", "B, 6")),
        (ColumnType.TEXT, Field.MAX_LENGTH, "12", 12),
        (ColumnType.TEXT, Field.MAX_MISSING, "5 %", 0.05),
        (ColumnType.TEXT, Field.PATTERN, " x", " x"),
    ],
)
def test_an_entry_becomes_a_rule(kind: ColumnType, field: Field, entry: str, value: object) -> None:
    assert getattr(with_entry(ColumnRule("a", kind), field, entry), field.value) == value


@pytest.mark.parametrize(
    ("kind", "field", "entry"),
    [
        (ColumnType.NUMBER, Field.MINIMUM, "ten"),
        (ColumnType.NUMBER, Field.MINIMUM, "nan"),
        (ColumnType.TIME, Field.MINIMUM, "10"),
        (ColumnType.TEXT, Field.MAX_LENGTH, "-1"),
        (ColumnType.TEXT, Field.MAX_MISSING, "120 %"),
        (ColumnType.TEXT, Field.CATEGORIES, '"AA'),
    ],
)
def test_an_entry_that_a_cell_cannot_hold_is_refused(kind: ColumnType, field: Field, entry: str) -> None:
    with pytest.raises(Refused):
        with_entry(ColumnRule("a", kind), field, entry)


@given(st.lists(st.text("abc,\"' é", min_size=1).map(str.strip).filter(bool), unique=True, max_size=6))
def test_categories_that_are_shown_are_read_back(values: list[str]) -> None:
    rule = ColumnRule("a", ColumnType.TEXT, categories=tuple(values))
    assert with_entry(rule, Field.CATEGORIES, cell_text(rule, Field.CATEGORIES)) == rule


def test_another_type_drops_what_it_cannot_have() -> None:
    rule = ColumnRule("a", ColumnType.TEXT, pattern="x", max_length=3, unique=True)
    assert with_type(rule, ColumnType.NUMBER) == ColumnRule("a", ColumnType.NUMBER, unique=True)
    timed = ColumnRule("a", ColumnType.TIME, minimum="2013-01-01")
    assert with_type(timed, ColumnType.NUMBER).minimum is None
    assert with_type(ColumnRule("a", ColumnType.INTEGER, minimum=1), ColumnType.NUMBER).minimum == 1


# Problems


@pytest.mark.parametrize(
    ("text", "line", "column", "rule"),
    [
        ('mode = "refuse"\nkey = [\n', 2, "", ""),
        ('mode = "no"\n', 1, "", ""),
        ('mode = "refuse"\n[columns.a]\ntype = "txt"\n', 3, "a", "type"),
        ('[columns."a.b"]\ntype = "number"\n\n[columns."a.b.c"]\ntype = "text"\nminimum = 3\n', 6, "a.b.c", "minimum"),
        ('[columns."😀: x"]\ntype = "number"\npattern = "["\n', 3, "😀: x", "pattern"),
        ('[columns.a]\nsize = 3\n', 2, "a", ""),
    ],
)  # fmt: skip
def test_a_problem_names_line_and_key(folder: Path, text: str, line: int, column: str, rule: str) -> None:
    workspace = Workspace(folder)
    try:
        problem = queries.judged_text(workspace, "flights", text).problem
    finally:
        workspace.close()
    assert problem is not None
    assert (problem.line, problem.column, problem.rule) == (line, column, rule)


# The editor


def test_a_dataset_without_a_contract_gets_one_inferred(page: Stage, folder: Path, qtbot: QtBot) -> None:
    tab = shown_contract(page, "航班@1")
    assert tab.empty.isVisible()
    assert tab.empty.action.text() == "Infer from 航班@1"
    qtbot.mouseClick(tab.empty.action, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.draft is not None and tab.is_settled)
    assert [rule.name for rule in tab.model.rules][:3] == ["航班號碼", "延誤時間（分鐘）", "😀 mood"]
    assert tab.unsaved.isVisible()
    press_save(qtbot, tab)
    assert saved(folder, "航班") is not None


def test_cells_are_edited_by_keyboard_and_saved(page: Stage, folder: Path, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    tab.table.show_cell("delay", "maximum")
    qtbot.keyClick(tab.table, Qt.Key.Key_F2)
    editor = tab.table.findChild(QLineEdit)
    assert editor is not None
    editor.setText("900")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    tab.table.show_cell("late", "nullable")
    qtbot.keyClick(tab.table, Qt.Key.Key_Space)
    assert tab.is_dirty
    press_save(qtbot, tab)
    found = saved(folder)
    assert found is not None
    assert found.number == 3
    assert found.contract.rule("delay").maximum == 900  # type: ignore[union-attr]
    assert found.contract.rule("late").nullable  # type: ignore[union-attr]


def test_a_wrong_entry_leaves_the_rule_and_says_why(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    assert tab.draft is not None
    before = tab.draft.contract
    row = [rule.name for rule in tab.model.rules].index("delay")
    index = tab.model.index(row, tab.model.fields.index(Field.MINIMUM))
    assert not tab.model.setData(index, "a lot")
    assert tab.draft.contract == before
    assert "'a lot' is not a number" in tab.message.accessibleName()


def test_a_contradiction_marks_its_cell_and_cannot_be_saved(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    assert tab.draft is not None
    delay = tab.draft.contract.rule("delay")
    assert delay is not None
    tab.draft.change_rule(structs.replace(delay, minimum=900.0))
    qtbot.waitUntil(lambda: tab.is_settled)
    row = [rule.name for rule in tab.model.rules].index("delay")
    assert tab.model.is_at_fault(tab.model.index(row, tab.model.fields.index(Field.MINIMUM)))
    assert "is above the maximum 600" in tab.message.accessibleName()
    assert not tab.save.isEnabled()
    assert not tab.check.isEnabled()
    tab.draft.undo()
    qtbot.waitUntil(lambda: tab.is_settled)
    assert tab.message.isHidden()
    assert not tab.is_dirty


def test_form_and_text_edit_the_same_contract(page: Stage, folder: Path, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    assert tab.draft is not None
    tab.head.mode.setCurrentIndex(tab.head.mode.findData("accept"))
    tab.head.mode.activated.emit(tab.head.mode.currentIndex())
    qtbot.waitUntil(lambda: tab.is_settled)
    qtbot.mouseClick(tab.text_button, Qt.MouseButton.LeftButton)
    assert 'mode = "accept"' in tab.text.toPlainText()
    tab.text.setPlainText("# why\n" + tab.text.toPlainText().replace("maximum = 600", "maximum = 700"))
    qtbot.waitUntil(lambda: tab.is_settled)
    qtbot.mouseClick(tab.form_button, Qt.MouseButton.LeftButton)
    assert tab.ways.currentIndex() == 0
    assert tab.draft.contract.mode is ContractMode.ACCEPT
    assert tab.draft.contract.rule("delay").maximum == 700  # type: ignore[union-attr]
    press_save(qtbot, tab)
    found = saved(folder)
    assert found is not None
    assert found.text.startswith("# why\n")


def test_a_text_that_makes_no_sense_stays_a_text(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    qtbot.mouseClick(tab.text_button, Qt.MouseButton.LeftButton)
    tab.text.setPlainText(tab.text.toPlainText().replace('type = "number"', 'type = "nmber"'))
    qtbot.waitUntil(lambda: tab.judged is not None and tab.judged.problem is not None)
    assert tab.text.line > 0
    assert tab.message.accessibleName().startswith(f"Line {tab.text.line}: columns.delay.type")
    qtbot.mouseClick(tab.form_button, Qt.MouseButton.LeftButton)
    assert tab.ways.currentWidget() is tab.text
    assert tab.text.textCursor().blockNumber() + 1 == tab.text.line
    assert not tab.save.isEnabled()


def test_a_version_is_checked_before_the_contract_is_saved(page: Stage, folder: Path, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@1")
    qtbot.mouseClick(tab.check, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(tab.job.cancel.isEnabled)
    work(folder)
    qtbot.waitUntil(tab.report.isVisible)
    violation = tab.report.violations[0]
    assert (violation.column, violation.rule) == ("delay", "minimum")
    assert violation.examples[0][0] > 0
    assert tab.report.chip.status == "fail"
    tab.report.table.activated.emit(0)
    assert tab.model.rules[tab.table.currentIndex().row()].name == "delay"
    found = saved(folder)
    assert found is not None
    assert found.number == 2


def test_history_shows_what_changed_and_gives_a_contract_back(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    assert tab.draft is not None
    sheet = tab.open_history()
    assert isinstance(sheet, HistorySheet)
    assert '+ mode = "quarantine"' in sheet.difference.toPlainText()
    assert '− mode = "refuse"' in sheet.difference.toPlainText()
    assert not sheet.act.isEnabled()
    sheet.list.setCurrentRow(1)
    qtbot.mouseClick(sheet.act, Qt.MouseButton.LeftButton)
    assert tab.draft.contract.mode is ContractMode.REFUSE
    assert tab.is_dirty


def test_leaving_with_changes_asks_and_a_kept_draft_comes_back(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    assert tab.draft is not None
    tab.draft.change(min_rows=7)
    qtbot.waitUntil(lambda: tab.is_settled)
    shown_contract(page, "sensors@1")
    sheet = page.findChild(LeaveSheet) or page.window().findChild(LeaveSheet)
    assert sheet is not None
    qtbot.mouseClick(sheet.cancel, Qt.MouseButton.LeftButton)
    tab = shown_contract(page, "flights@4")
    assert tab.draft.contract.min_rows == 7
    assert tab.unsaved.isVisible()


def test_leaving_can_save_what_was_changed(page: Stage, folder: Path, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    assert tab.draft is not None
    tab.draft.change(min_rows=7)
    qtbot.waitUntil(tab.save.isEnabled)
    shown_contract(page, "sensors@1")
    sheet = page.window().findChild(LeaveSheet)
    assert sheet is not None
    with qtbot.waitSignal(tab.bridge.succeeded):
        qtbot.mouseClick(sheet.act, Qt.MouseButton.LeftButton)
    found = saved(folder)
    assert found is not None
    assert found.contract.min_rows == 7


def test_the_window_asks_before_it_closes_on_changes(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    assert tab.draft is not None
    tab.draft.change(min_rows=7)
    qtbot.waitUntil(lambda: tab.is_settled)
    assert not page.close()
    sheet = page.findChild(LeaveSheet)
    assert sheet is not None
    qtbot.mouseClick(sheet.discard, Qt.MouseButton.LeftButton)
    assert page.isHidden()


def test_a_column_that_the_version_lacks_is_a_warning(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    tab.add_rules([ColumnRule("to come")])
    qtbot.waitUntil(lambda: tab.is_settled)
    assert "has no column 'to come'" in tab.message.accessibleName()
    assert tab.save.isEnabled()


def test_a_click_turns_a_switch(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    assert tab.draft is not None
    index = tab.model.index(1, tab.model.fields.index(Field.KEY))
    where = tab.table.visualRect(index).center()
    qtbot.mouseClick(tab.table.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(where))
    assert tab.draft.contract.key == ("flight_id", "scheduled_at")


def test_three_hundred_columns_are_filtered(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "sensors@1")
    assert tab.model.rowCount() == 300
    tab.filter.setText("_29")
    assert [rule.name[:10] for rule in tab.model.rules] == [f"sensor_29{i}" for i in range(10)]


def test_an_unchanged_contract_is_not_dirty_after_a_look_at_its_text(page: Stage, qtbot: QtBot) -> None:
    tab = shown_contract(page, "flights@4")
    qtbot.mouseClick(tab.text_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.is_settled)
    qtbot.mouseClick(tab.form_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.is_settled)
    assert not tab.is_dirty
    assert not tab.save.isEnabled()


# Quarantine


def test_rows_put_aside_show_why_with_their_cells_marked(page: Stage, folder: Path, qtbot: QtBot) -> None:
    tab = shown_quarantine(page, "flights@4")
    assert tab.chosen is not None
    assert tab.chosen.beside == "flights@4"
    shown = tab.shown
    assert shown is not None
    assert {column for reason in shown.reasons for column in reason.columns} == {"carrier", "delay", "tail"}
    assert {column.name for column in shown.columns[:3]} == {"carrier", "delay", "tail"}
    first = shown.numbers.index(1)
    assert shown.at_fault[first] == {"carrier", "delay", "tail"}
    assert tab.rows.number_of(first) == 0
    assert tab.span.text() == f"1 to 200 of {tab.chosen.rows} rows"
    qtbot.mouseClick(tab.later, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: tab.shown is not None and tab.shown.offset == 200)
    assert not tab.later.isEnabled()


def test_a_reason_shows_its_rows_only(page: Stage, qtbot: QtBot) -> None:
    tab = shown_quarantine(page, "flights@4")
    assert tab.shown is not None
    reason = tab.shown.reasons[0]
    tab.reasons.setCurrentRow(1)
    qtbot.waitUntil(lambda: tab.shown is not None and tab.shown.total == reason.rows)
    assert all(reason.words in queries.parts_of(said) for said in tab.shown.said)
    assert len(tab.shown.numbers) == min(reason.rows, queries.PAGE_ROWS)


def test_a_dataset_without_bad_rows_says_so(page: Stage) -> None:
    tab = shown_quarantine(page, "sensors@1")
    assert tab.empty.title.text() == "No rows have been put aside"


def test_reasons_with_semicolons_are_kept_whole() -> None:
    said = "a must match x; y; b, c must occur once only"
    assert queries.parts_of(said) == ("a must match x; y", "b, c must occur once only")


def test_pages_of_a_reason_hold_each_of_its_rows_once(folder: Path) -> None:
    workspace = Workspace(folder)
    try:
        whole = queries.bad_rows(workspace, "flights.quarantine@2")
        words = whole.reasons[0].words
        found = queries.bad_rows(workspace, "flights.quarantine@2", 100, words)
        first = queries.bad_rows(workspace, "flights.quarantine@2", 0, words)
    finally:
        workspace.close()
    assert first.numbers[100:] == found.numbers
    assert len(first.numbers) == first.total == whole.reasons[0].rows


def test_an_empty_contract_can_be_shown(page: Stage, folder: Path, qtbot: QtBot) -> None:
    workspace = Workspace(folder)
    workspace.data.save_contract("sensors", Contract())
    workspace.close()
    tab = shown_contract(page, "sensors@1")
    assert tab.model.rowCount() == 0
    assert tab.count.text() == "0 columns with rules"
