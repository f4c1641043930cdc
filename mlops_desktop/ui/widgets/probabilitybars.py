"""Probabilities of classes as bars, the likeliest first, the predicted one marked."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.shapes import Shape, paint_shape
from mlops_desktop.ui.widgets.figures import percent
from mlops_desktop.ui.widgets.painting import paint_box, paint_text, text_width

_ROW, _MARK = 26.0, 16.0
_MOST = 10


class ProbabilityBars(QWidget):
    """`set_probabilities({"0": 0.3, "1": 0.7}, "1")`; of many classes the ten likeliest are shown, and it says so."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: list[tuple[str, float]] = []
        self._total = 0
        self._predicted = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_probabilities(self, probabilities: Mapping[str, float], predicted: str) -> None:
        found = sorted(probabilities.items(), key=lambda each: -each[1])
        self._shown, self._total, self._predicted = found[:_MOST], len(found), predicted
        told = "; ".join(f"{name}: {percent(share)}" for name, share in self._shown)
        self.setAccessibleName(self.tr("Probabilities: {}").format(told))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, round(_ROW * (len(self._shown) + (self._total > len(self._shown)))))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        font, strong = fonts.font(fonts.Type.TABLE), fonts.font(fonts.Type.TABLE, fonts.SEMIBOLD)
        names = min(max((text_width(name, strong) for name, _ in self._shown), default=0) + 12, self.width() * 0.4)
        figures = text_width("100.0 %", strong) + 8
        for number, (name, share) in enumerate(self._shown):
            top, is_predicted = number * _ROW, name == self._predicted
            if is_predicted:
                paint_shape(painter, Shape.CHECK, QRectF(0, top + _ROW / 2 - 5, 10, 10), tokens.accent)
            paint_text(
                painter, QRectF(_MARK, top, names - 8, _ROW), name, tokens.text, strong if is_predicted else font
            )
            left = _MARK + names
            track = QRectF(left, top + _ROW / 2 - 4, max(self.width() - left - figures, 8), 8)
            paint_box(painter, track, tokens.neutral.fill, radius=4)
            width = track.width() * min(max(share, 0.0), 1.0)
            colour = tokens.accent if is_predicted else tokens.baseline
            if width > 0:
                filled = QRectF(track.left(), track.top(), max(width, 2.0), track.height())
                paint_box(painter, filled, QColor(colour).name(), radius=min(4.0, filled.width() / 2))
            side = QRectF(track.right(), top, figures, _ROW)
            used = strong if is_predicted else font
            paint_text(painter, side, percent(share), tokens.text, used, Qt.AlignmentFlag.AlignRight)
        if self._total > len(self._shown):
            text = self.tr("the {n} likeliest of {total} classes").format(n=len(self._shown), total=self._total)
            rest = QRectF(_MARK, len(self._shown) * _ROW, self.width() - _MARK, _ROW)
            paint_text(painter, rest, text, tokens.secondary, fonts.font(fonts.Type.CAPTION))
