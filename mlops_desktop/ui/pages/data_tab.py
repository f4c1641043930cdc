"""What the tabs of a version share: they ask for it when they are seen, and say what is amiss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.core.errors import AppError, Cancelled, Damaged, NotFound
from mlops_desktop.core.progress import CancelToken, Progress
from mlops_desktop.ui.bridge import Done, Query
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.workspace import Workspace

_TELL_MS = 250


class VersionTab(QWidget):
    """Base of the tabs: loading, error and content. Subclasses give `key`, `build` and `ask`."""

    key: ClassVar[str] = ""

    def __init__(self, page: Page, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page, self.bridge = page, page.bridge
        self.line: VersionLine | None = None
        self.is_settled = True
        self.content = QWidget()
        self.state = EmptyState()
        self.state.actionTriggered.connect(self.on_state_action)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.state)
        self._stack.addWidget(self.content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, t.SPACE_3, 0, 0)
        layout.addWidget(self._stack)
        self.build()

    # What a tab gives

    def build(self) -> None:
        """Make the widgets in `content`."""
        raise NotImplementedError

    def ask(self, line: VersionLine) -> None:
        """Ask for what the tab shows of a version, by `self.query`."""
        raise NotImplementedError

    def refresh(self) -> None:
        """News of datasets came; versions never change, but what is said about them does."""

    # What the page does

    def show_version(self, line: VersionLine) -> None:
        """Show a version, unless it is on screen already."""
        same = self.line is not None and self.line.reference == line.reference
        self.line = line
        if not same or self.state.kind == "error":
            self.again()

    def again(self) -> None:
        if self.line is not None:
            self.ask(self.line)

    def on_state_action(self) -> None:
        """The button of an error was pressed."""
        self.again()

    # Asking

    def query(self, query: Query, done: Done, *, quiet: bool = False, key: str = "") -> None:
        """Run `query` in a thread; an answer to an older one is dropped. `quiet` keeps what is shown meanwhile."""
        self.is_settled = False
        if not quiet:
            self.show_loading()

        def arrived(value: Any) -> None:
            self.is_settled = True
            self.show_content()
            done(value)

        self.bridge.ask(f"data {key or self.key}", query, arrived, self._on_failure)

    def _on_failure(self, error: AppError) -> None:
        self.is_settled = True
        self.show_error(error)

    def show_loading(self, text: str = "") -> None:
        self.state.show_loading(text)
        self._stack.setCurrentWidget(self.state)

    def show_content(self) -> None:
        self.state.kind = ""
        self._stack.setCurrentWidget(self.content)

    def show_error(self, error: AppError) -> None:
        titles = {Damaged: self.tr("This version is damaged"), NotFound: self.tr("Something of it is not there")}
        self.state.show_error(error, title=titles.get(type(error), ""))
        self._stack.setCurrentWidget(self.state)


class Work:
    """Long questions of a tab: a newer one stops the older, and how far it is shows meanwhile."""

    def __init__(self, tab: VersionTab, tell: Callable[[str], object]) -> None:
        self._token = CancelToken()
        self._said: tuple[float | None, str] = (None, "")
        self._tell = tell
        self._timer = QTimer(tab)
        self._timer.setInterval(_TELL_MS)
        self._timer.timeout.connect(self._on_time)

    def started(self, query: Callable[[Workspace, Progress], Any]) -> Query:
        """`query` as the bridge takes it."""
        self.stop()
        token = self._token = CancelToken()
        self._said = (None, "")
        self._timer.start()

        def run(workspace: Workspace) -> Any:
            try:
                return query(workspace, token.reporting_to(self._hear))
            except Cancelled:
                return None  # nobody waits for it

        return run

    def stop(self) -> None:
        self._token.cancel()
        self._timer.stop()

    def ended(self) -> None:
        self._timer.stop()

    def _hear(self, fraction: float | None, message: str) -> None:
        self._said = fraction, message

    def _on_time(self) -> None:
        fraction, message = self._said
        share = "" if fraction is None else f"{fraction:.0%}"
        self._tell(" · ".join(part for part in (share, message) if part))
