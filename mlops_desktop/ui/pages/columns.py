"""Columns that fit the room there is: one stretches, those that matter least give way first."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.widgets.datatable import DataTable


class FittingColumns(QObject):
    """`flexible` takes what is left over; when that is less than its own width, `optional` columns hide in order."""

    def __init__(self, table: DataTable, flexible: str, optional: Sequence[str] = ()) -> None:
        super().__init__(table)
        self._table = table
        keys = [spec.key for spec in table.model.specs]
        self._widths = [spec.width for spec in table.model.specs]
        self._flexible = keys.index(flexible)
        self._optional = [keys.index(key) for key in optional]
        table.view.horizontalHeader().setStretchLastSection(False)
        table.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        table.view.viewport().installEventFilter(self)
        self.fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            self.fit()
        return super().eventFilter(watched, event)

    def fit(self) -> None:
        """Hide and stretch for the present width."""
        view = self._table.view
        viewport: QWidget = view.viewport()
        room = viewport.width()
        if room <= 0:
            return
        hidden = [spec.hidden for spec in self._table.model.specs]
        needed = sum(width for width, gone in zip(self._widths, hidden, strict=True) if not gone)
        gone_now: set[int] = set()
        for column in self._optional:
            if needed <= room:
                break
            gone_now.add(column)
            needed -= self._widths[column]
        for column in self._optional:
            if view.isColumnHidden(column) != (column in gone_now):
                view.setColumnHidden(column, column in gone_now)
        view.setColumnWidth(self._flexible, max(self._widths[self._flexible] + room - needed, 60))
