"""The audit page: the journal with filters, its chain verified, its export."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.events import describe
from mlops_desktop.registry.journal import Verification
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import Page, with_inspector
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.queries import journal as queries
from mlops_desktop.ui.queries.happenings import happening
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.inspector import FactList, InspectorPanel
from mlops_desktop.ui.widgets.labels import Label, section
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_LONG_WORD = re.compile(r"\S{32}")


class JournalPage(Page):
    """Every write to the workspace, newest first."""

    key = "journal"
    listens_to = ("",)
    reload_ms = 500

    def query(self) -> Query:
        group = self.group.currentData() if self.is_built else ""
        return lambda workspace: queries.journal_page(workspace, group or "")

    def actions_of_page(self) -> list[tuple[QAction, str, str]]:
        return [
            (self.action(self.tr("Verify chain"), self.verify), "shield", ""),
            (self.action(self.tr("Export…"), self._on_export), "export", ""),
        ]

    def build(self) -> None:
        self.table = DataTable(
            [
                ColumnSpec("seq", self.tr("No."), Kind.INTEGER, width=70),
                ColumnSpec("time", self.tr("Time"), Kind.TIME, width=140),
                ColumnSpec("kind", self.tr("Kind"), width=180),
                ColumnSpec("actor", self.tr("Actor"), width=100),
                ColumnSpec("subject", self.tr("Subject"), width=150),
                ColumnSpec("text", self.tr("What happened"), width=330),
            ],
            compact=True,
            name=self.tr("journal"),
        )
        FittingColumns(self.table, "text", ("kind", "actor", "subject"))
        self.table.selectionChanged.connect(self._on_select)
        self.group = QComboBox()
        self.group.setAccessibleName(self.tr("Kind of events"))
        self.group.setMinimumWidth(180)
        self.group.addItem(self.tr("All kinds"), "")
        self.group.activated.connect(lambda _index: self.reload())
        self.verdict = Banner(Tone.INFO, "")
        self.verdict.hide()
        main = QWidget()
        column = QVBoxLayout(main)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_3)
        column.addWidget(self.verdict)
        bar = self.table.toolbar.layout()
        assert isinstance(bar, QHBoxLayout)  # noqa: S101 - the table makes it so
        bar.insertWidget(1, self.group)
        column.addWidget(self.table, 1)
        self.inspector = InspectorPanel()
        with_inspector(self.content, main, self.inspector)

    def show_model(self, model: queries.JournalPage) -> None:
        if self.group.count() == 1:
            for name in model.kinds:
                self.group.addItem(name.capitalize(), name)
        chosen = self.table.selected_rows()
        seq = self.shown[chosen[0]].seq if chosen and chosen[0] < len(self.shown) else None
        self.shown = model.events
        lines = [happening(event) for event in model.events]
        self.table.set_rows(
            {
                "seq": [event.seq for event in model.events],
                "time": [event.time for event in model.events],
                "kind": [event.kind for event in model.events],
                "actor": [event.actor for event in model.events],
                "subject": [event.subject for event in model.events],
                "text": [line.text for line in lines],
            }
        )
        position = next((i for i, event in enumerate(model.events) if event.seq == seq), None)
        if position is not None:
            self.table.select_row(position)

    shown: tuple[Any, ...] = ()

    def open_target(self, target: str) -> None:
        if target.isdecimal() and self.is_built:
            wanted = int(target)
            position = next((i for i, event in enumerate(self.shown) if event.seq == wanted), None)
            if position is not None:
                self.table.set_filter("")
                self.table.select_row(position)

    def verify(self) -> None:
        """Recompute the whole chain, off this thread."""
        if not self.is_built:
            return
        self.verdict.set_message(Tone.INFO, self.tr("Checking every event's hash…"))
        self.verdict.show()
        self.bridge.ask("verify journal", queries.verify, self._on_verified, self._on_problem)

    def _on_verified(self, found: Verification) -> None:
        if found.intact:
            text = self.tr("The chain is intact: {n} events, head {head}…")
            self.verdict.set_message(Tone.OK, text.format(n=f"{found.events:,}", head=found.head[:16]))
        else:
            text = self.tr("The chain is broken: {reason}. Restore the workspace from a copy.")
            self.verdict.set_message(Tone.CRITICAL, text.format(reason=found.reason))

    def _on_problem(self, error: AppError) -> None:
        self.verdict.set_message(Tone.CRITICAL, str(error))

    def _on_export(self) -> None:
        kinds = "JSON lines (*.jsonl);;CSV (*.csv)"
        path, _kind = QFileDialog.getSaveFileName(self, self.tr("Export the journal"), "journal.jsonl", kinds)
        if path:
            self.export(Path(path))

    def export(self, path: Path) -> None:
        done = self.tr("Journal exported to {path}").format(path=path.name)
        self.bridge.do(lambda workspace: queries.export(workspace, path), done)

    def _on_select(self, rows: list[int]) -> None:
        if not rows or rows[0] >= len(self.shown):
            return
        event = self.shown[rows[0]]
        panel = self.inspector
        panel.clear()
        panel.set_title(self.tr("Event {n}").format(n=event.seq))
        panel.add(Label(describe(event), wrap=True))
        panel.add(
            FactList(
                [
                    (self.tr("Kind"), event.kind),
                    (self.tr("Subject"), event.subject),
                    (self.tr("Actor"), event.actor),
                    (self.tr("Time"), f"{event.time:%Y-%m-%d %H:%M:%S}"),
                    (self.tr("Recorded"), f"{event.recorded:%Y-%m-%d %H:%M:%S}"),
                ]
            )
        )
        panel.add(section(self.tr("Payload")))
        # Hashes have no place to break a line at; an invisible one every so often keeps them in the panel.
        text = _LONG_WORD.sub("\\g<0>\N{ZERO WIDTH SPACE}", json.dumps(event.payload, indent=1, ensure_ascii=False))
        payload = Label(text, wrap=True)
        payload.setFont(fonts.mono(fonts.Type.CAPTION))
        panel.add(payload)
        panel.add(section(self.tr("Chain")))
        for text in (event.previous, event.hash):
            label = Label("\n".join((text[:32], text[32:])))
            label.setFont(fonts.mono(fonts.Type.CAPTION))
            panel.add(label)
        panel.show()
