"""The table of a contract's rules: one row per column, edited in place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from PySide6.QtCore import QAbstractItemModel, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHeaderView,
    QInputDialog,
    QLineEdit,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from mlops_desktop.core.contracts import ColumnRule
from mlops_desktop.ui.pages.data_contract_cells import Field
from mlops_desktop.ui.pages.data_contract_model import TYPES, Index, RulesModel
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.figures import NO_VALUE
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_hairline, paint_text
from mlops_desktop.ui.widgets.previewmodel import type_title

_PADDING = 8
_BOX = 14.0
_MOST_OFFERED = 30
_NARROWEST_NAME, _WIDEST_NAME = 96, 220
_WIDTHS = {
    Field.TYPE: 84, Field.KEY: 48, Field.REQUIRED: 68, Field.NULLABLE: 64, Field.UNIQUE: 60, Field.MINIMUM: 92,
    Field.MAXIMUM: 92, Field.CATEGORIES: 180, Field.PATTERN: 130, Field.MAX_LENGTH: 72, Field.MAX_MISSING: 80,
}  # fmt: skip


class _Cells(QStyledItemDelegate):
    """Paints switches as boxes, rules that a type cannot have as a dash, what makes no sense with a glyph."""

    def __init__(self, model: RulesModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._model = model
        self._font = fonts.font(fonts.Type.TABLE)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, rect = current(), QRectF(option.rect)
        painter.save()
        is_at_fault = self._model.is_at_fault(index)
        if is_at_fault:
            painter.fillRect(rect, tokens.critical.fill)
        elif option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, tokens.info.fill)
        base = rect.bottom() - 0.5
        paint_hairline(painter, QPointF(rect.left(), base), QPointF(rect.right(), base), tokens)
        field = self._model.fields[index.column()]
        if field.is_switch:
            _paint_switch(painter, rect, self._model.is_on(index), tokens)
        else:
            self._paint_text(painter, rect.adjusted(_PADDING, 0, -_PADDING, 0), index, field, is_at_fault, tokens)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect, tokens, 2)
        painter.restore()

    def _paint_text(
        self, painter: QPainter, rect: QRectF, index: Index, field: Field, is_at_fault: bool, tokens: Tokens
    ) -> None:
        side = Qt.AlignmentFlag.AlignRight if field.is_number else Qt.AlignmentFlag.AlignLeft
        text, colour = str(index.data() or ""), tokens.text
        if not self._model.is_open(index):
            text, colour = NO_VALUE, tokens.hairline
        if is_at_fault:
            colour = tokens.critical.text
            paint_icon(painter, "error", QRectF(rect.left(), rect.center().y() - 7, 14, 14), colour)
            rect = rect.adjusted(18, 0, 0, 0)
        paint_text(painter, rect, text, colour, self._font, side)

    # Editing

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:  # noqa: ARG002
        field = self._model.fields[index.column()]
        editor: QWidget
        if field is Field.TYPE:
            box = QComboBox(parent)
            for kind in TYPES:
                box.addItem(type_title(kind) if kind else self.tr("any"), kind.value if kind else "")
            box.activated.connect(lambda _row: self._finish(box))
            editor = box
        else:
            line = QLineEdit(parent)
            line.setPlaceholderText(_PLACEHOLDERS.get(field, ""))
            if field.is_number:
                line.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            editor = line
        editor.setFont(self._font)
        editor.setStyleSheet("padding: 0 4px; min-height: 0; border-radius: 0;")
        editor.setAccessibleName(str(index.data(Qt.ItemDataRole.AccessibleTextRole)))
        return editor

    def _finish(self, editor: QWidget) -> None:
        self.commitData.emit(editor)
        self.closeEditor.emit(editor)

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        text = str(index.data(Qt.ItemDataRole.EditRole))
        if isinstance(editor, QComboBox):
            editor.setCurrentIndex(max(0, editor.findData(text)))
            editor.showPopup()
        else:
            cast("QLineEdit", editor).setText(text)
            cast("QLineEdit", editor).selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        is_choice = isinstance(editor, QComboBox)
        text = str(editor.currentData()) if is_choice else cast("QLineEdit", editor).text()  # type: ignore[attr-defined]
        if text != index.data(Qt.ItemDataRole.EditRole):
            model.setData(index, text)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: ARG002
        rect = QRect(option.rect)
        rect.setWidth(max(rect.width(), 120))
        editor.setGeometry(rect)


_PLACEHOLDERS = {
    Field.CATEGORIES: "AA, B6, UA",
    Field.PATTERN: "[A-Z]{2}",
    Field.MAX_MISSING: "5 %",
}


def _paint_switch(painter: QPainter, rect: QRectF, is_on: bool, tokens: Tokens) -> None:
    box = QRectF(rect.center().x() - _BOX / 2, rect.center().y() - _BOX / 2, _BOX, _BOX)
    paint_box(painter, box, tokens.accent if is_on else tokens.surface, "" if is_on else tokens.control_border, 4)
    if is_on:
        paint_icon(painter, "check", box.adjusted(1, 1, -1, -1), tokens.on_accent)


class RulesTable(QTableView):
    """`RulesTable(model)`: names of columns stay at the left; Space switches, F2 or typing edits, Delete removes."""

    def __init__(self, model: RulesModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rules = model
        self.setModel(model)
        self.setItemDelegate(_Cells(model, self))
        self.setAccessibleName(self.tr("Rules by column"))
        self.setAccessibleDescription(
            self.tr("Space turns a rule on or off, F2 edits it, Delete takes away all rules of the column.")
        )
        self.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
            | QAbstractItemView.EditTrigger.AnyKeyPressed
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self._set_up_headers()
        model.modelReset.connect(self._fit_names)

    def _set_up_headers(self) -> None:
        head, names = self.horizontalHeader(), self.verticalHeader()
        head.setFont(fonts.font(fonts.Type.CAPTION, fonts.MEDIUM))
        head.setFixedHeight(32)
        head.setHighlightSections(False)
        head.setStyleSheet("QHeaderView::section { padding: 4px 8px; }")
        names.setFont(fonts.font(fonts.Type.TABLE, fonts.MEDIUM))
        names.setStyleSheet("QHeaderView::section { padding: 0 8px; color: palette(window-text); }")
        names.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        names.setDefaultSectionSize(t.ROW_COMPACT)
        names.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        names.setHighlightSections(False)
        for number, field in enumerate(self.rules.fields):
            self.setColumnWidth(number, _WIDTHS[field])

    def resizeEvent(self, event: QResizeEvent) -> None:
        """What room there is goes to the categories."""
        super().resizeEvent(event)
        others = sum(width for field, width in _WIDTHS.items() if field is not Field.CATEGORIES)
        number = self.rules.fields.index(Field.CATEGORIES)
        self.setColumnWidth(number, max(self.viewport().width() - others, _WIDTHS[Field.CATEGORIES]))

    def _fit_names(self) -> None:
        metrics = QFontMetricsF(fonts.font(fonts.Type.TABLE, fonts.MEDIUM))
        longest = max((metrics.horizontalAdvance(rule.name) for rule in self.rules.rules), default=0.0)
        width = round(min(max(longest + 20, _NARROWEST_NAME), _WIDEST_NAME))
        self.verticalHeader().setFixedWidth(width)

    def show_cell(self, column: str, field: str) -> None:
        """Make a cell current and visible, by the name of its column and its rule."""
        rows = [i for i, rule in enumerate(self.rules.rules) if rule.name == column]
        fields = [i for i, each in enumerate(self.rules.fields) if each.value == field]
        if rows:
            self.setCurrentIndex(self.rules.index(rows[0], fields[0] if fields else 0))
            self.scrollTo(self.currentIndex())

    def selected_rows(self) -> list[int]:
        return sorted({index.row() for index in self.selectionModel().selectedIndexes()})

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        is_switch = index.isValid() and self.rules.fields[index.column()].is_switch
        if event.key() == Qt.Key.Key_Space and is_switch:
            self.rules.toggle(index)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and index.isValid():
            self.rules.toggle(index) if is_switch else self.edit(index)
        elif event.key() == Qt.Key.Key_Delete:
            self.rules.remove(self.selected_rows())
        else:
            super().keyPressEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        is_plain = event.button() is Qt.MouseButton.LeftButton and not event.modifiers()
        if is_plain and index.isValid() and len(self.selectionModel().selectedIndexes()) == 1:
            if self.rules.fields[index.column()].is_switch:
                self.rules.toggle(index)
            elif self.rules.fields[index.column()] is Field.TYPE:
                self.edit(index)


def offer_columns(beside: QWidget, free: list[ColumnRule], on_chosen: Callable[[list[ColumnRule]], None]) -> QMenu:
    """Offer columns without rules, all of them, and a name to be typed, in a menu under a widget."""
    menu = QMenu(beside)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    for rule in free[:_MOST_OFFERED]:
        menu.addAction(rule.name, partial(on_chosen, [rule]))
    if len(free) > 1:
        menu.addSeparator()
        text = beside.tr("All {n} without rules").format(n=f"{len(free):,}")
        menu.addAction(text, partial(on_chosen, free))
    menu.addAction(beside.tr("Another name…"), partial(_ask_name, beside, on_chosen))
    menu.popup(beside.mapToGlobal(beside.rect().bottomLeft()))
    return menu


def _ask_name(beside: QWidget, on_chosen: Callable[[list[ColumnRule]], None]) -> None:
    asking = QInputDialog(beside.window())
    asking.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    asking.setWindowTitle(beside.tr("Add a column"))
    asking.setLabelText(beside.tr("Name of a column that is to come"))
    asking.textValueSelected.connect(lambda name: on_chosen([ColumnRule(name)]) if name.strip() else None)
    asking.open()
