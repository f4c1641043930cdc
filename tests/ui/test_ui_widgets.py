"""The widgets, on the offscreen platform."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QApplication, QWidget
from pytestqt.qtbot import QtBot

from mlops_desktop.core.deployments import Guardrail
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.widgets import figures, notifications
from mlops_desktop.ui.widgets.commandbar import CommandBar
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.lifecycle import LifecycleStrip, StepState
from mlops_desktop.ui.widgets.navigation import NavigationRail, RailItem
from mlops_desktop.ui.widgets.notifications import Level, NoticeLog
from mlops_desktop.ui.widgets.palette import Command, CommandPalette, find_commands
from mlops_desktop.ui.widgets.plainlog import LogLine
from mlops_desktop.ui.widgets.player import PlayerControls
from mlops_desktop.ui.widgets.rollout import ComparedMetric, GuardrailList, ModelCompare, SplitSlider
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind, TableModel
from mlops_desktop.ui.widgets.toasts import Toasts
from tests.ui_kit import shown

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

LEFT = Qt.MouseButton.LeftButton
DESCENDING = Qt.SortOrder.DescendingOrder
SPECS = [
    ColumnSpec("name", "Name"),
    ColumnSpec("auc", "AUC", Kind.NUMBER),
    ColumnSpec("ms", "Latency", Kind.INTEGER, "ms"),
]
ROWS = {"name": ["beta", "Alpha", "gamma", "delta"], "auc": np.array([0.7, np.nan, 0.9, 0.8]), "ms": [10, 2, 1000, 3]}


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> Iterator[None]:
    apply_theme(qapp, Theme.LIGHT)
    yield


# --- numbers


def test_figures_are_short_and_have_a_real_minus_sign() -> None:
    assert figures.compact(1_234_567) == "1.23 M"
    assert figures.compact(999_999) == "1 M"
    assert figures.fixed(-1234.5, 1) == "\N{MINUS SIGN}1,234.5"
    assert figures.signed(0.25, 2) == "+0.25"
    assert figures.percent(0.125) == "12.5\N{NO-BREAK SPACE}%"
    assert figures.fixed(float("nan")) == figures.duration(None) == "\N{EN DASH}"
    shown = [figures.duration(s) for s in (0.44, 12, 185, 7620, 262_800)]
    assert shown == ["0.4 s", "12 s", "3 m 05 s", "2 h 07 m", "3 d 01 h"]


# --- tables


def names(model: TableModel) -> list[str]:
    return [model.data(model.index(row, 0)) for row in range(model.rowCount())]


def test_a_table_sorts_numbers_with_missing_ones_last_either_way(qapp: QApplication) -> None:
    model = TableModel(SPECS, ROWS)
    model.sort(1)
    assert names(model) == ["beta", "delta", "gamma", "Alpha"]
    model.sort(1, DESCENDING)
    assert names(model) == ["gamma", "delta", "beta", "Alpha"]


def test_a_table_sorts_text_whatever_its_case_or_script(qapp: QApplication) -> None:
    words = ["zeta", "Éclair", "alpha", "Beta", "資料", "", "a" * 60, "alpha"]
    for some in (words, [w for w in words if len(w) < 20], ["b", "A", "c"]):
        model = TableModel([ColumnSpec("w", "Word")], {"w": some})
        model.sort(0)
        assert [word.lower() for word in names(model)] == sorted(word.lower() for word in some)


def test_a_table_filters_text_and_keeps_the_order(qapp: QApplication) -> None:
    model = TableModel(SPECS, ROWS)
    model.sort(0, DESCENDING)
    model.set_filter("TA")
    assert names(model) == ["delta", "beta"]
    assert model.total == 4
    assert model.source_row(0) == 3
    model.set_filter("")
    assert names(model) == ["gamma", "delta", "beta", "Alpha"]


def test_a_filter_does_not_match_across_columns_or_separators(qapp: QApplication) -> None:
    specs = [ColumnSpec("a", "A"), ColumnSpec("b", "B")]
    model = TableModel(specs, {"a": ["x\x1ey", "ab"], "b": ["1", "cd"]})
    model.set_filter("bc")
    assert model.rowCount() == 0
    model.set_filter("y")
    assert names(model) == ["x\x1ey"]


def test_the_selection_survives_sorting(qtbot: QtBot) -> None:
    table = DataTable(SPECS)
    shown(qtbot, table)
    table.set_rows(ROWS)
    table.view.selectRow(2)
    table.model.sort(1)
    assert table.selected_rows() == [2]
    assert table.model.data(table.view.selectionModel().selectedRows()[0]) == "gamma"


def test_headers_carry_units_and_numbers_stand_at_the_right(qapp: QApplication) -> None:
    model = TableModel(SPECS, ROWS)
    horizontal, align = Qt.Orientation.Horizontal, Qt.ItemDataRole.TextAlignmentRole
    assert model.headerData(2, horizontal) == "Latency (ms)"
    assert model.headerData(2, horizontal, align) & int(Qt.AlignmentFlag.AlignRight)
    assert model.headerData(0, horizontal, align) & int(Qt.AlignmentFlag.AlignLeft)
    assert model.data(model.index(2, 2)) == "1,000"


def test_ctrl_c_copies_the_selected_rows_with_headers(qtbot: QtBot) -> None:
    table = DataTable(SPECS)
    shown(qtbot, table)
    table.set_rows(ROWS)
    table.view.selectRow(2)
    table.view.setFocus()
    qtbot.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: QApplication.clipboard().text() != "")
    assert QApplication.clipboard().text() == "Name\tAUC\tLatency (ms)\ngamma\t0.900\t1,000"


def test_exports_hold_raw_values_in_the_order_shown(qtbot: QtBot, tmp_path: Path) -> None:
    specs = [*SPECS, ColumnSpec("at", "At", Kind.TIME), ColumnSpec("course", "Course", Kind.SPARKLINE)]
    times = np.datetime64("2013-01-01T00:00") + np.arange(4) * np.timedelta64(1, "D")
    table = DataTable(specs)
    qtbot.addWidget(table)
    table.set_rows({**ROWS, "at": times, "course": [[1, 2]] * 4})
    table.model.sort(2)
    table.export(tmp_path / "t.csv")
    table.export(tmp_path / "t.parquet")
    with (tmp_path / "t.csv").open(encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "auc", "ms", "at"]
    assert [row[2] for row in rows[1:]] == ["2", "3", "10", "1000"]
    assert rows[1][3] == "2013-01-02 00:00:00"
    assert pq.read_table(tmp_path / "t.parquet").column("name").to_pylist() == ["Alpha", "delta", "beta", "gamma"]


def test_a_million_rows_sort_filter_and_scroll(qtbot: QtBot) -> None:
    n = 1_000_000
    table = DataTable([ColumnSpec("x", "X", Kind.NUMBER), ColumnSpec("s", "State", Kind.CHIP)])
    shown(qtbot, table)
    values = np.random.default_rng(1).random(n)
    states = np.array(["running", "failed"])[(values > 0.25).astype(int)]
    table.set_rows({"x": values, "s": states})
    table.model.sort(0, DESCENDING)
    assert table.model.value(0, 0) == values.max()
    table.set_filter("runn")
    assert table.model.rowCount() == int((values <= 0.25).sum())
    table.view.scrollToBottom()
    assert not table.grab().isNull()
    assert table.model.value(table.model.rowCount() - 1, 0) == values.min()


def test_a_table_goes_through_the_four_states(qtbot: QtBot) -> None:
    table = DataTable(SPECS)
    shown(qtbot, table)
    assert table.empty.kind == "loading"
    table.set_never_set_up("No runs yet", "Train a model first.", "Train")
    table.set_rows({"name": [], "auc": [], "ms": []})
    assert (table.empty.kind, table.empty.action.text()) == ("never", "Train")
    with qtbot.waitSignal(table.emptyActionTriggered):
        qtbot.mouseClick(table.empty.action, LEFT)
    table.set_rows(ROWS)
    table.set_filter("nothing like it")
    assert table.empty.kind == "nothing"
    assert table.empty.isVisible()
    qtbot.mouseClick(table.empty.action, LEFT)
    assert table.view.isVisible()
    assert table.count.text() == "4 of 4 rows"
    table.show_error("It broke.", "Try again.")
    assert table.empty.kind == "error"


def test_enter_and_double_click_activate_the_row_in_the_data(qtbot: QtBot) -> None:
    table = DataTable(SPECS)
    shown(qtbot, table)
    table.set_rows(ROWS)
    table.model.sort(2)
    table.view.setFocus()
    table.view.selectRow(0)
    with qtbot.waitSignal(table.activated) as signal:
        qtbot.keyClick(table.view, Qt.Key.Key_Return)
    assert signal.args == [1]


def test_columns_of_unequal_length_are_refused(qapp: QApplication) -> None:
    with pytest.raises(ValueError, match="differ in length"):
        TableModel(SPECS, {**ROWS, "ms": [1]})


def test_records_make_a_model(qapp: QApplication) -> None:
    records = [LogLine(2, "10:41", "b"), LogLine(1, "10:40", "a")]
    model = TableModel.from_records([ColumnSpec("text", "Text"), ColumnSpec("seq", "N", Kind.INTEGER)], records)
    model.sort(1)
    assert names(model) == ["a", "b"]


@pytest.mark.parametrize(
    "values",
    [
        [datetime(2013, 1, 2, tzinfo=UTC), datetime(2013, 1, 1, tzinfo=UTC)],
        np.array(["2013-01-02", "2013-01-01"], "datetime64[D]"),
        [1357084800.0, 1356998400.0],
    ],
)
def test_times_of_any_kind_are_shown_and_sorted_alike(qapp: QApplication, values: object) -> None:
    model = TableModel([ColumnSpec("t", "Time", Kind.TIME)], {"t": values})  # type: ignore[dict-item]
    model.sort(0)
    assert names(model) == ["2013-01-01 00:00", "2013-01-02 00:00"]


# --- notices


def test_the_record_of_notices_needs_no_qt() -> None:
    code = "import sys; import mlops_desktop.ui.widgets.notifications; print(any('PySide' in m for m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_notices_are_kept_and_told_until_unsubscribed() -> None:
    log, seen = NoticeLog(), []
    end = log.subscribe(lambda notice: seen.append(notice.text))
    log.post(Level.INFO, "one")
    end()
    log.post(Level.ERROR, "two")
    assert seen == ["one"]
    assert [notice.text for notice in log.notices] == ["one", "two"]
    assert log.unread == 2
    log.mark_read()
    assert log.unread == 0


def test_three_toasts_at_most_and_errors_stay(qtbot: QtBot) -> None:
    window, log = QWidget(), NoticeLog()
    toasts = Toasts(log, window)
    shown(qtbot, window)
    log.post(Level.ERROR, "error")
    for text in ("a", "b", "c"):
        log.post(Level.INFO, text)
    assert [toast.notice.text for toast in toasts.toasts] == ["error", "b", "c"]
    assert len(log.notices) == 4
    assert toasts.geometry().right() <= window.width()
    window.resize(1000, 600)
    assert toasts.geometry().bottom() == 600 - 16 - 1


def test_a_toasts_action_opens_its_target(qtbot: QtBot) -> None:
    window, log = QWidget(), NoticeLog()
    toasts = Toasts(log, window)
    shown(qtbot, window)
    log.post(Level.WARNING, "Alert raised", action="Open", target="alert:12")
    (act,) = [b for b in toasts.findChildren(QAbstractButton) if b.text() == "Open"]
    with qtbot.waitSignal(toasts.targetRequested) as signal:
        qtbot.mouseClick(act, LEFT)
    assert signal.args == ["alert:12"]
    assert toasts.toasts == []


def test_the_kept_notices_are_bounded() -> None:
    log = NoticeLog()
    for i in range(notifications._KEPT + 3):
        log.post(Level.INFO, str(i))
    assert log.notices[0].text == "3"


# --- navigation and commands


def test_the_rail_is_driven_by_mouse_and_keyboard(qtbot: QtBot) -> None:
    rail = NavigationRail([RailItem("a", "Data", "data"), RailItem("b", "Alerts", "alerts", "Ctrl+2")], product="P")
    shown(qtbot, rail, 216, 500)
    assert (rail.current_key, rail.width()) == ("a", 216)
    first, second = rail._buttons["a"], rail._buttons["b"]
    with qtbot.waitSignal(rail.selected) as signal:
        qtbot.mouseClick(second, LEFT)
    assert signal.args == ["b"]
    assert (rail.current_key, first.isChecked()) == ("b", False)
    first.setFocus()
    with qtbot.waitSignal(rail.selected) as signal:
        qtbot.keyClick(first, Qt.Key.Key_Return)
    assert signal.args == ["a"]
    assert second.accessibleName() == "Alerts"
    assert "Ctrl+2" in second.toolTip()


def test_the_rail_collapses_and_shows_badges(qtbot: QtBot) -> None:
    rail = NavigationRail([RailItem("a", "Alerts", "alerts")])
    shown(qtbot, rail, 216, 300)
    without = rail.grab().toImage()
    rail.set_badge("a", 120)
    assert rail.grab().toImage() != without
    assert rail._buttons["a"].accessibleDescription() == "120"
    with qtbot.waitSignal(rail.collapsedChanged) as signal:
        qtbot.mouseClick(rail._toggle, LEFT)
    assert (signal.args, rail.width()) == ([True], 56)
    with pytest.raises(KeyError):
        rail.set_current("no such page")


def test_the_command_bar_tells_where_one_is(qtbot: QtBot) -> None:
    bar = CommandBar()
    shown(qtbot, bar, 900, 48)
    bar.set_path(["Monitoring", "Data drift", "dep_delay"])
    assert bar.title.text() == "dep_delay"
    with qtbot.waitSignal(bar.crumbClicked) as signal:
        qtbot.mouseClick(bar._crumbs[1], LEFT)
    assert signal.args == [1]
    with qtbot.waitSignal(bar.searchRequested):
        qtbot.mouseClick(bar.search, LEFT)


def test_a_button_of_the_command_bar_follows_its_action(qtbot: QtBot) -> None:
    bar, ran = CommandBar(), []
    qtbot.addWidget(bar)
    action = QAction("Refresh", bar)
    action.triggered.connect(lambda: ran.append(1))
    made = bar.add_action(action, "refresh")
    qtbot.mouseClick(made, LEFT)
    action.setEnabled(False)
    action.setText("Wait")
    assert (ran, made.isEnabled(), made.text()) == ([1], False, "Wait")
    bar.clear_actions()
    QApplication.sendPostedEvents(None, 52)  # DeferredDelete
    action.setText("No crash")


def test_the_palette_finds_by_start_word_and_letters() -> None:
    commands = [
        Command(title, lambda: None) for title in ("Roll back", "Open recent", "Promote", "Control Room", "Data")
    ]
    assert [c.title for c in find_commands(commands, "ro")][:3] == ["Roll back", "Control Room", "Promote"]
    assert [c.title for c in find_commands(commands, "pmt")] == ["Promote"]
    assert find_commands(commands, "xyz") == []
    assert len(find_commands(commands, "")) == 5


def test_enter_runs_what_the_arrows_chose(qtbot: QtBot) -> None:
    ran: list[str] = []
    window = QWidget()
    shown(qtbot, window)
    palette = CommandPalette(window)
    palette.open_with([Command("Alpha", lambda: ran.append("a")), Command("Beta", lambda: ran.append("b"))])
    qtbot.keyClick(palette.field, Qt.Key.Key_Down)
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert ran == ["b"]
    assert not palette.isVisible()
    palette.set_commands([])
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert "Nothing matches" in palette.note.text()


# --- the cycle, the player, the rollout


def test_the_lit_step_divides_past_from_future(qtbot: QtBot) -> None:
    strip = LifecycleStrip()
    shown(qtbot, strip, 1000, 90)
    strip.set_current("drift", {"drift": "1 of 12"})
    states = [strip.state_of(step.key) for step in strip.default_steps()]
    assert states == [StepState.DONE] * 4 + [StepState.CURRENT] + [StepState.AHEAD] * 3
    with qtbot.waitSignal(strip.stepClicked) as signal:
        qtbot.mouseClick(strip._steps["canary"], LEFT)
    assert signal.args == ["canary"]
    strip.set_states({"data": StepState.FAILED})
    assert strip.state_of("drift") is StepState.AHEAD


def test_the_player_announces_what_a_person_does_and_nothing_else(qtbot: QtBot) -> None:
    player = PlayerControls((1.0, 8.0))
    shown(qtbot, player, 800, 80)
    with qtbot.assertNotEmitted(player.playToggled), qtbot.assertNotEmitted(player.speedChanged):
        player.set_playing(True)
        player.set_speed(8.0)
        player.set_date("1 March 2013", 2.0)
    assert player.progress.value() == 1000
    assert not player.step_button.isEnabled()
    with qtbot.waitSignal(player.playToggled) as signal:
        qtbot.mouseClick(player.play_button, LEFT)
    assert signal.args == [False]
    with qtbot.waitSignal(player.speedChanged) as signal:
        qtbot.mouseClick(player.speed._group.button(0), LEFT)
    assert signal.args == [1.0]


def test_the_split_changes_only_on_apply(qtbot: QtBot) -> None:
    split = SplitSlider()
    shown(qtbot, split, 500, 100)
    split.set_split("v3", "v4", 0.2)
    assert not split.apply.isEnabled()
    with qtbot.assertNotEmitted(split.applied):
        split.slider.setValue(35)
    assert (split.spin.value(), split.apply.isEnabled()) == (35, True)
    with qtbot.waitSignal(split.applied) as signal:
        qtbot.mouseClick(split.apply, LEFT)
    assert signal.args == [0.35]
    split.set_split("v3", "", 0.0)
    assert not split.slider.isEnabled()


@pytest.mark.parametrize(
    ("metric", "verdict"),
    [
        (ComparedMetric("AUC", 0.8, 0.9), "better"),
        (ComparedMetric("Loss", 0.8, 0.9, higher_is_better=False), "worse"),
        (ComparedMetric("AUC", 0.8, 0.9, low=-0.1, high=0.3), "same"),
        (ComparedMetric("AUC", 0.8, 0.80001), "same"),
        (ComparedMetric("AUC", None, 0.9), "unknown"),
    ],
)
def test_a_difference_within_its_interval_is_no_difference(metric: ComparedMetric, verdict: str) -> None:
    assert metric.verdict == verdict


def test_compare_and_guardrails_grow_with_their_rows_and_speak(qtbot: QtBot) -> None:
    compare, rails = ModelCompare(), GuardrailList()
    for widget in (compare, rails):
        shown(qtbot, widget, 420, 200)
    compare.set_models("v3", "v4", [ComparedMetric("AUC", 0.8, 0.9)] * 3)
    assert compare.sizeHint().height() == 40 + 3 * 36
    assert "better" in compare.accessibleDescription()
    empty = rails.grab().toImage()
    rails.set_guardrails([Guardrail("Errors", 0.1, 0.2, 0.1, 0.05, 0.2, 10, 5, "fail")])
    assert rails.grab().toImage() != empty
    assert rails.accessibleDescription() == "Errors Fail"
