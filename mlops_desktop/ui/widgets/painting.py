"""What the painted widgets share: boxes with a hairline, focus rings, chips, elided text."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme.shapes import paint_shape
from mlops_desktop.ui.theme.status import StatusStyle
from mlops_desktop.ui.theme.tokens import RADIUS, Tokens

CHIP_HEIGHT = 22
_CHIP_SHAPE = 9.0
_CHIP_PADDING = 8.0
_CHIP_GAP = 6.0
_NOTABLE_SHARE = 0.1


def paint_box(painter: QPainter, rect: QRectF, fill: str, border: str = "", radius: float = RADIUS) -> None:
    """A rounded box, with a one-pixel border when a colour is given."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(fill) if fill else Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(border), 1) if border else Qt.PenStyle.NoPen)
    inset = 0.5 if border else 0.0
    painter.drawRoundedRect(rect.adjusted(inset, inset, -inset, -inset), radius, radius)
    painter.restore()


def paint_focus_ring(painter: QPainter, rect: QRectF, tokens: Tokens, radius: float = 6.0) -> None:
    """The two-pixel ring inside `rect` that says where the keyboard is."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(tokens.accent), 2))
    painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), radius, radius)
    painter.restore()


def paint_hairline(painter: QPainter, start: QPointF, end: QPointF, tokens: Tokens) -> None:
    painter.setPen(QPen(QColor(tokens.hairline), 1))
    painter.drawLine(start, end)


def paint_text(
    painter: QPainter,
    rect: QRectF,
    text: str,
    colour: str,
    font: QFont,
    align: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignLeft,
) -> None:
    """One line of text, centred vertically and elided at the right."""
    painter.setFont(font)
    painter.setPen(QColor(colour))
    shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width() + 0.5)
    painter.drawText(rect, int(align | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine), shown)


def text_width(text: str, font: QFont) -> float:
    return QFontMetricsF(font).horizontalAdvance(text)


def chip_font() -> QFont:
    return fonts.font(fonts.Type.CAPTION, fonts.MEDIUM)


def chip_width(text: str) -> float:
    """Width of a status chip in pixels."""
    return _CHIP_PADDING * 2 + _CHIP_SHAPE + _CHIP_GAP + text_width(text, chip_font()) + 1


def paint_chip(painter: QPainter, rect: QRectF, style: StatusStyle, text: str, tokens: Tokens) -> None:
    """A status as shape and word on its fill, filling `rect`."""
    colours = tokens.tone(style.tone)
    paint_box(painter, rect, colours.fill, radius=rect.height() / 2)
    top = rect.center().y() - _CHIP_SHAPE / 2
    shape = QRectF(rect.left() + _CHIP_PADDING, top, _CHIP_SHAPE, _CHIP_SHAPE)
    paint_shape(painter, style.shape, shape, colours.text)
    words = rect.adjusted(_CHIP_PADDING + _CHIP_SHAPE + _CHIP_GAP, 0, -_CHIP_PADDING + 1, 0)
    paint_text(painter, words, text, colours.text, chip_font())


def paint_share(painter: QPainter, rect: QRectF, share: float | None, text: str, tokens: Tokens) -> None:
    """A share in [0, 1] as a bar, and in figures at its right; orange from 0.1 on, as drift is shown."""
    font = chip_font()
    figures = text_width("0.000", font) + 8
    track = QRectF(rect.left(), rect.center().y() - 3, max(rect.width() - figures, 8), 6)
    paint_text(painter, rect, text, tokens.text if share else tokens.secondary, font, Qt.AlignmentFlag.AlignRight)
    if share is None or share != share:  # noqa: PLR0124 - only NaN differs from itself
        return
    paint_box(painter, track, tokens.neutral.fill, radius=3)
    filled = track.width() * min(share, 1.0)
    if filled > 0:
        colour = tokens.questioned if share >= _NOTABLE_SHARE else tokens.baseline
        painter.fillRect(QRectF(track.left(), track.top(), max(filled, 2), track.height()), QColor(colour))
