"""One time axis and one crosshair for several charts."""

from __future__ import annotations

from PySide6.QtCore import QObject

from mlops_desktop.ui.charts.timechart import TimeChart


class TimeLink(QObject):
    """`link = TimeLink(page); link.add(requests); link.add(drift); link.add(lane)`.

    Panning or zooming one moves all; fitting one shows the data of all; the crosshair stands at the same time in all.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._charts: list[TimeChart] = []
        self._is_moving = False

    def add(self, chart: TimeChart) -> None:
        self._charts.append(chart)
        chart.set_linked()
        chart.fit_together = self.fit
        chart.hovered.connect(lambda time: self._on_hovered(chart, time))
        chart.rangeChanged.connect(lambda start, end: self._on_range_changed(chart, start, end))
        self.fit()

    def fit(self) -> None:
        """Shows the data of all charts, from the earliest to the latest."""
        bounds = [each for chart in self._charts if (each := chart.bounds()) is not None]
        if bounds:
            self.show_range(min(low for low, _high in bounds), max(high for _low, high in bounds), 0.02)
        for chart in self._charts:
            chart.is_zoomed = False

    def show_range(self, start: float, end: float, padding: float = 0.0) -> None:
        """Shows a stretch of time in all charts, in seconds."""
        self._is_moving = True
        try:
            for chart in self._charts:
                chart.show_range(start, end, padding)
        finally:
            self._is_moving = False

    def _on_range_changed(self, source: TimeChart, start: float, end: float) -> None:
        if self._is_moving:
            return
        self._is_moving = True
        try:
            for chart in self._charts:
                if chart is not source:
                    chart.is_zoomed = source.is_zoomed
                    chart.show_range(start, end, 0.0)
        finally:
            self._is_moving = False

    def _on_hovered(self, source: TimeChart, time: float | None) -> None:
        for chart in self._charts:
            if chart is not source:
                chart.show_crosshair(time)
