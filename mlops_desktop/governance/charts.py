"""The report's charts, drawn from values of `core`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from markupsafe import Markup
from msgspec import Struct

from mlops_desktop.core.monitoring import MetricValue, Window
from mlops_desktop.governance import svg

WIDTH = 1040
_LEFT, _RIGHT = 62, 150
_SHAPES = {"never": "square", "always": "diamond", "loop": "circle"}
_SERIES = 6
HEAT_STEPS = (0.5, 1.0, 1.25, 1.5, 2.0, 3.0)


class Occurrence(Struct, frozen=True):
    """Something to be marked in a chart of time. `kind` is promoted, rolled back, refused or alert."""

    time: datetime
    kind: str
    text: str


class Served(Struct, frozen=True):
    """A span in which a version was in production."""

    start: datetime
    end: datetime
    version: str


MARKS = {"promoted": ("up", "ok"), "rolled back": ("down", "critical"), "refused": ("cross", "quiet"),
         "alert": ("diamond", "warning")}  # fmt: skip


def monthly(months: Sequence[str], policies: dict[str, Sequence[float | None]], name: str) -> Markup:
    """One line per policy over the months, named at its right end. `loop` is drawn last, on top."""
    values = [value for series in policies.values() for value in series if value is not None]
    if not values:
        return Markup("")
    height, top, bottom = 320, 14, 280
    scale, marks = svg.nice_scale(values, bottom, top, ticks=6)
    x = svg.Scale(0, max(len(months) - 1, 1), _LEFT + 24, WIDTH - _RIGHT - 24)
    parts: list[object] = [svg.left_axis(scale, marks, _LEFT, WIDTH - _RIGHT)]
    parts += [svg.text(x(at), bottom + 20, month, "tick", "middle") for at, month in enumerate(months)]
    ends: list[tuple[float, str, str]] = []
    for policy in sorted(policies, key=lambda p: p == "loop"):
        kind = policy if policy in _SHAPES else "other"
        points = [(x(at), scale(v)) for at, v in enumerate(policies[policy]) if v is not None]
        parts.append(svg.line(points, f"p-{kind}"))
        parts += [
            svg.mark(x(at), scale(v), _SHAPES.get(policy, "down"), f"p-{kind}", f"{policy}, {months[at]}: {v:.4f}")
            for at, v in enumerate(policies[policy])
            if v is not None
        ]
        ends.append((points[-1][1], policy, kind))
    parts += _end_labels(ends, x(max(len(months) - 1, 0)) + 14)
    told = "; ".join(f"{p}: {', '.join('–' if v is None else f'{v:.3f}' for v in s)}" for p, s in policies.items())
    return svg.drawing(name, told, WIDTH, height, parts)


def _end_labels(ends: list[tuple[float, str, str]], x: float) -> list[object]:
    """Names beside the last points, pushed apart where they would overlap."""
    placed: list[object] = []
    free = 0.0
    for y, policy, kind in sorted(ends):
        at = max(y, free)
        placed.append(svg.text(x, at + 4, policy, f"name t-{kind}"))
        free = at + 17
    return placed


def daily(
    windows: Sequence[Window], metric: str, served: Sequence[Served], occurrences: Sequence[Occurrence], name: str
) -> Markup:
    """A metric per day with its 95 % interval, over a strip of who served and a strip of what happened."""
    found = [(w, m) for w in windows if (m := metric_of(w, metric)) is not None]
    if not found:
        return Markup("")
    height, top, bottom = 300, 62, 268
    right = WIDTH - 24
    first, last = found[0][0].start, max(w.end for w, _ in found)
    x = svg.time_scale(first, last, _LEFT, right)
    shown = [m.value for _, m in found] + [m.baseline for _, m in found if m.baseline is not None]
    reach = [v for _, m in found for v in (m.low, m.high)]
    least, most = min(shown), max(shown)
    room = (most - least) * 0.35 or 0.05
    # A day of few rows may have an interval many times as wide as the figures differ: it is cut at the frame.
    scale, marks = svg.nice_scale([max(min(reach), least - room), min(max(reach), most + room)], bottom, top)
    parts: list[object] = [svg.left_axis(scale, marks, _LEFT, right), svg.time_axis(x, first, last, bottom, top)]
    parts += _strip(served, x, first, last, top, bottom)
    for run in _without_gaps(found):
        at = [(x(_middle(w)), m) for w, m in run]
        upper = [(px, scale(min(max(m.high, scale.low), scale.high))) for px, m in at]
        lower = [(px, scale(max(min(m.low, scale.high), scale.low))) for px, m in at]
        parts.append(svg.band(upper, lower, "p-day"))
        parts.append(svg.line([(px, scale(m.baseline)) for px, m in at if m.baseline is not None], "baseline"))
        parts.append(svg.line([(px, scale(m.value)) for px, m in at], "p-day"))
    parts += _occurrence_marks(occurrences, x, first, last, 46)
    values = [m.value for _, m in found]
    told = f"{len(values)} days, from {min(values):.3f} to {max(values):.3f}, mean {sum(values) / len(values):.3f}"
    return svg.drawing(name, told, WIDTH, height, parts)


def metric_of(window: Window, name: str) -> MetricValue | None:
    return next((metric for metric in window.metrics if metric.name == name), None)


def _middle(window: Window) -> float:
    return (window.start.timestamp() + window.end.timestamp()) / 2


def _without_gaps(found: list[tuple[Window, MetricValue]]) -> list[list[tuple[Window, MetricValue]]]:
    """Runs of adjacent days: a line must not pretend to know the days between, nor join two versions' baselines."""
    runs: list[list[tuple[Window, MetricValue]]] = []
    for item in found:
        if runs and item[0].start - runs[-1][-1][0].end <= timedelta(days=1):
            runs[-1].append(item)
        else:
            runs.append([item])
    return runs


