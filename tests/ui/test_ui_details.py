"""What inspectors and the Control Room make of verdicts, scores and evidence, and files dropped on the window."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from mlops_desktop.ui.charts.axes import ValueAxis, round_step
from mlops_desktop.ui.charts.timechart import TimeChart
from mlops_desktop.ui.charts.values import Series
from mlops_desktop.ui.pages.evidence import evidence_widgets
from mlops_desktop.ui.pages.import_wizard import ImportWizard
from mlops_desktop.ui.pages.marks import judged_metric, plain
from mlops_desktop.ui.queries.series import MetricSeries, metric_label
from mlops_desktop.ui.widgets.figuretable import FigureTable
from mlops_desktop.ui.widgets.monthscores import MonthScores, Policy
from mlops_desktop.ui.workspace_view import WorkspaceView


def metric(count: int, step: float) -> MetricSeries:
    times = np.arange(count) * step
    return MetricSeries("auc", times, np.full(count, 0.7), np.full(count, 0.6), np.full(count, 0.8), times + 1, 0.75)


def test_judged_windows_are_the_line_and_days_stand_pale_behind_it() -> None:
    series, intervals = judged_metric(metric(4, 7.0), metric(28, 1.0), "day")
    assert [(each.name, each.faint) for each in series] == [("day", True), ("AUC", False), ("at registration", False)]
    assert len(intervals[0].times) == 4
    alone, _intervals = judged_metric(None, metric(28, 1.0), "day")
    assert [each.faint for each in alone] == [False, False]


def test_a_faint_series_neither_stretches_the_axis_nor_takes_a_hue(qtbot: QtBot) -> None:
    chart = TimeChart("c")
    qtbot.addWidget(chart)
    times = np.arange(10.0) * 86_400
    main = Series("main", times, np.linspace(0.6, 0.8, 10))
    chart.set_series([Series("days", times, np.linspace(-5, 5, 10), faint=True), main])
    assert chart.value_bounds() == (0.6, 0.8)
    assert chart.colour_of(0) == chart.colour_of(1)


def test_labels_of_a_low_chart_keep_apart() -> None:
    ((step, _offset),) = ValueAxis().tickSpacing(0.0, 1000.0, 50.0)
    assert 1000.0 / step * 20 <= 50.0
    assert [round_step(value) for value in (0.03, 0.2, 7.0, 0.0)] == [0.05, 0.2, 10.0, 1.0]


def test_evidence_is_tables_and_bullets_without_ids(qtbot: QtBot) -> None:
    name = "01M8251Z6PDSGFAYPR7WWZBWHX"
    healthy = {"name": "auc", "value": 0.7, "low": 0.6, "high": 0.8, "n": 10, "baseline": 0.75, "breached": False}
    breached = healthy | {"name": "dummy_cost", "breached": True}
    found = evidence_widgets(
        {
            "window": name,
            "rows": 5504,
            "labelled": 12,
            "metrics": [healthy, breached],
            "features": [],
            "notes": ["Once."],
        }
    )
    for widget in found:
        qtbot.addWidget(widget)
    table = next(widget for widget in found if isinstance(widget, FigureTable))
    assert [(row.name, row.breached) for row in table.rows] == [("Dummy: Cost per row", True), ("AUC", False)]
    assert table.rows[1].figures == ("0.700", "0.750", "0.600–0.800")
    words = " ".join(label.text() for widget in found for label in widget.findChildren(QLabel))
    assert "5,504, 12 with a label" in words
    assert "Once." in words
    assert name not in words


def test_months_without_a_score_do_not_count_for_the_mean(qtbot: QtBot) -> None:
    scores = MonthScores()
    qtbot.addWidget(scores)
    scores.set_policies(["Apr", "May"], [Policy("This loop", (0.7, float("nan")), main=True)])
    scores.resize(420, 180)
    assert scores.policies[0].mean == 0.7
    assert not scores.grab().isNull()


def test_the_log_names_runs_as_the_pages_do() -> None:
    assert plain("Gate refused run:01M8251TNJ6F80MQ3B9SX650CT: `auc`") == "Gate refused run X650CT: auc"
    assert metric_label("persistence_auc") == "Persistence: AUC"


def test_a_file_dropped_on_any_page_is_offered_as_data(
    flights: Path, tmp_path: Path, open_view: Callable[[Path], WorkspaceView], qtbot: QtBot
) -> None:
    file = tmp_path / "more.csv"
    file.write_text("a,b\n1,2\n")
    view = open_view(flights)
    view.open("alerts")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(file))])
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    view.dropEvent(QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, data, left, none))
    qtbot.waitUntil(lambda: any(sheet.isVisible() for sheet in view.window().findChildren(ImportWizard)))
    assert view.current is view.page("data")
    for sheet in view.window().findChildren(ImportWizard):
        sheet.reject()
