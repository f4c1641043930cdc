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
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from mlops_desktop.core.deployments import Guardrail
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets import figures, notifications
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.commandbar import CommandBar
from mlops_desktop.ui.widgets.confirm import Change, Confirmation, ConfirmSheet
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.forms import FormField, choice_field
from mlops_desktop.ui.widgets.inspector import InspectorPanel
from mlops_desktop.ui.widgets.jobs import Job, JobsDrawer
from mlops_desktop.ui.widgets.keyfigure import KeyFigure
from mlops_desktop.ui.widgets.lifecycle import LifecycleStrip, StepState
from mlops_desktop.ui.widgets.navigation import NavigationRail, RailItem
from mlops_desktop.ui.widgets.notifications import Level, NoticeLog
from mlops_desktop.ui.widgets.palette import Command, CommandPalette, find_commands
from mlops_desktop.ui.widgets.plainlog import LogLine, PlainLog, look_of_kind
from mlops_desktop.ui.widgets.player import PlayerControls
from mlops_desktop.ui.widgets.rollout import ComparedMetric, GuardrailList, ModelCompare, SplitSlider
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind, TableModel
from mlops_desktop.ui.widgets.toasts import Toasts

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


def shown(qtbot: QtBot, widget: QWidget, width: int = 800, height: int = 400) -> None:
    qtbot.addWidget(widget)
    widget.resize(width, height)
    widget.show()
    qtbot.waitExposed(widget)


# --- numbers


def test_figures_are_short_and_have_a_real_minus_sign() -> None:
    assert figures.compact(1_234_567) == "1.23 M"
    assert figures.compact(999_999) == "1 M"
    assert figures.fixed(-1234.5, 1) == "\N{MINUS SIGN}1,234.5"
    assert figures.signed(0.25, 2) == "+0.25"
    assert figures.percent(0.125) == "12.5\N{NO-BREAK SPACE}%"
    assert figures.fixed(float("nan")) == figures.duration(None) == "\N{EN DASH}"
    assert [figures.duration(s) for s in (0.44, 12, 185, 7620)] == ["0.4 s", "12 s", "3 m 05 s", "2 h 07 m"]


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


# --- jobs, log, panels


def test_a_cancelled_job_says_so_at_once_and_only_once(qtbot: QtBot) -> None:
    drawer = JobsDrawer()
    shown(qtbot, drawer)
    running = Job("7", "Retrain", "running", "fit", 0.4, 10, 20)
    drawer.set_jobs([running, Job("8", "Ingest", "queued")])
    row = drawer._rows["7"]
    assert (row.percent.text(), row.times.text()) == ("40\N{NO-BREAK SPACE}%", "10 s, 20 s left")
    with qtbot.waitSignal(drawer.cancelRequested) as signal:
        qtbot.mouseClick(row.cancel, LEFT)
    assert signal.args == ["7"]
    drawer.set_jobs([Job("9", "New", "queued"), running])
    assert drawer._rows["7"] is row
    assert (row.cancel.isEnabled(), row.cancel.text()) == (False, "Stopping…")
    assert "8" not in drawer._rows
    drawer.set_jobs([])
    assert drawer.empty.isVisible()


def test_the_log_follows_the_end_unless_a_person_scrolled_up(qtbot: QtBot) -> None:
    log = PlainLog()
    shown(qtbot, log, 500, 120)
    log.set_lines([LogLine(i, "10:00", f"line {i}", "run.started") for i in range(100)])
    bar = log.view.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.value() == bar.maximum() > 0)
    log.append([LogLine(100, "10:01", "new")])
    qtbot.waitUntil(lambda: bar.value() == bar.maximum())
    bar.setValue(0)
    log.append([LogLine(101, "10:01", "newer")])
    assert bar.value() == 0
    assert len(log.lines) == 102


def test_kinds_of_events_find_their_look_by_the_longest_match() -> None:
    assert look_of_kind("run.failed") != look_of_kind("run.started")
    assert look_of_kind("alert.raised")[1] is Tone.WARNING
    assert look_of_kind("never.heard.of")[1] is Tone.NEUTRAL


