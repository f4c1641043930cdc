"""The smaller parts of the window: jobs, log, panels, empty states, banners, chips, fields."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.confirm import Change, Confirmation, ConfirmSheet
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.forms import FormField, choice_field
from mlops_desktop.ui.widgets.inspector import InspectorPanel
from mlops_desktop.ui.widgets.jobs import Job, JobsDrawer
from mlops_desktop.ui.widgets.keyfigure import KeyFigure
from mlops_desktop.ui.widgets.navigation import NavigationRail, RailItem
from mlops_desktop.ui.widgets.plainlog import LogLine, PlainLog, look_of_kind
from tests.ui_kit import shown

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def light(qapp: QApplication) -> Iterator[None]:
    apply_theme(qapp, Theme.LIGHT)
    yield


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
