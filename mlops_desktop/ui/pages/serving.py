"""Endpoints, one at a time: its state and addresses above, what it does in tabs below."""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.ui.bridge import Bridge, Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, page_column
from mlops_desktop.ui.pages.serving_feed import LiveFeed
from mlops_desktop.ui.pages.serving_head import EndpointHead
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.queries import serving as queries
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.status import QT_TRANSLATE_NOOP
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.confirm import Change, Confirmation
from mlops_desktop.ui.widgets.tabs import PageTabs
from mlops_desktop.workspace import Workspace


class TabInfo(NamedTuple):
    """A tab: its English title, and `module:class` under `mlops_desktop.ui.pages`, imported when it is first seen."""

    key: str
    source: str
    target: str


TABS: tuple[TabInfo, ...] = (
    TabInfo("live", QT_TRANSLATE_NOOP("ServingPage", "Live"), "serving_live:LiveTab"),
    TabInfo("rollout", QT_TRANSLATE_NOOP("ServingPage", "Rollout"), "serving_rollout:RolloutTab"),
    TabInfo("workers", QT_TRANSLATE_NOOP("ServingPage", "Workers"), "serving_workers:WorkersTab"),
    TabInfo("requests", QT_TRANSLATE_NOOP("ServingPage", "Requests"), "serving_tail:RequestTail"),
    TabInfo("try", QT_TRANSLATE_NOOP("ServingPage", "Try it"), "try_it:TryIt"),
    TabInfo("snippets", QT_TRANSLATE_NOOP("ServingPage", "Code"), "serving_snippets:Snippets"),
)