def test_escape_closes_the_inspector(qtbot: QtBot) -> None:
    panel = InspectorPanel("Alert 12")
    shown(qtbot, panel, 360, 400)
    assert panel.width() == 360
    with qtbot.waitSignal(panel.closed):
        qtbot.keyClick(panel, Qt.Key.Key_Escape)
    assert not panel.isVisible()


def test_a_production_act_needs_a_reason(qtbot: QtBot) -> None:
    sheet = ConfirmSheet(Confirmation("Roll back?", "To v3.", "Roll back", (Change("Primary", "v4", "v3"),), True))
    shown(qtbot, sheet, 560, 400)
    assert not sheet.accept_button.isEnabled()
    sheet.reason.setPlainText("   ")
    assert not sheet.accept_button.isEnabled()
    sheet.reason.setPlainText(" latency \n")
    with qtbot.waitSignal(sheet.accepted):
        qtbot.mouseClick(sheet.accept_button, LEFT)
    assert sheet.reason_text() == "latency"


# --- small parts


def test_empty_states_name_the_error_and_its_remedy(qtbot: QtBot) -> None:
    empty = EmptyState()
    shown(qtbot, empty)
    assert empty._mark._timer.isActive()
    empty.show_error(InvalidInput("No header.", hint="Add one."))
    assert empty.text.text() == "No header.\nAdd one."
    assert not empty._mark._timer.isActive()
    with qtbot.waitSignal(empty.actionTriggered):
        qtbot.mouseClick(empty.action, LEFT)


def test_a_hidden_spinner_does_not_turn(qtbot: QtBot) -> None:
    empty = EmptyState()
    shown(qtbot, empty)
    empty.hide()
    assert not empty._mark._timer.isActive()


def test_a_dismissed_banner_hides(qtbot: QtBot) -> None:
    banner = Banner(Tone.WARNING, "Drift", "Open")
    shown(qtbot, banner, 600, 48)
    with qtbot.waitSignal(banner.actionTriggered):
        qtbot.mouseClick(banner.action, LEFT)
    with qtbot.waitSignal(banner.dismissed):
        qtbot.mouseClick(banner.close_button, LEFT)
    assert not banner.isVisible()


def test_chips_and_key_figures_speak(qtbot: QtBot) -> None:
    chip, figure = StatusChip("drifting"), KeyFigure("AUC")
    qtbot.addWidget(chip)
    qtbot.addWidget(figure)
    assert (chip.text, chip.accessibleName()) == ("Drifting", "Drifting")
    narrow = chip.sizeHint().width()
    chip.set_status("canary", "Canary 20 % of the traffic")
    assert chip.sizeHint().width() > narrow
    figure.set_value("0.804", delta="+0.033", tone=Tone.OK)
    assert figure.accessibleName() == "AUC: 0.804  +0.033"
    figure.set_course([1.0])
    assert figure.sparkline.isHidden()


def test_a_field_says_what_is_wrong_and_takes_it_back(qtbot: QtBot) -> None:
    editor = QLineEdit()
    field = FormField("Port", editor, "1024 to 65535")
    qtbot.addWidget(field)
    field.set_error("Not a number.")
    assert (field.note.text(), editor.property("invalid")) == ("Not a number.", True)
    field.set_error("")
    assert (field.note.text(), editor.property("invalid")) == ("1024 to 65535", False)
    assert editor.accessibleName() == "Port"
    _field, combo = choice_field("Model", [("a", "A"), ("b", "B")], "b")
    assert combo.currentData() == "b"


def test_the_keyboards_place_can_be_seen(qtbot: QtBot) -> None:
    window = QWidget()
    shown(qtbot, window, 300, 600)
    rail = NavigationRail([RailItem("a", "Data", "data"), RailItem("b", "Alerts", "alerts")])
    rail.setParent(window)
    rail.show()
    button = rail._buttons["b"]
    window.setFocus()
    button.clearFocus()
    before = button.grab().toImage()
    button.setFocus()
    qtbot.waitUntil(button.hasFocus)
    assert button.grab().toImage() != before
    assert rail.childAt(QPoint(100, 20)) is not None
