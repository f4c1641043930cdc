"""The header of the preview: per column a box to read it, its name to edit, its type to choose, and a warning."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import QHeaderView, QLineEdit, QTableView, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.painting import paint_box, paint_hairline, paint_text
from mlops_desktop.ui.widgets.previewmodel import PreviewModel, ShownColumn, type_title

_HEIGHT = 58
_PADDING = 10
_BOX = 14
_GLYPH = 14
_LINE = 24
_MARGIN = 6
_TOP = 5


class PreviewHeader(QHeaderView):
    """Paints the columns and says what was clicked.

    Signals:
        renamed(int, str), toggled(int), typeRequested(int): of a column, by its number.
    """

    renamed = Signal(int, str)
    toggled = Signal(int)
    typeRequested = Signal(int)

    def __init__(self, columns: PreviewModel, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self._columns = columns
        self._editor: QLineEdit | None = None
        self._edited = -1
        self._hovered = QPoint(-1, -1)
        self._name_font = fonts.font(fonts.Type.TABLE, fonts.MEDIUM)
        self._type_font = fonts.font(fonts.Type.CAPTION)
        self._name_metrics, self._type_metrics = QFontMetricsF(self._name_font), QFontMetricsF(self._type_font)
        self.setFixedHeight(_HEIGHT)
        self.setMouseTracking(True)
        self.setMinimumSectionSize(72)
        self.setSectionsClickable(False)
        self.setHighlightSections(False)
        self.setAccessibleName(self.tr("Columns"))
        self.sectionResized.connect(lambda *_: self.close_editor())

    # Where things are

    def width_for(self, column: ShownColumn) -> float:
        """The width that shows a column's name and type as a whole."""
        beside = _PADDING + _BOX + 6 + _MARGIN
        name = self._name_metrics.horizontalAdvance(column.name) + (_GLYPH + 6 if column.note else 0)
        return beside + max(name + 4, self._type_width(column))

    def _type_width(self, column: ShownColumn) -> float:
        return self._type_metrics.horizontalAdvance(type_title(column.type)) + 26

    def _rect(self, number: int) -> QRectF:
        return QRectF(self.sectionViewportPosition(number), 0, self.sectionSize(number), self.height())

    def _box_rect(self, rect: QRectF) -> QRectF:
        return QRectF(rect.left() + _PADDING, _TOP + (_LINE - _BOX) / 2, _BOX, _BOX)

    def _name_rect(self, rect: QRectF) -> QRectF:
        left = rect.left() + _PADDING + _BOX + 6
        return QRectF(left, _TOP, max(rect.right() - _MARGIN - left, 8), _LINE)

    def type_rect(self, number: int) -> QRectF:
        """Where the type of a column stands, in the header's own coordinates."""
        return self._type_rect(self._rect(number), self._columns.columns[number])

    def _type_rect(self, rect: QRectF, column: ShownColumn) -> QRectF:
        left = rect.left() + _PADDING + _BOX + 6
        width = min(self._type_width(column), rect.right() - _MARGIN - left)
        return QRectF(left, _TOP + _LINE + 1, width, 20)

    # Painting

    def paintSection(self, painter: QPainter, rect: QRect, number: int) -> None:
        if number >= len(self._columns.columns):
            return
        tokens, column, area = current(), self._columns.columns[number], QRectF(rect)
        painter.save()
        painter.fillRect(rect, tokens.surface if column.is_read else tokens.background)
        self._paint_box(painter, self._box_rect(area), column.is_read)
        name = self._name_rect(area).adjusted(0, 0, -(_GLYPH + 4) if column.note else 0, 0)
        paint_text(painter, name, column.name, tokens.text if column.is_read else tokens.secondary, self._name_font)
        if column.note:
            glyph = QRectF(area.right() - _GLYPH - 6, _TOP + (_LINE - _GLYPH) / 2, _GLYPH, _GLYPH)
            paint_icon(painter, "warning", glyph, tokens.warning.text)
        self._paint_type(painter, self._type_rect(area, column), column)
        if number == self._current():
            painter.fillRect(QRectF(area.left(), area.bottom() - 2, area.width(), 2), tokens.accent)
        bottom, right = area.bottom() - 0.5, area.right() - 0.5
        paint_hairline(painter, QPointF(area.left(), bottom), QPointF(right, bottom), tokens)
        paint_hairline(painter, QPointF(right, area.top() + 8), QPointF(right, bottom - 8), tokens)
        painter.restore()

    def _current(self) -> int:
        """The column that the keyboard is at."""
        table, chosen = self.parentWidget(), self.selectionModel()
        is_there = table is not None and table.hasFocus() and chosen is not None
        return chosen.currentIndex().column() if is_there else -1

    def _paint_box(self, painter: QPainter, rect: QRectF, is_read: bool) -> None:
        tokens = current()
        if is_read:
            paint_box(painter, rect, tokens.accent, radius=4)
            paint_icon(painter, "check", rect.adjusted(1, 1, -1, -1), tokens.on_accent)
        else:
            paint_box(painter, rect, tokens.surface, tokens.control_border, radius=4)

    def _paint_type(self, painter: QPainter, rect: QRectF, column: ShownColumn) -> None:
        tokens = current()
        fill = tokens.info.fill if column.is_chosen else tokens.neutral.fill
        colour = tokens.info.text if column.is_chosen else tokens.neutral.text
        is_hovered = rect.contains(QPointF(self._hovered))
        paint_box(painter, rect, fill, tokens.control_border if is_hovered else "", radius=4)
        paint_text(painter, rect.adjusted(7, 0, -17, 0), type_title(column.type), colour, self._type_font)
        paint_icon(painter, "chevron-down", QRectF(rect.right() - 16, rect.center().y() - 5, 10, 10), colour)

    def sizeHint(self) -> QSize:
        return QSize(super().sizeHint().width(), _HEIGHT)

    # The mouse

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        place = event.position()
        number = self.logicalIndexAt(place.toPoint())
        is_resizing = self.cursor().shape() == Qt.CursorShape.SplitHCursor
        if number < 0 or is_resizing or event.button() != Qt.MouseButton.LeftButton:
            return
        rect = self._rect(number)
        if self._box_rect(rect).adjusted(-6, -6, 6, 6).contains(place):
            self.toggled.emit(number)
        elif self.type_rect(number).contains(place):
            self.typeRequested.emit(number)
        elif self._name_rect(rect).contains(place):
            self.edit_name(number)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hovered = event.position().toPoint()
        self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self._hovered = QPoint(-1, -1)
        self.viewport().update()

    # The name's editor

    def edit_name(self, number: int) -> QLineEdit:
        """Open an editor over the name of a column; Enter keeps what was typed, Esc does not."""
        self.close_editor()
        table = self.parentWidget()
        if isinstance(table, QTableView):
            table.scrollTo(self._columns.index(0, number))
        self._edited = number
        editor = self._editor = _NameEditor(self._columns.columns[number].name, self.viewport())
        editor.setAccessibleName(self.tr("Name of the column"))
        editor.setFont(self._name_font)
        editor.setGeometry(self._name_rect(self._rect(number)).toRect())
        editor.givenUp.connect(self.close_editor)
        editor.editingFinished.connect(self._on_edited)
        editor.selectAll()
        editor.show()
        editor.setFocus(Qt.FocusReason.OtherFocusReason)
        return editor

    def _on_edited(self) -> None:
        if self._editor is not None:
            number, text = self._edited, self._editor.text()
            self.close_editor()
            self.renamed.emit(number, text)

    def close_editor(self) -> None:
        editor, self._editor = self._editor, None
        if editor is not None:
            had_focus = editor.hasFocus()
            editor.hide()
            editor.deleteLater()
            if had_focus and (view := self.parentWidget()) is not None:
                view.setFocus(Qt.FocusReason.OtherFocusReason)


class _NameEditor(QLineEdit):
    """A line whose Enter and Esc end the editing and go no further: neither may close the dialog around it.

    Signals:
        givenUp: Esc was pressed.
    """

    givenUp = Signal()

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(text, parent)
        self.setStyleSheet("padding: 0 4px; border-radius: 4px; min-height: 0;")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.givenUp.emit()
        else:
            super().keyPressEvent(event)
            if event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                return
        event.accept()
