"""The window: keys, history, closing, what it remembers, and what runs behind it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing import forkserver
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from mlops_desktop.app import Desktop
from mlops_desktop.core.processes import program_command
from mlops_desktop.ui import player_link
from mlops_desktop.ui.catalogue import PAGES
from mlops_desktop.ui.main_window import CloseSheet, MainWindow, ShortcutSheet
from mlops_desktop.ui.player_link import PlayerLink
from mlops_desktop.ui.preferences import OnClose, Preferences
from mlops_desktop.ui.single_instance import SingleInstance
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.workspace_view import WorkspaceView
from mlops_desktop.workspace import Workspace

OpenView = Callable[[Path], WorkspaceView]


@pytest.fixture(autouse=True)
def _light(qapp: QApplication) -> Iterator[None]:
    apply_theme(qapp, Theme.LIGHT)
    yield
    apply_theme(qapp, Theme.LIGHT)


def test_pages_are_reached_by_number_and_back_by_arrows(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    window = view.window()
    control = Qt.KeyboardModifier.ControlModifier
    for key, page in ((Qt.Key.Key_2, "data"), (Qt.Key.Key_4, "models"), (Qt.Key.Key_8, "alerts")):
        qtbot.keyClick(window, key, control)
        assert view.rail.current_key == page
    qtbot.keyClick(window, Qt.Key.Key_Left, Qt.KeyboardModifier.AltModifier)
    assert view.rail.current_key == "models"
    qtbot.keyClick(window, Qt.Key.Key_Right, Qt.KeyboardModifier.AltModifier)
    assert view.rail.current_key == "alerts"


def test_escape_closes_the_panel_then_the_drawer(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    window = view.window()
    view.open("alerts/2")
    page = view.page("alerts")
    qtbot.waitUntil(lambda: page.is_built and page.inspector.isVisible(), timeout=10_000)  # type: ignore[attr-defined]
    qtbot.keyClick(window, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert view.drawer.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not page.inspector.isVisible()  # type: ignore[attr-defined]
    assert view.drawer.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_Escape)
    assert not view.drawer.isVisible()


def test_the_palette_leads_to_a_page(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    window = view.window()
    assert isinstance(window, MainWindow)
    qtbot.keyClick(window, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    palette = window.palette_box
    assert palette is not None
    qtbot.keyClicks(palette.field, "linea")
    qtbot.keyClick(palette.field, Qt.Key.Key_Return)
    assert view.rail.current_key == "lineage"


def test_the_sheet_of_keys_opens_with_a_question_mark(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    window = view.window()
    qtbot.keyClick(window, Qt.Key.Key_Question)
    sheets = window.findChildren(ShortcutSheet)
    assert [sheet.isVisible() for sheet in sheets] == [True]
    sheets[0].accept()


def test_jobs_show_the_live_stage(flights: Path, open_view: OpenView, qtbot: QtBot) -> None:
    from mlops_desktop.ui.shots_data import write_live_state

    workspace = Workspace(flights)
    run = workspace.queue("retrain", {"endpoint": "late-arrival"})
    workspace.registry.pipeline_runs.start(run, 4711)
    workspace.close()
    write_live_state(flights, job=run.id)
    view = open_view(flights)
    view.toggle_jobs()
    qtbot.waitUntil(lambda: run.id in view.drawer._rows, timeout=10_000)
    row = view.drawer._rows[run.id]
    assert row.percent.text() == "53\N{NO-BREAK SPACE}%"
    assert "64 of 120 trees" in row.stage.text()
    qtbot.mouseClick(row.cancel, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(view.bridge.succeeded, timeout=10_000):
        pass
    workspace = Workspace(flights)
    assert workspace.registry.pipeline_runs.get(run.id).cancel_requested
    workspace.close()


def test_theme_and_window_are_remembered(
    story: Path, open_view: OpenView, qtbot: QtBot, preferences: Preferences
) -> None:
    view = open_view(story)
    view.open("settings")
    page = view.page("settings")
    qtbot.waitUntil(lambda: page.is_settled)
    page.theme._group.button(2).click()  # type: ignore[attr-defined]
    window = view.window()
    window.setGeometry(QRect(QPoint(40, 30), window.minimumSize()))
    window.close()
    again = Preferences(preferences.path)
    assert (again.theme, again.page) == (Theme.DARK, "settings")
    assert again.recents() == [story.resolve()]
    assert again.geometry() is not None


def test_a_window_that_was_on_a_screen_which_is_gone_opens_where_it_can_be_seen(preferences: Preferences) -> None:
    window = MainWindow(preferences)
    preferences.save_geometry(window.saveGeometry(), QRect(-9_000, -9_000, 1_400, 900))
    assert Preferences(preferences.path).geometry() is None
    window.deleteLater()


def test_recents_that_are_gone_are_not_offered(preferences: Preferences, tmp_path: Path, qtbot: QtBot) -> None:
    Workspace.create(tmp_path / "here").close()
    Workspace.create(tmp_path / "gone").close()
    preferences.remember(tmp_path / "gone")
    preferences.remember(tmp_path / "here")
    (tmp_path / "gone" / "registry.db").unlink()
    window = MainWindow(preferences)
    qtbot.addWidget(window)
    welcome = window.show_welcome()
    assert [row.folder.name for row in welcome.recents] == ["here"]
    with qtbot.waitSignal(window.folderChosen) as chosen:
        qtbot.keyClick(welcome.recents[0], Qt.Key.Key_Return)
    assert chosen.args == [(tmp_path / "here").resolve()]


def test_a_damaged_workspace_leads_back_to_the_start(tmp_path: Path, preferences: Preferences, qtbot: QtBot) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "registry.db").write_bytes(b"no database" * 500)
    window = MainWindow(preferences)
    qtbot.addWidget(window)
    view = window.open_workspace(tmp_path / "broken")
    window.show()
    qtbot.waitUntil(lambda: view.waiting.kind == "error", timeout=10_000)
    assert "cannot be read" in view.waiting.text.text()
    qtbot.mouseClick(view.waiting.action, Qt.MouseButton.LeftButton)
    assert window.welcome is not None
    assert window.view is None


def test_closing_asks_once_while_something_runs(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    window = view.window()
    assert isinstance(window, MainWindow)
    window.is_busy = lambda: True
    assert not window.close()
    sheet = window.findChildren(CloseSheet)[0]
    sheet.never_again.setChecked(True)
    with qtbot.waitSignal(window.closing):
        qtbot.mouseClick(sheet.quit, Qt.MouseButton.LeftButton)
    assert not window.isVisible()
    assert window.preferences.on_close is OnClose.STOP and not window.keeps_running


def test_what_runs_can_be_kept_running_and_that_is_remembered(story: Path, open_view: OpenView, qtbot: QtBot) -> None:
    view = open_view(story)
    window = view.window()
    assert isinstance(window, MainWindow)
    window.is_busy = lambda: True
    window.close()
    sheet = window.findChildren(CloseSheet)[0]
    with qtbot.waitSignal(window.closing):
        qtbot.mouseClick(sheet.keep, Qt.MouseButton.LeftButton)
    assert window.keeps_running and window.preferences.on_close is OnClose.ASK


def test_a_narrow_window_gets_the_narrow_rail(story: Path, open_view: OpenView) -> None:
    view = open_view(story)
    view.window().resize(1_180, 720)
    assert view.rail.is_collapsed
    view.window().resize(1_440, 900)
    assert not view.rail.is_collapsed
    assert not view.preferences.rail_collapsed


def test_a_second_window_on_a_workspace_raises_the_first(tmp_path: Path, qtbot: QtBot) -> None:
    first, second = SingleInstance(tmp_path), SingleInstance(tmp_path)
    assert first.claim()
    with qtbot.waitSignal(first.raiseRequested):
        assert not second.claim()
    first.release()
    assert second.claim()
    second.release()
    for each in (first, second):
        each.deleteLater()


def test_what_a_killed_window_left_does_not_keep_the_next_one_out(tmp_path: Path, qtbot: QtBot) -> None:
    code = (
        "import os, sys; from pathlib import Path; from PySide6.QtCore import QCoreApplication\n"
        "app = QCoreApplication([]); from mlops_desktop.ui.single_instance import SingleInstance\n"
        "one = SingleInstance(Path(sys.argv[1])); assert one.claim(); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    one = SingleInstance(tmp_path)
    assert one.claim()
    one.release()
    one.deleteLater()


@pytest.fixture
def desktop(qapp: QApplication, preferences: Preferences) -> Iterator[Desktop]:
    made = Desktop(qapp, preferences)
    yield made
    preferences.on_close = OnClose.STOP
    made.window.close()
    made.end()
    made.deleteLater()
    if hasattr(forkserver, "_forkserver"):  # it is kept for the life of a process, and would look like a leak here
        forkserver._forkserver._stop()


def test_the_window_hosts_the_engine_and_ends_it(desktop: Desktop, empty: Path, qtbot: QtBot) -> None:
    assert desktop.begin(empty)
    qtbot.waitUntil(lambda: desktop.engine is not None and desktop.engine.is_hosting, timeout=20_000)
    workspace = Workspace(empty)
    qtbot.waitUntil(lambda: workspace.engine_state().running, timeout=10_000)
    engine = desktop.engine
    assert engine is not None
    with qtbot.waitSignal(engine.stopped, timeout=20_000):
        desktop.window.close()
    told = [event.payload["state"] for event in workspace.registry.journal.newest(9, kinds=["engine.changed"])]
    workspace.close()
    assert told == ["stopped", "started"]


def test_a_window_beside_another_programs_engine_says_who_runs_it(desktop: Desktop, empty: Path, qtbot: QtBot) -> None:
    code = (
        "import sys; from pathlib import Path; from mlops_desktop.registry import Registry\n"
        "lease = Registry(Path(sys.argv[1])).engine_lease(); assert lease.acquire(); print('held', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(empty)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        desktop.begin(empty)
        view = desktop.window.view
        assert view is not None
        qtbot.waitUntil(lambda: "engine" in view.banners and view.banners["engine"].isVisible(), timeout=20_000)
        assert f"process {other.pid}" in view.banners["engine"].accessibleName().lower()
        assert other.stdin is not None
        other.stdin.close()


def test_an_exception_nobody_caught_is_shown_once(desktop: Desktop, empty: Path, qtbot: QtBot) -> None:
    desktop.begin(empty)
    qtbot.waitUntil(lambda: desktop.window.view is not None and desktop.window.view.current is not None, timeout=20_000)
    error = ValueError("something odd")
    for _ in range(2):
        sys.excepthook(ValueError, error, None)
    report = desktop.window._bug
    assert report is not None
    assert "something odd" in report.trace.toPlainText()
    report.accept()


_PLAYER = """
import json, sys
print(json.dumps({"day": "2013-04-01", "fraction": 0.1, "state": "playing", "message": ""}), flush=True)
for line in sys.stdin:
    told = json.loads(line)
    if told.get("stop"): break
    state = "paused" if told.get("play") is False else "playing"
    print(json.dumps({"day": "2013-04-02", "fraction": 0.2, "state": state, "message": json.dumps(told)}), flush=True)
