"""Versions of a dataset as a vertical timeline of painted rows, so that ten thousand scroll."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.ui.queries.datasets import Check, Timeline, TimelineMarks, Use
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.shapes import Shape, paint_shape
from mlops_desktop.ui.theme.tokens import Tokens, Tone
from mlops_desktop.ui.widgets.figures import MINUS, compact
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_text, text_width

Index = QModelIndex | QPersistentModelIndex

LINE_ROLE = Qt.ItemDataRole.UserRole + 1
_ROW = 70
_RAIL = 20.0
_TEXT = 36.0
_LABEL = 17.0
_NO_MARKS = TimelineMarks({}, {})


def signed_rows(change: int) -> str:
    """`+20,400`, `−3`, `±0`."""
    return "±0" if not change else f"+{change:,}" if change > 0 else f"{MINUS}{-change:,}"


def paint_label(
    painter: QPainter, left: float, top: float, text: str, tone: Tone, tokens: Tokens, room: float, fill: str = ""
) -> float:
    """A small filled label; returns where the next one may begin. Nothing is painted where there is no room."""
    font = fonts.font(fonts.Type.CAPTION, fonts.MEDIUM)
    width = min(text_width(text, font) + 12, room)
    if width < 28:
        return left
    colours = tokens.tone(tone)
    paint_box(painter, QRectF(left, top, width, _LABEL), fill or colours.fill, radius=4)
    paint_text(painter, QRectF(left + 6, top, width - 10, _LABEL), text, colours.text, font)
    return left + width + 4


class VersionsModel(QAbstractListModel):
    """The versions of a timeline, or those of them that match a text."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.timeline = Timeline("", ())
        self.marks = _NO_MARKS
        self.rows: Sequence[int] = ()
        self.filter = ""

    def set_timeline(self, timeline: Timeline) -> None:
        if timeline.dataset != self.timeline.dataset:
            self.marks = _NO_MARKS
        self.beginResetModel()
        self.timeline = timeline
        self.rows = self._matching()
        self.endResetModel()

    def set_marks(self, marks: TimelineMarks) -> None:
        is_news, self.marks = marks != self.marks, marks
        if is_news and self.rows:
            self.dataChanged.emit(self.index(0), self.index(len(self.rows) - 1))

    def set_filter(self, text: str) -> None:
        """Show versions that hold a text in number, tag, alias, note or origin."""
        self.filter = text
        self.beginResetModel()
        self.rows = self._matching()
        self.endResetModel()

    def _matching(self) -> Sequence[int]:
        needle = self.filter.strip().lower()
        if not needle:
            return range(len(self.timeline.lines))
        return [at for at, words in enumerate(self.timeline.words) if needle in words]

    def line(self, row: int) -> VersionLine:
        return self.timeline.lines[self.rows[row]]

    def change(self, row: int) -> int | None:
        return self.timeline.changes[self.rows[row]]

    def row_of(self, reference: str) -> int:
        """-1 where it is not listed."""
        dataset, _, number = reference.rpartition("@")
        place = self.timeline.places.get(int(number)) if number.isdecimal() else None
        if place is None or dataset != self.timeline.dataset:
            return -1
        row = bisect_left(self.rows, place)
        return row if row < len(self.rows) and self.rows[row] == place else -1

    def check(self, line: VersionLine) -> Check | None:
        return self.marks.checks.get(line.reference)

    def use(self, line: VersionLine) -> Use | None:
        return self.marks.uses.get(line.reference)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        line = self.line(index.row())
        if role == LINE_ROLE:
            return line
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return f"{line.reference}   {line.created:%Y-%m-%d}   {line.rows:,}"
        if role in (Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.ToolTipRole):
            return self._described(index.row(), line)
        return None

    def _described(self, row: int, line: VersionLine) -> str:
        change = self.change(row)
        rows = self.tr("{rows} rows").format(rows=f"{line.rows:,}")
        parts = [
            f"{line.reference}, {line.created:%Y-%m-%d %H:%M}",
            rows if change is None else f"{rows} ({signed_rows(change)})",
            line.origin,
            self.contract_words(line)[0],
            ", ".join([*(f"@{alias}" for alias in line.aliases), *line.tags]),
            self.use_words(line),
            line.note,
        ]
        return "\n".join(part for part in parts if part)

    def contract_words(self, line: VersionLine) -> tuple[str, Tone, Shape]:
        """How the version stands to its contract."""
        check = self.check(line)
        if not line.contract:
            return self.tr("no contract"), Tone.NEUTRAL, Shape.DASH
        if check is not None and check.outcome == "quarantined":
            text = self.tr("{n} quarantined").format(n=compact(check.bad_rows))
            return text, Tone.WARNING, Shape.TRIANGLE
        if check is not None and check.outcome == "accepted":
            return self.tr("{n} break it").format(n=compact(check.bad_rows)), Tone.WARNING, Shape.TRIANGLE
        return self.tr("contract kept"), Tone.OK, Shape.CHECK

    def use_words(self, line: VersionLine) -> str:
        use = self.use(line)
        if use is None:
            return ""
        runs = self.tr("1 run") if use.runs == 1 else self.tr("{n} runs").format(n=use.runs)
        return ", ".join([*([runs] if use.runs else []), *use.models])


