"""What all charts share: a header, a canvas, a caption, an empty state, and export in the light theme."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QPixmap, QRegion
from PySide6.QtSvg import QSvgGenerator
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLabel, QMenu, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.ui.charts.values import table_of
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current, palette, theme_signals
from mlops_desktop.ui.theme.tokens import LIGHT, Tokens
from mlops_desktop.ui.widgets.buttons import icon_button
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label, body
from mlops_desktop.ui.widgets.painting import paint_box, paint_text, text_width

_SWATCH = 10.0
_PNG_SCALE = 2
_LEGEND_MOST = 240


class Legend(QWidget):
    """Names of series with a swatch of their colour, or a readout of values under the crosshair."""

    def __init__(self) -> None:
        super().__init__()
        self._entries: tuple[tuple[str, str], ...] = ()
        self._font = fonts.font(fonts.Type.CAPTION)
        self.tokens = current()
        self.setFixedHeight(16)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_entries(self, entries: Sequence[tuple[str, str]]) -> None:
        """Pairs of text and colour; without a colour there is no swatch."""
        self._entries = tuple(entries)
        if all(colour for _text, colour in self._entries):
            self.setMinimumWidth(min(round(sum(self._widths())), _LEGEND_MOST))
        self.update()

    def _widths(self) -> list[float]:
        return [text_width(text, self._font) + (16 if colour else 0) + 14 for text, colour in self._entries]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter = QPainter(self)
        widths = self._widths()
        left = max(0.0, self.width() - sum(widths) + 14)
        for (text, colour), width in zip(self._entries, widths, strict=True):
            if colour:
                paint_box(painter, QRectF(left, 3, _SWATCH, _SWATCH), colour, radius=2)
            start = left + (16 if colour else 0)
            paint_text(painter, QRectF(start, 0, self.width() - start, 16), text, self.tokens.secondary, self._font)
            left += width


class Chart(QWidget):
    """Base of all charts. Subclasses give `_make_canvas`, `_redraw` and `_csv_columns`.

    Signals:
        exported(str): path of the file that was written from the menu.
    """

    exported = Signal(str)

    def __init__(self, title: str = "", unit: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.tokens: Tokens = current()
        self._title = title
        self.is_exporting = False
        self.title = Label(title, fonts.Type.BODY, fonts.SEMIBOLD)
        self.unit = ElidedLabel(unit, fonts.Type.CAPTION, secondary=True)
        self.legend = Legend()
        self.menu_button = icon_button("more", self.tr("Export chart"), self._on_menu)
        self.caption = ElidedLabel("", fonts.Type.CAPTION, secondary=True)
        self._empty = body("", secondary=True)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._stack = QStackedWidget()
        self.canvas = self._make_canvas()
        self._stack.addWidget(self.canvas)
        self._stack.addWidget(self._empty)
        self._header = QWidget(self)
        self._lay_out()
        self.setAccessibleName(title)
        self.set_empty(self.tr("No data yet"))
        theme_signals().changed.connect(self._on_theme_changed)

    def _lay_out(self) -> None:
        row = QHBoxLayout(self._header)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_2)
        row.addWidget(self.title)
        row.addWidget(self.unit)
        row.addWidget(self.legend, 100)
        row.addWidget(self.menu_button)
        self._header.setVisible(bool(self._title))
        self._header.setFixedHeight(28)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_1)
        layout.addWidget(self._header)
        layout.addWidget(self._stack, 1)
        layout.addWidget(self.caption)

    def sizeHint(self) -> QSize:
        return QSize(480, 220)

    # --- for subclasses

    def _make_canvas(self) -> QWidget:
        raise NotImplementedError

    def _redraw(self) -> None:
        """Draws everything anew from the data, in the colours of `self.tokens`."""
        raise NotImplementedError

    def _csv_columns(self) -> dict[str, Any]:
        """Columns of the data by name."""
        raise NotImplementedError

    def _show_data(self) -> None:
        self._stack.setCurrentWidget(self.canvas)

    # --- for pages

    @property
    def is_empty(self) -> bool:
        return self._stack.currentWidget() is self._empty

    @property
    def empty_text(self) -> str:
        return self._empty.text() if self.is_empty else ""

    def set_empty(self, text: str) -> None:
        """Shows why there is nothing to see instead of the data."""
        self._empty.setText(text)
        self.caption.setText("")
        self.legend.set_entries(())
        self._stack.setCurrentWidget(self._empty)

    def set_title(self, title: str, unit: str = "") -> None:
        self._title = title
        self.title.setText(title)
        self.unit.setText(unit)
        self._header.setVisible(bool(title))
        self.setAccessibleName(title)

    def add_action(self, widget: QWidget) -> None:
        """Puts a control into the header, before the menu."""
        row = self._header.layout()
        assert isinstance(row, QHBoxLayout)  # noqa: S101 - `_lay_out` made it so
        row.insertWidget(row.count() - 1, widget)

    def set_caption(self, text: str) -> None:
        self.caption.setText(text)
        self.setAccessibleDescription(text)

    # --- export

    def export_png(self, path: Path) -> None:
        """Writes the chart as it is seen, in the light theme, at twice its size."""
        with _InLight(self):
            pixmap = QPixmap(self.size() * _PNG_SCALE)
            pixmap.setDevicePixelRatio(_PNG_SCALE)
            pixmap.fill(LIGHT.surface)
            self.render(pixmap, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
        if not pixmap.save(str(path), "PNG"):
            raise OSError(f"{path} could not be written")

    def export_svg(self, path: Path) -> None:
        """Writes the chart as vectors, in the light theme."""
        generator = QSvgGenerator()
        generator.setFileName(str(path))
        generator.setSize(self.size())
        generator.setViewBox(QRect(0, 0, self.width(), self.height()))
        generator.setTitle(self._title)
        with _InLight(self):
            painter = QPainter(generator)
            painter.fillRect(self.rect(), LIGHT.surface)
            self.render(painter, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
            painter.end()

    def export_csv(self, path: Path) -> None:
        """Writes the data of the chart, all points; times in seconds since 1970 in UTC."""
        header, rows = table_of(self._csv_columns())
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)

    def export(self, path: Path) -> None:
        """Writes PNG, SVG or CSV by the name's ending."""
        writers = {".svg": self.export_svg, ".csv": self.export_csv}
        writers.get(path.suffix.lower(), self.export_png)(path)

    # --- slots

    def _on_menu(self) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for kind in ("PNG", "SVG", "CSV"):
            action = menu.addAction(self.tr("Export as {kind}…").format(kind=kind))
            action.triggered.connect(partial(self._ask_and_export, kind.lower()))
        menu.popup(self.menu_button.mapToGlobal(self.menu_button.rect().bottomLeft()))

    def _ask_and_export(self, suffix: str, _checked: bool = False) -> None:
        name = f"{self._title or 'chart'}.{suffix}"
        path, _kind = QFileDialog.getSaveFileName(self, self.tr("Export chart"), name, f"*.{suffix}")
        if path:
            self.export(Path(path))
            self.exported.emit(path)

    def _on_theme_changed(self, tokens: Tokens) -> None:
        self._recolour(tokens)

    def _recolour(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.legend.tokens = tokens
        self._redraw()


class _InLight:
    """Shows a chart in the light theme, without its menu button, as long as it is written to a file."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart

    def __enter__(self) -> None:
        chart = self._chart
        chart.grab()  # lays out what was never shown
        self._tokens = chart.tokens
        policy = chart.menu_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        chart.menu_button.setSizePolicy(policy)
        chart.menu_button.hide()
        chart.is_exporting = True
        self._paint_labels(palette(LIGHT))
        chart._recolour(LIGHT)
        chart.grab()

    def _paint_labels(self, colours: QPalette) -> None:
        # With a stylesheet in force, labels do not take the palette of their parent.
        for label in self._chart.findChildren(QLabel):
            label.setPalette(colours)

    def __exit__(self, *_exception: object) -> None:
        chart = self._chart
        chart.is_exporting = False
        self._paint_labels(QPalette())
        chart.menu_button.show()
        chart._recolour(self._tokens)
