"""A table with filter, count, copy, export and the four states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PySide6.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStackedWidget,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.ui.theme import fonts, icons
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import icon_button
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.tabledelegate import CellDelegate
from mlops_desktop.ui.widgets.tablemodel import Column, ColumnSpec, TableModel

_FILTER_DELAY_MS = 150
_MOST_COPIED_ROWS = 100_000


class _View(QTableView):
    """A table view whose copy key asks for rows with headers, where Qt's copies one cell."""

    copyRequested = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copyRequested.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.activated.emit(self.currentIndex())
        else:
            super().keyPressEvent(event)


class DataTable(QWidget):
    """`DataTable(specs)`, then `set_rows({key: column})`; sort by a click on a header, filter in the field.

    Until the first `set_rows` it shows that it loads. Without rows it shows what `set_never_set_up` said.

    Signals:
        activated(int): row number in the data of a row that was double-clicked or entered.
        selectionChanged(list): row numbers in the data of all selected rows.
        emptyActionTriggered: the button of "never set up" or of an error was pressed.
    """

    activated = Signal(int)
    selectionChanged = Signal(list)
    emptyActionTriggered = Signal()

    def __init__(
        self,
        specs: Sequence[ColumnSpec],
        *,
        compact: bool = False,
        toolbar: bool = True,
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.model = TableModel(specs)
        self.name = name or "table"
        self._never = (self.tr("Nothing here yet"), "", "", "table")
        self.view = _View()
        self._set_up_view(t.ROW_COMPACT if compact else t.ROW_COMFORTABLE)
        self.view.setAccessibleName(name or self.tr("Table"))
        self.empty = EmptyState()
        self.empty.actionTriggered.connect(self._on_empty_action)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        self._stack.setCurrentWidget(self.empty)
        self.filter_field = QLineEdit()
        self.count = caption()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._apply_filter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_2)
        self.toolbar = self._make_toolbar()
        self.toolbar.setVisible(toolbar)
        layout.addWidget(self.toolbar)
        layout.addWidget(self._stack, 1)
        self.model.orderChanged.connect(self._on_order_changed)

    def _set_up_view(self, row_height: int) -> None:
        view = self.view
        view.setModel(self.model)
        view.setItemDelegate(CellDelegate(row_height, view))
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        view.setShowGrid(False)
        view.setMouseTracking(True)
        view.setWordWrap(False)
        view.setTabKeyNavigation(False)
        view.verticalHeader().hide()
        view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        view.verticalHeader().setDefaultSectionSize(row_height)
        header = view.horizontalHeader()
        header.setFont(fonts.font(fonts.Type.CAPTION, fonts.MEDIUM))
        header.setFixedHeight(32)
        header.setHighlightSections(False)
        header.setSectionsMovable(True)
        header.setStretchLastSection(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        view.setSortingEnabled(True)
        for index, spec in enumerate(self.model.specs):
            view.setColumnWidth(index, spec.width)
            view.setColumnHidden(index, spec.hidden)
        view.activated.connect(self._on_activated)
        view.selectionModel().selectionChanged.connect(self._on_selection_changed)
        view.copyRequested.connect(self.copy_selection)

    def _make_toolbar(self) -> QWidget:
        bar = QWidget(self)
        row = QHBoxLayout(bar)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_2)
        self.filter_field.setPlaceholderText(self.tr("Filter"))
        self.filter_field.setAccessibleName(self.tr("Filter the rows"))
        self.filter_field.setClearButtonEnabled(True)
        self.filter_field.setMaximumWidth(280)
        glass = QAction(self.filter_field)
        icons.set_icon(glass, "search", "secondary")
        self.filter_field.addAction(glass, QLineEdit.ActionPosition.LeadingPosition)
        self.filter_field.textChanged.connect(lambda: self._timer.start(_FILTER_DELAY_MS))
        row.addWidget(self.filter_field, 1)
        row.addWidget(self.count, 1)
        row.addWidget(icon_button("columns", self.tr("Choose columns"), self._on_choose_columns))
        row.addWidget(icon_button("export", self.tr("Export as CSV or Parquet"), self._on_export))
        return bar

    # --- rows and states

    def set_rows(self, rows: Mapping[str, Column]) -> None:
        """Replaces all rows; selection is lost, sorting and filter stay."""
        self.model.set_rows(rows)

    def set_never_set_up(self, title: str, text: str, action: str = "", icon: str = "plus") -> None:
        """What to say, and to offer, as long as there are no rows at all."""
        self._never = (title, text, action, icon)
        if not self.model.total and self.empty.kind != "loading":
            self._on_order_changed()

    def show_loading(self) -> None:
        self.empty.show_loading()
        self._stack.setCurrentWidget(self.empty)

    def show_error(self, message: str, hint: str = "") -> None:
        self.empty.show_error(message, hint)
        self._stack.setCurrentWidget(self.empty)

    def set_filter(self, text: str) -> None:
        """Filters at once, as if typed."""
        self.filter_field.setText(text)
        self._timer.stop()
        self._apply_filter()

    def selected_rows(self) -> list[int]:
        """Row numbers in the data of the selected rows, as shown from top to bottom."""
        rows = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        return [self.model.source_row(row) for row in rows]

    def select_row(self, source_row: int) -> None:
        """Selects and shows a row by its number in the data; does nothing when the filter hides it."""
        found = (self.model.order == source_row).nonzero()[0]
        if len(found):
            self.view.selectRow(int(found[0]))
            self.view.scrollTo(self.model.index(int(found[0]), 0))

    def copy_selection(self) -> None:
        """Puts the selected rows (all when none is selected) on the clipboard, under their headers."""
        rows = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        rows = rows or list(range(min(self.model.rowCount(), _MOST_COPIED_ROWS)))
        header = self.view.horizontalHeader()
        columns = [header.logicalIndex(i) for i in range(header.count())]
        shown = [column for column in columns if not self.view.isColumnHidden(column)]
        QApplication.clipboard().setText(self.model.text_table(rows, shown))

    def export(self, path: Path) -> None:
        """Writes the shown rows as Parquet or CSV, by the name's ending."""
        if path.suffix.lower() == ".parquet":
            self.model.export_parquet(path)
        else:
            self.model.export_csv(path)

    # --- slots

    def _apply_filter(self) -> None:
        self.model.set_filter(self.filter_field.text())

    def _on_order_changed(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        self.count.setText(self.tr("{shown} of {total} rows").format(shown=f"{shown:,}", total=f"{total:,}"))
        if shown:
            self._stack.setCurrentWidget(self.view)
            return
        if total:
            self.empty.show_nothing_matches()
        else:
            title, text, action, icon = self._never
            self.empty.show_never_set_up(title, text, action, icon)
        self._stack.setCurrentWidget(self.empty)

    def _on_empty_action(self) -> None:
        if self.empty.kind == "nothing":
            self.set_filter("")
        else:
            self.emptyActionTriggered.emit()

    def _on_activated(self, index: QModelIndex) -> None:
        if index.isValid():
            self.activated.emit(self.model.source_row(index.row()))

    def _on_selection_changed(self) -> None:
        self.selectionChanged.emit(self.selected_rows())

    def _on_choose_columns(self) -> None:
        menu = QMenu(self)
        for index, spec in enumerate(self.model.specs):
            action = menu.addAction(spec.title)
            action.setCheckable(True)
            action.setChecked(not self.view.isColumnHidden(index))
            action.toggled.connect(lambda on, column=index: self.view.setColumnHidden(column, not on))
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        corner = self.toolbar.mapToGlobal(self.toolbar.rect().bottomRight())
        menu.popup(corner - QPoint(menu.sizeHint().width(), 0))

    def _on_export(self) -> None:
        title, kinds = self.tr("Export table"), "CSV (*.csv);;Parquet (*.parquet)"
        path, _kind = QFileDialog.getSaveFileName(self, title, f"{self.name}.csv", kinds)
        if path:
            self.export(Path(path))
