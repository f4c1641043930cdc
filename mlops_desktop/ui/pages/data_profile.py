"""The profile of a version: one row per column, and all that is known of the chosen one."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QSplitter, QVBoxLayout, QWidget

from mlops_desktop.core.datasets import ColumnProfile, ColumnType, Profile, VersionLine
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.data_correlation import CorrelationDialog
from mlops_desktop.ui.pages.data_tab import VersionTab
from mlops_desktop.ui.queries import datasets as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.columnchart import ColumnChart, Stretch, figure
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import MINUS, duration, percent
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import ElidedLabel, caption
from mlops_desktop.ui.widgets.previewmodel import type_title
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_QUANTILES = ("1 %", "5 %", "25 %", "50 %", "75 %", "95 %", "99 %")
_DIGITS = 4
_NUMBERS = (ColumnType.INTEGER, ColumnType.NUMBER)


def missing_share(column: ColumnProfile) -> float:
    rows = column.count + column.nulls
    return column.nulls / rows if rows else 0.0


class ProfileTab(VersionTab):
    """Columns above, the chosen one beneath; how columns go together on demand."""

    key = "profile"

    def build(self) -> None:
        self.profile: Profile | None = None
        self._chosen = ""
        self.table = self._make_table()
        self.table.selectionChanged.connect(self._on_selected)
        self.name = ElidedLabel("", fonts.Type.SECTION, fonts.SEMIBOLD)
        self.kind = caption()
        self.chart = ColumnChart()
        self.facts = FactList()
        self.correlation_button = button(self.tr("Correlation…"), "heatmap", on_click=self.correlate)
        self.table.toolbar.layout().insertWidget(2, self.correlation_button)  # type: ignore[union-attr]
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.addWidget(self.table)
        splitter.addWidget(self._make_detail())
        splitter.setSizes([320, 240])
        splitter.setStretchFactor(0, 1)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(splitter)

    def _make_table(self) -> DataTable:
        table = DataTable(
            [
                ColumnSpec("name", self.tr("Column"), width=140),
                ColumnSpec("type", self.tr("Type"), width=78),
                ColumnSpec("shape", self.tr("Distribution"), Kind.HISTOGRAM, width=110),
                ColumnSpec("missing", self.tr("Missing"), Kind.PERCENT, width=72, decimals=1),
                ColumnSpec("distinct", self.tr("Distinct"), Kind.INTEGER, width=76),
                ColumnSpec("low", self.tr("Minimum"), Kind.NUMBER, width=86, format=_told),
                ColumnSpec("median", self.tr("Median"), Kind.NUMBER, width=86, format=_told),
                ColumnSpec("high", self.tr("Maximum"), Kind.NUMBER, width=86, format=_told),
                ColumnSpec("mean", self.tr("Mean"), Kind.NUMBER, width=86, format=_told),
                ColumnSpec("std", self.tr("Std dev"), Kind.NUMBER, width=86, format=_told),
                ColumnSpec("top", self.tr("Most frequent"), width=120),
            ],
            compact=True,
            name=self.tr("profile"),
        )
        FittingColumns(table, "top", ("std", "mean", "median", "high", "low"))
        return table

    def _make_detail(self) -> QWidget:
        box = QWidget()
        box.setMinimumHeight(150)
        head = QHBoxLayout()
        head.setSpacing(t.SPACE_2)
        head.addWidget(self.name)
        head.addWidget(self.kind, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(0, 0, t.SPACE_4, 0)
        column.addWidget(self.facts)
        column.addStretch(1)
        area.setWidget(holder)
        area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        area.setFixedWidth(300)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_4)
        row.addWidget(self.chart, 1)
        row.addWidget(area)
        layout = QVBoxLayout(box)
        layout.setContentsMargins(0, t.SPACE_3, 0, 0)
        layout.setSpacing(t.SPACE_2)
        layout.addLayout(head)
        layout.addLayout(row, 1)
        return box

    # Showing

    def ask(self, line: VersionLine) -> None:
        self.query(partial(queries.profiled, reference=line.reference), self._show)

    def _show(self, found: queries.ProfiledVersion) -> None:
        self.profile = found.profile
        columns = found.profile.columns
        self.table.set_rows(
            {
                "name": [column.name for column in columns],
                "type": [type_title(column.type) for column in columns],
                "shape": [_shape(column) for column in columns],
                "missing": [missing_share(column) for column in columns],
                "distinct": [column.distinct for column in columns],
                "low": [_number(column, column.minimum) for column in columns],
                "median": [_number(column, column.quantiles[3] if column.quantiles else None) for column in columns],
                "high": [_number(column, column.maximum) for column in columns],
                "mean": [_number(column, column.mean) for column in columns],
                "std": [_number(column, column.std) for column in columns],
                "top": [_in_short(column) for column in columns],
            }
        )
        names = [column.name for column in columns]
        if names:
            at = names.index(self._chosen) if self._chosen in names else 0
            self.table.select_row(at)
            self._show_column(columns[at])

    def _on_selected(self, rows: list[int]) -> None:
        if rows and self.profile is not None and rows[0] < len(self.profile.columns):
            self._show_column(self.profile.columns[rows[0]])

    def _show_column(self, column: ColumnProfile) -> None:
        self._chosen = column.name
        profile = self.profile
        is_time = profile is not None and column.name == profile.time_column
        gaps = profile.gaps if profile is not None and is_time else ()
        self.name.setText(column.name)
        self.kind.setText(type_title(column.type) + (self.tr(" · the time column") if is_time else ""))
        self.chart.set_column(column, [Stretch(_seconds(gap.start), _seconds(gap.end)) for gap in gaps])
        facts = [
            (self.tr("Values"), f"{column.count:,}"),
            (self.tr("Missing"), f"{column.nulls:,} ({percent(missing_share(column))})"),
            (self.tr("Distinct"), f"{column.distinct:,}"),
        ]
        facts += self._measures(column)
        if is_time:
            facts.append((self.tr("Gaps"), str(len(gaps)) if gaps else self.tr("none")))
            facts += [(duration(gap.seconds), f"{_short(gap.start)} → {_short(gap.end)}") for gap in gaps[:20]]
        self.facts.set_facts(facts)

    def _measures(self, column: ColumnProfile) -> list[tuple[str, str]]:
        if column.type is ColumnType.TIME:
            return [(self.tr("First"), _short(column.minimum)), (self.tr("Last"), _short(column.maximum))]
        if column.type is ColumnType.TEXT:
            ends = [(self.tr("First"), str(column.minimum)), (self.tr("Last"), str(column.maximum))]
            return ends if column.count else []
        quantiles = zip(_QUANTILES, column.quantiles, strict=False)
        measures = [
            (self.tr("Mean"), column.mean),
            (self.tr("Std dev"), column.std),
            (self.tr("Skewness"), column.skewness),
            (self.tr("Kurtosis"), column.kurtosis),
            (self.tr("Minimum"), column.minimum),
            *((self.tr("Quantile {p}").format(p=level), value) for level, value in quantiles),
            (self.tr("Maximum"), column.maximum),
        ]
        return [(name, figure(value)) for name, value in measures if value is not None]

    def correlate(self) -> CorrelationDialog | None:
        """Compute how the columns go together, in a window of its own."""
        if self.line is None:
            return None
        dialog = CorrelationDialog(self.bridge, self.line.reference, self.window())
        dialog.open()
        return dialog


def _told(value: float | None) -> str:
    text = figure(value, _DIGITS)
    return text if "e" not in text or value is None else f"{value:.1e}".replace("-", MINUS)


def _shape(column: ColumnProfile) -> tuple[float, ...]:
    if column.type in (ColumnType.TEXT, ColumnType.BOOLEAN):
        return tuple(float(count) for _value, count in column.top[:20])
    return tuple(column.counts)


def _number(column: ColumnProfile, value: float | str | None) -> float | None:
    return value if column.type in _NUMBERS and isinstance(value, int | float) else None


def _in_short(column: ColumnProfile) -> str:
    if not column.count:
        return ""
    if column.type is ColumnType.TIME:
        return f"{_short(column.minimum)} → {_short(column.maximum)}"
    return ", ".join(value for value, _count in column.top[:6])


def _short(time: float | str | None) -> str:
    return str(time or "")[:16].replace("T", " ")


def _seconds(time: str) -> float:
    moment = datetime.fromisoformat(time)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
