"""How other programs ask the endpoint: its address and the form's row as text to copy."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtGui import QGuiApplication, QTextOption
from PySide6.QtWidgets import QPlainTextEdit, QWidget

from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.pages.try_it import TryIt
from mlops_desktop.ui.queries.gateway import NO_PORT, predict_url
from mlops_desktop.ui.queries.rowforms import RowForm, row_form
from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.queries.snippets import SNIPPETS, Call, Snippet
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.player import Segmented


class Snippets(EndpointTab):
    """One program at a time, filled with the address and one row: that of the form, else a typical one."""

    key = "snippets"

    def build(self) -> None:
        self.url = ""
        self._row: dict[str, Any] = {}
        self._version = ""
        self._is_asking = False
        self.languages = Segmented([each.title for each in SNIPPETS])
        self.languages.setAccessibleName(self.tr("Program"))
        self.languages.chosen.connect(lambda _index: self._show())
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(fonts.mono())
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setWordWrapMode(QTextOption.WrapMode.NoWrap)
        self.text.setTabChangesFocus(True)
        self.text.setCornerWidget(QWidget())
        self.hint = caption("", wrap=True)
        card = Card(self.tr("From another program"), self.tr("the row of Try it, to this endpoint"))
        card.add(self.languages)
        card.add(self.text, 1)
        card.add(self.hint)
        assert card.header is not None  # noqa: S101 - it has a title
        self.copy = button(self.tr("Copy"), "copy", "primary", self._on_copy)
        card.header.add_action(self.copy)
        self.column.addWidget(card)
        self._show()

    @property
    def is_settled(self) -> bool:
        return not self._is_asking

    @property
    def snippet(self) -> Snippet:
        return SNIPPETS[self.languages.current]

    def show_endpoint(self, row: ServingRow) -> None:
        super().show_endpoint(row)
        self._take_url(predict_url(row.endpoint))
        version = row.version.reference if row.version else ""
        if version and version != self._version:
            self._version, self._row, self._is_asking = version, {}, True
            self.bridge.ask("serving snippets", partial(row_form, reference=version), self._show_form, self._on_trouble)

    def show_live(self, reading: LiveReading) -> None:
        if self.row is not None:
            self._take_url(predict_url(self.row.endpoint, reading.traffic))

    def set_active(self, active: bool) -> None:
        super().set_active(active)
        form = self.page.findChild(TryIt)
        if active and form is not None and form.is_settled and form.form is not None:
            self.set_row(form.given())

    def set_row(self, row: dict[str, Any]) -> None:
        """Fill the programs with this row."""
        if row != self._row:
            self._row = row
            self._show()

    def _take_url(self, url: str) -> None:
        if url != self.url:
            self.url = url
            self._show()

    def _show_form(self, form: RowForm) -> None:
        self._is_asking = False
        self.set_row(self._row or form.typical)

    def _on_trouble(self, error: AppError) -> None:
        self._is_asking = False
        self.hint.setText(str(error))

    def _show(self) -> None:
        self.text.setPlainText(self.snippet.make(Call(self.url, self._row)))
        self.text.setAccessibleName(self.tr("Program for {}").format(self.snippet.title))
        self.copy.setEnabled(bool(self._row))
        self.hint.setText("\n".join(part for part in (self._hint_of_program(), self._hint_of_address()) if part))

    def _hint_of_program(self) -> str:
        return {
            "powershell": self.tr("Runs in Windows PowerShell 5.1 and in PowerShell 7."),
            "power query": self.tr(
                "In Excel: Data, Get Data, From Other Sources, Blank Query, Advanced Editor. It reads the table named "
                "Table1 and adds the answers as columns."
            ),
            "node": self.tr("Node.js 18 or newer, as an .mjs file. Pages in a browser are not answered."),
        }.get(self.snippet.key, "")

    def _hint_of_address(self) -> str:
        if NO_PORT in self.url:
            return self.tr("The endpoint has no address yet: start it, and the port shows here.")
        return self.tr(
            "On this machine rows need no token unless the endpoint's rules demand one; labels always do. Make one "
            "with: mlops-desktop serve token create NAME --scope predict"
        )

    def _on_copy(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
        self.bridge.succeeded.emit(self.tr("Copied"))
