"""Drift of all features over all windows at a glance."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QScrollArea, QToolTip, QWidget

from mlops_desktop.ui.charts.frame import Chart
from mlops_desktop.ui.charts.values import DriftGrid
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.shapes import Shape, paint_shape
from mlops_desktop.ui.theme.tokens import Tokens, readable_on
from mlops_desktop.ui.widgets.figures import fixed
from mlops_desktop.ui.widgets.painting import paint_focus_ring, paint_text, text_width

# A cell takes the last colour of the ramp whose bound its ratio reaches.
RATIO_STEPS = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 8.0)
_ROW, _ROW_LEAST = 24.0, 15.0
_AXIS, _LEGEND = 22.0, 26.0
_LABEL_MOST, _RIGHT = 200.0, 8.0


def cell_colour(ratio: float, drifting: bool, tokens: Tokens) -> str:
    """Colour of a cell: neutral below the threshold, the ramp above it."""
    if not drifting:
        return tokens.neutral.fill
    step = int(np.searchsorted(RATIO_STEPS, ratio, side="right")) - 1
    return tokens.heat[max(step, 0)]


def _hatch(painter: QPainter, rect: QRectF, tokens: Tokens) -> None:
    # Cut by hand: Qt's SVG writer does not keep clip regions.
    painter.save()
    painter.fillRect(rect, QColor(tokens.surface))
    painter.setPen(QPen(QColor(tokens.control_border), 1))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    offset = rect.left() - rect.height()
    while offset < rect.right():
        start, end = max(offset, rect.left()), min(offset + rect.height(), rect.right())
        if end > start:
            low, high = rect.bottom() - (start - offset), rect.bottom() - (end - offset)
            painter.drawLine(QPointF(start, low), QPointF(end, high))
        offset += 5
    painter.restore()


class _Cells(QWidget):
    """Paints the grid; the cells come from a picture that is made anew only when data, size or theme change."""

    def __init__(self, chart: DriftHeatmap) -> None:
        super().__init__()
        self._chart = chart
        self._picture: QPixmap | None = None
        self._widest: float | None = None
        self.chosen: tuple[int, int] | None = None
        self.hovered: tuple[int, int] | None = None
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    # --- geometry

    def label_width(self) -> float:
        if self._widest is None:
            font = fonts.font(fonts.Type.CAPTION)
            self._widest = max((text_width(name, font) for name in self._chart.grid.features), default=0.0)
        return min(self._widest + 12, _LABEL_MOST, self.width() * 0.35)

    def area(self) -> QRectF:
        left = self.label_width()
        return QRectF(left, 0, self.width() - left - _RIGHT, self.height() - _AXIS - _LEGEND)

    def cell_rect(self, row: int, column: int) -> QRectF:
        area, (rows, columns) = self.area(), self._chart.grid.ratios.shape
        width, height = area.width() / columns, min(area.height() / rows, _ROW)
        gap = 1.0 if width > 4 else 0.0
        left, top = area.left() + column * width, area.top() + row * height
        return QRectF(left, top, width - gap, height - 1)

    def cell_at(self, point: QPointF) -> tuple[int, int] | None:
        """Row and column under a point."""
        rows, columns = self._chart.grid.ratios.shape
        area = self.area()
        if not rows or not columns or not area.contains(point):
            return None
        row = int(point.y() / min(area.height() / rows, _ROW))
        column = int((point.x() - area.left()) / (area.width() / columns))
        return (row, column) if row < rows and column < columns else None

    def forget(self) -> None:
        self._widest = None
        self._picture = None
        self.setMinimumHeight(round(len(self._chart.grid.features) * _ROW_LEAST + _AXIS + _LEGEND))
        self.update()

    # --- painting

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        ratio = self.devicePixelRatioF()
        painter = QPainter(self)
        if self._chart.is_exporting:
            self._paint_all(painter)  # shapes, so that a vector file has vectors
        else:
            if self._picture is None or self._picture.size() != self.size() * ratio:
                self._picture = QPixmap(self.size() * ratio)
                self._picture.setDevicePixelRatio(ratio)
                self._picture.fill(QColor(Qt.GlobalColor.transparent))
                inner = QPainter(self._picture)
                self._paint_all(inner)
                inner.end()
            painter.drawPixmap(0, 0, self._picture)
        tokens = self._chart.tokens
        if self.hovered is not None:
            painter.setPen(QPen(QColor(tokens.text), 1.5))
            painter.drawRect(self.cell_rect(*self.hovered))
        if self.chosen is not None and self.hasFocus():
            paint_focus_ring(painter, self.cell_rect(*self.chosen).adjusted(-2, -2, 2, 2), tokens, 3)

    def _paint_all(self, painter: QPainter) -> None:
        grid, tokens = self._chart.grid, self._chart.tokens
        rows, columns = grid.ratios.shape
        breaches = grid.breaches
        font = fonts.font(fonts.Type.CAPTION)
        left = self.label_width()
        for row in range(rows):
            first = self.cell_rect(row, 0)
            name = QRectF(0, first.top(), left - 8, first.height())
            paint_text(painter, name, grid.features[row], tokens.text, font, Qt.AlignmentFlag.AlignRight)
            for column in range(columns):
                rect = self.cell_rect(row, column)
                self._paint_cell(painter, rect, float(grid.ratios[row, column]), bool(breaches[row, column]))
        self._paint_axis(painter, tokens)
        self._paint_legend(painter, tokens)

    def _paint_cell(self, painter: QPainter, rect: QRectF, ratio: float, drifting: bool) -> None:
        tokens = self._chart.tokens
        if np.isnan(ratio):
            _hatch(painter, rect, tokens)
            return
        colour = cell_colour(ratio, drifting, tokens)
        painter.fillRect(rect, QColor(colour))
        if drifting and min(rect.width(), rect.height()) >= 5:
            size = min(9.0, rect.width() - 1, rect.height() - 6)
            mark = QRectF(0, 0, size, size)
            mark.moveCenter(rect.center())
            paint_shape(painter, Shape.TRIANGLE, mark, readable_on(colour))

    def _paint_axis(self, painter: QPainter, tokens: Tokens) -> None:
        grid, font = self._chart.grid, fonts.font(fonts.Type.CAPTION)
        rows, columns = grid.ratios.shape
        top = self.cell_rect(rows - 1, 0).bottom() + 2
        span = float(grid.times[-1] - grid.times[0]) if columns > 1 else 0.0
        pattern = "%d %b %Y" if span > 300 * 86_400 else "%d %b" if span > 2 * 86_400 else "%d %b %H:%M"
        texts = [datetime.fromtimestamp(float(time), UTC).strftime(pattern).lstrip("0") for time in grid.times]
        room = text_width(max(texts, key=len), font) + 20
        used = -1e9
        for column, text in enumerate(texts):
            rect = self.cell_rect(0, column)
            width = text_width(text, font) + 2
            if rect.left() < used or rect.left() + width > self.width():
                continue
            painter.fillRect(QRectF(rect.left(), top, 1, 4), QColor(tokens.control_border))
            paint_text(painter, QRectF(rect.left() + 3, top, width, _AXIS - 4), text, tokens.secondary, font)
            used = rect.left() + room

    def _paint_legend(self, painter: QPainter, tokens: Tokens) -> None:
        font = fonts.font(fonts.Type.CAPTION)
        top = self.height() - _LEGEND + 8
        x = self.label_width()

        def say(text: str) -> None:
            nonlocal x
            width = text_width(text, font) + 2
            paint_text(painter, QRectF(x, top, width, 14), text, tokens.secondary, font)
            x += width

        painter.fillRect(QRectF(x, top + 1, 16, 12), QColor(tokens.neutral.fill))
        x += 22
        say(self._chart.tr("below threshold"))
        x += 14
        missing = self._chart.tr("missing")
        steps = list(zip(RATIO_STEPS, tokens.heat, strict=True))
        room = self.width() - x - 32 - text_width(missing, font)
        while len(steps) > 2 and sum(30 + text_width(f"≥{bound:g}×", font) for bound, _colour in steps) > room:
            steps = steps[::2] if len(steps) > 3 else [steps[0], steps[-1]]
        for bound, colour in steps:
            swatch = QRectF(x, top + 1, 16, 12)
            painter.fillRect(swatch, QColor(colour))
            mark = QRectF(0, 0, 7, 7)
            mark.moveCenter(swatch.center())
            paint_shape(painter, Shape.TRIANGLE, mark, readable_on(colour))
            x += 20
            say(f"≥{bound:g}×")
            x += 8
        x += 6
        _hatch(painter, QRectF(x, top + 1, 16, 12), tokens)
        x += 22
        say(missing)

    # --- pointer and keys

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.hovered = self.cell_at(event.position())
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: ARG002
        self.hovered = None
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self.cell_at(event.position())
        if found is not None and event.button() == Qt.MouseButton.LeftButton:
            self.chosen = found
            self._chart.choose(*found)
            self.update()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            found = self.cell_at(QPointF(event.pos()))
            QToolTip.showText(event.globalPos(), self._chart.describe(*found) if found else "", self)
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Left: (0, -1), Qt.Key.Key_Right: (0, 1), Qt.Key.Key_Up: (-1, 0), Qt.Key.Key_Down: (1, 0)}
        rows, columns = self._chart.grid.ratios.shape
        step = steps.get(Qt.Key(event.key()))
        if step is not None and rows and columns:
            row, column = self.chosen or (0, columns - 1)
            self.chosen = (min(max(row + step[0], 0), rows - 1), min(max(column + step[1], 0), columns - 1))
            self.setAccessibleDescription(self._chart.describe(*self.chosen))
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.chosen is not None:
            self._chart.choose(*self.chosen)
        else:
            super().keyPressEvent(event)


class DriftHeatmap(Chart):
    """Features in rows, windows in columns: neutral below the threshold, the ramp and a triangle above, hatched where
    missing.

    Signals:
        cellClicked(str, int): feature and column of the window.
    """

    cellClicked = Signal(str, int)

    def __init__(self, title: str = "", unit: str = "", parent: QWidget | None = None) -> None:
        self.grid = DriftGrid((), np.empty(0), np.empty((0, 0)))
        super().__init__(title, unit, parent)
        self.caption.hide()

    def sizeHint(self) -> QSize:
        return QSize(480, round(len(self.grid.features) * _ROW + _AXIS + _LEGEND + 32))

    def _make_canvas(self) -> QWidget:
        self.cells = _Cells(self)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self.cells)
        area.viewport().setAutoFillBackground(False)
        self.cells.setAutoFillBackground(False)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return area

    def set_grid(self, grid: DriftGrid) -> None:
        """Raises ValueError when the shape of `ratios` is not (features, times)."""
        if grid.ratios.shape != (len(grid.features), len(grid.times)):
            raise ValueError(f"ratios have shape {grid.ratios.shape}, not {(len(grid.features), len(grid.times))}")
        self.grid = grid
        if not grid.ratios.size:
            self.set_empty(self.tr("No window has been monitored yet"))
            return
        self.cells.hovered = self.cells.chosen = None
        self._show_data()
        self._redraw()
        text = self.tr("{breaches} of {cells} cells above their threshold")
        words = text.format(breaches=int(grid.breaches.sum()), cells=int(grid.ratios.size))
        self.cells.setAccessibleName(f"{self._title} {words}".strip())
        self.updateGeometry()

    def _redraw(self) -> None:
        self.cells.forget()

    def describe(self, row: int, column: int) -> str:
        """A cell in words."""
        moment = datetime.fromtimestamp(float(self.grid.times[column]), UTC).strftime("%Y-%m-%d %H:%M")
        ratio = float(self.grid.ratios[row, column])
        name = self.grid.features[row]
        if np.isnan(ratio):
            return self.tr("{name}, {time}: missing").format(name=name, time=moment)
        if self.grid.breaches[row, column]:
            text = self.tr("{name}, {time}: {ratio} × threshold, drifting")
        else:
            text = self.tr("{name}, {time}: {ratio} × threshold")
        return text.format(name=name, time=moment, ratio=fixed(ratio, 2))

    def choose(self, row: int, column: int) -> None:
        self.cellClicked.emit(self.grid.features[row], column)

    def _csv_columns(self) -> dict[str, Any]:
        rows, columns = self.grid.ratios.shape
        return {
            "feature": np.repeat(np.array(self.grid.features, dtype=object), columns),
            "time": np.tile(self.grid.times, rows),
            "ratio": self.grid.ratios.ravel(),
            "drifting": self.grid.breaches.ravel(),
        }
