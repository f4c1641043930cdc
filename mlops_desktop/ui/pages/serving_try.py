"""A row to send by hand, and the command that sends it from elsewhere."""

from __future__ import annotations

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit

from mlops_desktop.core.deployments import EndpointState
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.pages.try_it import TryIt
from mlops_desktop.ui.queries.serving import ServingRow, addresses, base_url, curl_snippet
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card


class TryTab(EndpointTab):
    """The form at the left, the command at the right."""

    key = "try"

    def build(self) -> None:
        form = Card(self.tr("Try it"), self.tr("a typical row of the training data"))
        self.try_it = TryIt(self.bridge)
        self.try_it.rowChanged.connect(self._show_curl)
        form.add(self.try_it, 1)
        terminal = Card(self.tr("From a terminal"), self.tr("Open Inference Protocol, one row"))
        self.curl = QPlainTextEdit()
        self.curl.setReadOnly(True)
        self.curl.setFont(fonts.mono(fonts.Type.CAPTION))
        self.curl.setAccessibleName(self.tr("Command for a terminal"))
        self.curl.setTabChangesFocus(True)
        terminal.add(self.curl, 1)
        assert terminal.header is not None  # noqa: S101 - it has a title
        terminal.header.add_action(button(self.tr("Copy"), "copy", "quiet", self._on_copy))
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_4)
        row.addWidget(form, 1)
        row.addWidget(terminal, 1)
        self.column.addLayout(row, 1)

    def show_endpoint(self, row: ServingRow) -> None:
        super().show_endpoint(row)
        if row.version is not None:
            self.try_it.set_signature(row.version.signature.features, row.example)
        self._set_url(base_url(row.endpoint))

    def show_live(self, reading: LiveReading) -> None:
        if self.row is not None:
            self._set_url(base_url(self.row.endpoint, reading.traffic))

    def _set_url(self, base: str) -> None:
        if self.row is None:
            return
        url = addresses(base, self.row.endpoint.name).get("v2", "")
        if url != self.try_it.url or not self.curl.toPlainText():
            self.try_it.url = url
            self._show_curl()
        self.try_it.send.setEnabled(bool(url) and self.row.endpoint.state is EndpointState.SERVING)

    def _show_curl(self) -> None:
        try:
            text = curl_snippet(self.try_it.url or "URL", self.try_it.body())
        except AppError as error:
            text = str(error)
        self.curl.setPlainText(text)

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.curl.toPlainText())
        self.bridge.succeeded.emit(self.tr("Command copied"))
