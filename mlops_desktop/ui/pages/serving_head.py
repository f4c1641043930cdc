"""The head of the Serving page: which endpoint, its state, its addresses, start, stop and restart."""

from __future__ import annotations

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSizePolicy, QWidget

from mlops_desktop.core.deployments import EndpointState, RolloutKind
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.queries.serving import ServingRow, addresses
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.figures import percent
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label

_OFF = (EndpointState.STOPPED, EndpointState.FAILED)


class EndpointHead(Card):
    """Two lines: what is served and the verbs; where it is reached.

    Signals:
        chosen(str): another endpoint was picked.
        startRequested, stopRequested, restartRequested: a button was pressed.
    """

    chosen = Signal(str)
    startRequested = Signal()
    stopRequested = Signal()
    restartRequested = Signal()

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._bridge = bridge
        self._addresses: dict[str, str] = {}
        self.endpoints = QComboBox()
        self.endpoints.setAccessibleName(self.tr("Endpoint"))
        self.endpoints.setMinimumWidth(160)
        self.endpoints.activated.connect(lambda _index: self.chosen.emit(self.endpoints.currentText()))
        self.chip = StatusChip()
        self.what = ElidedLabel("", fonts.Type.BODY)
        self.what.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.start = button(self.tr("Start"), "play", "primary", self.startRequested.emit)
        self.restart = button(self.tr("Restart…"), "refresh", "", self.restartRequested.emit)
        self.stop = button(self.tr("Stop…"), "stop", "danger", self.stopRequested.emit)
        self.body.addLayout(
            _row((self.endpoints, self.chip, self.what, self.start, self.restart, self.stop), self.what)
        )
        self.protocol = QComboBox()
        self.protocol.setAccessibleName(self.tr("Protocol"))
        for key, title in self._protocols():
            self.protocol.addItem(title, key)
        self.protocol.currentIndexChanged.connect(lambda _index: self._show_url())
        self.url = Label()
        self.url.setFont(fonts.mono())
        self.url.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.copy_url = button(self.tr("Copy URL"), "copy", on_click=self._on_copy)
        self.docs = button(self.tr("Open /docs"), "external", on_click=self._on_docs)
        self.docs.setToolTip(self.tr("The API's description with a form to try it, in the browser"))
        self.body.addLayout(_row((self.protocol, self.url, self.copy_url, self.docs), self.url))

    def _protocols(self) -> tuple[tuple[str, str], ...]:
        return (
            ("predict", self.tr("Predict: JSON, CSV, Arrow, Parquet")),
            ("v2", self.tr("Open Inference Protocol V2")),
            ("invocations", self.tr("MLflow and SageMaker")),
            ("feedback", self.tr("Feedback: labels by id")),
            ("metrics", self.tr("Metrics for Prometheus")),
        )

    def show_names(self, names: list[str], chosen: str) -> None:
        """The endpoints to pick from."""
        if [self.endpoints.itemText(i) for i in range(self.endpoints.count())] != names:
            self.endpoints.clear()
            self.endpoints.addItems(names)
        self.endpoints.setCurrentText(chosen)

    def show_row(self, row: ServingRow, base: str) -> None:
        """State and addresses; `base` is scheme, host and port, empty for none."""
        state = row.endpoint.state
        self.chip.set_status(state.value)
        self.what.setText(self._words(row))
        is_off = state in _OFF
        self.start.setVisible(is_off)
        self.restart.setVisible(not is_off)
        self.stop.setVisible(not is_off)
        self.restart.setEnabled(state is EndpointState.SERVING)
        self.stop.setEnabled(state is not EndpointState.STOPPING)
        self.set_base(base if not is_off else "", row.endpoint.name)

    def set_engine(self, row: ServingRow, runs: bool) -> None:
        """Without an engine nothing is served, whatever is recorded."""
        state = row.endpoint.state
        if runs or state in _OFF:
            self.chip.set_status(state.value)
        else:
            self.chip.set_status("unknown", self.tr("No engine"))
        self.restart.setEnabled(runs and state is EndpointState.SERVING)

    def set_base(self, base: str, name: str) -> None:
        """Where the endpoint is reached by now."""
        found = addresses(base, name)
        if found != self._addresses or not self.url.text():
            self._addresses = found
            self._show_url()

    def _words(self, row: ServingRow) -> str:
        version = f"v{row.version.number}" if row.version else self.tr("nothing")
        words = self.tr("{model}, {version} in production").format(model=row.endpoint.model, version=version)
        rollout = row.rollout
        if rollout is None:
            return words
        share = percent(rollout.weight, 0)
        told = {
            RolloutKind.CANARY: self.tr("canary v{n} at {share}"),
            RolloutKind.SHADOW: self.tr("shadow v{n}"),
            RolloutKind.AB: self.tr("A/B test of v{n} at {share}"),
        }
        return f"{words} · {told[rollout.kind].format(n=rollout.canary, share=share)}"

    def _show_url(self) -> None:
        url = self._addresses.get(self.protocol.currentData(), "")
        self.url.setText(url or self.tr("no address while it does not serve"))
        self.copy_url.setEnabled(bool(url))
        self.docs.setEnabled(bool(url))

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.url.text())
        self._bridge.succeeded.emit(self.tr("URL copied"))

    def _on_docs(self) -> None:
        QDesktopServices.openUrl(QUrl(self._addresses["docs"]))


def _row(widgets: tuple[QWidget, ...], wide: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(t.SPACE_3)
    for widget in widgets:
        row.addWidget(widget, 1 if widget is wide else 0)
    return row