"""


def test_the_player_is_steered_by_lines_and_ends_with_its_input(
    tmp_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(player_link, "program_command", lambda *_arguments: [sys.executable, "-c", _PLAYER])
    link = PlayerLink(tmp_path)
    assert not link.is_playing
    link.play(True)
    qtbot.waitUntil(lambda: link.report.day == "2013-04-01", timeout=10_000)
    link.set_speed(30.0)
    qtbot.waitUntil(lambda: link.report.message == json.dumps({"speed": 30.0}), timeout=10_000)
    link.play(False)
    qtbot.waitUntil(lambda: link.report.message == json.dumps({"play": False}), timeout=10_000)
    assert not link.is_playing
    link.stop()
    qtbot.waitUntil(lambda: link.report.state == "stopped", timeout=10_000)
    link.deleteLater()


def test_the_player_is_the_programs_own_child() -> None:
    assert program_command("player")[-1] == "player"


def test_no_page_loads_the_libraries_that_train(story: Path) -> None:
    code = (
        "import json, sys; from pathlib import Path; from PySide6.QtWidgets import QApplication\n"
        "app = QApplication([])\n"
        "from mlops_desktop.ui.main_window import MainWindow\n"
        "from mlops_desktop.ui.preferences import Preferences\n"
        "from mlops_desktop.ui.catalogue import PAGES\n"
        "from mlops_desktop.ui.screens import wait_until\n"
        "window = MainWindow(Preferences(Path(sys.argv[2]) / 'window.ini'))\n"
        "view = window.open_workspace(Path(sys.argv[1]))\n"
        "window.show()\n"
        "wait_until(lambda: view.facts is not None)\n"
        "for info in PAGES:\n"
        "    view.open(info.key); page = view.page(info.key); wait_until(lambda: page.is_settled)\n"
        "from mlops_desktop.ui.pages.data import TABS\n"
        "data = view.page('data'); view.open('data')\n"
        "for tab in TABS:\n"
        "    data.show_tab(tab.key); wait_until(lambda: data.is_settled)\n"
        "heavy = ('sklearn', 'onnxruntime', 'pandas', 'skl2onnx', 'river', 'scipy.stats')\n"
        "print(json.dumps([name for name in heavy if name in sys.modules])); window.close()"
    )
    command = [sys.executable, "-c", code, str(story), str(story.parent)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(finished.stdout.splitlines()[-1]) == []


class _Shown(QObject):
    """Notes every widget that is shown as a window of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.windows.append(type(watched).__name__)
        return False


def test_no_page_flashes_a_window_of_its_own(
    story: Path, open_view: OpenView, qtbot: QtBot, qapp: QApplication
) -> None:
    shown = _Shown()
    qapp.installEventFilter(shown)
    try:
        view = open_view(story)
        for info in PAGES:
            view.open(info.key)
            page = view.page(info.key)
            qtbot.waitUntil(lambda page=page: page.is_settled, timeout=20_000)  # type: ignore[misc]
        view.toggle_jobs()
    finally:
        qapp.removeEventFilter(shown)
    assert shown.windows == ["MainWindow"]