def _strip(
    served: Sequence[Served], x: svg.Scale, first: datetime, last: datetime, top: float, bottom: float
) -> list[object]:
    parts: list[object] = []
    for at, span in enumerate(served):
        start, end = max(span.start, first), min(span.end, last)
        if end <= start:
            continue
        left, width = x(start.timestamp()), x(end.timestamp()) - x(start.timestamp())
        told = f"{span.version} in production from {span.start:%Y-%m-%d} to {span.end:%Y-%m-%d}"
        if at % 2:
            parts.append(svg.box(left, top, width, bottom - top, "zone"))
        parts.append(svg.box(left, 8, width - 1, 20, f"served v{hue(span.version)}", told))
        label = span.version if width > 9 * len(span.version) else span.version.rpartition("@")[2]
        if width > 9 * len(label):
            parts.append(svg.text(left + 6, 22, label, "onfill"))
    return parts


def _occurrence_marks(
    occurrences: Sequence[Occurrence], x: svg.Scale, first: datetime, last: datetime, y: float
) -> list[object]:
    parts: list[object] = []
    for item in occurrences:
        if first <= item.time <= last:
            shape, kind = MARKS[item.kind]
            told = f"{item.time:%Y-%m-%d} {item.kind}: {item.text}"
            parts.append(svg.mark(x(item.time.timestamp()), y, shape, f"e-{kind}", told, radius=4))
    return parts


def legend_mark(kind: str) -> Markup:
    """The shape of an occurrence, for the legend."""
    shape, colour = MARKS[kind]
    drawn = svg.mark(7, 7, shape, f"e-{colour}", radius=4)
    return svg.element("svg", drawn, viewBox="0 0 14 14", class_="sign", aria_hidden="true")


def weekly_windows(windows: Sequence[Window]) -> list[Window]:
    """The last window that ended in each week."""
    newest: dict[tuple[int, int], Window] = {}
    for window in sorted(windows, key=lambda w: w.end):
        year, week, _ = (window.end - timedelta(microseconds=1)).isocalendar()
        newest[year, week] = window
    return list(newest.values())


