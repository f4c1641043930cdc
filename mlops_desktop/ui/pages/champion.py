"""What the Control Room says of the champion while no canary runs: figures, facts, the gate's last verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from mlops_desktop.core.models import Alias, ModelVersion
from mlops_desktop.ui.queries.decisions import Decision
from mlops_desktop.ui.queries.series import metric_label
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.figures import fixed
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label, caption

_COLUMNS = 3
_BASELINES = ("dummy", "persistence")


class ChampionFacts(QWidget):
    """Its metrics as figures, then what it was trained on and since when it serves."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[object, ...] = ()
        self._figures = QGridLayout()
        self._figures.setHorizontalSpacing(t.SPACE_3)
        self._figures.setVerticalSpacing(t.SPACE_2)
        self._facts = FactList()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_3)
        column.addLayout(self._figures)
        column.addWidget(self._facts)

    def set_champion(self, version: ModelVersion, alias: Alias | None) -> None:
        """`alias` is the one of production, and says since when."""
        shown = (version.reference, alias.moved if alias else None)
        if shown == self._shown:
            return
        self._shown = shown
        while (item := self._figures.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        names = [name for name in version.metrics if not name.startswith(_BASELINES)][: 2 * _COLUMNS]
        for index, name in enumerate(names):
            row, column = divmod(index, _COLUMNS)
            self._figures.addWidget(_figure(metric_label(name), fixed(version.metrics[name], 4)), row, column)
            self._figures.setColumnStretch(column, 1)
        self._facts.set_facts(self._facts_of(version, alias))

    def _facts_of(self, version: ModelVersion, alias: Alias | None) -> list[tuple[str, str]]:
        facts = []
        if alias is not None:
            facts.append((self.tr("In production"), self.tr("since {day}").format(day=f"{alias.moved:%d %b %Y}")))
        trained = version.dataset_version
        if version.train_start and version.train_end:
            span = self.tr("{data}, {start} to {end}")
            start, end = f"{version.train_start:%d %b}", f"{version.train_end:%d %b %Y}"
            trained = span.format(data=trained, start=start, end=end)
        facts.append((self.tr("Trained on"), trained))
        if version.signature.is_multiclass:
            facts.append((self.tr("Tells apart"), ", ".join(version.signature.classes)))
        elif version.signature.classes:
            facts.append((self.tr("Says yes from"), self.tr("{p} upwards").format(p=fixed(version.threshold, 2))))
        return facts


class DecisionList(QWidget):
    """The gate's last verdicts, two lines each: verdict, what it hangs on and when; then the figures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Decision, ...] = ()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(t.SPACE_2)
        self._column.addWidget(Label(self.tr("Last candidates at the gate"), fonts.Type.BODY, fonts.SEMIBOLD))

    def set_decisions(self, decisions: Sequence[Decision]) -> None:
        """Newest first."""
        if tuple(decisions) == self._shown:
            return
        self._shown = tuple(decisions)
        while self._column.count() > 1:
            item = self._column.takeAt(1)
            if item is not None and (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for decision in decisions:
            self._column.addWidget(decision_row(decision))


def decision_row(decision: Decision) -> QWidget:
    """One verdict; its whole reason is the tool tip."""
    holder = QWidget()
    holder.setToolTip(decision.reason)
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(2)
    line = QHBoxLayout()
    line.setSpacing(t.SPACE_2)
    line.addWidget(StatusChip(decision.verdict))
    line.addWidget(ElidedLabel(decision.name, fonts.Type.TABLE), 1)
    line.addWidget(caption(f"{decision.time:%d %b}"))
    column.addLayout(line)
    if decision.text:
        column.addWidget(ElidedLabel(decision.text, fonts.Type.CAPTION, secondary=True))
    return holder


def _figure(name: str, value: str) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(ElidedLabel(name, fonts.Type.CAPTION, secondary=True))
    column.addWidget(Label(value, fonts.Type.SECTION, fonts.SEMIBOLD))
    return holder
