"""Model versions: who is in production, how each compares with it, and promotion by hand."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QWidget

from mlops_desktop.core.models import ModelVersion
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, with_inspector
from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.pages.gate import gate_widgets
from mlops_desktop.ui.pages.promotion import ask_promotion, compared_metrics, comparison_note
from mlops_desktop.ui.queries import models as queries
from mlops_desktop.ui.queries.series import metric_label
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import fixed
from mlops_desktop.ui.widgets.inspector import FactList, InspectorPanel
from mlops_desktop.ui.widgets.labels import caption, section
from mlops_desktop.ui.widgets.rollout import ModelCompare
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind


class ModelsPage(Page):
    """Every version of every model, newest first."""

    key = "models"
    listens_to = ("model.", "alias.", "gate.", "rollout.")

    def query(self) -> Query:
        return queries.model_list

    def never_set_up(self, model: queries.ModelList) -> NeverSetUp | None:
        if model.rows:
            return None
        text = self.tr("A training run that passes becomes a version here. Add data, then train.")
        return NeverSetUp(self.tr("No model yet"), text, self.tr("Open data"), "models", self._open_data)

    def _open_data(self) -> None:
        self.openRequested.emit("data")

    def build(self) -> None:
        self.table: DataTable | None = None
        self.inspector = InspectorPanel()
        self.inspector.setFixedWidth(420)
        self.inspector.closed.connect(self._on_closed)
        self.chosen = ""
        self._holder = QWidget()
        row = QHBoxLayout(self._holder)
        row.setContentsMargins(0, 0, 0, 0)
        with_inspector(self.content, self._holder, self.inspector)

    def _make_table(self, metrics: tuple[str, ...]) -> DataTable:
        specs = [
            ColumnSpec("reference", self.tr("Version"), width=136),
            ColumnSpec("role", self.tr("Role"), Kind.CHIP, width=116),
            *(ColumnSpec(name, metric_label(name), Kind.NUMBER, width=112, decimals=4) for name in metrics),
            ColumnSpec("runtime", self.tr("Served by"), width=90),
            ColumnSpec("parity", self.tr("Export check"), Kind.CHIP, width=108),
            ColumnSpec("data", self.tr("Trained on"), width=104),
            ColumnSpec("created", self.tr("Registered"), Kind.TIME, width=136),
        ]
        table = DataTable(specs, name=self.tr("models"))
        FittingColumns(table, "reference", ("created", "data", "runtime", *metrics[:0:-1], "parity"))
        table.selectionChanged.connect(self._on_select)
        return table

    def show_model(self, model: queries.ModelList) -> None:
        metrics = tuple(dict.fromkeys(name for row in model.rows for name in row.version.metrics))[:4]
        if self.table is None or self._metrics != metrics:
            self._metrics = metrics
            if self.table is not None:
                self.table.deleteLater()
            self.table = self._make_table(metrics)
            layout = self._holder.layout()
            assert layout is not None  # noqa: S101 - made in build
            layout.addWidget(self.table)
        versions = [row.version for row in model.rows]
        chosen = self.chosen
        self.table.set_rows(
            {
                "reference": [version.reference for version in versions],
                "role": [row.aliases[0] if row.aliases else "registered" for row in model.rows],
                **{name: [version.metrics.get(name) for version in versions] for name in metrics},
                "runtime": [_RUNTIMES.get(version.runtime.value, version.runtime.value) for version in versions],
                "parity": ["pass" if version.parity.agrees else "fail" for version in versions],
                "data": [version.dataset_version for version in versions],
                "created": [version.created for version in versions],
            }
        )
        if chosen:
            self._choose(chosen)

    _metrics: tuple[str, ...] = ()

    def open_target(self, target: str) -> None:
        self.chosen = target
        if self.is_built:
            self._choose(target)

    def _choose(self, reference: str) -> None:
        references = [row.version.reference for row in self.model.rows]
        if reference in references and self.table is not None:
            self.table.select_row(references.index(reference))

    def _on_closed(self) -> None:
        self.chosen = ""

    def _on_select(self, rows: list[int]) -> None:
        if rows:
            reference = self.model.rows[rows[0]].version.reference
            self.chosen = reference
            self.bridge.ask("model", lambda w: queries.model_detail(w, reference), self._show_detail)

    def _show_detail(self, detail: queries.ModelDetail) -> None:
        version, panel = detail.row.version, self.inspector
        champion = detail.champion
        is_champion = champion is not None and champion.number == version.number
        panel.clear()
        panel.set_title(version.reference, detail.row.aliases[0] if detail.row.aliases else "")
        panel.add(self._buttons(version, champion, is_champion))
        if champion is not None and not is_champion:
            compare = ModelCompare()
            compare.set_models(f"v{champion.number}", f"v{version.number}", compared_metrics(champion, version, 4))
            panel.add(compare)
            panel.add(caption(comparison_note(champion, version)))
        if detail.gate is not None:
            panel.add(section(self.tr("Gate")))
            for widget in gate_widgets(detail.gate):
                panel.add(widget)
        panel.add(section(self.tr("Facts")))
        panel.add(FactList(self._facts(version)))
        panel.add(section(self.tr("Inputs")))
        names = ", ".join(feature.name for feature in version.signature.features)
        panel.add(
            caption(
                self.tr("{n} features → {target}: {names}").format(
                    n=len(version.signature.features), target=version.signature.target, names=names
                ),
                wrap=True,
            )
        )
        panel.show()

    def _buttons(self, version: ModelVersion, champion: ModelVersion | None, is_champion: bool) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_2)
        self.promote = button(self.tr("Promote…"), "promote", "primary")
        self.promote.clicked.connect(lambda: ask_promotion(self, version, champion))
        self.promote.setEnabled(not is_champion)
        if is_champion:
            self.promote.setToolTip(self.tr("This version is in production."))
        row.addWidget(self.promote)
        lineage = button(self.tr("Lineage"), "lineage")
        lineage.clicked.connect(lambda: self.openRequested.emit(f"lineage/{version.reference}"))
        row.addWidget(lineage)
        run = button(self.tr("Run"), "experiments")
        run.clicked.connect(lambda: self.openRequested.emit(f"experiments/{version.run}"))
        row.addWidget(run)
        row.addStretch(1)
        return holder

    def _facts(self, version: ModelVersion) -> list[tuple[str, str]]:
        parity = version.parity
        check = (
            self.tr("agrees on {n} rows, largest difference {d}")
            if parity.agrees
            else self.tr("differs on {n} rows by up to {d}; the original is served")
        )
        span = "–"
        if version.train_start and version.train_end:
            span = f"{version.train_start:%Y-%m-%d} to {version.train_end:%Y-%m-%d}"
        facts = [
            (self.tr("Trained on"), version.dataset_version),
            (self.tr("Training rows from"), span),
            (self.tr("ONNX export"), check.format(n=f"{parity.rows:,}", d=f"{parity.largest_difference:.1e}")),
            (self.tr("Registered"), f"{version.created:%Y-%m-%d %H:%M}"),
        ]
        if version.signature.is_multiclass:
            return [*facts, (self.tr("Classes"), ", ".join(version.signature.classes))]
        if version.signature.classes:
            return [*facts, (self.tr("Threshold"), fixed(version.threshold, 2))]
        return facts


_RUNTIMES = {"onnx": "ONNX", "sklearn": "scikit-learn"}
