"""Renders every widget and chart in both themes: `python -m mlops_desktop.ui.gallery OUTDIR` writes PNGs.

Also the shortest example of how each of them is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QRadioButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from mlops_desktop.ui.charts.linking import TimeLink
from mlops_desktop.ui.charts.sparkline import MiniHistogram
from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.gallery_samples import (
    category_chart,
    compare,
    distribution_chart,
    drift_chart,
    event_lane,
    guardrails,
    heatmap,
    key_figures,
    lifecycle,
    log,
    long_chart,
    metric_chart,
    player,
    reliability_chart,
    requests_chart,
    runs_table,
    split,
)
from mlops_desktop.ui.theme import icons
from mlops_desktop.ui.theme.apply import Theme, apply_theme, current
from mlops_desktop.ui.theme.status import known_statuses
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.buttons import button, icon_button
from mlops_desktop.ui.widgets.card import Card, SectionHeader
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.commandbar import CommandBar
from mlops_desktop.ui.widgets.confirm import Change, Confirmation, ConfirmSheet
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.forms import choice_field, text_field
from mlops_desktop.ui.widgets.inspector import FactList, InspectorPanel
from mlops_desktop.ui.widgets.jobs import Job, JobsDrawer
from mlops_desktop.ui.widgets.labels import body, caption, page_title
from mlops_desktop.ui.widgets.navigation import NavigationRail, RailItem
from mlops_desktop.ui.widgets.notifications import Level, NoticeLog
from mlops_desktop.ui.widgets.palette import Command, CommandPalette
from mlops_desktop.ui.widgets.tabs import PageTabs
from mlops_desktop.ui.widgets.toasts import Toasts

PAGES = (
    RailItem("control", "Control Room", "control-room", "Ctrl+1"),
    RailItem("data", "Data", "data", "Ctrl+2"),
    RailItem("experiments", "Experiments", "experiments", "Ctrl+3"),
    RailItem("models", "Models", "models", "Ctrl+4"),
    RailItem("pipelines", "Pipelines", "pipelines", "Ctrl+5"),
    RailItem("serving", "Serving", "serving", "Ctrl+6"),
    RailItem("monitoring", "Monitoring", "monitoring", "Ctrl+7"),
    RailItem("alerts", "Alerts", "alerts", "Ctrl+8"),
    RailItem("lineage", "Lineage", "lineage", "Ctrl+9"),
    RailItem("audit", "Audit", "audit"),
)


def _column(*widgets: QWidget, margin: int = 24) -> QWidget:
    page = QWidget()
    layout = QVBoxLayout(page)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(16)
    for widget in widgets:
        layout.addWidget(widget)
    return page


def _row(*widgets: QWidget, spacing: int = 8, stretch: bool = True) -> QWidget:
    holder = QWidget()
    layout = QHBoxLayout(holder)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for widget in widgets:
        layout.addWidget(widget)
    if stretch:
        layout.addStretch(1)
    return holder


def _card(title: str, *widgets: QWidget, note: str = "") -> Card:
    card = Card(title, note)
    for widget in widgets:
        card.add(widget)
    return card


def control_room() -> QWidget:
    page = QWidget()
    page.resize(1440, 900)
    rail = NavigationRail(PAGES, [RailItem("settings", "Settings", "settings")], product="MLOps Desktop")
    rail.set_badge("alerts", 3)
    bar = CommandBar("Control Room")
    bar.add_action(QAction("Open report", bar), "file")
    content = QWidget()
    grid = QGridLayout(content)
    grid.setContentsMargins(24, 16, 24, 16)
    grid.setSpacing(12)
    top = _card("", lifecycle(), player())
    charts = Card()
    link = TimeLink(page)
    for index, chart in enumerate((requests_chart(), drift_chart(), metric_chart(), event_lane())):
        if index < 3:
            chart.caption.hide()
            chart.set_time_axis_visible(False)
        link.add(chart)
        charts.add(chart, 0 if index == 3 else 1)
    actions = _row(button("Promote", "promote", "primary"), button("Roll back", "rollback", "danger"))
    side = _card("Canary", compare(), split(), guardrails(), actions, note="v4 against v3, day 9")
    side.body.addStretch(1)
    grid.addWidget(top, 0, 0, 1, 2)
    grid.addWidget(charts, 1, 0)
    grid.addWidget(side, 1, 1)
    heat = Card()
    heat.add(heatmap(7))
    grid.addWidget(heat, 2, 0)
    grid.addWidget(_card("Journal", log()), 2, 1)
    grid.setColumnStretch(0, 7)
    grid.setColumnStretch(1, 4)
    grid.setRowStretch(1, 5)
    grid.setRowStretch(2, 2)
    right = QVBoxLayout()
    right.setSpacing(0)
    right.addWidget(bar)
    right.addWidget(content, 1)
    layout = QHBoxLayout(page)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.addWidget(rail)
    layout.addLayout(right, 1)
    return page


def controls() -> QWidget:
    name, _editor = text_field("Name", "weekly retrain", "Letters, digits and spaces")
    wrong, _wrong = text_field("Port", "80a")
    wrong.set_error("A port is a number from 1024 to 65535.")
    choice, _combo = choice_field("Model", [("a", "delay"), ("b", "cancellation")], "b")
    spin = QDoubleSpinBox()
    spin.setValue(0.25)
    check, radio, off = QCheckBox("Retrain on alert"), QRadioButton("Run once"), QCheckBox("Skip missed runs")
    check.setChecked(True)
    radio.setChecked(True)
    disabled = button("Disabled")
    disabled.setEnabled(False)
    bar = QProgressBar()
    bar.setTextVisible(False)
    bar.setValue(60)
    tabs = PageTabs(["Overview", "Data drift", "Concept", "Business"])
    chips = QWidget()
    grid = QGridLayout(chips)
    grid.setContentsMargins(0, 0, 0, 0)
    for i, status in enumerate(known_statuses()):
        grid.addWidget(StatusChip(status), i // 10, i % 10)
    glyphs = QWidget()
    marks = QGridLayout(glyphs)
    marks.setContentsMargins(0, 0, 0, 0)
    for i, icon in enumerate(icons.names()):
        label = QLabel()
        label.setPixmap(icons.pixmap(icon, current().text, 24))
        label.setToolTip(icon)
        marks.addWidget(label, i // 30, i % 30)
    kinds = ("primary", "", "danger", "quiet")
    buttons = [button(kind.capitalize() or "Default", "check", kind) for kind in kinds]
    page = _column(
        page_title("Controls"),
        _row(*buttons, disabled, icon_button("refresh", "Refresh"), icon_button("more", "More")),
        _row(name, wrong, choice, spin, check, off, radio, spacing=16),
        tabs,
        bar,
        chips,
        glyphs,
        Banner(Tone.INFO, "The sample project replays a year of recorded flights.", "Play"),
        Banner(Tone.WARNING, "dep_delay drifts: PSI 0.31 over its threshold of 0.25.", "Open alert 12"),
        Banner(Tone.CRITICAL, "The gateway stopped: port 8080 is in use by another program.", "Choose a port"),
        key_figures(),
        player(),
    )
    page.resize(1280, 900)
    return page


def tables() -> QWidget:
    states = [EmptyState() for _ in range(4)]
    states[1].show_never_set_up(
        "No datasets yet", "Drop a CSV or Parquet file here, or choose one.", "Add data", "data"
    )
    states[2].show_nothing_matches()
    states[3].show_error("The file could not be read.", "Check that it is a CSV with a header line.")
    jobs = JobsDrawer()
    jobs.set_jobs(
        [
            Job("1", "Retrain delay on flights@9", "running", "fit, fold 3 of 5", 0.42, 75, 104),
            Job("2", "Ingest flights-2013.csv", "running", "counting rows", None, 3.2),
            Job("3", "Backfill January", "queued"),
            Job("4", "Retrain delay on flights@8", "failed", "column dep_delay is empty", 0.2, 12),
        ]
    )
    jobs.setMinimumHeight(270)
    cards = []
    for state in states:
        card = Card()
        card.add(state)
        cards.append(card)
    page = _column(SectionHeader("Runs", "40 of 40"), runs_table(), _row(*cards, stretch=False), jobs)
    page.resize(1360, 1180)
    return page


def charts() -> QWidget:
    page = QWidget()
    page.resize(1360, 1240)
    grid = QGridLayout(page)
    grid.setContentsMargins(24, 24, 24, 24)
    grid.setSpacing(16)
    empty = TimeChart("Business value", "€")
    empty.set_empty("Labels arrive after 14 days; the first are due on 15 January.")
    pieces = [requests_chart(), drift_chart(), metric_chart(), long_chart(), distribution_chart(), category_chart()]
    for i, chart in enumerate([*pieces, reliability_chart(), empty]):
        card = Card()
        card.add(chart)
        chart.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        grid.addWidget(card, i // 3, i % 3)
    lane = Card()
    lane.add(event_lane())
    lane.add(MiniHistogram(np.exp(-((np.arange(40) - 20) ** 2) / 90).tolist()))
    grid.addWidget(lane, 2, 2)
    heat = Card()
    heat.add(heatmap(14))
    grid.addWidget(heat, 3, 0, 1, 3)
    return page


def overlays() -> QWidget:
    page = QWidget()
    page.resize(1360, 900)
    sheet = ConfirmSheet(
        Confirmation(
            "Roll back delay to v3?",
            "All traffic of the endpoint delay goes to v3 at once. The canary v4 gets none.",
            "Roll back",
            (
                Change("Primary", "v4", "v3"),
                Change("Canary share", "20 %", "0 %"),
                Change("Alias production", "v4", "v3"),
            ),
            dangerous=True,
        )
    )
    sheet.setWindowFlags(sheet.windowFlags() & ~sheet.windowType())
    sheet.setParent(page)
    sheet.setGeometry(40, 40, 560, sheet.sizeHint().height())
    palette = CommandPalette()
    palette.set_commands([Command(i.title, lambda: None, "Page", i.icon, i.shortcut) for i in PAGES])
    palette.setParent(page)
    palette.move(40, 470)
    panel = InspectorPanel()
    panel.set_title("Alert 12", "open")
    facts = [
        ("Cause", "data drift"),
        ("Endpoint", "delay"),
        ("Raised", "28 February 2013 10:42"),
        ("Action", "retrain"),
    ]
    panel.add(FactList(facts))
    panel.add(SectionHeader("Evidence"))
    panel.add(distribution_chart())
    panel.add(body("PSI of dep_delay is 0.31, over its threshold of 0.25, in two windows in a row."))
    panel.add(caption("Threshold calibrated on 200 resamples of the reference."))
    panel.setParent(page)
    panel.setGeometry(1000, 0, 360, 560)
    notices = NoticeLog()
    toasts = Toasts(notices, page)
    notices.post(Level.SUCCESS, "delay@4 registered", detail="AUC 0.804 on 48,211 held-out rows")
    notices.post(Level.WARNING, "Alert 12 was raised", action="Open", target="alert:12")
    notices.post(Level.ERROR, "The gateway could not start", detail="Port 8080 is in use. Choose another in Serving.")
    rail = NavigationRail(PAGES)
    rail.set_collapsed(True)
    rail.set_badge("alerts", 3)
    rail.setParent(page)
    rail.setGeometry(630, 40, 56, 520)
    bar = CommandBar()
    bar.set_path(["Monitoring", "Data drift", "dep_delay"])
    bar.setParent(page)
    bar.setGeometry(0, 0, 1000, 48)
    sheet.move(40, 64)
    rail.move(630, 64)
    for widget in (sheet, palette, panel, rail, bar, toasts):
        widget.show()
    return page


SHEETS: dict[str, Callable[[], QWidget]] = {
    "control-room": control_room,
    "controls": controls,
    "tables": tables,
    "charts": charts,
    "overlays": overlays,
}


def render(folder: Path, app: QApplication) -> list[Path]:
    """Writes each sheet in each theme as PNG and returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for theme in (Theme.LIGHT, Theme.DARK):
        apply_theme(app, theme)
        for name, make in SHEETS.items():
            sheet = make()
            sheet.show()
            end = datetime.now(UTC) + timedelta(milliseconds=400)
            while datetime.now(UTC) < end:
                app.processEvents()
            path = folder / f"{name}-{theme.value}.png"
            sheet.grab().save(str(path))
            written.append(path)
            sheet.close()
            sheet.deleteLater()
    return written


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m mlops_desktop.ui.gallery OUTDIR\n")
        return 2
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)  # noqa: S101
    for path in render(Path(arguments[0]), app):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
