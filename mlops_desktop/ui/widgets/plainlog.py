"""The journal in plain words: one line each, with its time and a shape for its kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.shapes import Shape, paint_shape
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.painting import paint_focus_ring, paint_text, text_width

Index = QModelIndex | QPersistentModelIndex
_LINE_ROLE = Qt.ItemDataRole.UserRole + 1
_MOST_LINES = 50_000

# By the first words of an event's kind, longest match first.
_LOOKS: dict[str, tuple[Shape, Tone]] = {
    "alert.raised": (Shape.TRIANGLE, Tone.WARNING),
    "alert": (Shape.RING, Tone.INFO),
    "alias.moved": (Shape.UP, Tone.OK),
    "clock": (Shape.DASH, Tone.NEUTRAL),
    "dataset.ingest.failed": (Shape.CROSS, Tone.CRITICAL),
    "dataset": (Shape.SQUARE, Tone.INFO),
    "endpoint": (Shape.FLAG, Tone.INFO),
    "gate": (Shape.DIAMOND, Tone.INFO),
    "model": (Shape.DISC, Tone.INFO),
    "pipeline": (Shape.LOOP, Tone.INFO),
    "rollout": (Shape.HALF, Tone.INFO),
    "run.failed": (Shape.CROSS, Tone.CRITICAL),
    "run": (Shape.LOOP, Tone.INFO),
    "window": (Shape.DISC, Tone.NEUTRAL),
}


def look_of_kind(kind: str) -> tuple[Shape, Tone]:
    """Shape and tone for a kind of journal event."""
    parts = kind.split(".")
    for length in range(len(parts), 0, -1):
        look = _LOOKS.get(".".join(parts[:length]))
        if look:
            return look
    return Shape.DISC, Tone.NEUTRAL


@dataclass(frozen=True)
class LogLine:
    """A sentence. `time` is shown as given (`10:42`, `2 Mar`); `seq` is the event's; `tone` overrides the kind's."""

    seq: int
    time: str
    text: str
    kind: str = ""
    tone: Tone | None = None


class _Lines(QAbstractListModel):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[LogLine] = []

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        line = self.lines[index.row()]
        if role == _LINE_ROLE:
            return line
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return f"{line.time} {line.text}"
        return None

    def append(self, lines: Sequence[LogLine]) -> None:
        surplus = max(0, len(self.lines) + len(lines) - _MOST_LINES)
        if surplus >= len(self.lines):
            self.replace(lines[-_MOST_LINES:])
            return
        if surplus:
            self.beginRemoveRows(QModelIndex(), 0, surplus - 1)
            del self.lines[:surplus]
            self.endRemoveRows()
        first = len(self.lines)
        self.beginInsertRows(QModelIndex(), first, first + len(lines) - 1)
        self.lines.extend(lines)
        self.endInsertRows()

    def replace(self, lines: Sequence[LogLine]) -> None:
        self.beginResetModel()
        self.lines = list(lines)
        self.endResetModel()


class _LineDelegate(QStyledItemDelegate):
    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._font = fonts.font(fonts.Type.TABLE)
        self.time_width = 48.0

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(200, t.ROW_COMPACT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        line = index.data(_LINE_ROLE)
        if not isinstance(line, LogLine):
            return
        tokens, rect = current(), QRectF(option.rect)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(rect, tokens.info.fill)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, tokens.hover)
        shape, tone = look_of_kind(line.kind)
        colour = tokens.tone(line.tone or tone).text
        time = QRectF(rect.left() + 8, rect.top(), self.time_width, rect.height())
        paint_text(painter, time, line.time, tokens.secondary, self._font)
        mark = QRectF(time.right() + 10, rect.center().y() - 5.5, 11, 11)
        paint_shape(painter, shape, mark, colour)
        words = QRectF(mark.right() + 10, rect.top(), rect.right() - mark.right() - 18, rect.height())
        paint_text(painter, words, line.text, tokens.text, self._font)
        if option.state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect, tokens, 3)
        painter.restore()


class PlainLog(QWidget):
    """The last 50,000 sentences, newest at the bottom; follows the end unless a person scrolled up.

    Signals:
        lineActivated(int): the `seq` of a line that was double-clicked or entered.
    """

    lineActivated = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._model = _Lines()
        self.view = QListView()
        self.view.setModel(self._model)
        self._delegate = _LineDelegate(self.view)
        self.view.setItemDelegate(self._delegate)
        self.view.setUniformItemSizes(True)
        self.view.setMouseTracking(True)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.view.setProperty("bare", True)
        self.view.setAccessibleName(self.tr("Journal"))
        self.view.activated.connect(self._on_activated)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)

    @property
    def lines(self) -> tuple[LogLine, ...]:
        return tuple(self._model.lines)

    def set_lines(self, lines: Sequence[LogLine]) -> None:
        """Replaces all lines, oldest first."""
        self._widen(lines)
        self._model.replace(lines)
        self.view.scrollToBottom()

    def append(self, lines: Sequence[LogLine]) -> None:
        """Adds newer lines at the bottom."""
        if not lines:
            return
        bar = self.view.verticalScrollBar()
        is_at_end = bar.value() >= bar.maximum() - t.ROW_COMPACT
        self._widen(lines)
        self._model.append(lines)
        if is_at_end:
            self.view.scrollToBottom()

    def _widen(self, lines: Sequence[LogLine]) -> None:
        font = fonts.font(fonts.Type.TABLE)
        widest = max((text_width(text, font) for text in {line.time for line in lines[-200:]}), default=0.0)
        self._delegate.time_width = max(self._delegate.time_width, widest + 2)

    def _on_activated(self, index: QModelIndex) -> None:
        self.lineActivated.emit(self._model.lines[index.row()].seq)
