"""The lane of events that all time charts share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QCoreApplication, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.ui.charts.axes import brush, pen, style_axis
from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.charts.values import EVENT_LOOKS, EventKind, EventMark
from mlops_desktop.ui.theme.shapes import shape_path

_GLYPH = 12
_ROWS = 3
_MOST_DRAWN = 2000


def event_word(kind: EventKind) -> str:
    """The kind of an event in the person's language."""
    words = {
        EventKind.DEPLOY: QCoreApplication.translate("EventLane", "Deployed"),
        EventKind.RETRAIN: QCoreApplication.translate("EventLane", "Retrained"),
        EventKind.CANARY: QCoreApplication.translate("EventLane", "Canary"),
        EventKind.PROMOTE: QCoreApplication.translate("EventLane", "Promoted"),
        EventKind.ROLLBACK: QCoreApplication.translate("EventLane", "Rolled back"),
        EventKind.ALERT: QCoreApplication.translate("EventLane", "Alert"),
    }
    return words[kind]


class EventLane(TimeChart):
    """One shape per event. Hovering tells what it is; a click, or arrows and Enter, open its record.

    Signals:
        eventClicked(str): the `target` of the event.
    """

    eventClicked = Signal(str)

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        self.events: tuple[EventMark, ...] = ()
        self.chosen = -1
        self._rows: list[int] = []
        super().__init__(title, parent=parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title or self.tr("Events"))
        self.caption.hide()
        self.view.setMinimumHeight(72)
        self.plot.setYRange(-0.6, _ROWS - 0.4, padding=0)

    def sizeHint(self) -> QSize:
        return QSize(480, 72 + (32 if self._title else 0))

    def set_events(self, events: Sequence[EventMark]) -> None:
        """Shows events in any order; the last 2,000 are drawn."""
        self.events = tuple(sorted(events, key=lambda event: event.time))[-_MOST_DRAWN:]
        self.chosen = -1
        if not self.events:
            self.set_empty(self.tr("No deployments, retrainings or alerts in this period"))
            return
        self._data_changed()

    def _has_data(self) -> bool:
        return bool(self.events)

    def bounds(self) -> tuple[float, float] | None:
        return (self.events[0].time, self.events[-1].time) if self.events else None

    def _style(self) -> None:
        super()._style()
        style_axis(self.value_axis, self.tokens, grid=False, line=False)
        self.value_axis.setStyle(showValues=False, tickLength=0)
        self.value_axis.setTicks([])

    def _draw(self) -> None:
        self._rows = self._assign_rows()
        for kind in EventKind:
            self._draw_kind(kind)
        if 0 <= self.chosen < len(self.events):
            ring = pg.ScatterPlotItem(
                x=[self.events[self.chosen].time],
                y=[self._row_of(self.chosen)],
                size=_GLYPH + 9,
                symbol="o",
                pen=pen(self.tokens.accent, 2),
                brush=None,
            )
            self.plot.addItem(ring, ignoreBounds=True)
        self.crosshair = self._make_crosshair()
        self.plot.setYRange(-0.6, _ROWS - 0.4, padding=0)

    def _assign_rows(self) -> list[int]:
        """A row for each event, so that neighbours do not cover each other at the present zoom."""
        start, end = self.visible_range()
        apart = (end - start) * (_GLYPH + 3) / max(self.plot.getViewBox().width(), 1.0)
        last = [float("-inf")] * _ROWS
        rows = []
        for event in self.events:
            free = next((row for row in range(_ROWS) if event.time - last[row] >= apart), None)
            row = free if free is not None else min(range(_ROWS), key=last.__getitem__)
            last[row] = event.time
            rows.append(row)
        return rows

    def _row_of(self, index: int) -> int:
        return self._rows[index]

    def _on_range_changed(self, *arguments: object) -> None:
        super()._on_range_changed(*arguments)
        if self.events and self._assign_rows() != self._rows:
            self._redraw()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._on_range_changed()

    def _draw_kind(self, kind: EventKind) -> None:
        indices = [i for i, event in enumerate(self.events) if event.kind is kind]
        if not indices:
            return
        shape, tone = EVENT_LOOKS[kind]
        points = pg.ScatterPlotItem(
            x=[self.events[i].time for i in indices],
            y=[self._row_of(i) for i in indices],
            data=indices,
            symbol=shape_path(shape),
            size=_GLYPH,
            pen=None,
            brush=brush(self.tokens.tone(tone).text),
            hoverable=True,
            hoverSize=_GLYPH + 4,
            tip=self._tips(indices),
        )
        points.sigClicked.connect(self._on_points_clicked)
        self.plot.addItem(points, ignoreBounds=True)

    def _tips(self, indices: Sequence[int]) -> Callable[..., str]:
        # A bound method would tie the chart to pyqtgraph's item, and neither would ever be freed.
        texts = {i: self.description(self.events[i]) for i in indices}
        return lambda x, y, data: texts[data]  # noqa: ARG005

    def description(self, event: EventMark) -> str:
        """Time, kind and text of an event, on one line."""
        moment = datetime.fromtimestamp(event.time, UTC).strftime("%Y-%m-%d %H:%M")
        return f"{moment}  {event_word(event.kind)}: {event.text}"

    def _readout(self, time: float) -> list[tuple[str, str]]:  # noqa: ARG002
        return []

    def _label_ends(self) -> None:
        self.end_labels.set_labels((), self.tokens.text)

    def _tell_count(self) -> None:
        self.setAccessibleDescription(self.tr("{n} events").format(n=len(self.events)))

    def _csv_columns(self) -> dict[str, Any]:
        return {
            "time": [event.time for event in self.events],
            "kind": [event.kind.value for event in self.events],
            "text": [event.text for event in self.events],
            "target": [event.target for event in self.events],
        }

    # --- slots and keys

    def _on_points_clicked(self, _item: object, points: Sequence[Any], _event: object) -> None:
        if len(points):
            self.eventClicked.emit(self.events[int(points[0].data())].target)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right) and self.events:
            step = 1 if event.key() == Qt.Key.Key_Right else -1
            self._choose(min(max(self.chosen + step, 0), len(self.events) - 1))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.chosen >= 0:
            self.eventClicked.emit(self.events[self.chosen].target)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self.events and self.chosen < 0:
            self._choose(len(self.events) - 1)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._choose(-1)

    def _choose(self, index: int) -> None:
        self.chosen = index
        if self.events:
            text = self.description(self.events[index]) if index >= 0 else ""
            self.setAccessibleDescription(text)
            self.view.setToolTip(text)
            self._redraw()
