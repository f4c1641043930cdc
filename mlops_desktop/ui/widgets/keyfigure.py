"""A key figure: caption, 28 px number, change, and its recent course."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.ui.charts.sparkline import Sparkline
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.fonts import Type
from mlops_desktop.ui.theme.shapes import Shape, paint_shape
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label
from mlops_desktop.ui.widgets.painting import paint_text, text_width


class Delta(QWidget):
    """A change in words, with an arrow; the tone says whether it is good."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text, self.tone = "", Tone.NEUTRAL
        self.setFixedHeight(16)

    def set_change(self, text: str, tone: Tone = Tone.NEUTRAL) -> None:
        """`text` starts with + or a minus sign where there is a direction."""
        self.text, self.tone = text, tone
        self.setAccessibleName(text)
        self.update()

    def _shape(self) -> Shape | None:
        if self.text.startswith("+"):
            return Shape.UP
        return Shape.DOWN if self.text[:1] in ("-", "\N{MINUS SIGN}") else None

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        if not self.text:
            return
        painter, tokens = QPainter(self), current()
        colour = tokens.secondary if self.tone is Tone.NEUTRAL else tokens.tone(self.tone).text
        left = 0.0
        shape = self._shape()
        if shape:
            paint_shape(painter, shape, QRectF(0, 3, 10, 10), colour)
            left = 15.0
        font = fonts.font(fonts.Type.CAPTION, fonts.MEDIUM)
        paint_text(painter, QRectF(left, 0, self.width() - left, 16), self.text, colour, font)

    def natural_width(self) -> float:
        return 15 + text_width(self.text, fonts.font(fonts.Type.CAPTION, fonts.MEDIUM))


class KeyFigure(QWidget):
    """`KeyFigure("AUC, last 30 days")`, then `set_value("0.842", delta="+0.011 against v3", tone=Tone.OK)`."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ElidedLabel(title, Type.CAPTION, secondary=True)
        self.figure = Label("\N{EN DASH}", Type.FIGURE, fonts.SEMIBOLD)
        self.unit = Label("", Type.BODY, secondary=True)
        self.delta = Delta()
        self.sparkline = Sparkline()
        self.sparkline.setFixedHeight(36)
        self.sparkline.setMinimumWidth(48)
        self.sparkline.setMaximumWidth(132)
        self.sparkline.hide()
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_1)
        row.addWidget(self.figure, 0, Qt.AlignmentFlag.AlignBottom)
        row.addWidget(self.unit, 0, Qt.AlignmentFlag.AlignBottom)
        row.addStretch(1)
        row.addWidget(self.sparkline, 8)
        self.unit.setContentsMargins(0, 0, 0, 4)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.title)
        layout.addLayout(row)
        layout.addWidget(self.delta)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_value(self, figure: str, unit: str = "", delta: str = "", tone: Tone = Tone.NEUTRAL) -> None:
        """Shows a formatted figure; `tone` colours the change, never the figure."""
        self.figure.setText(figure)
        self.unit.setText(unit)
        self.delta.set_change(delta, tone)
        self.setAccessibleName(f"{self.title.text()}: {figure} {unit} {delta}".strip())

    def set_course(self, values: Sequence[float]) -> None:
        """The recent values, oldest first; fewer than two hide the sparkline."""
        self.sparkline.set_values(values)
        self.sparkline.setVisible(len(values) > 1)

    def set_secondary_figure(self, muted: bool) -> None:
        """Mutes the figure, for a value that is out of date."""
        role = QPalette.ColorRole.PlaceholderText if muted else QPalette.ColorRole.WindowText
        self.figure.setForegroundRole(role)
