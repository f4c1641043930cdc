"""How strongly the columns of a version go together, computed when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QCloseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import AppError, Cancelled
from mlops_desktop.core.progress import CancelToken
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.figures import MINUS
from mlops_desktop.ui.widgets.labels import Label, body, caption
from mlops_desktop.ui.widgets.matrix import Matrix
from mlops_desktop.ui.widgets.player import Segmented
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    from mlops_desktop.data.profiles.correlation import Correlation


class CorrelationDialog(QDialog):
    """A matrix over all columns that are fit for it; pointing at a cell tells what it measures."""

    def __init__(self, bridge: Bridge, reference: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._reference = bridge, reference
        self._token = CancelToken()
        self.found: Correlation | None = None
        self.setWindowTitle(self.tr("Correlation in {reference}").format(reference=reference))
        self.resize(820, 680)
        self.matrix = Matrix()
        self.matrix.pointed.connect(self._on_pointed)
        self.measure = Segmented([self.tr("Values"), self.tr("Ranks")])
        self.measure.chosen.connect(lambda _index: self._show_matrix())
        self.said = body("", wrap=True)
        self.note = caption(wrap=True)
        self.state = EmptyState()
        self.state.actionTriggered.connect(self._ask)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setWidget(self.matrix)
        self.area.viewport().setAutoFillBackground(False)
        self.matrix.setAutoFillBackground(False)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.state)
        self.stack.addWidget(self.area)
        self._lay_out()
        self._ask()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_6, t.SPACE_4, t.SPACE_6, t.SPACE_4)
        layout.setSpacing(t.SPACE_3)
        head = QHBoxLayout()
        head.addWidget(Label(self.windowTitle(), fonts.Type.PAGE, fonts.SEMIBOLD), 1)
        head.addWidget(self.measure)
        layout.addLayout(head)
        layout.addWidget(self.said)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.note)
        foot = QHBoxLayout()
        foot.addStretch(1)
        foot.addWidget(button(self.tr("Close"), on_click=self.accept))
        layout.addLayout(foot)

    def _ask(self) -> None:
        self.state.show_loading(self.tr("All rows are read once"))
        self.stack.setCurrentWidget(self.state)
        token = self._token

        def computed(workspace: Workspace) -> Correlation | None:
            try:
                return workspace.data.correlation(
                    self._reference, progress=token.reporting_to(lambda _share, _said: None)
                )
            except Cancelled:
                return None

        self._bridge.ask("data correlation", computed, self._show, self._show_error)

    def _show_error(self, error: AppError) -> None:
        self.state.show_error(error)
        self.stack.setCurrentWidget(self.state)

    def _show(self, found: Correlation | None) -> None:
        if found is None:
            return
        self.found = found
        self._show_matrix()
        self.stack.setCurrentWidget(self.area)
        text = self.tr("{rows} rows; ranks over {sample} of them.").format(
            rows=f"{found.rows:,}", sample=f"{found.sample:,}"
        )
        if found.left_out:
            left = ", ".join(found.left_out[:12]) + (" …" if len(found.left_out) > 12 else "")
            text += self.tr(" Left out: {names}.").format(names=left)
        self.note.setText(text)
        self._on_pointed(-1, -1)

    def _show_matrix(self) -> None:
        if self.found is not None:
            values = self.found.ranks if self.measure.current else self.found.values
            self.matrix.set_values(self.found.columns, values)

    def _on_pointed(self, row: int, column: int) -> None:
        found = self.found
        if found is None:
            return
        if row < 0:
            self.said.setText(self.tr("Point at a cell. Orange goes together, blue in opposite ways."))
            return
        value = (found.ranks if self.measure.current else found.values)[row][column]
        number = self.tr("nothing to tell") if value is None else f"{value:.3f}".replace("-", MINUS)
        pair = f"{found.columns[row]} × {found.columns[column]}"
        self.said.setText(f"{pair}: {self._measure(found.types[row], found.types[column])} {number}")

    def _measure(self, one: ColumnType, other: ColumnType) -> str:
        texts = (one is ColumnType.TEXT) + (other is ColumnType.TEXT)
        if not texts:
            return self.tr("Spearman's ρ") if self.measure.current else self.tr("Pearson's r")
        return self.tr("Cramér's V") if texts == 2 else self.tr("correlation ratio η")

    def done(self, result: int) -> None:
        self._token.cancel()
        self._bridge.forget("data correlation")
        super().done(result)
        self.deleteLater()

    def closeEvent(self, event: QCloseEvent) -> None:
        self.done(0)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        QPainter(self).fillRect(self.rect(), current().surface)
