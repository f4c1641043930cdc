"""What the window shows of an open workspace: rail, command bar, banners, pages, jobs drawer, toasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from PySide6.QtCore import QEvent, QTimer, QUrl, Signal
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.bridge import Bridge, Query, WorkspaceFacts
from mlops_desktop.ui.catalogue import BY_KEY, PAGES, make_page
from mlops_desktop.ui.import_news import ImportNews
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.player_link import PlayerLink
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.queries.alerts import open_alerts
from mlops_desktop.ui.queries.imports import ImportRequest, import_of
from mlops_desktop.ui.queries.jobs import JobRow, job_rows
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.commandbar import CommandBar
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.jobs import Job, JobsDrawer
from mlops_desktop.ui.widgets.navigation import NavigationRail, RailItem
from mlops_desktop.ui.widgets.notifications import Level, NoticeLog
from mlops_desktop.ui.widgets.toasts import Toasts

JOBS_MS = 400
_DRAWER_HEIGHT = 220
_NARROW = 1280
_REMEMBERED = 50
_UNDO = "undo/"


class WorkspaceView(QWidget):
    """One open workspace. Pages are built when first shown; hidden ones remember that they are out of date.

    Signals:
        pageShown(str): the key of the page that is on screen now.
        searchRequested: the command palette is wanted.
        closeRequested: the workspace cannot be shown; a person wants back to the welcome page.
    """

    pageShown = Signal(str)
    searchRequested = Signal()
    closeRequested = Signal()

    def __init__(self, bridge: Bridge, preferences: Preferences, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.preferences = preferences
        self.player: PlayerLink | None = None
        self.facts: WorkspaceFacts | None = None
        self.pages: dict[str, Page] = {}
        self.notices = NoticeLog()
        self.banners: dict[str, Banner] = {}
        self._history: list[str] = []
        self._position = -1
        self._undos: dict[str, Query | None] = {}
        self._is_fitting = False
        self.setAcceptDrops(True)
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        items = [
            RailItem(info.key, info.title, info.icon, f"Ctrl+{number}" if number < 10 else "")
            for number, info in enumerate(PAGES[:-1], start=1)
        ]
        last = PAGES[-1]
        self.rail = NavigationRail(items, [RailItem(last.key, last.title, last.icon, "Ctrl+,")], "MLOps Desktop")
        self.rail.set_collapsed(self.preferences.rail_collapsed)
        self.bar = CommandBar()
        self.stack = QStackedWidget()
        self.waiting = EmptyState()
        self.waiting.show_loading(self.tr("Opening the workspace"))
        self.stack.addWidget(self.waiting)
        self.drawer = JobsDrawer()
        self.drawer.setFixedHeight(_DRAWER_HEIGHT)
        self.drawer.hide()
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.bar)
        self._banner_column = QVBoxLayout()
        self._banner_column.setContentsMargins(t.SPACE_6, 0, t.SPACE_6, 0)
        self._banner_column.setSpacing(t.SPACE_2)
        column.addLayout(self._banner_column)
        column.addWidget(self.stack, 1)
        column.addWidget(self.drawer)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self.rail)
        row.addWidget(right, 1)
        self.toasts = Toasts(self.notices, self)
        self.import_news = ImportNews(self.bridge, self.notices, self)

    def _connect(self) -> None:
        self.rail.selected.connect(self.open)
        self.rail.collapsedChanged.connect(self._on_rail_collapsed)
        self.bar.searchRequested.connect(self.searchRequested.emit)
        self.drawer.closed.connect(self.toggle_jobs)
        self.drawer.cancelRequested.connect(self._on_cancel)
        self.drawer.logRequested.connect(lambda run: self.open(f"pipelines/{run}"))
        self.toasts.targetRequested.connect(self._on_toast)
        self.waiting.actionTriggered.connect(self.closeRequested.emit)
        self.bridge.opened.connect(self._on_opened)
        self.bridge.unopenable.connect(self._on_unopenable)
        self.bridge.changed.connect(self._on_changed)
        self.bridge.succeeded.connect(lambda text: self.notices.post(Level.SUCCESS, text))
        self.bridge.problem.connect(self._on_problem)
        self._jobs_timer = QTimer(self)
        self._jobs_timer.setInterval(JOBS_MS)
        self._jobs_timer.timeout.connect(self._ask_jobs)

    # The workspace

    def _on_opened(self, facts: WorkspaceFacts) -> None:
        self.facts = facts
        if not facts.is_writable:
            text = self.tr(
                "This workspace can be read only: nothing can be queued or changed. Check the folder's permissions."
            )
            self.set_banner("read-only", Tone.WARNING, text)
        self._ask_alerts()
        wanted = self._history[-1] if self._history else self.preferences.page
        self._history, self._position = [], -1
        self.open(wanted if wanted.partition("/")[0] in BY_KEY else PAGES[0].key)
        # The page, not the first entry of the rail, has the keyboard at the start.
        self.stack.currentWidget().setFocus()

    def _on_unopenable(self, error: AppError) -> None:
        self.rail.hide()
        self.bar.hide()
        self.waiting.show_error(error)
        self.waiting.action.setText(self.tr("Back to the start"))
        self.stack.setCurrentWidget(self.waiting)

    def _on_changed(self, kinds: frozenset[str], _last: int) -> None:
        for page in self.pages.values():
            page.on_changed(kinds)
        if any(kind.startswith("alert.") for kind in kinds):
            self._ask_alerts()
        if self.drawer.isVisible() and any(kind.startswith("pipeline.") for kind in kinds):
            self._ask_jobs()

    def _on_problem(self, error: AppError) -> None:
        self.notices.post(Level.ERROR, error.message, detail=error.hint)

    def _offer_undo(self, text: str, undo: Query) -> None:
        target = f"{_UNDO}{len(self._undos)}"
        self._undos[target] = undo
        self.notices.post(Level.SUCCESS, text, action=self.tr("Undo"), target=target)

    def _on_toast(self, target: str) -> None:
        if not target.startswith(_UNDO):
            self.open(target)
        elif (undo := self._undos.get(target)) is not None:
            self._undos[target] = None
            self.bridge.do(undo, self.tr("Undone"))

    def _ask_alerts(self) -> None:
        self.bridge.ask("open alerts", open_alerts, lambda count: self.rail.set_badge("alerts", count))

    def set_banner(
        self, key: str, tone: Tone, text: str, action: str = "", on_action: Callable[[], object] | None = None
    ) -> None:
        """A message above the pages that stays; an empty text takes it away."""
        banner = self.banners.get(key)
        if not text:
            if banner is not None:
                banner.hide()
            return
        if banner is None:
            banner = self.banners[key] = Banner(tone, text, action)
            self._banner_column.setContentsMargins(t.SPACE_6, t.SPACE_3, t.SPACE_6, 0)
            self._banner_column.addWidget(banner)
            banner.dismissed.connect(self._on_banner_gone)
            if on_action is not None:
                banner.actionTriggered.connect(on_action)
        banner.set_message(tone, text, action)
        banner.show()

    def _on_banner_gone(self) -> None:
        if not any(banner.isVisible() for banner in self.banners.values()):
            self._banner_column.setContentsMargins(t.SPACE_6, 0, t.SPACE_6, 0)

    def set_player(self, player: PlayerLink) -> None:
        self.player = player
        if (page := self.pages.get("control-room")) is not None:
            page.set_player(player)  # type: ignore[attr-defined]

    # Pages

    @property
    def current(self) -> Page | None:
        shown = self.stack.currentWidget()
        return shown if isinstance(shown, Page) else None

    def page(self, key: str) -> Page:
        """The page, made at its first use."""
        if key not in self.pages:
            page = make_page(key, self.bridge, self.preferences)
            page.openRequested.connect(self.open)
            page.undoOffered.connect(self._offer_undo)
            page.loaded.connect(lambda: self._on_loaded(page))
            self.pages[key] = page
            self.stack.addWidget(page)
            if key == "control-room" and self.player is not None:
                page.set_player(self.player)  # type: ignore[attr-defined]
        return self.pages[key]

    def open(self, target: str) -> None:
        """Show `alerts/3`: a page, and something on it."""
        if self.facts is None:
            self._history = [target]
            return
        key, _, argument = target.partition("/")
        if key == "import":
            self._import_again(argument)
        if key not in BY_KEY:
            return
        if self._position < 0 or self._history[self._position] != target:
            self._history = [*self._history[: self._position + 1], target][-_REMEMBERED:]
            self._position = len(self._history) - 1
        self._show(key, argument)

    def _show(self, key: str, argument: str) -> None:
        page = self.page(key)
        if argument == "+" and hasattr(page, "choose_file"):
            QTimer.singleShot(0, page, page.choose_file)
        elif argument:
            page.open_target(argument)
        self.rail.set_current(key)
        self.stack.setCurrentWidget(page)
        self.preferences.page = key
        self._show_path(key)
        self.pageShown.emit(key)

    def _show_path(self, key: str) -> None:
        name = self.facts.name if self.facts else ""
        self.bar.set_path([name, BY_KEY[key].title] if name else [BY_KEY[key].title])
        self.bar.clear_actions()
        for action, icon, kind in self.page(key).actions_of_page():
            self.bar.add_action(action, icon, kind)
        jobs = self.bar.add_icon_action("jobs", self.tr("Jobs (Ctrl+J)"))
        jobs.clicked.connect(lambda _checked=False: self.toggle_jobs())

    def _on_loaded(self, page: Page) -> None:
        arguments = self._history[self._position].partition("/") if self._history else ("", "", "")
        if page.key == arguments[0] and arguments[2] not in ("", "+") and not getattr(page, "has_arrived", False):
            page.has_arrived = True  # type: ignore[attr-defined]
            page.open_target(arguments[2])

    def go(self, step: int) -> None:
        """Back (-1) or forward (1) in the history."""
        position = self._position + step
        if 0 <= position < len(self._history):
            self._position = position
            key, _, argument = self._history[position].partition("/")
            self._show(key, argument)

    def refresh(self) -> None:
        if (page := self.current) is not None:
            page.reload()

    def escape(self) -> None:
        """Close the innermost thing that is open: the page's panel, then the drawer."""
        page = self.current
        if page is not None and page.close_panel():
            return
        if self.drawer.isVisible():
            self.toggle_jobs()

    # Dropped files

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self._dropped(event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        if paths := self._dropped(event.mimeData().urls()):
            event.acceptProposedAction()
            self.offer_files(*paths)

    def _dropped(self, urls: Sequence[QUrl]) -> list[Path]:
        """The dropped files and folders, where this workspace can take any."""
        if self.facts is None or not self.facts.is_writable:
            return []
        paths = (Path(url.toLocalFile()) for url in urls if url.isLocalFile())
        return [path for path in paths if path.exists()]

    def offer_files(self, *paths: Path) -> None:
        """Show on the Data page what is in the files, and ask where it goes."""
        self.open("data")
        page = self.page("data")
        QTimer.singleShot(0, page, lambda: page.offer(*paths))  # type: ignore[attr-defined]

    def _import_again(self, run: str) -> None:
        """Open the wizard as it was when a run was queued."""
        from mlops_desktop.ui.pages.import_wizard import open_wizard

        def show(request: ImportRequest) -> None:
            open_wizard(self.bridge, self.window(), request)

        self.bridge.ask("import again", partial(import_of, run=run), show)

    # Jobs

    def toggle_jobs(self) -> None:
        visible = not self.drawer.isVisible()
        self.drawer.setVisible(visible)
        self.toasts.set_floor(_DRAWER_HEIGHT if visible else 0)
        if visible:
            self._jobs_timer.start()
            self._ask_jobs()
        else:
            self._jobs_timer.stop()

    def _ask_jobs(self) -> None:
        if self.facts is not None and not self.bridge.is_closed:
            self.bridge.ask("jobs", job_rows, self._show_jobs)

    def _show_jobs(self, rows: tuple[JobRow, ...]) -> None:
        self.drawer.set_jobs([Job(**asdict(row)) for row in rows])

    def _on_cancel(self, run: str) -> None:
        self.bridge.do(lambda workspace: workspace.cancel(run), self.tr("{} is being cancelled"))

    # Room

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_rail()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow():
            self._ask_jobs() if self.drawer.isVisible() else None

    def _fit_rail(self) -> None:
        """A narrow window gets the narrow rail, whatever was chosen for a wide one."""
        self._is_fitting = True
        self.rail.set_collapsed(self.preferences.rail_collapsed or self.width() < _NARROW)
        self._is_fitting = False

    def _on_rail_collapsed(self, collapsed: bool) -> None:
        if not self._is_fitting:
            self.preferences.rail_collapsed = collapsed

    def shut(self) -> None:
        """Stop timers and threads; nothing arrives any more."""
        self._jobs_timer.stop()
        self.bridge.close()
