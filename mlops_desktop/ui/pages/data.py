"""Datasets: versions, profile, rows, and how to add more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.core.datasets import ColumnProfile, ColumnType, DatasetVersion
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, page_column
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.import_wizard import ImportWizard, open_wizard
from mlops_desktop.ui.queries import datasets as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import compact
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import ElidedLabel, caption
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_NUMERIC = (ColumnType.INTEGER, ColumnType.NUMBER)


class DataPage(Page):
    """Versions at the left; profile, rows and origin of the chosen one at the right."""

    key = "data"
    listens_to = ("dataset.",)

    def query(self) -> Query:
        return queries.dataset_list

    def never_set_up(self, model: queries.DatasetList) -> NeverSetUp | None:
        if model.datasets:
            return None
        text = self.tr("Drop a CSV, Excel, Parquet or JSON file on the window, or choose one. It becomes a version.")
        return NeverSetUp(self.tr("No data yet"), text, self.tr("Add data…"), "data", self.choose_file)

    def actions_of_page(self) -> list[tuple[QAction, str, str]]:
        return [(self.action(self.tr("Add data…"), self.choose_file), "import", "primary")]

    def build(self) -> None:
        self.chosen = ""
        self.offset = 0
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Datasets and versions"))
        self.list.currentItemChanged.connect(self._on_item)
        self.title = ElidedLabel("", fonts.Type.SECTION, fonts.SEMIBOLD)
        self.note = caption()
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.profile = self._make_profile()
        self.tabs.addTab(self.profile, self.tr("Profile"))
        self.rows_tab = QWidget()
        self._rows_column = QVBoxLayout(self.rows_tab)
        self._rows_column.setContentsMargins(0, t.SPACE_3, 0, 0)
        self._rows_column.addLayout(self._make_pager())
        self.rows: DataTable | None = None
        self.tabs.addTab(self.rows_tab, self.tr("Rows"))
        self.facts = FactList()
        origin = QWidget()
        column = QVBoxLayout(origin)
        column.setContentsMargins(0, t.SPACE_4, 0, 0)
        column.addWidget(self.facts)
        column.addStretch(1)
        self.tabs.addTab(origin, self.tr("Origin and changes"))
        self.tabs.currentChanged.connect(lambda _index: self._ask_rows())
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(t.SPACE_4, 0, 0, 0)
        column.setSpacing(t.SPACE_1)
        column.addWidget(self.title)
        column.addWidget(self.note)
        column.addWidget(self.tabs, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        self.list.setProperty("bare", True)
        left = Card(self.tr("Datasets"))
        left.add(self.list, 1)
        splitter.addWidget(left)
        splitter.addWidget(right)
        splitter.setSizes([260, 900])
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        page_column(self.content).addWidget(splitter, 1)

    def _make_profile(self) -> DataTable:
        table = DataTable(
            [
                ColumnSpec("name", self.tr("Column"), width=150),
                ColumnSpec("type", self.tr("Type"), width=84),
                ColumnSpec("shape", self.tr("Distribution"), Kind.HISTOGRAM, width=150),
                ColumnSpec("missing", self.tr("Missing"), Kind.PERCENT, width=84, decimals=1),
                ColumnSpec("distinct", self.tr("Distinct"), Kind.INTEGER, width=84),
                ColumnSpec("mean", self.tr("Mean"), Kind.NUMBER, width=92, decimals=2),
                ColumnSpec("std", self.tr("Std dev"), Kind.NUMBER, width=92, decimals=2),
                ColumnSpec("range", self.tr("Range or most frequent"), width=220),
            ],
            name=self.tr("profile"),
        )
        FittingColumns(table, "range", ("std", "mean", "distinct"))
        return table

    def _make_pager(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.span = caption()
        self.earlier = button(self.tr("Earlier rows"), "chevron-left", on_click=lambda: self._page(-1))
        self.later = button(self.tr("Later rows"), "chevron-right", on_click=lambda: self._page(1))
        row.addWidget(self.span, 1)
        row.addWidget(self.earlier)
        row.addWidget(self.later)
        return row

    # Showing

    def show_model(self, model: queries.DatasetList) -> None:
        self.list.blockSignals(True)
        self.list.clear()
        references = []
        for name, versions in model.datasets.items():
            head = QListWidgetItem(name)
            head.setFlags(Qt.ItemFlag.NoItemFlags)
            head.setFont(fonts.font(fonts.Type.BODY, fonts.SEMIBOLD))
            head.setSizeHint(QSize(0, t.ROW_COMFORTABLE))
            self.list.addItem(head)
            for version in versions:
                text = f"@{version.number}   {compact(version.rows)} rows   {version.created:%Y-%m-%d}"
                item = QListWidgetItem(text)
                item.setData(Qt.ItemDataRole.UserRole, version.reference)
                item.setFont(fonts.font(fonts.Type.TABLE))
                item.setSizeHint(QSize(0, t.ROW_COMFORTABLE))
                self.list.addItem(item)
                references.append(version.reference)
        self.list.blockSignals(False)
        wanted = self.chosen if self.chosen in references else references[0]
        self._choose(wanted)

    def open_target(self, target: str) -> None:
        self.chosen = target
        if self.is_built:
            self._choose(target)

    def _choose(self, reference: str) -> None:
        for index in range(self.list.count()):
            item = self.list.item(index)
            if item.data(Qt.ItemDataRole.UserRole) == reference:
                self.list.setCurrentItem(item)

    def _on_item(self, item: QListWidgetItem | None) -> None:
        reference = item.data(Qt.ItemDataRole.UserRole) if item is not None else None
        if reference:
            self.offset = self.offset if reference == self.chosen else 0
            self.chosen = reference
            self.bridge.ask("dataset", lambda w: queries.dataset_detail(w, reference), self._show_detail)
            self._ask_rows()

    def _show_detail(self, detail: queries.DatasetDetail) -> None:
        version, columns = detail.version, detail.profile.columns
        self.title.setText(version.reference)
        span = (
            f", {detail.profile.time_start[:10]} to {detail.profile.time_end[:10]}" if detail.profile.time_start else ""
        )
        note = self.tr("{rows} rows, {columns} columns, {size} stored{span}")
        size = f"{compact(version.size)}B"
        self.note.setText(note.format(rows=f"{version.rows:,}", columns=len(columns), size=size, span=span))
        self.profile.set_rows(
            {
                "name": [column.name for column in columns],
                "type": [column.type.value for column in columns],
                "shape": [_shape(column) for column in columns],
                "missing": [column.nulls / column.count if column.count else 0.0 for column in columns],
                "distinct": [column.distinct for column in columns],
                "mean": [column.mean for column in columns],
                "std": [column.std for column in columns],
                "range": [_range(column) for column in columns],
            }
        )
        self.facts.set_facts(self._origin(detail))

    def _origin(self, detail: queries.DatasetDetail) -> list[tuple[str, str]]:
        version, before = detail.version, detail.before
        facts = [
            (self.tr("Came from"), f"{version.origin.kind}: {version.origin.name}"),
            (self.tr("Added"), f"{version.created:%Y-%m-%d %H:%M}"),
        ]
        if version.origin.user:
            facts.append((self.tr("By"), f"{version.origin.user} @ {version.origin.host}"))
        if version.origin.parents:
            facts.append((self.tr("Derived from"), ", ".join(version.origin.parents)))
        if before is not None:
            facts += [
                (self.tr("Against @{n}").format(n=before.number), _delta(version, before)),
                (self.tr("Columns"), _columns_changed(detail) or self.tr("the same")),
            ]
        facts.append((self.tr("Content id"), version.content_id))
        if version.origin.sha256:
            facts.append((self.tr("SHA-256 of the file"), version.origin.sha256))
        return facts

    def _ask_rows(self) -> None:
        if self.tabs.currentWidget() is self.rows_tab and self.chosen:
            reference, offset = self.chosen, self.offset
            self.bridge.ask("rows", lambda w: queries.row_page(w, reference, offset), self._show_rows)

    def _page(self, direction: int) -> None:
        self.offset = max(0, self.offset + direction * queries.PAGE_ROWS)
        self._ask_rows()

    def _show_rows(self, page: queries.RowPage) -> None:
        if self.rows is not None and tuple(spec.key for spec in self.rows.model.specs) != page.columns:
            self.rows.deleteLater()
            self.rows = None
        if self.rows is None:
            specs = [_column_spec(name, [row[i] for row in page.rows]) for i, name in enumerate(page.columns)]
            self.rows = DataTable(specs, compact=True, toolbar=False, name=self.tr("rows"))
            self._rows_column.addWidget(self.rows, 1)
        self.rows.set_rows({name: [row[i] for row in page.rows] for i, name in enumerate(page.columns)})
        last = page.offset + len(page.rows)
        self.span.setText(
            self.tr("Rows {first} to {last} of {total}").format(
                first=f"{page.offset + 1:,}", last=f"{last:,}", total=f"{page.total:,}"
            )
        )
        self.earlier.setEnabled(page.offset > 0)
        self.later.setEnabled(last < page.total)

    # Adding data

    def choose_file(self) -> ImportWizard:
        """Ask where data comes from, and add it."""
        return open_wizard(self.bridge, self.window())

    def offer(self, *paths: Path) -> ImportWizard:
        """Show what is in these files, and add it once a person agrees."""
        return open_wizard(self.bridge, self.window(), paths=paths)


def _column_spec(name: str, values: list[Any]) -> ColumnSpec:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int) and not isinstance(value, bool) for value in known):
        return ColumnSpec(name, name, Kind.INTEGER, width=104, format=_whole)
    if known and all(isinstance(value, float) for value in known):
        return ColumnSpec(name, name, Kind.NUMBER, width=96, decimals=2)
    longest = max((len(str(value)) for value in known[:50]), default=8)
    return ColumnSpec(name, name, width=min(max(longest * 8 + 28, 84), 240))


def _whole(value: Any) -> str:
    return "–" if value is None else str(value)


def _shape(column: ColumnProfile) -> tuple[float, ...]:
    return tuple(column.counts) or tuple(float(count) for _value, count in column.top[:20])


def _range(column: ColumnProfile) -> str:
    if column.type in _NUMERIC and isinstance(column.minimum, int | float) and isinstance(column.maximum, int | float):
        return f"{column.minimum:g} to {column.maximum:g}"
    if column.type is ColumnType.TIME:
        return f"{str(column.minimum)[:16]} to {str(column.maximum)[:16]}".replace("T", " ")
    return ", ".join(str(value) for value, _count in column.top[:5])


def _delta(version: DatasetVersion, before: DatasetVersion) -> str:
    return f"{version.rows - before.rows:+,} rows, {compact(version.size - before.size)}B".replace("-", "−")


def _columns_changed(detail: queries.DatasetDetail) -> str:
    return ", ".join([f"+ {name}" for name in detail.added] + [f"− {name}" for name in detail.removed])
