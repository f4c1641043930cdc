"""What every page is: it asks for a view model, shows it, and knows when it is out of date."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from PySide6.QtCore import Qt, QTimer, Signal, Slot
from PySide6.QtGui import QAction, QHideEvent, QShowEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.bridge import Bridge, Query
from mlops_desktop.ui.pages.stagger import Stagger
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.confirm import Confirmation, ConfirmSheet
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.inspector import InspectorPanel


@dataclass(frozen=True)
class NeverSetUp:
    """What an empty page says: what belongs here, and the one action that helps (`action` may be empty)."""

    title: str
    text: str
    action: str = ""
    icon: str = "plus"
    on_action: Callable[[], object] | None = None


class Page(QWidget):
    """Base of all pages. Subclasses set the class attributes and give `query`, `build`, `show_model`, `never_set_up`.

    Signals:
        openRequested(str): another page, with what to show there: `alerts/3`, `models/late-arrival@2`.
        loaded: a view model is on screen.
        undoOffered(str, Query): what was done, in words for a toast, and the deed that takes it back.
    """

    key: ClassVar[str] = ""
    listens_to: ClassVar[tuple[str, ...]] = ()
    """Prefixes of the kinds of events that put this page out of date."""
    reload_ms: ClassVar[int] = 200

    openRequested = Signal(str)
    loaded = Signal()
    undoOffered = Signal(str, object)

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.bridge = bridge
        self.model: Any = None
        self.is_stale = True
        self.is_asking = False
        self._is_built = self._is_building = False
        self._on_state_action: Callable[[], object] | None = None
        self.content = QWidget()
        self.state = EmptyState()
        self.state.actionTriggered.connect(self._on_state_action_triggered)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.state)
        self._stack.addWidget(self.content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)
        self.stagger = Stagger(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.reload)

    # What a page gives

    def query(self) -> Query:
        """A pure function of the workspace; it runs in a thread and must not touch the page."""
        raise NotImplementedError

    def build(self) -> None:
        """Make the widgets in `content`; called once, when there is something to show."""

    def build_parts(self) -> Sequence[Callable[[], object]]:
        """`build` in portions, for a page with many widgets; the window answers between them."""
        return (self.build,)

    def show_model(self, model: Any) -> None:
        """Put a view model on screen."""
        raise NotImplementedError

    def never_set_up(self, model: Any) -> NeverSetUp | None:  # noqa: ARG002 - for those who override it
        """What to say where there is nothing to show; None where there is something."""
        return None

    def open_target(self, target: str) -> None:
        """Show what another page asked for, for example `3` of `alerts/3`."""

    def actions_of_page(self) -> list[tuple[QAction, str, str]]:
        """Actions for the command bar: action, icon, kind."""
        return []

    def close_panel(self) -> bool:
        """Close what Esc closes; False where nothing is open."""
        panels = [panel for panel in self.findChildren(InspectorPanel) if panel.isVisible()]
        for panel in panels:
            panel.close_panel()
        return bool(panels)

    # News

    def on_changed(self, kinds: frozenset[str]) -> None:
        """Events came: reload soon when visible, else remember."""
        if any(kind.startswith(self.listens_to) for kind in kinds):
            self.is_stale = True
            if self.isVisible():
                self.reload_soon()

    def reload_soon(self) -> None:
        if not self._timer.isActive():
            self._timer.start(self.reload_ms)

    @Slot()
    def reload(self) -> None:
        """Ask anew; while an answer is under way, once more after it."""
        self.is_stale = True
        if self.is_asking or self.bridge.is_closed:
            return
        self.is_stale, self.is_asking = False, True
        self.bridge.ask(f"page {self.key}", self.query(), self._on_answer, self._on_failure)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.is_stale:
            self.reload()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _on_answer(self, model: Any) -> None:
        self.is_asking = False
        self.model = model
        never = self.never_set_up(model)
        if never is not None:
            self.state.show_never_set_up(never.title, never.text, never.action, never.icon)
            self._on_state_action = never.on_action
            self._stack.setCurrentWidget(self.state)
        elif not self._is_built:
            self._begin_to_build()
            return
        else:
            self.show_model(model)
            self._stack.setCurrentWidget(self.content)
        self._say_loaded()

    def _begin_to_build(self) -> None:
        if self._is_building:
            return
        self._is_building = True
        parts = self.build_parts()
        if len(parts) == 1:
            parts[0]()
            self._on_built()
            return
        for number, part in enumerate(parts):
            self.stagger.put(f"build {number}", part)
        self.stagger.put("built", self._on_built)

    def _on_built(self) -> None:
        self._is_built = True
        self.show_model(self.model)
        self._stack.setCurrentWidget(self.content)
        self._say_loaded()

    def _say_loaded(self) -> None:
        self.loaded.emit()
        if self.is_stale and self.isVisible():
            self.reload_soon()

    def _on_failure(self, error: AppError) -> None:
        self.is_asking = False
        self._on_state_action = self.reload
        self.state.show_error(error)
        self._stack.setCurrentWidget(self.state)

    def _on_state_action_triggered(self) -> None:
        if self._on_state_action is not None:
            self._on_state_action()

    @property
    def is_settled(self) -> bool:
        """Whether what is on screen is the whole of the newest answer."""
        return self.model is not None and not self.is_asking and self.stagger.is_idle

    @property
    def is_built(self) -> bool:
        return self._is_built

    # Helpers

    def action(self, text: str, slot: Callable[[], object], tip: str = "") -> QAction:
        """An action of this page."""
        made = QAction(text, self)
        made.setToolTip(tip or text)
        made.triggered.connect(lambda _checked=False: slot())
        return made

    def confirm(self, confirmation: Confirmation, on_reason: Callable[[str], object]) -> ConfirmSheet:
        """Ask before an act; `on_reason` gets the reason once a person has agreed."""
        sheet = ConfirmSheet(confirmation, self.window())

        def finished(result: int) -> None:
            if result == int(QDialog.DialogCode.Accepted):
                on_reason(sheet.reason_text())
            sheet.deleteLater()

        sheet.finished.connect(finished)
        sheet.open()
        sheet.focus_reason()
        return sheet


def page_column(content: QWidget) -> QVBoxLayout:
    """The layout of a page: padding of 24, cards 16 apart."""
    column = QVBoxLayout(content)
    column.setContentsMargins(t.SPACE_6, t.SPACE_4, t.SPACE_6, t.SPACE_6)
    column.setSpacing(t.SPACE_4)
    return column


def with_inspector(content: QWidget, main: QWidget, inspector: InspectorPanel) -> None:
    """Main part at the left with the page's padding, inspector at the right edge, hidden until something is chosen."""
    row = QHBoxLayout(content)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(0)
    left = QWidget()
    column = page_column(left)
    column.addWidget(main, 1)
    main.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
    row.addWidget(left, 1)
    row.addWidget(inspector)
    inspector.hide()


def at_left(widget: QWidget) -> QWidget:
    """The widget at its own width, at the left of the room it is given."""
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(widget)
    row.addStretch(1)
    return holder
