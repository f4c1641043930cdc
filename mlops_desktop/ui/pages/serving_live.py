"""What the endpoint does at this moment: requests, latency, errors, queue and workers over the last two minutes."""

from __future__ import annotations

from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from mlops_desktop.core.deployments import RolloutKind
from mlops_desktop.ui.charts.livechart import LiveChart
from mlops_desktop.ui.charts.values import Role, Series
from mlops_desktop.ui.pages.serving_feed import Track
from mlops_desktop.ui.pages.serving_states import ServedTab
from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.queries.serving_live import LivePoint, LiveReading
from mlops_desktop.ui.queries.serving_metrics import version_order
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.figures import compact, fixed, percent
from mlops_desktop.ui.widgets.keyfigure import KeyFigure

_WORDS_EVERY = 5
_MOST_VERSIONS = 4


class LiveTab(ServedTab):
    """Charts move with every reading; figures in words change twice a second, so that they can be read."""

    key = "live"

    def build_content(self) -> None:
        self._rounds = 0
        self.requests = LiveChart(self.tr("Requests"), self.tr("1/s, by version"))
        self.latency = LiveChart(self.tr("Latency"), self.tr("ms"))
        self.errors = LiveChart(self.tr("Errors"), self.tr("1/s, by version"))
        self.work = LiveChart(self.tr("Queue and workers"), least=4.0)
        self.charts = (self.requests, self.latency, self.errors, self.work)
        self.picker = QComboBox()
        self.picker.setAccessibleName(self.tr("Version whose latency is shown"))
        self.picker.addItem(self.tr("All versions"), "")
        self.picker.activated.connect(lambda _index: self._show_charts())
        self.latency.add_action(self.picker)
        column = QVBoxLayout(self.content)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_3)
        column.addWidget(self._make_figures())
        grid = QGridLayout()
        grid.setSpacing(t.SPACE_3)
        for index, chart in enumerate(self.charts):
            card = Card()
            card.setContentsMargins(0, -t.SPACE_1, 0, -t.SPACE_2)
            card.add(chart, 1)
            grid.addWidget(card, *divmod(index, 2))
        column.addLayout(grid, 1)

    def _make_figures(self) -> QWidget:
        names = (self.tr("Requests"), "p50", "p95", "p99", self.tr("Errors"), self.tr("Workers"))
        self.figures = [KeyFigure(name) for name in names]
        card = Card()
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_4)
        for figure in self.figures:
            row.addWidget(figure, 1)
        card.body.addLayout(row)
        return card

    # Showing

    def show_content(self, row: ServingRow, reading: LiveReading) -> None:  # noqa: ARG002
        if self._has_no_traffic(reading):
            text = self.tr("It is ready. Send a row from the form, or take the code for another program.")
            self.show_layer(self.tr("No requests yet"), text, self.tr("Try it"), "serving")
            return
        self.show_layer()
        if reading.point is None and self._rounds:
            return
        self._show_charts()
        if self._rounds % _WORDS_EVERY == 0:
            self._show_words(reading)
        self._rounds += 1

    def on_state_action(self) -> None:
        if self.state.title.text() == self.tr("No requests yet"):
            self.page.show_tab("try")
        else:
            super().on_state_action()

    def set_active(self, active: bool) -> None:
        super().set_active(active)
        self._rounds = 0

    def _has_no_traffic(self, reading: LiveReading) -> bool:
        if reading.traffic is None or any(version.requests for version in reading.traffic.versions):
            return False
        point = self.page.feed.course.newest
        return point is None or not any(point.requests.values())

    def _show_words(self, reading: LiveReading) -> None:
        point = self.page.feed.course.newest
        versions = reading.traffic.versions if reading.traffic is not None else ()
        answered = [version for version in versions if version.role != "shadow"]
        requests, errors = sum(v.requests for v in answered), sum(v.errors for v in answered)
        self._show_picker(point)
        rate, workers = self.figures[0], self.figures[5]
        if point is None:
            for figure in self.figures:
                figure.set_value("–")
            return
        total = sum(value for name, value in point.requests.items() if not name.endswith("shadow"))
        rate.set_value(fixed(total, 1), "1/s", self.tr("{n} since the start").format(n=compact(requests)))
        told = self.tr("last 5 s, all versions") if point.source == "gateway" else self.tr("since the start")
        for figure, value in zip(self.figures[1:4], point.latency.get("", (None, None, None)), strict=True):
            figure.set_value(fixed(value, 1), "ms", told)
        failing = sum(value for name, value in point.errors.items() if not name.endswith("shadow"))
        share = self.tr("{n}, {share} since the start")
        told = share.format(n=compact(errors), share=percent(errors / requests if requests else 0.0, 2))
        self.figures[4].set_value(fixed(failing, 1), "1/s", told)
        told = self.tr("{queued} waiting, {working} in hand")
        told = told.format(queued=compact(point.queued), working=compact(point.working))
        unit = self.tr("of {n} wanted").format(n=point.wanted) if point.wanted != point.ready else ""
        workers.set_value(str(point.ready), unit, told)
        self._say_notes(point)

    def _say_notes(self, point: LivePoint) -> None:
        if point.source == "gateway":
            rates, latency = self.tr("each of the last second"), self.tr("each of the last 5 s")
            now = rates
        else:
            rates, latency = self.tr("each of the last 10 s, from the engine"), self.tr("since the start")
            now = self.tr("from the engine")
        for chart, note in zip(self.charts, (rates, latency, rates, now), strict=True):
            chart.note = note
            chart.tell_count()

    def _show_picker(self, point: LivePoint | None) -> None:
        names = ["", *sorted((name for name in (point.latency if point else {}) if name), key=version_order)]
        if [self.picker.itemData(i) for i in range(self.picker.count())] == names:
            return
        chosen = self.picker.currentData()
        self.picker.clear()
        for name in names:
            self.picker.addItem(name or self.tr("All versions"), name)
        self.picker.setCurrentIndex(max(0, self.picker.findData(chosen)))
        self.picker.setVisible(len(names) > 2)

    def _show_charts(self) -> None:
        course, row = self.page.feed.course, self.row
        if course.newest is None or row is None:
            return
        now = course.newest.at
        self.requests.show_moment(self._by_version("requests", row), now)
        group = f"latency {self.picker.currentData() or ''}".rstrip()
        tracks = course.tracks(group)
        lines = [Series(name, each.times, each.values, dashed=name == "p99") for name, each in tracks.items()]
        self.latency.show_moment(lines, now)
        self.errors.show_moment(self._by_version("errors", row), now)
        words = {"queued": self.tr("waiting"), "working": self.tr("in hand"), "ready": self.tr("workers")}
        tracks = course.tracks("work")
        self.work.show_moment([Series(words[n], tracks[n].times, tracks[n].values) for n in words if n in tracks], now)

    def _by_version(self, group: str, row: ServingRow) -> list[Series]:
        """One line a version: slate and orange while two are compared, the canary dashed."""
        rollout = row.rollout
        first, second = (f"v{rollout.primary}", f"v{rollout.canary}") if rollout is not None else ("", "")
        word = "A/B" if rollout is not None and rollout.kind is RolloutKind.AB else self.tr("canary")
        shown = []
        for name, track in self._busy(group, {first, second}):
            if name == first:
                shown.append(Series(name, track.times, track.values, Role.BASELINE))
            elif name.removesuffix(" shadow") == second:
                title = name if name != second else f"{name} {word}"
                shown.append(Series(title, track.times, track.values, Role.QUESTIONED, dashed=True))
            else:
                shown.append(Series(name, track.times, track.values))
        return shown

    def _busy(self, group: str, kept: set[str]) -> list[tuple[str, Track]]:
        """Versions with something in the last two minutes: those of the rollout, and of others the newest few."""
        requests = self.page.feed.course.tracks("requests")
        busy = [name for name, track in requests.items() if name in kept or track.values.any()] or list(requests)[-1:]
        tracks = self.page.feed.course.tracks(group)
        few = sorted(busy, key=lambda name: (name.removesuffix(" shadow") in kept, version_order(name)))[
            -_MOST_VERSIONS:
        ]
        return [(name, tracks[name]) for name in sorted(few, key=version_order) if name in tracks]
