"""What a replay found: how often versions agree, how far scores moved, what changes, how long each took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.queries.requests import short_inputs
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.differencebars import DifferenceBars
from mlops_desktop.ui.widgets.figures import fixed, percent, signed
from mlops_desktop.ui.widgets.keyfigure import KeyFigure
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

if TYPE_CHECKING:
    from mlops_desktop.serving.replay import Quantiles, ReplayReport


class ReplayResult(QWidget):
    """Key figures, the spread of the differences, and the rows that change, the largest change first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.report: ReplayReport | None = None
        self.agreement = KeyFigure(self.tr("Same prediction"))
        self.median = KeyFigure(self.tr("Inference, p50"))
        self.slowest = KeyFigure(self.tr("Inference, p99"))
        self.lost = Banner(Tone.WARNING, "", dismissible=False)
        self.bars = DifferenceBars()
        self.of_what = caption("", wrap=True)
        self.table = self._make_table()
        figures = QHBoxLayout()
        figures.setSpacing(t.SPACE_6)
        for figure in (self.agreement, self.median, self.slowest):
            figures.addWidget(figure, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_2)
        column.addLayout(figures)
        column.addWidget(self.lost)
        column.addWidget(caption(self.tr("Score of the replayed version minus the logged one")))
        column.addWidget(self.bars)
        column.addWidget(self.of_what)
        column.addWidget(self.table, 1)

    def _make_table(self) -> DataTable:
        specs = [
            ColumnSpec("before", self.tr("Logged"), width=84),
            ColumnSpec("after", self.tr("Replayed"), width=84),
            ColumnSpec("score_before", self.tr("Score"), Kind.NUMBER, width=72),
            ColumnSpec("score_after", self.tr("Replayed score"), Kind.NUMBER, width=120),
            ColumnSpec("change", self.tr("Change"), Kind.NUMBER, width=84, format=lambda value: signed(value, 3)),
            ColumnSpec("inputs", self.tr("Inputs"), width=180),
            ColumnSpec("id", self.tr("Inference id"), Kind.MONO, width=212),
        ]
        table = DataTable(specs, compact=True, toolbar=False, name=self.tr("changed predictions"))
        table.set_never_set_up(
            self.tr("No prediction changes"), self.tr("Both versions agree on every row."), "", "check"
        )
        FittingColumns(table, "inputs", ("id", "score_before"))
        table.setMinimumHeight(148)
        return table

    def show_report(self, report: ReplayReport) -> None:
        self.report = report
        predicted = report.differences.n
        changed = self.tr("{n} of {total} predictions change").format(n=f"{report.changed:,}", total=f"{predicted:,}")
        same = percent(1 - report.share_changed, 1) if predicted else "–"
        self.agreement.set_value(same, "", changed)
        self._show_latency(self.median, report, "p50")
        self._show_latency(self.slowest, report, "p99")
        lost = report.refused + report.failed
        text = self.tr("{n} of {total} requests could not be answered: {problem}")
        self.lost.set_message(
            Tone.WARNING, text.format(n=f"{lost:,}", total=f"{report.requests:,}", problem=report.problem)
        )
        self.lost.setVisible(bool(lost))
        self.bars.set_counts(report.edges, report.counts)
        self.bars.setVisible(bool(report.counts))
        self.of_what.setText(self._of_what(report))
        self._show_rows(report)

    def _show_latency(self, figure: KeyFigure, report: ReplayReport, name: str) -> None:
        before, after = (self._quantile(each, name) for each in (report.latency_before, report.latency_after))
        figure.set_value(fixed(after, 2), "ms", self.tr("{ms} ms as logged").format(ms=fixed(before, 2)))

    def _quantile(self, quantiles: Quantiles, name: str) -> float | None:
        return float(getattr(quantiles, name)) if quantiles.n else None

    def _of_what(self, report: ReplayReport) -> str:
        parts = [
            self.tr("{n} requests of {rows} rows, {start} to {end}").format(
                n=f"{report.requests:,}", rows=f"{report.rows:,}", start=_minute(report.start), end=_minute(report.end)
            )
        ]
        if len(report.rows_shown) < report.changed:
            text = self.tr("the {n} largest changes are shown")
            parts.append(text.format(n=f"{len(report.rows_shown):,}"))
        parts.append(self.tr("logged times are of whole batches, replayed ones of each request alone"))
        return "; ".join(parts) + "."

    def _show_rows(self, report: ReplayReport) -> None:
        rows = report.rows_shown
        self.table.set_rows(
            {
                "before": [f"{row.before}  (v{row.version_before})" for row in rows],
                "after": [str(row.after) for row in rows],
                "score_before": [row.score_before for row in rows],
                "score_after": [row.score_after for row in rows],
                "change": [row.score_after - row.score_before for row in rows],
                "inputs": [short_inputs(row.features) for row in rows],
                "id": [row.id for row in rows],
            }
        )


def _minute(moment: str) -> str:
    """`2013-09-30T23:59:12+00:00` as `2013-09-30 23:59`."""
    return moment[:16].replace("T", " ") or "–"
