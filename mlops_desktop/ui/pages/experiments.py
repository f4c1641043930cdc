"""Training runs, filtered and compared: only what differs is shown."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QWidget

from mlops_desktop.core.runs import Run
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, at_left, with_inspector
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.gate import gate_widgets
from mlops_desktop.ui.queries import runs as queries
from mlops_desktop.ui.queries.series import metric_label
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import NO_VALUE, duration, fixed, signed
from mlops_desktop.ui.widgets.inspector import FactList, InspectorPanel
from mlops_desktop.ui.widgets.labels import Label, caption, section
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind


class ExperimentsPage(Page):
    """Newest run first. One selected run shows its details, two show their differences."""

    key = "experiments"
    listens_to = ("run.", "model.version", "gate.")

    def query(self) -> Query:
        return queries.run_list

    def never_set_up(self, model: queries.RunList) -> NeverSetUp | None:
        if model.runs:
            return None
        text = self.tr("Training runs, with their data, parameters and metrics, are listed here. They need a dataset.")
        return NeverSetUp(self.tr("No run yet"), text, self.tr("Open data"), "experiments", self._open_data)

    def _open_data(self) -> None:
        self.openRequested.emit("data")

    def build(self) -> None:
        self.table: DataTable | None = None
        self.chosen: tuple[str, ...] = ()
        self._names: tuple[str, ...] = ()
        self.inspector = InspectorPanel()
        self.inspector.setFixedWidth(420)
        self.inspector.closed.connect(self._on_closed)
        self._holder = QWidget()
        row = QHBoxLayout(self._holder)
        row.setContentsMargins(0, 0, 0, 0)
        with_inspector(self.content, self._holder, self.inspector)

    def _make_table(self, names: tuple[str, ...]) -> DataTable:
        table = DataTable(
            [
                ColumnSpec("run", self.tr("Run"), Kind.MONO, width=90),
                ColumnSpec("state", self.tr("State"), Kind.CHIP, width=116),
                ColumnSpec("gate", self.tr("Gate"), Kind.CHIP, width=120),
                ColumnSpec("experiment", self.tr("Experiment"), width=100),
                *(ColumnSpec(name, metric_label(name), Kind.NUMBER, width=112, decimals=4) for name in names),
                ColumnSpec("data", self.tr("Data"), width=92),
                ColumnSpec("version", self.tr("Became"), width=118),
                ColumnSpec("started", self.tr("Started"), Kind.TIME, width=136),
            ],
            name=self.tr("runs"),
        )
        FittingColumns(table, "experiment", (*names[:1:-1], "started", "data", *names[1:2], "version"))
        table.selectionChanged.connect(self._on_select)
        return table

    def show_model(self, model: queries.RunList) -> None:
        names = model.metric_names[:5]
        if self.table is None or names != self._names:
            self._names = names
            if self.table is not None:
                self.table.deleteLater()
            self.table = self._make_table(names)
            layout = self._holder.layout()
            assert layout is not None  # noqa: S101 - made in build
            layout.addWidget(self.table)
        chosen = self.chosen
        runs, gates = model.runs, model.gates
        self.table.set_rows(
            {
                "run": [run.id[-6:] for run in runs],
                "state": [run.state.value for run in runs],
                "gate": [gates[run.id].verdict if run.id in gates else "" for run in runs],
                "experiment": [run.experiment for run in runs],
                **{name: [run.metrics.get(name) for run in runs] for name in names},
                "data": [run.dataset_version for run in runs],
                "version": [model.versions.get(run.id, NO_VALUE) for run in runs],
                "started": [run.started for run in runs],
            }
        )
        if len(chosen) == 1:
            self._choose(chosen[0])

    def open_target(self, target: str) -> None:
        self.chosen = (target,)
        if self.is_built:
            self._choose(target)

    def _choose(self, run_id: str) -> None:
        ids = [run.id for run in self.model.runs]
        if run_id in ids and self.table is not None:
            self.table.select_row(ids.index(run_id))

    def _on_closed(self) -> None:
        self.chosen = ()

    def _on_select(self, rows: list[int]) -> None:
        runs = [self.model.runs[row] for row in rows]
        self.chosen = tuple(run.id for run in runs)
        if len(runs) == 2:
            self._show_differences(runs[1], runs[0])
        elif runs:
            self._show_run(runs[0])

    def _show_run(self, run: Run) -> None:
        panel = self.inspector
        panel.clear()
        panel.set_title(self.tr("Run {id}").format(id=run.id[-6:]), run.state.value)
        if run.reason:
            panel.add(Label(run.reason, wrap=True))
        panel.add(caption(self.tr("Select a second run with Ctrl to compare."), wrap=True))
        gate = self.model.gates.get(run.id)
        if gate is not None:
            panel.add(section(self.tr("Gate")))
            for widget in gate_widgets(gate):
                panel.add(widget)
        panel.add(section(self.tr("Metrics")))
        panel.add(FactList([(metric_label(name), fixed(value, 5)) for name, value in run.metrics.items()]))
        panel.add(section(self.tr("Parameters")))
        panel.add(FactList([(name, str(value)) for name, value in run.parameters.items()]))
        panel.add(section(self.tr("Origin")))
        facts = [(self.tr("Data"), run.dataset_version), (self.tr("Spec"), run.spec), (self.tr("Id"), run.id)]
        if run.finished is not None and run.finished > run.started:
            facts.append((self.tr("Took"), duration((run.finished - run.started).total_seconds())))
        panel.add(FactList(facts))
        reference = self.model.versions.get(run.id)
        if reference:
            text = self.tr("Open {reference}").format(reference=reference)
            panel.add(at_left(button(text, "models", "quiet", lambda: self.openRequested.emit(f"models/{reference}"))))
        panel.show()

    def _show_differences(self, first: Run, second: Run) -> None:
        panel = self.inspector
        panel.clear()
        panel.set_title(self.tr("{a} against {b}").format(a=second.id[-6:], b=first.id[-6:]))
        panel.add(caption(self.tr("Only what differs; the older run is the baseline."), wrap=True))
        found = queries.differences(first, second)
        titles = {"data": self.tr("Data"), "parameter": self.tr("Parameters"), "metric": self.tr("Metrics")}
        for group, title in titles.items():
            facts = [(_name(item), _change(item)) for item in found if item.group == group]
            if facts:
                panel.add(section(title))
                panel.add(FactList(facts))
        panel.show()


def _name(item: queries.Difference) -> str:
    return metric_label(item.name) if item.group == "metric" else item.name


def _change(item: queries.Difference) -> str:
    text = f"{_said(item.first)}  →  {_said(item.second)}"
    if isinstance(item.first, int | float) and isinstance(item.second, int | float) and item.group == "metric":
        text += f"   ({signed(item.second - item.first, 4)})"
    return text


def _said(value: Any) -> str:
    if value is None:
        return NO_VALUE
    return fixed(value, 4) if isinstance(value, float) else str(value)
