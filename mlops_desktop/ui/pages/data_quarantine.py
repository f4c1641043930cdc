"""Rows of a dataset that broke its contract and were put aside: when, how many, why, and the rows themselves."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QSplitter,
    QStackedWidget,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.core.datasets import Column, ColumnType, VersionLine
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_export import open_export
from mlops_desktop.ui.queries import contracts as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.labels import ElidedLabel, caption
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_text
from mlops_desktop.ui.widgets.rowmodel import FixedRows
from mlops_desktop.ui.widgets.rowtable import RowTable
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_REASON_HEIGHT = 40
_LEFT, _RIGHT = 328, 600
_ROLE = Qt.ItemDataRole.UserRole
_WHY, _GLYPH = 240, 28


class _Reasons(QStyledItemDelegate):
    """What is broken, and under it a bar as long as the share of the rows that break it."""

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        tokens, rect = current(), QRectF(option.rect)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, tokens.info.fill)
        rows, share = index.data(_ROLE + 1)
        words = rect.adjusted(8, 4, -8, -18)
        paint_text(painter, words, str(index.data()), tokens.text, fonts.font(fonts.Type.TABLE))
        count = QRectF(rect.right() - 76, rect.bottom() - 19, 68, 16)
        paint_text(
            painter, count, f"{rows:,}", tokens.secondary, fonts.font(fonts.Type.CAPTION), Qt.AlignmentFlag.AlignRight
        )
        room = QRectF(rect.left() + 8, rect.bottom() - 14, rect.width() - 92, 6)
        paint_box(painter, room, tokens.neutral.fill, radius=3)
        bar = QRectF(room.left(), room.top(), max(room.width() * share, 3.0), room.height())
        paint_box(painter, bar, tokens.questioned, radius=3)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect, tokens, 2)
        painter.restore()

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:  # noqa: ARG002
        return QSize(120, _REASON_HEIGHT)


class _Cells(QStyledItemDelegate):
    """Marks the cells that break the contract, with a glyph and the critical tone; others are painted as usual."""

    def __init__(self, table: RowTable) -> None:
        super().__init__(table)
        self._usual = table.itemDelegate()
        self._table = table
        self.page: queries.BadRows | None = None

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if not self._is_at_fault(index):
            self._usual.paint(painter, option, index)
            return
        tokens, rect = current(), QRectF(option.rect)
        found = self._table.rows.cell(index.row(), self._table.rows.shown[index.column()])
        text = found if isinstance(found, str) else self.tr("missing")
        painter.save()
        paint_box(painter, rect.adjusted(1, 1, -1, -1), tokens.critical.fill, radius=3)
        paint_icon(painter, "error", QRectF(rect.left() + 6, rect.center().y() - 6.5, 13, 13), tokens.critical.text)
        inner = rect.adjusted(24, 0, -8, 0)
        paint_text(painter, inner, text, tokens.critical.text, fonts.font(fonts.Type.TABLE, fonts.MEDIUM))
        if option.state & (QStyle.StateFlag.State_HasFocus | QStyle.StateFlag.State_Selected):
            paint_focus_ring(painter, rect, tokens, 2)
        painter.restore()

    def _is_at_fault(self, index: QModelIndex | QPersistentModelIndex) -> bool:
        name = self._table.rows.column_at(index.column()).name
        return self.page is not None and index.column() > 0 and name in self.page.at_fault[index.row()]

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        return self._usual.sizeHint(option, index)


class QuarantineTab(QWidget):
    """A tab of the Data page: the quarantine of the version's dataset."""

    def __init__(self, page: Page, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page, self.bridge = page, page.bridge
        self._key = f"quarantine {id(self)}"
        self.line: VersionLine | None = None
        self.aside: tuple[queries.PutAside, ...] = ()
        self.shown: queries.BadRows | None = None
        self.reason, self.offset = "", 0
        self._make_parts()
        self._lay_out()
        self.bridge.changed.connect(self._on_news)

    def _make_parts(self) -> None:
        self.empty = EmptyState()
        self.empty.actionTriggered.connect(self._ask)
        self.versions = DataTable(
            [
                ColumnSpec("number", self.tr("Version"), width=76, format=lambda number: f"@{number}"),
                ColumnSpec("created", self.tr("Came"), Kind.TIME, width=138),
                ColumnSpec("rows", self.tr("Rows"), Kind.INTEGER, width=60),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("Rows put aside, by arrival"),
        )
        self.versions.selectionChanged.connect(lambda _rows: self._on_chosen())
        self.reasons = QListWidget()
        self.reasons.setProperty("bare", True)
        self.reasons.setAccessibleName(self.tr("Reasons"))
        self.reasons.setItemDelegate(_Reasons(self.reasons))
        self.reasons.currentRowChanged.connect(self._on_reason)
        self.title = ElidedLabel("", fonts.Type.BODY, fonts.SEMIBOLD)
        self.from_where = ElidedLabel("", fonts.Type.TABLE, secondary=True)
        self.back = caption(
            self.tr("To give rows back: export them, mend the file, and add it to the dataset again. Marked cells are "
                    "what breaks the contract; their columns come first."), wrap=True,
        )  # fmt: skip
        self.export = button(self.tr("Export these rows…"), "export", on_click=self._on_export)
        self.rows = FixedRows(self)
        self.table = RowTable(self.rows, self.tr("Rows put aside"))
        self.cells = _Cells(self.table)
        self.table.setItemDelegate(self.cells)
        self.span = caption()
        self.earlier = icon_button("chevron-left", self.tr("Earlier rows"), lambda: self._page(-1))
        self.later = icon_button("chevron-right", self.tr("Later rows"), lambda: self._page(1))

    def _lay_out(self) -> None:
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, t.SPACE_4, 0)
        column.setSpacing(t.SPACE_3)
        arrivals, why = Card(self.tr("Put aside")), Card(self.tr("Reasons"))
        self.versions.view.setProperty("bare", True)
        arrivals.add(self.versions, 1)
        why.add(self.reasons, 1)
        column.addWidget(arrivals, 2)
        column.addWidget(why, 3)
        head = QHBoxLayout()
        head.setSpacing(t.SPACE_2)
        head.addWidget(self.title)
        head.addWidget(self.from_where, 1)
        head.addWidget(self.export)
        foot = QHBoxLayout()
        foot.setSpacing(t.SPACE_1)
        foot.addWidget(self.span, 1)
        foot.addWidget(self.earlier)
        foot.addWidget(self.later)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(t.SPACE_4, 0, 0, 0)
        column.setSpacing(t.SPACE_2)
        column.addLayout(head)
        column.addWidget(self.back)
        column.addWidget(self.table, 1)
        column.addLayout(foot)
        both = QSplitter(Qt.Orientation.Horizontal)
        both.setChildrenCollapsible(False)
        both.addWidget(left)
        both.addWidget(right)
        both.setSizes([_LEFT, _RIGHT])
        both.setStretchFactor(1, 1)
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(0, t.SPACE_3, 0, 0)
        column.addWidget(both)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(content)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)

    # What was put aside

    def show_version(self, line: VersionLine) -> None:
        """Show what was put aside of the version's dataset, first what came with this version."""
        before, self.line = self.line, line
        if before is None or before.dataset != line.dataset:
            self.aside, self.shown, self.reason, self.offset = (), None, "", 0
            self.empty.show_loading()
            self._stack.setCurrentIndex(0)
        self._ask()

    def _ask(self) -> None:
        if self.line is not None and not self.bridge.is_closed:
            query = partial(queries.put_aside, dataset=self.line.dataset)
            self.bridge.ask(self._key, query, self._show_aside, self._on_failure)

    def _on_news(self, kinds: frozenset[str], _last: int) -> None:
        if self.isVisible() and any(kind.startswith("dataset.version") for kind in kinds):
            self._ask()

    def _on_failure(self, error: AppError) -> None:
        self.empty.show_error(error)
        self._stack.setCurrentIndex(0)

    def _show_aside(self, aside: tuple[queries.PutAside, ...]) -> None:
        chosen = self.chosen.reference if self.chosen is not None and self.shown is not None else ""
        self.aside = aside
        if not aside:
            text = self.tr("Where the contract's mode is Quarantine, rows that break it come here, with the reasons.")
            self.empty.show_never_set_up(self.tr("No rows have been put aside"), text, "", "shield")
            self._stack.setCurrentIndex(0)
            return
        self.versions.set_rows(
            {
                "number": [each.number for each in aside],
                "created": [each.created for each in aside],
                "rows": [each.rows for each in aside],
            }
        )
        wanted = [i for i, each in enumerate(aside) if each.reference == chosen]
        wanted += [
            i for i, each in enumerate(aside) if self.line and self.line.reference in (each.beside, each.reference)
        ]
        self.versions.select_row((wanted or [0])[0])
        self._stack.setCurrentIndex(1)

    @property
    def is_settled(self) -> bool:
        """Whether what is on screen is the whole of the newest answer."""
        if self._stack.currentIndex() == 0:
            return self.empty.kind != "loading"
        chosen = self.chosen
        return self.shown is not None and chosen is not None and self.shown.reference == chosen.reference

    @property
    def chosen(self) -> queries.PutAside | None:
        rows = self.versions.selected_rows()
        return self.aside[rows[0]] if rows and rows[0] < len(self.aside) else None

    def _on_chosen(self) -> None:
        chosen = self.chosen
        if chosen is not None and (self.shown is None or self.shown.reference != chosen.reference):
            self.reason, self.offset = "", 0
            self._ask_rows()

    # Rows

    def _ask_rows(self) -> None:
        if (chosen := self.chosen) is not None:
            query = partial(queries.bad_rows, reference=chosen.reference, offset=self.offset, reason=self.reason)
            self.bridge.ask(f"{self._key} rows", query, self._show_rows, self._on_failure)

    def _show_rows(self, shown: queries.BadRows) -> None:
        chosen = self.chosen
        is_new = self.shown is None or self.shown.reference != shown.reference
        self.shown = shown
        if chosen is not None:
            beside = self.tr("beside {reference}").format(reference=chosen.beside) if chosen.beside else ""
            held = self.tr("held to contract {n}").format(n=chosen.contract.rpartition("@")[2])
            self.title.setText(chosen.reference)
            self.from_where.setText("  ·  ".join(part for part in (chosen.origin, beside, held) if part))
        if is_new:
            self._show_reasons(shown)
        why = Column(self.tr("Breaks"), ColumnType.TEXT, "string")
        numbers = [number - 1 for number in shown.numbers]  # the table counts from 1, as the file does
        self.cells.page = shown
        self.rows.set_rows((why, *shown.columns), [shown.said, *shown.cells], numbers)
        if is_new:
            self._make_room(shown)
        last = shown.offset + len(shown.numbers)
        text = self.tr("{first} to {last} of {total} rows")
        first = shown.offset + 1 if shown.numbers else 0
        self.span.setText(text.format(first=f"{first:,}", last=f"{last:,}", total=f"{shown.total:,}"))
        self.earlier.setEnabled(shown.offset > 0)
        self.later.setEnabled(last < shown.total)

    def _make_room(self, shown: queries.BadRows) -> None:
        """For what is broken, and for the glyph of cells that are marked."""
        self.table.fit_columns()
        self.table.setColumnWidth(0, _WHY)
        marked = {name for reason in shown.reasons for name in reason.columns}
        for number, column in enumerate(shown.columns, 1):
            if column.name in marked:
                self.table.setColumnWidth(number, self.table.columnWidth(number) + _GLYPH)

    def _show_reasons(self, shown: queries.BadRows) -> None:
        total = sum(each.rows for each in self.aside if each.reference == shown.reference)
        self.reasons.blockSignals(True)
        self.reasons.clear()
        self._add_reason(self.tr("All rows"), "", total, total)
        for reason in shown.reasons:
            self._add_reason(reason.words, reason.words, reason.rows, total)
        self.reasons.setCurrentRow(0)
        self.reasons.blockSignals(False)

    def _add_reason(self, text: str, reason: str, rows: int, total: int) -> None:
        item = QListWidgetItem(text)
        item.setData(_ROLE, reason)
        item.setData(_ROLE + 1, (rows, rows / max(total, 1)))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, self.tr("{text}: {n} rows").format(text=text, n=f"{rows:,}"))
        item.setToolTip(text)
        self.reasons.addItem(item)

    def _on_reason(self, row: int) -> None:
        if row >= 0:
            self.reason, self.offset = str(self.reasons.item(row).data(_ROLE)), 0
            self._ask_rows()

    def _page(self, direction: int) -> None:
        self.offset = max(0, self.offset + direction * queries.PAGE_ROWS)
        self._ask_rows()

    def _on_export(self) -> None:
        if (chosen := self.chosen) is not None:
            open_export(self.page, chosen.reference)
