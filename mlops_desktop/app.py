"""MLOps Desktop as a program: the one place that builds the window and joins it with engine and player."""

from __future__ import annotations

import gc
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from functools import partial
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType

from platformdirs import user_data_dir, user_log_dir
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel

from mlops_desktop.core.errors import AppError
from mlops_desktop.pipelines.background import start_in_background
from mlops_desktop.ui.bridge import WorkspaceFacts
from mlops_desktop.ui.engine_host import EngineHost
from mlops_desktop.ui.main_window import MainWindow
from mlops_desktop.ui.player_link import PlayerLink
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.queries.busy import is_busy
from mlops_desktop.ui.single_instance import SingleInstance
from mlops_desktop.ui.theme.apply import apply_theme
from mlops_desktop.ui.theme.tokens import Tone

log = logging.getLogger(__name__)
_SAMPLE_FOLDER = "New York flights 2013"
_ENGINE_DELAY_MS = 400
# Engine and readers are threads of this process: a thread that computes gives way to the window's after this long.
# At Python's 5 ms, each call into Qt, which lets go of the interpreter, could cost the window 5 ms.
_SWITCH_SECONDS = 0.0005


def run_window(folder: Path | None, *, sample: bool = False, play: bool = False) -> int:
    """Show the window until it is closed; returns the exit code.

    `folder` is the workspace to open; None shows the welcome page, or, with `sample`, opens the sample project (made
    where it is not there yet). `play` begins its replay at once.
    """
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
        app = QApplication(["mlops-desktop"])
    app.setApplicationName("mlops-desktop")
    app.setApplicationDisplayName("MLOps Desktop")
    app.setQuitOnLastWindowClosed(False)
    _start_log()
    collect_garbage_calmly()
    desktop = Desktop(app)
    if not desktop.begin(folder, sample=sample, play=play):
        return 0
    code = app.exec()
    desktop.end()
    return int(code)


