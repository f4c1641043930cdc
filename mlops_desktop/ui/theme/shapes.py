"""Shapes that carry a status where colour alone must not: drawn as paths, so that no font is needed.

`shape_path` gives a filled path in the unit square around the origin, as pyqtgraph's symbols want it.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import cache

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPainterPathStroker, QPolygonF


class Shape(StrEnum):
    """What can be drawn beside a word, in a cell, or on an event lane."""

    DISC = "disc"
    TRIANGLE = "triangle"
    SQUARE = "square"
    DOTTED = "dotted"
    HALF = "half"
    DIAMOND = "diamond"
    RING = "ring"
    CHECK = "check"
    CROSS = "cross"
    DASH = "dash"
    UP = "up"
    DOWN = "down"
    BACK = "back"
    LOOP = "loop"
    FLAG = "flag"
    PLAY = "play"


def _polygon(*points: tuple[float, float]) -> QPainterPath:
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
    path.closeSubpath()
    return path


def _ellipse(radius: float) -> QPainterPath:
    path = QPainterPath()
    path.addEllipse(QPointF(0, 0), radius, radius)
    return path


def _stroked(path: QPainterPath, width: float = 0.16) -> QPainterPath:
    stroker = QPainterPathStroker()
    stroker.setWidth(width)
    stroker.setCapStyle(Qt.PenCapStyle.RoundCap)
    stroker.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    return stroker.createStroke(path).simplified()


def _line(*points: tuple[float, float], width: float = 0.16) -> QPainterPath:
    path = QPainterPath(QPointF(*points[0]))
    for point in points[1:]:
        path.lineTo(*point)
    return _stroked(path, width)


def _dotted() -> QPainterPath:
    path = QPainterPath()
    circle = _ellipse(0.4)
    for step in range(8):
        path.addEllipse(circle.pointAtPercent(step / 8), 0.085, 0.085)
    return path


def _half() -> QPainterPath:
    path = _stroked(_ellipse(0.4), 0.12)
    left = QPainterPath()
    left.moveTo(0, -0.4)
    left.arcTo(QRectF(-0.4, -0.4, 0.8, 0.8), 90, 180)
    left.closeSubpath()
    return path.united(left)


def _loop() -> QPainterPath:
    arc = QPainterPath()
    box = QRectF(-0.34, -0.34, 0.68, 0.68)
    arc.arcMoveTo(box, 60)
    arc.arcTo(box, 60, -300)
    return _stroked(arc, 0.16).united(_polygon((-0.02, -0.5), (0.36, -0.34), (0.02, -0.06)))


def _back() -> QPainterPath:
    arc = QPainterPath(QPointF(-0.3, -0.18))
    arc.lineTo(0.12, -0.18)
    arc.cubicTo(0.5, -0.18, 0.5, 0.36, 0.12, 0.36)
    arc.lineTo(-0.16, 0.36)
    return _stroked(arc, 0.15).united(_polygon((-0.5, -0.18), (-0.16, -0.48), (-0.16, 0.12)))


def _flag() -> QPainterPath:
    return _line((-0.3, -0.42), (-0.3, 0.46), width=0.13).united(_polygon((-0.3, -0.46), (0.42, -0.18), (-0.3, 0.12)))


@cache
def shape_path(shape: Shape) -> QPainterPath:
    """The shape as a filled path within [-0.5, 0.5] on both axes, y down."""
    builders: dict[Shape, Callable[[], QPainterPath]] = {
        Shape.DISC: lambda: _ellipse(0.42),
        Shape.TRIANGLE: lambda: _polygon((0, -0.46), (0.5, 0.4), (-0.5, 0.4)),
        Shape.SQUARE: lambda: _polygon((-0.38, -0.38), (0.38, -0.38), (0.38, 0.38), (-0.38, 0.38)),
        Shape.DOTTED: _dotted,
        Shape.HALF: _half,
        Shape.DIAMOND: lambda: _polygon((0, -0.5), (0.5, 0), (0, 0.5), (-0.5, 0)),
        Shape.RING: lambda: _stroked(_ellipse(0.38), 0.15),
        Shape.CHECK: lambda: _line((-0.4, 0.02), (-0.12, 0.32), (0.42, -0.32)),
        Shape.CROSS: lambda: _line((-0.34, -0.34), (0.34, 0.34)).united(_line((0.34, -0.34), (-0.34, 0.34))),
        Shape.DASH: lambda: _line((-0.34, 0), (0.34, 0)),
        Shape.UP: lambda: _line((0, -0.3), (0, 0.44)).united(_polygon((0, -0.5), (0.42, 0), (-0.42, 0))),
        Shape.DOWN: lambda: _line((0, 0.3), (0, -0.44)).united(_polygon((0, 0.5), (0.42, 0), (-0.42, 0))),
        Shape.BACK: _back,
        Shape.LOOP: _loop,
        Shape.FLAG: _flag,
        Shape.PLAY: lambda: _polygon((-0.34, -0.44), (0.46, 0), (-0.34, 0.44)),
    }
    return builders[shape]()


def paint_shape(painter: QPainter, shape: Shape, rect: QRectF, colour: str) -> None:
    """Draws the shape as large as fits into `rect`."""
    size = min(rect.width(), rect.height())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(rect.center())
    painter.scale(size, size)
    painter.fillPath(shape_path(shape), QColor(colour))
    painter.restore()
