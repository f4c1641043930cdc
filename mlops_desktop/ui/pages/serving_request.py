"""One logged request in full: what came in, who answered what, and where both come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QWidget

from mlops_desktop.ui.queries.requests import Line, as_json
from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.figures import NO_VALUE, fixed
from mlops_desktop.ui.widgets.idline import IdLine
from mlops_desktop.ui.widgets.inspector import FactList, InspectorPanel
from mlops_desktop.ui.widgets.labels import caption, section
from mlops_desktop.ui.widgets.probabilitybars import ProbabilityBars

if TYPE_CHECKING:
    from mlops_desktop.serving.labels import LabelValue

_MOST_INPUTS = 60


class RequestPanel(InspectorPanel):
    """The details of a line of the request tail.

    Signals:
        tryRequested(dict): the row is to be tried again.
        openRequested(str): a page with what to show there.
        copied: the record is on the clipboard.
    """

    tryRequested = Signal(dict)
    openRequested = Signal(str)
    copied = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent)
        self.line: Line | None = None
        self._label: LabelValue = None
        self._row: ServingRow | None = None

    def show_line(self, line: Line, label: LabelValue, row: ServingRow, redacted: dict[str, str]) -> None:
        """Show a line, unless it is on screen as it is."""
        is_same = self.line is line and self._label == label and self._row is row
        self.line, self._label, self._row = line, label, row
        if is_same and self.isVisible():
            return
        self.clear()
        short = line.key if len(line.key) <= 16 else "…" + line.key[-14:]
        self.set_title(self.tr("Request {}").format(short), line.row.role if line.is_answered else "failed")
        self.add(self._buttons(line))
        if len(line.row.probabilities) > 1:
            bars = ProbabilityBars()
            bars.set_probabilities(line.row.probabilities, str(line.row.prediction))
            self.add(bars)
        self.add(IdLine(line.key))
        self.add(FactList(self._facts(line)))
        if line.row.inputs:
            self._add_inputs(line, redacted)
        self.show()

    def _buttons(self, line: Line) -> QWidget:
        reference = f"{self._row.endpoint.model}@{line.row.version}" if self._row is not None else ""
        self.try_row = button(self.tr("Try this row"), "play", "primary", self._on_try)
        self.try_row.setEnabled(bool(line.row.inputs))
        self.copy = button(self.tr("Copy as JSON"), "copy", on_click=self._on_copy)
        self.open_model = button(self.tr("Model v{}").format(line.row.version), "models")
        self.open_model.clicked.connect(lambda: self.openRequested.emit(f"models/{reference}"))
        self.open_lineage = button(self.tr("Lineage"), "lineage")
        self.open_lineage.setToolTip(self.tr("Which data and which run this version comes from"))
        self.open_lineage.clicked.connect(lambda: self.openRequested.emit(f"lineage/{reference}"))
        holder = QWidget()
        grid = QGridLayout(holder)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(t.SPACE_2)
        for place, each in enumerate((self.try_row, self.copy, self.open_model, self.open_lineage)):
            grid.addWidget(each, place // 2, place % 2)
        return holder

    def _facts(self, line: Line) -> list[tuple[str, str]]:
        row = line.row
        told = self.tr("{total} ms: {queue} waiting, {inference} with the model").format(
            total=fixed(row.latency_ms, 1), queue=fixed(row.queue_ms, 1), inference=fixed(row.inference_ms, 1)
        )
        facts = [
            (self.tr("Prediction"), NO_VALUE if row.prediction is None else str(row.prediction)),
            (self.tr("Label"), self.tr("not known yet") if self._label is None else str(self._label)),
            (self.tr("Score"), fixed(row.score, 4) if row.score is not None else ""),
            (self.tr("Time"), f"{row.time:%Y-%m-%d %H:%M:%S.%f}"[:-3]),
            (self.tr("Version"), f"v{row.version}, {row.role}"),
            (self.tr("Latency"), told),
            (self.tr("Worker"), self.tr("started for this request") if row.cold else ""),
            (self.tr("Entity"), row.entity),
            (self.tr("Client's id"), row.client_id),
        ]
        if not line.is_answered:
            facts = [(self.tr("Status"), str(row.status)), (self.tr("Error"), row.error), *facts[3:]]
        return [fact for fact in facts if fact[1]]

    def _add_inputs(self, line: Line, redacted: dict[str, str]) -> None:
        inputs = line.row.inputs
        self.add(section(self.tr("Inputs")))
        shown = list(inputs.items())[:_MOST_INPUTS]
        hashed = self.tr("{} (hashed in the log)")
        self.add(
            FactList(
                [
                    (name, self._value(value) if redacted.get(name) != "hash" else hashed.format(value))
                    for name, value in shown
                ]
            )
        )
        if len(inputs) > len(shown):
            text = self.tr("{n} of {total} inputs are shown; the copy has them all.")
            self.add(caption(text.format(n=len(shown), total=f"{len(inputs):,}"), wrap=True))

    def _value(self, value: object) -> str:
        return self.tr("missing") if value is None else str(value)

    def close_panel(self) -> None:
        self.line = None
        super().close_panel()

    def _on_try(self) -> None:
        if self.line is not None:
            self.tryRequested.emit(self.line.row.inputs)

    def _on_copy(self) -> None:
        if self.line is not None and self._row is not None:
            endpoint = self._row.endpoint
            QGuiApplication.clipboard().setText(as_json(self.line, self._label, endpoint.name, endpoint.model))
            self.copied.emit()
