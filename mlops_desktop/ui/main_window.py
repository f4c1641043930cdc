"""The window: the welcome page or an open workspace, its shortcuts, its state, and how it is closed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QMainWindow,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.catalogue import PAGES, preload
from mlops_desktop.ui.preferences import OnClose, Preferences
from mlops_desktop.ui.reporting import BugReport
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.welcome import Welcome
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import Label, body
from mlops_desktop.ui.widgets.palette import Command, CommandPalette
from mlops_desktop.ui.workspace_view import WorkspaceView


class MainWindow(QMainWindow):
    """Holds one workspace at a time.

    Signals:
        folderChosen(Path), sampleChosen(Path), newChosen(Path): what to open or make; the composition root does it.
        workspaceClosed: the window let go of its workspace.
        closing: the window is agreed to close; what runs behind it is to end.
    """

    folderChosen = Signal(object)
    sampleChosen = Signal(object)
    newChosen = Signal(object)
    workspaceClosed = Signal()
    closing = Signal()

    def __init__(self, preferences: Preferences) -> None:
        super().__init__()
        self.preferences = preferences
        self.view: WorkspaceView | None = None
        self.welcome: Welcome | None = None
        self.palette_box: CommandPalette | None = None
        self.is_busy: Callable[[], bool] = lambda: False
        self.keeps_running = False
        self._may_close = False
        self._bug: BugReport | None = None
        self.setWindowTitle("MLOps Desktop")
        self.setMinimumSize(*t.MINIMUM_WINDOW)
        self.resize(1440, 900)
        self.setAcceptDrops(True)
        self.holder = QStackedWidget()
        self.setCentralWidget(self.holder)
        self._make_shortcuts()
        if (geometry := preferences.geometry()) is not None:
            self.restoreGeometry(geometry)

    # What is shown

    def show_welcome(self, problem: str = "") -> Welcome:
        """The start page, with why one is back here."""
        self.close_workspace()
        welcome = Welcome(self.preferences.recents())
        welcome.sampleRequested.connect(self._on_sample)
        welcome.newRequested.connect(self._on_new)
        welcome.openRequested.connect(self._on_open)
        welcome.folderRequested.connect(self.folderChosen.emit)
        self._replace(welcome)
        self.welcome = welcome
        self.setWindowTitle("MLOps Desktop")
        if problem:
            welcome.show_problem(problem)
        return welcome

    def open_workspace(self, folder: Path) -> WorkspaceView:
        """Show a workspace; it opens in the background."""
        self.close_workspace()
        view = WorkspaceView(Bridge(folder, preload=preload), self.preferences)
        view.bridge.setParent(view)
        view.searchRequested.connect(self.open_palette)
        view.closeRequested.connect(self._on_view_given_up)
        view.bridge.bug.connect(self.report_bug)
        view.bridge.opened.connect(self._on_opened)
        self._replace(view)
        self.welcome = None
        self.view = view
        self.setWindowTitle(f"{folder.name} – MLOps Desktop")
        view.bridge.open()
        return view

    def _on_view_given_up(self) -> None:
        self.show_welcome()

    def close_workspace(self) -> None:
        if self.view is not None:
            self.view.shut()
            self.view = None
            self.workspaceClosed.emit()

    def _replace(self, widget: QWidget) -> None:
        while (old := self.holder.currentWidget()) is not None:
            self.holder.removeWidget(old)
            old.deleteLater()
        self.holder.addWidget(widget)

    def _on_opened(self, facts: object) -> None:
        if self.view is not None:
            self.preferences.remember(self.view.bridge.folder)
            self.setWindowTitle(f"{getattr(facts, 'name', '')} – MLOps Desktop")

    # Choosing

    def _on_sample(self) -> None:
        self.sampleChosen.emit(None)

    def _on_new(self) -> None:
        text = self.tr("Choose or make an empty folder for the workspace")
        if folder := QFileDialog.getExistingDirectory(self, text):
            self.newChosen.emit(Path(folder))

    def _on_open(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, self.tr("Open a workspace")):
            self.folderChosen.emit(Path(folder))

    # Keys

    def _make_shortcuts(self) -> None:
        for number, info in enumerate(PAGES[:9], start=1):
            self._shortcut(f"Ctrl+{number}", partial(self._open_page, info.key))
        self._shortcut("Ctrl+,", partial(self._open_page, "settings"))
        self._shortcut("Ctrl+K", self.open_palette)
        self._shortcut("Ctrl+J", partial(self._of_view, "toggle_jobs"))
        self._shortcut("F5", partial(self._of_view, "refresh"))
        self._shortcut("Escape", partial(self._of_view, "escape"))
        self._shortcut("Alt+Left", partial(self._of_view, "go", -1))
        self._shortcut("Alt+Right", partial(self._of_view, "go", 1))
        self._shortcut("Ctrl+F", self._focus_filter)
        self._shortcut("?", self.show_shortcuts)
        self._shortcut("Ctrl+Q", self.close)

    def _shortcut(self, keys: str, act: Callable[[], object]) -> None:
        shortcut = QShortcut(QKeySequence(keys), self)
        shortcut.activated.connect(partial(_call, act))

    def _of_view(self, verb: str, *arguments: int) -> None:
        if self.view is not None:
            getattr(self.view, verb)(*arguments)

    def _open_page(self, key: str) -> None:
        if self.view is not None:
            self.view.open(key)

    def _focus_filter(self) -> None:
        page = self.view.current if self.view is not None else None
        table = getattr(page, "table", None)
        field = getattr(table, "filter_field", None) or getattr(page, "search", None)
        if field is not None:
            field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def open_palette(self) -> None:
        """Everything the window can do, found by a few letters."""
        if self.view is None:
            return
        if self.palette_box is None:
            self.palette_box = CommandPalette(self)
        self.palette_box.open_with(self.commands())

    def commands(self) -> list[Command]:
        """What the palette offers here."""
        view = self.view
        pages = self.tr("Go to")
        found = [
            Command(info.title, partial(self._open_page, info.key), pages, info.icon, f"Ctrl+{n}" if n < 10 else "")
            for n, info in enumerate(PAGES, start=1)
        ]
        here = view.current if view is not None else None
        if here is not None:
            for action, icon, _kind in here.actions_of_page():
                found.append(Command(action.text(), action.trigger, self.tr("This page"), icon or "arrow-right"))
        window = self.tr("Window")
        looks = ((Theme.LIGHT, self.tr("Light theme"), "sun"), (Theme.DARK, self.tr("Dark theme"), "moon"))
        found += [Command(title, partial(self._set_theme, theme), window, icon) for theme, title, icon in looks]
        if view is not None:
            found += [
                Command(self.tr("Show or hide jobs"), view.toggle_jobs, window, "jobs", "Ctrl+J"),
                Command(self.tr("Refresh"), view.refresh, window, "refresh", "F5"),
            ]
        found += [
            Command(self.tr("Keyboard shortcuts"), self.show_shortcuts, window, "command", "?"),
            Command(self.tr("Open another workspace…"), self._on_open, window, "folder"),
            Command(self.tr("Back to the start page"), self.show_welcome, window, "home"),
        ]
        return found

    def _set_theme(self, theme: Theme) -> None:
        from PySide6.QtWidgets import QApplication

        self.preferences.theme = theme
        app = QApplication.instance()
        if isinstance(app, QApplication):
            apply_theme(app, theme)

    def show_shortcuts(self) -> QDialog:
        """The sheet of all keys."""
        sheet = ShortcutSheet(self)
        sheet.finished.connect(lambda _result: sheet.deleteLater())
        sheet.open()
        return sheet

    def report_bug(self, trace: str) -> None:
        """Show a report, one at a time."""
        if self._bug is not None:
            return
        self._bug = BugReport(trace, self)

        def gone(_result: int) -> None:
            if self._bug is not None:
                self._bug.deleteLater()
                self._bug = None

        self._bug.finished.connect(gone)
        self._bug.open()

    # Closing

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self._may_close and self.is_busy():
            if self.preferences.on_close is OnClose.ASK:
                event.ignore()
                self.ask_to_close()
                return
            self.keeps_running = self.preferences.on_close is OnClose.KEEP
        self.preferences.save_geometry(self.saveGeometry(), self.frameGeometry())
        self.preferences.sync()
        self.close_workspace()
        self.closing.emit()
        event.accept()

    def ask_to_close(self) -> CloseSheet:
        """Say what would end, and ask."""
        sheet = CloseSheet(self)

        def finished(result: int) -> None:
            if result == int(QDialog.DialogCode.Accepted):
                if sheet.never_again.isChecked():
                    self.preferences.on_close = sheet.choice
                self.keeps_running = sheet.choice is OnClose.KEEP
                self._may_close = True
                self.close()
            sheet.deleteLater()

        sheet.finished.connect(finished)
        sheet.open()
        return sheet


class CloseSheet(QDialog):
    """What becomes of training and serving when the window closes; asked while one of them runs.

    `choice` is what a person chose, once the sheet is accepted.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Quit"))
        self.setMinimumWidth(460)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_6, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_3)
        layout.addWidget(Label(self.tr("Something is still running"), fonts.Type.PAGE, fonts.SEMIBOLD))
        text = self.tr(
            "Kept running, endpoints are back within seconds and schedules go on without a window; open the workspace "
            "to see them again. Stopped, endpoints answer nobody, and pipelines go on from their last finished step "
            "when you open the workspace again. A replay pauses in any case."
        )
        layout.addWidget(body(text, secondary=True))
        self.never_again = QCheckBox(self.tr("Do not ask again"))
        layout.addWidget(self.never_again)
        row = QHBoxLayout()
        row.addStretch(1)
        self.choice = OnClose.STOP
        self.cancel = button(self.tr("Cancel"), on_click=self.reject)
        self.quit = button(self.tr("Stop all and quit"), kind="danger", on_click=lambda: self._choose(OnClose.STOP))
        self.keep = button(self.tr("Keep running"), kind="primary", on_click=lambda: self._choose(OnClose.KEEP))
        for each in (self.cancel, self.quit, self.keep):
            row.addWidget(each)
        layout.addLayout(row)
        self.cancel.setDefault(True)

    def _choose(self, choice: OnClose) -> None:
        self.choice = choice
        self.accept()


class ShortcutSheet(QDialog):
    """All keys at a glance."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        self.setMinimumWidth(420)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_6, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_4)
        layout.addWidget(Label(self.tr("Keyboard shortcuts"), fonts.Type.PAGE, fonts.SEMIBOLD))
        keys = [
            ("Ctrl+1 … 9", self.tr("Pages, from Control Room to Lineage")),
            ("Ctrl+,", self.tr("Settings")),
            ("Ctrl+K", self.tr("Search or run a command")),
            ("Ctrl+F", self.tr("Filter the table")),
            ("Ctrl+J", self.tr("Jobs")),
            ("Ctrl+C", self.tr("Copy selected rows with their headers")),
            ("Alt+← →", self.tr("Back and forward")),
            ("F5", self.tr("Refresh")),
            ("Esc", self.tr("Close the panel")),
            ("?", self.tr("This sheet")),
            ("Ctrl+Q", self.tr("Quit")),
        ]
        layout.addWidget(FactList(keys))
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(button(self.tr("Close"), kind="primary", on_click=self.accept))
        layout.addLayout(row)


def _call(act: Callable[[], object]) -> None:
    act()