def heatmap(windows: Sequence[Window], name: str) -> Markup:
    """Features by weeks: the ratio of the effect size to its limit; a dot marks what was judged to be drift."""
    weeks = weekly_windows(windows)
    cells = {(d.feature, at): d for at, w in enumerate(weeks) for d in w.features}
    if not cells:
        return Markup("")
    weight: dict[str, float] = {}
    for (feature, _), d in cells.items():
        weight[feature] = weight.get(feature, 0.0) + d.drifting * 100 + (d.score / d.threshold if d.threshold else 0.0)
    features = sorted(weight, key=lambda feature: -weight[feature])
    left, row, top = 150, 19, 8
    column = min((WIDTH - left - 20) / len(weeks), 44)
    parts: list[object] = []
    for y, feature in enumerate(features):
        shown = feature if len(feature) <= 20 else feature[:19] + "…"
        parts.append(svg.text(left - 8, top + y * row + 13, shown, "tick", "end"))
        for at, week in enumerate(weeks):
            if (feature, at) not in cells:
                continue
            d = cells[feature, at]
            ratio = d.score / d.threshold if d.threshold > 0 else 0.0
            told = f"{feature}, week to {week.end:%Y-%m-%d}: {d.method} {d.score:.3f}, limit {d.threshold:.3f}"
            px, py = left + at * column, top + y * row
            parts.append(svg.box(px, py, column - 1.5, row - 1.5, f"h{_heat(ratio)}", told))
            if d.drifting:
                dot = {"cx": f"{px + (column - 1.5) / 2:.5g}", "cy": f"{py + (row - 1.5) / 2:.5g}", "r": "2.2"}
                parts.append(svg.element("circle", class_="drifting", **dot))
    below = top + len(features) * row
    parts += _week_labels(weeks, left, column, below + 14)
    drifting = sum(d.drifting for d in cells.values())
    told = f"{len(features)} features in {len(weeks)} weeks; {drifting} of {len(cells)} cells drift"
    return svg.drawing(name, told, WIDTH, below + 22, parts)


def _heat(ratio: float) -> int:
    return sum(ratio > step for step in HEAT_STEPS)


def _week_labels(weeks: Sequence[Window], left: float, column: float, y: float) -> list[object]:
    parts: list[object] = []
    free = -1.0
    for at, week in enumerate(weeks):
        x = left + at * column
        if x >= free:
            parts.append(svg.text(x, y, f"{week.start:%d %b}"))
            free = x + 54
    return parts


def requests(windows: Sequence[Window], name: str) -> Markup:
    """Stacked bars: the answered requests of each week by the version that answered."""
    weeks: dict[datetime, dict[str, int]] = {}
    for window in windows:
        monday = (window.start - timedelta(days=window.start.weekday())).replace(hour=0, minute=0, second=0)
        counts = weeks.setdefault(monday, {})
        for version, rows in window.rows_by_version.items():
            counts[version] = counts.get(version, 0) + rows
    if not any(weeks.values()):
        return Markup("")
    versions = versions_of(windows)
    top, bottom, right = 12, 200, WIDTH - 24
    scale, marks = svg.nice_scale([0, max(sum(counts.values()) for counts in weeks.values())], bottom, top, ticks=5)
    first, last = min(weeks), max(weeks) + timedelta(days=7)
    x = svg.time_scale(first, last, _LEFT, right)
    parts: list[object] = [svg.left_axis(scale, marks, _LEFT, right), svg.time_axis(x, first, last, bottom, top)]
    for monday, counts in sorted(weeks.items()):
        left = x(monday.timestamp())
        width = min(x((monday + timedelta(days=7)).timestamp()) - left - 2, 60)
        base = 0
        for version in versions:
            if not (rows := counts.get(version, 0)):
                continue
            upper, lower = scale(base + rows), scale(base)
            told = f"{version}, week of {monday:%Y-%m-%d}: {rows:,} predictions"
            parts.append(svg.box(left, upper, width, lower - upper, f"v{hue(version)}", told))
            base += rows
    totals = {v: sum(counts.get(v, 0) for counts in weeks.values()) for v in versions}
    told = ", ".join(f"{version} {rows:,}" for version, rows in totals.items())
    return svg.drawing(name, told, WIDTH, bottom + 24, parts)


def hue(version: str) -> int:
    """The colour of a version, the same in every chart: by its number."""
    number = version.rpartition("@")[2]
    return (int(number) - 1) % _SERIES if number.isdecimal() else 0


def versions_of(windows: Sequence[Window]) -> list[str]:
    """Versions in the order of their numbers."""
    found = {version for window in windows for version in window.rows_by_version}
    return sorted(found, key=lambda v: (v.rpartition("@")[0], v.rpartition("@")[2].zfill(9)))