def collect_garbage_calmly() -> None:
    """A full collection stops all threads, the window's too; what was imported so far need never be looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def default_sample_folder() -> Path:
    """Where the sample project is made when no folder is named."""
    return Path(user_data_dir("mlops-desktop")) / _SAMPLE_FOLDER


class Desktop(QObject):
    """The window with what runs behind it: the engine in a thread, the player in a process."""

    bug = Signal(str)
    _made = Signal(object, str)

    def __init__(self, app: QApplication, preferences: Preferences | None = None) -> None:
        super().__init__()
        self.app = app
        self.preferences = preferences or Preferences()
        apply_theme(app, self.preferences.theme)
        self.window = MainWindow(self.preferences)
        self.engine: EngineHost | None = None
        self.player: PlayerLink | None = None
        self.instance: SingleInstance | None = None
        self._is_busy = False
        self._plays = False
        self._takes_over = False
        self._note: QLabel | None = None
        window = self.window
        window.is_busy = self.is_busy
        window.folderChosen.connect(self.open)
        window.newChosen.connect(self.make)
        window.sampleChosen.connect(lambda _nothing: self.open_sample())
        window.workspaceClosed.connect(self._on_workspace_closed)
        window.closing.connect(self.shut_down)
        self.bug.connect(window.report_bug)
        self._made.connect(self._on_made)
        self._switch_seconds = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_SECONDS)
        self._hooks = (sys.excepthook, threading.excepthook)
        sys.excepthook = self._on_exception
        threading.excepthook = self._on_thread_exception

    def begin(self, folder: Path | None, *, sample: bool = False, play: bool = False) -> bool:
        """Show the window; False where another one already shows this workspace."""
        self._plays = play
        if sample:
            self.window.show_welcome()
            self.open_sample(folder)
        elif folder is not None:
            if not self.open(folder):
                return False
        else:
            self.window.show_welcome()
        self.window.show()
        return True

    # Opening and making

    def open(self, folder: Path) -> bool:
        """Show a workspace; False where another window already does, which then comes to the front."""
        instance = SingleInstance(folder, self)
        if not instance.claim():
            instance.deleteLater()
            if self.window.welcome is not None:
                self.window.welcome.show_problem(self.tr("That workspace is open in another window."))
            return False
        view = self.window.open_workspace(folder)
        self.instance = instance
        instance.raiseRequested.connect(self._on_raise)
        view.bridge.opened.connect(self._on_opened)
        view.bridge.changed.connect(lambda _kinds, _last: self._ask_busy())
        return True

    def open_sample(self, folder: Path | None = None) -> None:
        """Open the sample project, made where it is not there yet."""
        target = folder or default_sample_folder()
        if (target / "registry.db").is_file():
            self.open(target)
            return
        self._make(target, _make_sample, self.tr("Preparing the sample project…"))

    def make(self, folder: Path) -> None:
        """Make an empty workspace and open it."""
        self._make(folder, _make_empty, self.tr("Making the workspace…"))

    def _make(self, folder: Path, maker: Callable[[Path], None], note: str) -> None:
        if self.window.welcome is not None:
            self.window.welcome.show_busy(note)

        def work() -> None:
            try:
                maker(folder)
                self._made.emit(folder, "")
            except AppError as error:
                self._made.emit(folder, str(error))
            except Exception:
                log.exception("Making a workspace failed")
                self.bug.emit(traceback.format_exc())
                self._made.emit(folder, self.tr("The workspace could not be made."))

        threading.Thread(target=work, name="maker", daemon=True).start()

    def _on_made(self, folder: Path, problem: str) -> None:
        if self.window.welcome is not None:
            self.window.welcome.show_busy("")
            if problem:
                self.window.welcome.show_problem(problem)
        if not problem:
            self.open(folder)

    # What runs behind an open workspace

    def _on_opened(self, facts: WorkspaceFacts) -> None:
        view = self.window.view
        if view is None:
            return
        self._ask_busy()
        if facts.is_writable:
            before = self.engine
            self.engine = EngineHost(facts.folder, self, takes_over=self._takes_over)
            self._takes_over = False
            self.engine.started.connect(self._on_engine_started)
            self.engine.refused.connect(self._on_engine_refused)
            self.engine.failed.connect(self._on_engine_failed)
            self.engine.bug.connect(self.window.report_bug)
            # After the first page is drawn: its start is imports, which the drawing would wait for.
            QTimer.singleShot(_ENGINE_DELAY_MS, self.engine, partial(self.engine.start, after=before))
        if facts.is_replay and facts.is_writable:
            self.player = PlayerLink(facts.folder, parent=self)
            view.set_player(self.player)

    def _on_engine_started(self) -> None:
        if self._plays and self.player is not None:
            self._plays = False
            self.player.play(True)

    def _on_engine_refused(self, holder: str) -> None:
        if self.window.view is not None:
            who = holder or self.tr("Another program")
            text = self.tr("{who} runs the engine of this workspace; this window shows and queues.")
            self.window.view.set_banner(
                "engine", Tone.INFO, text.format(who=who[:1].upper() + who[1:]), self.tr("Run it here"), self._take_over
            )

    def _take_over(self) -> None:
        """Have the agent end, and run the engine in this window from then on."""
        self._takes_over = True
        self._restart_engine()

    def _on_engine_failed(self, reason: str) -> None:
        if self.window.view is not None:
            text = self.tr("The engine has stopped: {reason}. Nothing is served or trained until it runs again.")
            again = self.tr("Start again")
            self.window.view.set_banner(
                "engine", Tone.CRITICAL, text.format(reason=reason.rstrip(".")), again, self._restart_engine
            )

    def _restart_engine(self) -> None:
        view = self.window.view
        if view is not None and view.facts is not None:
            view.set_banner("engine", Tone.INFO, "")
            self._on_opened(view.facts)

    def _ask_busy(self) -> None:
        if self.window.view is not None:
            self.window.view.bridge.ask("busy", is_busy, self._set_busy)

    def _set_busy(self, busy: bool) -> None:
        self._is_busy = busy

    def is_busy(self) -> bool:
        """Whether closing would end something: a pipeline, an endpoint, the replay."""
        hosts = self.engine is not None and self.engine.is_hosting
        plays = self.player is not None and self.player.is_playing
        return plays or (hosts and self._is_busy)

    def _on_raise(self) -> None:
        window = self.window
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()

    # The end

    def _on_workspace_closed(self) -> None:
        """The window let go of a workspace: its player and engine end, in the background."""
        self._is_busy = False
        if self.player is not None:
            self.player.stop()
            self.player = None
        if self.engine is not None:
            self.engine.stop()
        if self.instance is not None:
            self.instance.release()
            self.instance.deleteLater()
            self.instance = None

    def shut_down(self) -> None:
        """Wait for the engine's end with a note on screen, then quit."""
        engine = self.engine
        if engine is None or not engine.is_hosting:
            self.app.quit()
            return
        words = self.tr("Stopping endpoints and pipelines…")
        if self.window.keeps_running:
            start_in_background(engine.folder)  # it waits until this window's engine has ended
            words = self.tr("Handing over to the background…")
        self._note = QLabel(words)
        self._note.setWindowFlag(Qt.WindowType.SplashScreen)
        self._note.setMargin(24)
        self._note.adjustSize()
        self._note.move(self.window.geometry().center() - self._note.rect().center())
        self._note.show()
        engine.stopped.connect(self.app.quit)
        QTimer.singleShot(20_000, self.app.quit)

    def end(self) -> None:
        """After the event loop: nothing is left running, hooks are as before."""
        if self.player is not None:
            self.player.stop_and_wait()
        for link in self.findChildren(PlayerLink):
            link.stop_and_wait()
        if self.engine is not None:
            self.engine.wait()
        if self._note is not None:
            self._note.deleteLater()
        sys.excepthook, threading.excepthook = self._hooks
        sys.setswitchinterval(self._switch_seconds)
        self.window.deleteLater()

    # What should not happen

    def _on_exception(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            self.app.quit()
            return
        log.error("Uncaught", exc_info=(kind, error, trace))
        self.bug.emit("".join(traceback.format_exception(kind, error, trace)))

    def _on_thread_exception(self, caught: threading.ExceptHookArgs) -> None:
        if caught.exc_value is not None:
            self._on_exception(caught.exc_type, caught.exc_value, caught.exc_traceback)


def _make_sample(folder: Path) -> None:
    from mlops_desktop.pipelines.sample import create_sample_workspace

    create_sample_workspace(folder)


def _make_empty(folder: Path) -> None:
    from mlops_desktop.workspace import Workspace

    Workspace.create(folder).close()


def _start_log() -> None:
    """Warnings and bugs go to a file in the user's log folder, three of 1 MB at most."""
    try:
        folder = Path(user_log_dir("mlops-desktop"))
        folder.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(folder / "window.log", maxBytes=1_000_000, backupCount=2, encoding="utf-8")
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger("mlops_desktop")
    if not any(isinstance(each, RotatingFileHandler) for each in root.handlers):
        root.addHandler(handler)
