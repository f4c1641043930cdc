"""Each attempt to add to a dataset, also those that failed."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QVBoxLayout

from mlops_desktop.core.datasets import Attempt, VersionLine
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.data_tab import VersionTab
from mlops_desktop.ui.queries import datasets as queries
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import data_size, duration
from mlops_desktop.ui.widgets.labels import body
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

# Outcomes as statuses of the theme.
_STATUS = {"stored": "succeeded", "repeated": "same", "failed": "failed", "cancelled": "cancelled"}


class LogTab(VersionTab):
    """Attempts of the whole dataset, newest first; Enter opens the version that one made."""

    key = "log"

    def build(self) -> None:
        self.attempts: tuple[Attempt, ...] = ()
        self.table = DataTable(
            [
                ColumnSpec("time", self.tr("Time"), Kind.TIME, width=138),
                ColumnSpec("outcome", self.tr("Outcome"), Kind.CHIP, width=106, format=self._outcome),
                ColumnSpec("version", self.tr("Version"), width=68),
                ColumnSpec("origin", self.tr("From"), width=132),
                ColumnSpec("rows", self.tr("Rows"), Kind.INTEGER, width=74),
                ColumnSpec("size", self.tr("Size"), Kind.COMPACT, width=74, format=data_size),
                ColumnSpec("seconds", self.tr("Duration"), Kind.DURATION, width=76, format=_took),
                ColumnSpec("actor", self.tr("User"), width=72),
                ColumnSpec("reason", self.tr("Reason"), width=100),
            ],
            compact=True,
            name=self.tr("attempts"),
        )
        FittingColumns(self.table, "reason", ("actor", "size", "seconds", "rows"))
        self.table.set_never_set_up(
            self.tr("No attempts on record"), self.tr("Attempts are recorded from this release on."), "", "file"
        )
        self.table.activated.connect(self._open)
        self.table.selectionChanged.connect(self._on_selected)
        self.reason = body("")
        self.reason.setAccessibleName(self.tr("Reason of the selected attempt"))
        self.reason.hide()
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_2)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.reason)

    def show_version(self, line: VersionLine) -> None:
        same = self.line is not None and self.line.dataset == line.dataset
        self.line = line
        if not same or self.state.kind == "error":
            self.again()

    def ask(self, line: VersionLine) -> None:
        self.query(partial(queries.attempts, dataset=line.dataset), self._show)

    def refresh(self) -> None:
        if self.line is not None:
            self.query(partial(queries.attempts, dataset=self.line.dataset), self._show, quiet=True)

    def _show(self, attempts: tuple[Attempt, ...]) -> None:
        self.attempts = attempts
        self.reason.hide()
        self.table.set_rows(
            {
                "time": [each.time for each in attempts],
                "outcome": [_STATUS.get(each.outcome, each.outcome) for each in attempts],
                "version": ["@" + each.version.rpartition("@")[2] if each.version else "" for each in attempts],
                "origin": [each.origin for each in attempts],
                "rows": [each.rows or None for each in attempts],
                "size": [each.size or None for each in attempts],
                "seconds": [each.seconds for each in attempts],
                "actor": [each.actor.removeprefix("user:") for each in attempts],
                "reason": [each.reason for each in attempts],
            }
        )

    def _outcome(self, status: str) -> str:
        words = {
            "succeeded": self.tr("Stored"),
            "same": self.tr("Repeated"),
            "failed": self.tr("Failed"),
            "cancelled": self.tr("Cancelled"),
        }
        return words.get(status, status)

    def _on_selected(self, rows: list[int]) -> None:
        reason = self.attempts[rows[0]].reason if rows and rows[0] < len(self.attempts) else ""
        self.reason.setText(reason)
        self.reason.setVisible(bool(reason))

    def _open(self, row: int) -> None:
        if self.attempts[row].version:
            self.page.openRequested.emit(f"data/{self.attempts[row].version}")


def _took(seconds: float) -> str:
    return duration(seconds) if seconds >= 1 else f"{seconds * 1_000:.0f} ms"
