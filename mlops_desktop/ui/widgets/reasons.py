"""What was decided and why: a headline with its time, the reason beneath in as many as two lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter
from PySide6.QtWidgets import QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.status import status_style
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.painting import CHIP_HEIGHT, chip_width, paint_chip, paint_focus_ring, paint_text

Index = QModelIndex | QPersistentModelIndex
_REASON_ROLE = Qt.ItemDataRole.UserRole + 1
_ROW = 64
_LEFT = 8.0


@dataclass(frozen=True)
class Reason:
    """`status` (of `theme.status`) makes a chip at the right, `word` replaces its word; without one there is none."""

    time: str
    title: str
    text: str
    status: str = ""
    word: str = ""


class _Reasons(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.reasons: tuple[Reason, ...] = ()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.reasons)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        reason = self.reasons[index.row()]
        if role == _REASON_ROLE:
            return reason
        if role == Qt.ItemDataRole.DisplayRole:
            word = reason.word or (status_style(reason.status).word if reason.status else "")
            return " ".join(part for part in (reason.time, reason.title, word, reason.text) if part)
        return reason.text if role == Qt.ItemDataRole.ToolTipRole else None

    def replace(self, reasons: tuple[Reason, ...]) -> None:
        self.beginResetModel()
        self.reasons = reasons
        self.endResetModel()


class _ReasonDelegate(QStyledItemDelegate):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._title, self._text = fonts.font(fonts.Type.TABLE, fonts.MEDIUM), fonts.font(fonts.Type.TABLE)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(200, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        reason = index.data(_REASON_ROLE)
        if not isinstance(reason, Reason):
            return
        tokens, rect = current(), QRectF(option.rect)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, tokens.info.fill)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, tokens.hover)
        if index.row():
            painter.fillRect(QRectF(rect.left(), rect.top(), rect.width(), 1), tokens.hairline)
        right = rect.right() - _LEFT
        if reason.status:
            right = self._paint_chip(painter, tokens, reason, rect) - t.SPACE_2
        left = rect.left() + _LEFT
        time_width = QFontMetricsF(self._text).horizontalAdvance(reason.time) + t.SPACE_3 if reason.time else 0.0
        paint_text(painter, QRectF(left, rect.top() + 7, time_width, 18), reason.time, tokens.secondary, self._text)
        title = QRectF(left + time_width, rect.top() + 7, right - left - time_width, 18)
        paint_text(painter, title, reason.title, tokens.text, self._title)
        self._paint_words(painter, tokens, QRectF(left, rect.top() + 26, rect.width() - 2 * _LEFT, 32), reason.text)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect, tokens, 3)
        painter.restore()

    def _paint_chip(self, painter: QPainter, tokens: Tokens, reason: Reason, rect: QRectF) -> float:
        style = status_style(reason.status)
        word = reason.word or style.word
        left = rect.right() - _LEFT - chip_width(word)
        paint_chip(painter, QRectF(left, rect.top() + 6, chip_width(word), CHIP_HEIGHT), style, word, tokens)
        return left

    def _paint_words(self, painter: QPainter, tokens: Tokens, rect: QRectF, text: str) -> None:
        """Two lines; the second ends in … where there is more."""
        metrics = QFontMetricsF(self._text)
        first, rest = text, ""
        if metrics.horizontalAdvance(text) > rect.width():
            words = text.split(" ")
            count = len(words)
            while count > 1 and metrics.horizontalAdvance(" ".join(words[:count])) > rect.width():
                count -= 1
            first, rest = " ".join(words[:count]), " ".join(words[count:])
        painter.setFont(self._text)
        painter.setPen(QColor(tokens.secondary))
        for line, line_text in enumerate((first, rest)):
            shown = metrics.elidedText(line_text, Qt.TextElideMode.ElideRight, rect.width())
            painter.drawText(QRectF(rect.left(), rect.top() + 16 * line, rect.width(), 16), 0, shown)


class ReasonList(QListView):
    """`set_reasons(reasons)`, in the order in which they are to be read."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Reasons()
        self.setModel(self._model)
        self.setItemDelegate(_ReasonDelegate(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setProperty("bare", True)
        self.setAccessibleName(name)

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self._model.reasons

    def set_reasons(self, reasons: Sequence[Reason]) -> None:
        """Show these; where they are the same as before nothing moves."""
        if tuple(reasons) != self._model.reasons:
            self._model.replace(tuple(reasons))
