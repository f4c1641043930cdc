"""Lines over time, with crosshair, thresholds, shaded spans, and the count of points shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QPointF, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent, QPen
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.charts.axes import RIGHT_WIDTH, EndLabel, brush, pen
from mlops_desktop.ui.charts.plotchart import PlotChart
from mlops_desktop.ui.charts.timeaxis import TimeAxis
from mlops_desktop.ui.charts.values import Band, Floats, Role, Series, Span, series_colour
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.widgets.figures import compact

_FITTED_PADDING = 0.02


class TimeChart(PlotChart):
    """`set_series(series)`, `set_bands(bands)`, `set_spans(spans)`. Drag pans, the wheel zooms, a double-click fits.

    Signals:
        hovered(object): the time under the pointer in seconds, or None when it left.
        rangeChanged(float, float): the visible stretch of time in seconds.
    """

    hovered = Signal(object)
    rangeChanged = Signal(float, float)

    def __init__(
        self,
        title: str = "",
        unit: str = "",
        *,
        text_of: Callable[[float], str] = compact,
        from_zero: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        self.series: tuple[Series, ...] = ()
        self._bands: tuple[Band, ...] = ()
        self._spans: tuple[Span, ...] = ()
        self._lines: list[Any] = []
        self._from_zero = from_zero
        self._text_of = text_of
        self.is_zoomed = False
        self.fit_together: Callable[[], None] | None = None
        super().__init__(title, unit, text_of=text_of, parent=parent)
        self.view.setMouseEnabled(x=True, y=False)
        self.view.setMouseTracking(True)
        self.view.scene().sigMouseMoved.connect(self._on_mouse_moved)
        self.view.scene().sigMouseClicked.connect(self._on_mouse_clicked)
        self.plot.getViewBox().sigRangeChangedManually.connect(self._on_moved_by_hand)
        self.plot.sigXRangeChanged.connect(self._on_range_changed)
        self._count_timer = QTimer(self)
        self._count_timer.setSingleShot(True)
        self._count_timer.timeout.connect(self._tell_count)
        self.crosshair = self._make_crosshair()

    def _bottom_axis(self) -> Any:
        return TimeAxis()

    def _make_crosshair(self) -> Any:
        line = pg.InfiniteLine(0, angle=90, movable=False, pen=pen(self.tokens.control_border, 1))
        line.setVisible(False)
        self.plot.addItem(line, ignoreBounds=True)
        return line

    # --- data

    def set_series(self, series: Sequence[Series]) -> None:
        """Shows these series; without a single point the empty state."""
        self.series = tuple(series)
        self._data_changed()

    def set_bands(self, bands: Sequence[Band]) -> None:
        """Threshold bands behind the lines."""
        self._bands = tuple(bands)
        self._data_changed()

    def set_spans(self, spans: Sequence[Span]) -> None:
        """Stretches of time to shade: incomplete windows, labels pending."""
        self._spans = tuple(spans)
        self._data_changed()

    def _data_changed(self) -> None:
        if not self._has_data():
            if not self.is_empty:
                self.set_empty(self.tr("No data in this period"))
            return
        self._show_data()
        self._redraw()
        if not self.is_zoomed:
            self.fit()

    def _has_data(self) -> bool:
        return any(len(each.times) for each in self.series)

    def bounds(self) -> tuple[float, float] | None:
        """First and last time of the data, in seconds."""
        filled = [each.times for each in self.series if len(each.times)]
        if not filled:
            return None
        return min(float(times[0]) for times in filled), max(float(times[-1]) for times in filled)

    def value_bounds(self) -> tuple[float, float]:
        """Lowest and highest value that must be in sight."""
        judged = [each for each in self.series if not each.faint] or list(self.series)
        values = [each.values[np.isfinite(each.values)] for each in judged]
        present = [each for each in values if len(each)]
        edges = [edge for band in self._bands for edge in (band.low, band.high) if edge is not None]
        lows = [float(each.min()) for each in present] + edges
        highs = [float(each.max()) for each in present] + edges
        if self._from_zero:
            lows.append(0.0)
        return (min(lows), max(highs)) if highs else (0.0, 1.0)

    # --- view

    def set_time_axis_visible(self, visible: bool) -> None:
        """Hides the labels of the time axis, for a chart above another one that shows the same time."""
        self.bottom_axis.setStyle(showValues=visible, tickLength=4 if visible else 0)
        self._style()

    def set_linked(self) -> None:
        """Keeps room for names at the right even without any, so that linked charts stand in line."""
        self.end_labels.setWidth(RIGHT_WIDTH)

    def fit(self) -> None:
        """Shows all data, and in charts that are linked the data of all of them."""
        self.is_zoomed = False
        if self.fit_together is not None:
            self.fit_together()
        elif (bounds := self.bounds()) is not None:
            self.show_range(*bounds)

    def show_range(self, start: float, end: float, padding: float = _FITTED_PADDING) -> None:
        """Shows a stretch of time, in seconds."""
        if end <= start:
            start, end = start - 43_200, end + 43_200
        self.plot.setXRange(start, end, padding=padding)

    def visible_range(self) -> tuple[float, float]:
        start, end = self.plot.getViewBox().viewRange()[0]
        return float(start), float(end)

    def show_crosshair(self, time: float | None) -> None:
        """Moves the crosshair and reads the values beneath it; None hides it."""
        self.crosshair.setVisible(time is not None)
        if time is None:
            self.legend.set_entries(self._legend_entries())
        else:
            self.crosshair.setValue(time)
            self.legend.set_entries(self._readout(time))

    def _readout(self, time: float) -> list[tuple[str, str]]:
        moment = datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")
        entries = [(moment, "")]
        for index, each in enumerate(self.series):
            value = value_at(each, time)
            if value is not None:
                entries.append((f"{each.name} {self._text_of(value)}", self.colour_of(index)))
        return entries

    def _legend_entries(self) -> list[tuple[str, str]]:
        return []

    def colour_of(self, index: int) -> str:
        plain = [i for i, each in enumerate(self.series) if each.role is Role.PLAIN and not each.faint]
        role = self.series[index].role
        return series_colour(self.tokens, role, plain.index(index) if index in plain else 0)

    # --- drawing

    def _draw(self) -> None:
        for band in self._bands:
            self.add_band(band)
        for span in self._spans:
            self._add_span(span)
        self._lines = []
        self._draw_data()
        self.crosshair = self._make_crosshair()
        low, high = self.value_bounds()
        room = (high - low or abs(high) or 1.0) * 0.08
        floor = 0.0 if self._from_zero and low >= 0 else low - room
        self.plot.setYRange(floor, high + room, padding=0)
        self.legend.set_entries(self._legend_entries())
        self._label_ends()
        self._tell_count()

    def _draw_data(self) -> None:
        for index, each in enumerate(self.series):
            colour = self.colour_of(index)
            width, alpha = (1.0, 70) if each.faint else (1.75, 255)
            line = self.add_line(each.times, each.values, colour, width=width, dashed=each.dashed, alpha=alpha)
            self._lines.append(line)
            if each.marked and len(each.times) <= 400:
                self.add_points(each.times, each.values, colour, size=7)

    def _add_span(self, span: Span) -> None:
        region = pg.LinearRegionItem((span.start, span.end), movable=False, brush=brush(self.tokens.neutral.fill, 190))
        for line in region.lines:
            line.setPen(QPen(Qt.PenStyle.NoPen))
        region.lines[0].setPen(pen(self.tokens.control_border, 1, dashed=True))
        region.setZValue(-15)
        self.plot.addItem(region, ignoreBounds=True)
        if span.label:
            options = {"position": 0.93, "color": self.tokens.secondary, "anchors": [(1, 0.5), (1, 0.5)]}
            label = pg.InfLineLabel(region.lines[0], span.label, **options)
            label.setFont(fonts.font(fonts.Type.CAPTION))

    def _label_ends(self) -> None:
        _start, end = self.visible_range()
        labels = []
        for index, each in enumerate(self.series):
            value = None if each.faint else value_at(each, end, latest=True)
            if value is not None:
                labels.append(EndLabel(value, each.name, self.colour_of(index), each.dashed))
        self.end_labels.set_labels(labels + self._more_labels(), self.tokens.text)

    def _more_labels(self) -> list[EndLabel]:
        """Names at the right beside those of the series."""
        return []

    def points(self) -> tuple[int, int]:
        """Points drawn and points there are."""
        drawn = 0
        for line in self._lines:
            x, _y = line.getData()
            drawn += 0 if x is None else len(x)
        total = sum(len(each.times) for each in self.series)
        return min(drawn, total), total

    def _tell_count(self) -> None:
        drawn, total = self.points()
        text = self.tr("{drawn} of {total} points shown").format(drawn=f"{drawn:,}", total=f"{total:,}")
        if any(span.label for span in self._spans):
            text += f" · {self._spans[-1].label}"
        self.set_caption(text)

    def _csv_columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for each in self.series:
            columns[f"{each.name} time"] = each.times
            columns[each.name] = each.values
        return columns

    # --- slots

    def _on_mouse_moved(self, position: QPointF) -> None:
        box = self.plot.getViewBox()
        inside = box.sceneBoundingRect().contains(position)
        time = float(box.mapSceneToView(position).x()) if inside else None
        self.show_crosshair(time)
        self.hovered.emit(time)

    def _on_mouse_clicked(self, event: Any) -> None:
        if event.double():
            self.fit()

    def leaveEvent(self, event: Any) -> None:
        self.show_crosshair(None)
        self.hovered.emit(None)
        super().leaveEvent(event)

    def _on_moved_by_hand(self, *_args: object) -> None:
        self.is_zoomed = True

    def _on_range_changed(self, *_args: object) -> None:
        start, end = self.visible_range()
        self._label_ends()
        self._count_timer.start(120)
        self.rangeChanged.emit(start, end)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.fit()
        super().mouseDoubleClickEvent(event)


def value_at(series: Series, time: float, *, latest: bool = False) -> float | None:
    """The value nearest to `time`, or with `latest` the last one up to it; None where there is none."""
    if not len(series.times):
        return None
    index = int(np.searchsorted(series.times, time, side="right")) - 1
    if latest:
        known: Floats = series.values[: index + 1]
        finite = np.flatnonzero(np.isfinite(known[-1000:]))
        return float(known[-1000:][finite[-1]]) if len(finite) else None
    last = len(series.times) - 1
    near = [i for i in (max(index, 0), min(index + 1, last)) if np.isfinite(series.values[i])]
    if not near:
        return None
    return float(series.values[min(near, key=lambda i: abs(series.times[i] - time))])