class VersionDelegate(QStyledItemDelegate):
    """A version in three lines: number, names and time; rows and origin; contract, tags, uses and note."""

    def __init__(self, versions: VersionsModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._versions = versions
        self._small, self._font = fonts.font(fonts.Type.CAPTION), fonts.font(fonts.Type.TABLE)
        self._strong = fonts.font(fonts.Type.BODY, fonts.SEMIBOLD)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: ARG002
        return QSize(200, _ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        tokens, rect, state = current(), QRectF(option.rect), option.state
        line = self._versions.line(index.row())
        painter.save()
        if state & QStyle.StateFlag.State_Selected:
            paint_box(painter, rect.adjusted(0, 1, -2, -1), tokens.info.fill, radius=6)
        elif state & QStyle.StateFlag.State_MouseOver:
            paint_box(painter, rect.adjusted(0, 1, -2, -1), tokens.hover, radius=6)
        self._paint_rail(painter, rect, index.row(), line, tokens)
        area = rect.adjusted(_TEXT, 6, -12, -6)
        is_selected = bool(state & QStyle.StateFlag.State_Selected)
        self._paint_first(painter, area, line, tokens, tokens.surface if is_selected else "")
        self._paint_second(painter, area, index.row(), line, tokens)
        self._paint_third(painter, area, line, tokens, tokens.surface if is_selected else "")
        if state & QStyle.StateFlag.State_HasFocus:
            paint_focus_ring(painter, rect.adjusted(0, 1, -2, -1), tokens, 6)
        painter.restore()

    def _paint_rail(self, painter: QPainter, rect: QRectF, row: int, line: VersionLine, tokens: Tokens) -> None:
        x, y = rect.left() + _RAIL, rect.top() + 16
        painter.setPen(QPen(QColor(tokens.hairline), 2))
        top = rect.top() if row else y
        bottom = rect.bottom() + 1 if row < self._versions.rowCount() - 1 else y
        painter.drawLine(QPointF(x, top), QPointF(x, bottom))
        dot = QRectF(x - 6, y - 6, 12, 12)
        paint_box(painter, dot.adjusted(-2, -2, 2, 2), tokens.surface, radius=8)
        if "latest" in line.aliases:
            paint_shape(painter, Shape.DISC, dot, tokens.accent)
        elif line.is_archived:
            paint_shape(painter, Shape.DOTTED, dot, tokens.secondary)
        else:
            paint_shape(painter, Shape.RING, dot, tokens.control_border)

    def _paint_first(self, painter: QPainter, area: QRectF, line: VersionLine, tokens: Tokens, fill: str) -> None:
        time = f"{line.created:%Y-%m-%d %H:%M}"
        width = text_width(time, self._small) + 2
        top = QRectF(area.left(), area.top(), area.width(), 20)
        number = f"@{line.number}"
        paint_text(painter, top.adjusted(0, 0, -width - 6, 0), number, tokens.text, self._strong)
        paint_text(painter, top, time, tokens.secondary, self._small, Qt.AlignmentFlag.AlignRight)
        left = area.left() + text_width(number, self._strong) + 8
        for alias in sorted(line.aliases, key=lambda name: name == "latest"):
            room = area.right() - width - 8 - left
            left = paint_label(painter, left, top.top() + 1.5, alias, Tone.INFO, tokens, room, fill)

    def _paint_second(self, painter: QPainter, area: QRectF, row: int, line: VersionLine, tokens: Tokens) -> None:
        second = QRectF(area.left(), area.top() + 20, area.width(), 19)
        rows = self.tr("{rows} rows").format(rows=f"{line.rows:,}")
        paint_text(painter, second, rows, tokens.text, self._font)
        left = second.left() + text_width(rows, self._font) + 6
        change = self._versions.change(row)
        if change is not None:
            text = signed_rows(change)
            colour = tokens.ok.text if change > 0 else tokens.critical.text if change < 0 else tokens.secondary
            paint_text(painter, QRectF(left, second.top(), second.right() - left, 19), text, colour, self._font)
            left += text_width(text, self._font) + 10
        rest = QRectF(left, second.top(), max(second.right() - left, 0), 19)
        # The end of a file's name, often its day, tells more than its middle.
        metrics = QFontMetricsF(self._small)
        origin = metrics.elidedText(line.origin, Qt.TextElideMode.ElideMiddle, rest.width())
        paint_text(painter, rest, origin, tokens.secondary, self._small, Qt.AlignmentFlag.AlignRight)

    def _paint_third(self, painter: QPainter, area: QRectF, line: VersionLine, tokens: Tokens, fill: str) -> None:
        top = area.top() + 41
        text, tone, shape = self._versions.contract_words(line)
        colour = tokens.tone(tone).text
        paint_shape(painter, shape, QRectF(area.left(), top + 4, 9, 9), colour)
        width = text_width(text, self._small) + 2
        left = area.left() + 14
        paint_text(painter, QRectF(left, top, width, _LABEL), text, colour, self._small)
        left += width + 8
        use = self._versions.use(line)
        if use is not None:
            left = self._paint_use(painter, left, top, use, tokens)
        for tag in line.tags:
            left = paint_label(painter, left, top, tag, Tone.NEUTRAL, tokens, area.right() - left, fill)
        if line.note and area.right() - left > 40:
            note = QRectF(left, top, area.right() - left, _LABEL)
            paint_text(painter, note, line.note.replace("\n", " "), tokens.secondary, self._small)

    def _paint_use(self, painter: QPainter, left: float, top: float, use: Use, tokens: Tokens) -> float:
        for icon, number in (("experiments", use.runs), ("models", len(use.models))):
            if number:
                paint_icon(painter, icon, QRectF(left, top + 2, 13, 13), tokens.secondary)
                width = text_width(str(number), self._small) + 2
                paint_text(painter, QRectF(left + 16, top, width, _LABEL), str(number), tokens.secondary, self._small)
                left += 16 + width + 8
        return left
