"""Endpoints: on and off, where they are, how fast they answer, how the traffic is split, and a form to try them."""

from __future__ import annotations

import json

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QPlainTextEdit, QSizePolicy, QVBoxLayout

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.errors import AppError
from mlops_desktop.pipelines.engine_state import EndpointTraffic, EngineState
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, page_column
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.try_it import TryIt
from mlops_desktop.ui.queries import serving as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.confirm import Change, Confirmation
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import fixed
from mlops_desktop.ui.widgets.keyfigure import KeyFigure
from mlops_desktop.ui.widgets.labels import Label, caption
from mlops_desktop.ui.widgets.rollout import SplitSlider
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

LIVE_MS = 400
_COURSE = 120


class ServingPage(Page):
    """One endpoint at a time; live figures come from the engine's state, several times a second."""

    key = "serving"
    listens_to = ("endpoint.", "rollout.", "alias.", "model.", "engine.")

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
            title = self.tr("No endpoint yet")
            return NeverSetUp(
                title, text.format(name=name), self.tr("Start serving"), "serving", lambda: self._begin(name)
            )
        text = self.tr("An endpoint answers requests with the version that is in production. Promote one first.")
        return NeverSetUp(self.tr("Nothing to serve yet"), text, self.tr("Open models"), "serving", self._open_models)

    def _begin(self, model: str) -> None:
        self.bridge.do(lambda workspace: workspace.start_serving(model, model), self.tr("{} is starting"))

    def _open_models(self) -> None:
        self.openRequested.emit("models")

    def build(self) -> None:
        self.name = ""
        self._rates: list[float] = []
        self._live = QTimer(self)
        self._live.setInterval(LIVE_MS)
        self._live.timeout.connect(self._ask_live)
        column = page_column(self.content)
        self.trouble = Banner(Tone.CRITICAL, "", dismissible=False)
        self.trouble.hide()
        column.addWidget(self.trouble)
        column.addWidget(self._make_head())
        figures = QHBoxLayout()
        figures.setSpacing(t.SPACE_4)
        names = (self.tr("Requests per second"), self.tr("p50"), self.tr("p95"), self.tr("p99"), self.tr("Errors"))
        self.figures = [KeyFigure(name) for name in names]
        for figure in self.figures:
            card = Card()
            card.add(figure)
            figures.addWidget(card, 2 if figure is self.figures[0] else 1)
        column.addLayout(figures)
        lower = QHBoxLayout()
        lower.setSpacing(t.SPACE_4)
        left = QVBoxLayout()
        left.setSpacing(t.SPACE_4)
        left.addWidget(self._make_split())
        left.addWidget(self._make_curl(), 1)
        lower.addLayout(left, 1)
        self.try_card = Card(self.tr("Try it"), self.tr("a typical row of the training data"))
        self.try_it = TryIt(self.bridge)
        self.try_it.rowChanged.connect(self._show_curl)
        self.try_card.add(self.try_it, 1)
        lower.addWidget(self.try_card, 1)
        column.addLayout(lower, 1)
        if self.isVisible():
            self._live.start()

    def _make_head(self) -> Card:
        card = Card()
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_3)
        self.endpoints = QComboBox()
        self.endpoints.setAccessibleName(self.tr("Endpoint"))
        self.endpoints.setMinimumWidth(160)
        self.endpoints.activated.connect(lambda _index: self._on_endpoint())
        self.chip = StatusChip()
        self.url = Label()
        self.url.setFont(fonts.mono())
        self.url.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.copy_url = button(self.tr("Copy URL"), "copy", on_click=self._on_copy_url)
        self.start = button(self.tr("Start"), "play", "primary", self._on_start)
        self.stop = button(self.tr("Stop…"), "stop", "danger", self._on_stop)
        row.addWidget(self.endpoints)
        row.addWidget(self.chip)
        row.addWidget(self.url, 1)
        for each in (self.copy_url, self.start, self.stop):
            row.addWidget(each)
        card.body.addLayout(row)
        self.note = caption()
        card.add(self.note)
        return card

    def _make_split(self) -> Card:
        card = Card(self.tr("Traffic by version"), self.tr("since the gateway started"))
        self.split = SplitSlider()
        self.split.applied.connect(self._on_split)
        self.no_canary = caption(
            self.tr("No canary is running; all requests go to the version in production."), wrap=True
        )
        self.versions = DataTable(
            [
                ColumnSpec("version", self.tr("Version"), width=78),
                ColumnSpec("role", self.tr("Role"), width=76),
                ColumnSpec("requests", self.tr("Requests"), Kind.INTEGER, width=94),
                ColumnSpec("rate", self.tr("Rate"), Kind.NUMBER, unit="1/s", decimals=1, width=92),
                ColumnSpec("p50", "p50", Kind.NUMBER, unit="ms", decimals=1, width=90),
                ColumnSpec("p95", "p95", Kind.NUMBER, unit="ms", decimals=1, width=90),
                ColumnSpec("p99", "p99", Kind.NUMBER, unit="ms", decimals=1, width=90),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("traffic"),
        )
        self.versions.set_never_set_up(
            self.tr("No traffic"), self.tr("Figures come with the first requests."), "", "serving"
        )
        FittingColumns(self.versions, "role", ("p50", "rate", "p99"))
        self.versions.setFixedHeight(40 + 2 * t.ROW_COMPACT)
        self.versions.set_rows({spec.key: () for spec in self.versions.model.specs})
        card.add(self.split)
        card.add(self.no_canary)
        card.add(self.versions)
        return card

    def _make_curl(self) -> Card:
        card = Card(self.tr("From a terminal"), self.tr("Open Inference Protocol, one row"))
        self.curl = QPlainTextEdit()
        self.curl.setReadOnly(True)
        self.curl.setFont(fonts.mono(fonts.Type.CAPTION))
        self.curl.setAccessibleName(self.tr("Command for a terminal"))
        self.curl.setTabChangesFocus(True)
        card.add(self.curl, 1)
        assert card.header is not None  # noqa: S101 - it has a title
        card.header.add_action(button(self.tr("Copy"), "copy", "quiet", self._on_copy_curl))
        return card

    # Showing

    def show_model(self, model: queries.Serving) -> None:
        names = [row.endpoint.name for row in model.rows]
        self.name = self.name if self.name in names else names[0]
        if [self.endpoints.itemText(i) for i in range(self.endpoints.count())] != names:
            self.endpoints.clear()
            self.endpoints.addItems(names)
        self.endpoints.setCurrentText(self.name)
        row = self._row()
        state = row.endpoint.state
        self.chip.set_status(state.value)
        self.start.setVisible(state in (EndpointState.STOPPED, EndpointState.FAILED))
        self.stop.setVisible(not self.start.isVisibleTo(self))
        self.stop.setEnabled(state is not EndpointState.STOPPING)
        production = f"v{row.version.number}" if row.version else "–"
        note = self.tr("Model {model}, {version} in production. {reason}")
        self.note.setText(
            note.format(model=row.endpoint.model, version=production, reason=row.endpoint.reason.capitalize())
        )
        if state is EndpointState.FAILED:
            text = self.tr("The endpoint does not serve: {reason}. Start it again, or look into the workspace's logs.")
            self.trouble.set_message(Tone.CRITICAL, text.format(reason=row.endpoint.reason or self.tr("unknown")))
        self.trouble.setVisible(state is EndpointState.FAILED)
        rollout = row.rollout
        self.split.setVisible(rollout is not None)
        self.no_canary.setVisible(rollout is None)
        if rollout is not None:
            self.split.set_split(f"v{rollout.primary}", f"v{rollout.canary}", rollout.weight)
        if row.version is not None:
            self.try_it.set_signature(row.version.signature.features, row.example)
        self._set_url(queries.url_of(row.endpoint, None))
        self._ask_live()

    def _row(self) -> queries.ServingRow:
        rows: tuple[queries.ServingRow, ...] = self.model.rows
        return next((row for row in rows if row.endpoint.name == self.name), rows[0])

    def _set_url(self, url: str) -> None:
        if url != self.try_it.url or not self.curl.toPlainText():
            self.url.setText(url or self.tr("no address while stopped"))
            self.copy_url.setEnabled(bool(url))
            self.try_it.url = url
            self._show_curl()
        is_serving = self._row().endpoint.state is EndpointState.SERVING
        self.try_it.send.setEnabled(bool(url) and is_serving)

    def _show_curl(self) -> None:
        try:
            text = queries.curl_snippet(self.try_it.url or "URL", self.try_it.body())
        except AppError as error:
            text = str(error)
        self.curl.setPlainText(text)

    def _ask_live(self) -> None:
        if not self.bridge.is_closed:
            self.bridge.ask("serving live", queries.live, self._show_live)

    def _show_live(self, state: EngineState) -> None:
        traffic = next((each for each in state.endpoints if each.name == self.name), None)
        serves = traffic is not None and state.running
        versions = traffic.versions if traffic is not None and serves else ()
        rate = sum(version.rate for version in versions)
        self._rates = [*self._rates[1 - _COURSE :], rate]
        main = max(versions, key=lambda version: version.requests, default=None)
        requests = sum(version.requests for version in versions)
        errors = sum(version.errors for version in versions)
        self.figures[0].set_value(fixed(rate, 1) if serves else "–", "1/s" if serves else "")
        self.figures[0].set_course(self._rates)
        for figure, name in zip(self.figures[1:4], ("p50", "p95", "p99"), strict=True):
            figure.set_value(fixed(getattr(main, name), 1) if main else "–", "ms" if main else "")
        share = f"of {requests:,}" if requests else ""
        self.figures[4].set_value(f"{errors:,}" if serves else "–", share)
        self._show_versions(traffic if serves else None)
        if traffic is not None and traffic.url:
            self._set_url(queries.url_of(self._row().endpoint, traffic))

    def _show_versions(self, traffic: EndpointTraffic | None) -> None:
        versions = traffic.versions if traffic else ()
        self.versions.set_rows(
            {
                "version": [f"v{version.number}" for version in versions],
                "role": [version.role for version in versions],
                "requests": [version.requests for version in versions],
                "rate": [version.rate for version in versions],
                "p50": [version.p50 for version in versions],
                "p95": [version.p95 for version in versions],
                "p99": [version.p99 for version in versions],
            }
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.is_built:
            self._live.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.is_built:
            self._live.stop()

    # Doing

    def _on_endpoint(self) -> None:
        self.name = self.endpoints.currentText()
        self._rates.clear()
        self.show_model(self.model)

    def _on_copy_url(self) -> None:
        QGuiApplication.clipboard().setText(self.try_it.url)
        self.bridge.succeeded.emit(self.tr("URL copied"))

    def _on_copy_curl(self) -> None:
        QGuiApplication.clipboard().setText(self.curl.toPlainText())
        self.bridge.succeeded.emit(self.tr("Command copied"))

    def _on_start(self) -> None:
        name = self.name
        self.bridge.do(lambda workspace: workspace.start_serving(name), self.tr("{} is starting"))

    def _on_stop(self) -> None:
        name = self.name
        change = Change(self.tr("State"), self._row().endpoint.state.value, EndpointState.STOPPED.value)
        text = self.tr("Whoever sends requests gets none answered until it is started again.")
        title = self.tr("Stop {name}").format(name=name)
        sheet = Confirmation(title, text, self.tr("Stop"), (change,), dangerous=True, needs_reason=False)
        self.confirm(sheet, lambda _reason: self.bridge.do(lambda w: w.stop_serving(name), self.tr("{} is stopping")))

    def _on_split(self, share: float) -> None:
        name = self.name
        done = self.tr("The canary gets {share} of the requests").format(share=json.dumps(round(share * 100)) + " %")
        self.bridge.do(lambda workspace: workspace.set_canary_weight(name, share), done)
