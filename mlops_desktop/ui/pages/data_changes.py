"""The parts of a difference: columns with how far they moved, changed rows, added rows, removed rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.queries.differences import ShownChanges, SomeRows
from mlops_desktop.ui.queries.rows import tab_separated
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.changetable import ChangesModel, ChangesTable
from mlops_desktop.ui.widgets.columnchart import figure
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.figures import percent
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.previewmodel import type_title
from mlops_desktop.ui.widgets.rowmodel import FixedRows
from mlops_desktop.ui.widgets.rowtable import RowTable
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

if TYPE_CHECKING:
    from mlops_desktop.data.compare.difference import Difference
    from mlops_desktop.data.compare.shift import ColumnShift


class ColumnChanges(QWidget):
    """One row per column of either version, the farthest moved first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.table = DataTable(
            [
                ColumnSpec("name", self.tr("Column"), width=150),
                ColumnSpec("type", self.tr("Type"), width=78),
                ColumnSpec("change", self.tr("Change"), width=104),
                ColumnSpec(
                    "cells",
                    self.tr("Cells"),
                    Kind.INTEGER,
                    width=68,
                    tooltip=self.tr("Changed rows with another value in it"),
                ),
                ColumnSpec("shift", self.tr("Shift"), Kind.BAR, width=140, tooltip=_SHIFT),
                ColumnSpec("missing", self.tr("Missing"), width=116),
                ColumnSpec("mean", self.tr("Mean"), width=136),
                ColumnSpec("distinct", self.tr("Distinct"), width=130),
            ],
            compact=True,
            name=self.tr("difference"),
        )
        FittingColumns(self.table, "name", ("distinct", "mean", "missing"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, t.SPACE_2, 0, 0)
        layout.addWidget(self.table)

    def show_difference(self, found: Difference) -> None:
        moved = {name: self.tr("moved") for name in found.columns_moved}
        retyped = {each.name: f"{each.before} → {each.after}" for each in found.columns_retyped}
        cells = {each.column: each.rows for each in found.cells}
        shifts = {shift.name: shift for shift in found.shifts}
        names = [*found.columns_added, *found.columns_removed, *shifts]
        added, removed = (
            dict.fromkeys(found.columns_added, self.tr("added")),
            dict.fromkeys(found.columns_removed, self.tr("removed")),
        )
        change = {**moved, **retyped, **added, **removed}
        at = [shifts.get(name) for name in names]
        self.table.set_rows(
            {
                "name": names,
                "type": [type_title(shift.type) if shift else "" for shift in at],
                "change": [change.get(name, "") for name in names],
                "cells": [cells.get(name) for name in names],
                "shift": [shift.shift if shift else None for shift in at],
                "missing": [_missing(shift) for shift in at],
                "mean": [_pair(shift.mean_before, shift.mean_after) if shift else "" for shift in at],
                "distinct": [_pair(shift.distinct_before, shift.distinct_after) if shift else "" for shift in at],
            }
        )


_SHIFT = "The share of rows, at least, that would have to take another value for both to look alike"


def _missing(shift: ColumnShift | None) -> str:
    if shift is None:
        return ""
    before, after = percent(shift.missing_before), percent(shift.missing_after)
    return before if before == after else f"{before} → {after}"


def _pair(before: float | None, after: float | None) -> str:
    if before is None and after is None:
        return ""
    one, other = figure(before, 4), figure(after, 4)
    return one if one == other else f"{one} → {other}"


class _Part(QWidget):
    """Rows under a line that says how many of them are shown; a state where there are none."""

    def __init__(self, view: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.count = caption()
        self.state = EmptyState()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.state)
        self.stack.addWidget(view)
        self.view = view
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, t.SPACE_2, 0, 0)
        layout.setSpacing(t.SPACE_2)
        layout.addWidget(self.count)
        layout.addWidget(self.stack, 1)

    def show_loading(self) -> None:
        self.count.setText("")
        self.state.show_loading()
        self.stack.setCurrentWidget(self.state)

    def _show(self, shown: int, total: int, title: str, text: str) -> None:
        if not shown:
            self.count.setText("")
            self.state.show_never_set_up(title, text, "", "compare")
            self.stack.setCurrentWidget(self.state)
            return
        self.count.setText(self.tr("{n} of {total} rows shown").format(n=f"{shown:,}", total=f"{total:,}"))
        self.stack.setCurrentWidget(self.view)


class ChangedRows(_Part):
    """Rows with the same key and other values."""

    def __init__(self, parent: QWidget | None = None) -> None:
        self.changes = ChangesModel()
        self.table = ChangesTable(self.changes, "")
        super().__init__(self.table, parent)
        self.changes.setParent(self)
        self.table.setAccessibleName(self.tr("Changed rows"))

    def show_changes(self, found: ShownChanges) -> None:
        self.changes.set_changes(found)
        title = self.tr("No row changed") if found.key else self.tr("Rows have no key")
        text = "" if found.key else self.tr("Pair rows by columns that name them, to see which cells changed.")
        self._show(len(found.changed), found.rows_changed, title, text)


class SomeRowsTable(_Part):
    """Added or removed rows, with all their columns."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        self.rows = FixedRows()
        self.table = RowTable(self.rows, name)
        super().__init__(self.table, parent)
        self.rows.setParent(self)
        self._texts: list[list[str | None]] = []
        self.table.copyRequested.connect(self.copy)

    def show_rows(self, found: SomeRows) -> None:
        self._texts = found.texts
        self.rows.set_rows(found.columns, found.texts, found.numbers)
        self._show(len(found.numbers), found.total, self.tr("None"), self.tr("There are no such rows."))

    def copy(self) -> None:
        rows, sections = self.table.chosen()
        names = [self.rows.column_at(section).name for section in sections]
        columns = [self._texts[self.rows.shown[section]][rows.start : rows.stop] for section in sections]
        QApplication.clipboard().setText(tab_separated(names, columns))
