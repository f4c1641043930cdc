"""Inline SVG from plain figures: scales, axes, lines, bands, marks. Colours are classes of the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup, escape
from msgspec import Struct

Point = tuple[float, float]


class Scale(Struct, frozen=True):
    """Maps values from `low`..`high` to pixels `start`..`end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return round(self.start + (value - self.low) / span * (self.end - self.start), 1)


def nice_scale(values: Sequence[float], start: float, end: float, *, ticks: int = 5) -> tuple[Scale, tuple[float, ...]]:
    """A scale around the values that ends on round numbers, and the round numbers between."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if high - low < 1e-9:
        low, high = low - 0.05, high + 0.05
    raw = (high - low) / max(ticks - 1, 1)
    magnitude = 10.0 ** math.floor(math.log10(raw))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= raw - 1e-12)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    marks = tuple(round(n * step, 10) for n in range(first, last + 1))
    return Scale(marks[0], marks[-1], start, end), marks


def time_scale(first: datetime, last: datetime, start: float, end: float) -> Scale:
    """Seconds since the epoch to pixels."""
    return Scale(first.timestamp(), max(last, first + timedelta(hours=1)).timestamp(), start, end)


def month_starts(first: datetime, last: datetime) -> list[datetime]:
    """Midnights of the first days of months in the span; of weeks where the span is short."""
    if last - first < timedelta(days=62):
        monday = (first - timedelta(days=first.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)
        weeks = (monday + timedelta(days=7 * n) for n in range(11))
        return [week for week in weeks if first <= week <= last]
    year, month, found = first.year, first.month, []
    while (start := datetime(year, month, 1, tzinfo=first.tzinfo)) <= last:
        if start >= first:
            found.append(start)
        year, month = year + month // 12, month % 12 + 1
    return found


def element(tag: str, content: object = "", /, **attributes: object) -> Markup:
    """An element; `class_` is written `class`, underscores become hyphens, everything is escaped."""
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(value)}"' for name, value in attributes.items() if value != ""
    )
    inner = escape(content)
    return Markup(f"<{tag}{written}>{inner}</{tag}>") if inner else Markup(f"<{tag}{written}/>")  # noqa: S704


def joined(parts: Sequence[object]) -> Markup:
    return Markup("").join(escape(part) for part in parts)


def drawing(name: str, description: str, width: float, height: float, parts: Sequence[object]) -> Markup:
    """The whole picture, which names and describes itself to those who do not see it."""
    told = [element("title", name), element("desc", description)]
    box = f"0 0 {width:g} {height:g}"
    return element("svg", joined([*told, *parts]), viewBox=box, role="img", class_="chart", aria_label=name)


def text(x: float, y: float, content: object, kind: str = "tick", anchor: str = "") -> Markup:
    return element("text", content, x=f"{x:g}", y=f"{y:g}", class_=kind, text_anchor=anchor)


def line(points: Sequence[Point], kind: str) -> Markup:
    if len(points) < 2:
        return Markup("")
    return element("polyline", points=" ".join(f"{x:g},{y:g}" for x, y in points), class_=f"line {kind}")


def band(upper: Sequence[Point], lower: Sequence[Point], kind: str) -> Markup:
    """The area between two lines over the same horizontal positions."""
    if len(upper) < 2:
        return Markup("")
    ring = [*upper, *reversed(lower)]
    return element("polygon", points=" ".join(f"{x:g},{y:g}" for x, y in ring), class_=f"band {kind}")


def box(x: float, y: float, width: float, height: float, kind: str, told: str = "") -> Markup:
    inner = element("title", told) if told else ""
    return element(
        "rect",
        inner,
        x=f"{x:g}",
        y=f"{y:g}",
        width=f"{max(width, 0.5):.5g}",
        height=f"{max(height, 0):.5g}",
        class_=kind,
    )


def rule(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return element("line", x1=f"{x1:g}", y1=f"{y1:g}", x2=f"{x2:g}", y2=f"{y2:g}", class_=kind)


def mark(x: float, y: float, shape: str, kind: str, told: str = "", radius: float = 4.5) -> Markup:
    """A point of a shape of its own, so that colour never speaks alone: circle, square, diamond, up, down, cross."""
    inner = element("title", told) if told else ""
    r = radius
    if shape == "circle":
        return element("circle", inner, cx=f"{x:g}", cy=f"{y:g}", r=f"{r:g}", class_=f"mark {kind}")
    corners = {
        "square": [(-r, -r), (r, -r), (r, r), (-r, r)],
        "diamond": [(0, -r * 1.25), (r * 1.25, 0), (0, r * 1.25), (-r * 1.25, 0)],
        "up": [(0, -r * 1.2), (r * 1.15, r * 0.9), (-r * 1.15, r * 0.9)],
        "down": [(0, r * 1.2), (r * 1.15, -r * 0.9), (-r * 1.15, -r * 0.9)],
    }.get(shape)
    if corners is not None:
        points = " ".join(f"{x + dx:g},{y + dy:g}" for dx, dy in corners)
        return element("polygon", inner, points=points, class_=f"mark {kind}")
    strokes = f"M{x - r:g} {y - r:g}L{x + r:g} {y + r:g}M{x - r:g} {y + r:g}L{x + r:g} {y - r:g}"
    return element("path", inner, d=strokes, class_=f"cross {kind}")


def left_axis(scale: Scale, marks: Sequence[float], x1: float, x2: float, *, digits: int | None = None) -> Markup:
    """Horizontal grid lines with their values at the left."""
    decimals = digits if digits is not None else _decimals(marks)
    parts: list[object] = []
    for value in marks:
        y = scale(value)
        parts += [rule(x1, y, x2, y, "grid"), text(x1 - 8, y + 4, f"{value:,.{decimals}f}", "tick", "end")]
    return joined(parts)


def time_axis(scale: Scale, first: datetime, last: datetime, y: float, top: float) -> Markup:
    """Ticks at the starts of months or weeks, named below; names that would collide are left out."""
    parts: list[object] = [rule(scale.start, y, scale.end, y, "axis")]
    short = last - first < timedelta(days=62)
    free = -math.inf
    for moment in month_starts(first, last):
        x = scale(moment.timestamp())
        parts.append(rule(x, top, x, y, "grid"))
        if x >= free and x + 50 <= scale.end:
            parts.append(text(x + 3, y + 15, f"{moment:%d %b}" if short else f"{moment:%b %Y}"))
            free = x + 62
    return joined(parts)


def _decimals(marks: Sequence[float]) -> int:
    return next((n for n in range(5) if all(abs(round(value, n) - value) < 1e-9 for value in marks)), 4)
