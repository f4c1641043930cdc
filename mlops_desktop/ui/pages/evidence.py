"""An alert's evidence as a person reads it: tables of features and metrics, notes as bullets, no ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from mlops_desktop.ui.queries.series import metric_label
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.figures import NO_VALUE, fixed, percent
from mlops_desktop.ui.widgets.figuretable import FigureRow, FigureTable
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import Label, section

# A window's id says nothing to a person; the window itself is shown with its dates elsewhere.
_SILENT = {"window", "features", "metrics", "notes", "violations", "rows", "labelled"}
_SHARES = {"label_share", "positive_rate"}


def evidence_widgets(evidence: Mapping[str, Any]) -> list[QWidget]:
    """What to put into an inspector, top to bottom."""
    found: list[QWidget] = [section(QCoreApplication.translate("Evidence", "Evidence"))]
    features, metrics = _rows(evidence.get("features")), _rows(evidence.get("metrics"))
    metrics.sort(key=lambda metric: not metric.get("breached"))
    if features:
        found.append(_features(features))
    if metrics:
        found.append(_metrics(metrics))
    violations = [str(row.get("message", "")) for row in _rows(evidence.get("violations"))]
    found += _bullets([text for text in violations if text])
    facts = [(_worded(name), said(value)) for name, value in evidence.items() if name not in _SILENT]
    if "rows" in evidence:
        text = QCoreApplication.translate("Evidence", "{rows}, {labelled} with a label")
        rows, labelled = (said(evidence.get(name, 0)) for name in ("rows", "labelled"))
        facts.append((QCoreApplication.translate("Evidence", "Rows"), text.format(rows=rows, labelled=labelled)))
    if facts:
        found.append(FactList(facts))
    notes = evidence.get("notes")
    return found + _bullets([str(note) for note in notes] if isinstance(notes, list | tuple) else [])


def _rows(value: Any) -> list[dict[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list | tuple) else []


def _features(rows: Sequence[Mapping[str, Any]]) -> QWidget:
    tr = QCoreApplication.translate
    shown = []
    for row in rows:
        score, limit = _number(row.get("score")), _number(row.get("threshold"))
        breached = score is not None and limit is not None and score > limit
        importance = percent(_number(row.get("importance")), 0)
        figures = (fixed(score, 3), fixed(limit, 3), str(row.get("method", "")), importance)
        shown.append(FigureRow(str(row.get("feature", "")), figures, breached))
    heads = (tr("Evidence", "Score"), tr("Evidence", "Limit"), tr("Evidence", "Method"), tr("Evidence", "Weight"))
    return FigureTable(tr("Evidence", "Feature"), heads, shown, tr("Evidence", "above its limit"))


def _metrics(rows: Sequence[Mapping[str, Any]]) -> QWidget:
    tr = QCoreApplication.translate
    shown = []
    for row in rows:
        name = str(row.get("name", ""))
        low, high = _number(row.get("low")), _number(row.get("high"))
        interval = NO_VALUE if low is None or high is None else f"{_figure(name, low)}–{_figure(name, high)}"
        values = (_figure(name, _number(row.get("value"))), _figure(name, _number(row.get("baseline"))), interval)
        shown.append(FigureRow(metric_label(name), values, bool(row.get("breached"))))
    heads = (tr("Evidence", "Value"), tr("Evidence", "Registered"), tr("Evidence", "95 % interval"))
    return FigureTable(tr("Evidence", "Metric"), heads, shown, tr("Evidence", "outside what is usual"))


def _figure(name: str, value: float | None) -> str:
    if name in _SHARES:
        return percent(value, 1)
    return fixed(value, 0 if name.endswith("_votes") else 3)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _bullets(texts: Sequence[str]) -> list[QWidget]:
    """One bullet a text, its lines hanging beside it."""
    if not texts:
        return []
    holder = QWidget()
    grid = QGridLayout(holder)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(t.SPACE_2)
    grid.setVerticalSpacing(t.SPACE_1)
    grid.setColumnStretch(1, 1)
    for row, text in enumerate(texts):
        grid.addWidget(Label("•", fonts.Type.TABLE, secondary=True), row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(Label(text, fonts.Type.TABLE, secondary=True, wrap=True), row, 1)
    return [holder]


def _worded(name: str) -> str:
    return name.replace("_", " ").capitalize()


def said(value: Any) -> str:
    """A value of the evidence in words."""
    if isinstance(value, bool):
        return QCoreApplication.translate("Evidence", "yes") if value else QCoreApplication.translate("Evidence", "no")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return fixed(value, 4)
    if isinstance(value, dict):
        return ", ".join(f"{_worded(str(name)).lower()} {said(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(said(each) for each in value)
    return NO_VALUE if value is None else str(value)