class ServingPage(Page):
    """Tabs are `EndpointTab`s (`serving_tab.py` says how to add one); only the one that is seen gets live figures."""

    key = "serving"
    listens_to = ("endpoint.", "rollout.", "alias.", "model.", "engine.")

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(bridge, parent)
        bridge.ask("serving warm up", warm_up, lambda _none: None)

    def query(self) -> Query:
        return queries.serving

    def never_set_up(self, model: queries.Serving) -> NeverSetUp | None:
        if model.rows:
            return None
        if model.servable:
            name = model.servable[0]
            text = self.tr(
                "{name} has a version in production. Start an endpoint for it; it listens on this machine only."
            )
            title, act = self.tr("No endpoint yet"), self.tr("Start serving")
            return NeverSetUp(title, text.format(name=name), act, "serving", lambda: self._begin(name))
        text = self.tr("An endpoint answers requests with the version that is in production. Promote one first.")
        return NeverSetUp(self.tr("Nothing to serve yet"), text, self.tr("Open models"), "serving", self._open_models)

    def _begin(self, model: str) -> None:
        self.bridge.do(lambda workspace: workspace.start_serving(model, model), self.tr("{} is starting"))

    def _open_models(self) -> None:
        self.openRequested.emit("models")

    def build(self) -> None:
        self.name = ""
        self.made: dict[str, EndpointTab] = {}
        self.feed = LiveFeed(self.bridge, self)
        self.feed.read.connect(self._on_live)
        self.trouble = Banner(Tone.CRITICAL, "", dismissible=False)
        self.trouble.hide()
        self.head = EndpointHead(self.bridge)
        self.head.chosen.connect(self._on_chosen)
        self.head.startRequested.connect(self.start)
        self.head.stopRequested.connect(self._on_stop)
        self.head.restartRequested.connect(self._on_restart)
        self.tabs = PageTabs([self.tr(info.source) for info in TABS])
        self.tabs.setAccessibleName(self.tr("Views of the endpoint"))
        self.tabs.currentChanged.connect(lambda _index: self._show_tab())
        self.stack = QStackedWidget()
        column = page_column(self.content)
        column.setSpacing(t.SPACE_3)
        column.addWidget(self.trouble)
        column.addWidget(self.head)
        column.addWidget(self.tabs)
        column.addWidget(self.stack, 1)
        self.feed.set_active(self.isVisible())

    # Showing

    def show_model(self, model: queries.Serving) -> None:
        names = [row.endpoint.name for row in model.rows]
        self.name = self.name if self.name in names else names[0]
        self.head.show_names(names, self.name)
        self.feed.follow(self.name)
        self._show_row()
        self._show_tab()

    @property
    def row(self) -> queries.ServingRow:
        """The endpoint that is shown."""
        rows: tuple[queries.ServingRow, ...] = self.model.rows
        return next((row for row in rows if row.endpoint.name == self.name), rows[0])

    def open_target(self, target: str) -> None:
        """Show an endpoint, a tab, or both: `late-arrival`, `late-arrival/rollout`."""
        if not self.is_built:
            return
        name, _, tab = target.partition("/")
        if name in [row.endpoint.name for row in self.model.rows]:
            self._on_chosen(name)
        if tab:
            self.show_tab(tab)

    def _show_row(self) -> None:
        reading = self.feed.newest
        traffic = reading.traffic if reading is not None else None
        self.head.show_row(self.row, queries.base_url(self.row.endpoint, traffic))
        self._show_trouble()

    def _show_trouble(self) -> None:
        """What keeps the endpoint from serving, and what helps; the most telling reason alone."""
        endpoint, reading = self.row.endpoint, self.feed.newest
        runs = reading is None or reading.engine.running
        self.head.set_engine(self.row, runs)
        reason = endpoint.reason.rstrip(".")
        tone, text = Tone.CRITICAL, ""
        if endpoint.state is EndpointState.FAILED:
            text = self.tr("It does not serve: {reason}. Start it again once that is mended; the logs say more.")
        elif endpoint.state is not EndpointState.STOPPED and not runs:
            tone, text = Tone.WARNING, self.tr("No engine runs in this workspace, so nothing is served.")
        elif endpoint.state is EndpointState.SERVING and reason in self._troubles(reading):
            tone, text = Tone.WARNING, self.tr("It serves, but not all is well: {reason}.")
        if text:
            self.trouble.set_message(tone, text.format(reason=reason or self.tr("nobody knows why")))
        self.trouble.setVisible(bool(text))

    def _troubles(self, reading: LiveReading | None) -> set[str]:
        pools = reading.traffic.pools if reading is not None and reading.traffic is not None else ()
        return {pool.trouble.rstrip(".") for pool in pools if pool.trouble}

    # Tabs

    def show_tab(self, key: str) -> None:
        """Bring a tab to the front: `live`, `rollout`, `workers`, …"""
        self.tabs.setCurrentIndex([info.key for info in TABS].index(key))

    @property
    def tab(self) -> EndpointTab | None:
        """The tab in front."""
        found = self.stack.currentWidget()
        return found if isinstance(found, EndpointTab) else None

    def _show_tab(self) -> None:
        if self.model is None or not self.model.rows:
            return
        info = TABS[self.tabs.currentIndex()]
        if info.key not in self.made:
            module, _, name = info.target.partition(":")
            self.made[info.key] = getattr(import_module(f"mlops_desktop.ui.pages.{module}"), name)(self)
            self.stack.addWidget(self.made[info.key])
        tab = self.made[info.key]
        self.stack.setCurrentWidget(tab)
        tab.show_endpoint(self.row)
        self._tell_active(self.isVisible())
        if self.feed.newest is not None:
            tab.show_live(self.feed.newest)

    def _tell_active(self, is_seen: bool) -> None:
        for tab in self.made.values():
            active = is_seen and tab is self.tab
            if tab.is_active != active:
                tab.set_active(active)

    def _on_live(self, reading: LiveReading) -> None:
        self.head.set_base(self._base(reading), self.name)
        self._show_trouble()
        if self.tab is not None and self.tab.is_active:
            self.tab.show_live(reading)

    def _base(self, reading: LiveReading) -> str:
        endpoint = self.row.endpoint
        is_off = endpoint.state in (EndpointState.STOPPED, EndpointState.FAILED)
        return "" if is_off else queries.base_url(endpoint, reading.traffic)

    @property
    def is_settled(self) -> bool:
        if not super().is_settled or not self.is_built:
            return super().is_settled
        return self.tab is None or self.tab.is_settled

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.is_built:
            self.feed.set_active(True)
            self._tell_active(True)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.is_built:
            self.feed.set_active(False)
            self._tell_active(False)

    # Doing

    def _on_chosen(self, name: str) -> None:
        self.name = name
        self.show_model(self.model)

    def start(self) -> None:
        """Start the endpoint that is shown."""
        name = self.name
        self.bridge.do(lambda workspace: workspace.start_serving(name), self.tr("{} is starting"))

    def _on_stop(self) -> None:
        text = self.tr("Whoever sends requests gets none answered until it is started again.")
        change = Change(self.tr("State"), self.row.endpoint.state.value, EndpointState.STOPPED.value)
        title = self.tr("Stop {name}").format(name=self.name)
        sheet = Confirmation(title, text, self.tr("Stop"), (change,), dangerous=True, needs_reason=False)
        name = self.name
        self.confirm(sheet, lambda _reason: self.bridge.do(lambda w: w.stop_serving(name), self.tr("{} is stopping")))

    def _on_restart(self) -> None:
        text = self.tr("Its workers end, and new ones load the versions. For a moment requests are refused.")
        change = Change(self.tr("State"), self.row.endpoint.state.value, EndpointState.STARTING.value)
        title = self.tr("Restart {name}").format(name=self.name)
        sheet = Confirmation(title, text, self.tr("Restart"), (change,), dangerous=True, needs_reason=False)
        name, done = self.name, self.tr("{} is starting")
        self.confirm(sheet, lambda _reason: self.bridge.do(lambda w: w.restart_serving(name), done))


def warm_up(_workspace: Workspace) -> None:
    """Import the tabs' modules off the window's thread, so that the first look at one is short."""
    for info in TABS:
        import_module(f"mlops_desktop.ui.pages.{info.target.partition(':')[0]}")
