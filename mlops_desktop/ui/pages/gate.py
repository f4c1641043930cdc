"""A gate's verdict in an inspector: the verdict, then each check with its figures."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QWidget

from mlops_desktop.ui.queries.decisions import Decision
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.shapes import paint_shape
from mlops_desktop.ui.theme.status import status_style
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.labels import Label, caption


class _Mark(QWidget):
    """The shape of a check's outcome, with the word for assistive technology."""

    def __init__(self, status: str) -> None:
        super().__init__()
        self._style = status_style(status)
        self.setFixedSize(14, 16)
        self.setAccessibleName(self._style.word)
        self.setToolTip(self._style.word)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, colour = QPainter(self), current().tone(self._style.tone).text
        paint_shape(painter, self._style.shape, QRectF(1, 2.5, 11, 11), colour)
        painter.end()


def gate_widgets(decision: Decision) -> list[QWidget]:
    """What to put into an inspector, top to bottom."""
    head = QWidget()
    line = QHBoxLayout(head)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(t.SPACE_2)
    line.addWidget(StatusChip(decision.verdict), 0, Qt.AlignmentFlag.AlignTop)
    line.addWidget(Label(_headline(decision), fonts.Type.TABLE, wrap=True), 1)
    if not decision.checks:
        return [head]
    holder = QWidget()
    grid = QGridLayout(holder)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setHorizontalSpacing(t.SPACE_2)
    grid.setVerticalSpacing(2)
    grid.setColumnStretch(1, 1)
    for row, (name, passed, text) in enumerate(decision.checks):
        status = "undecided" if passed is None else "pass" if passed else "fail"
        grid.addWidget(_Mark(status), 2 * row, 0, Qt.AlignmentFlag.AlignTop)
        grid.addWidget(Label(name[:1].upper() + name[1:], fonts.Type.TABLE, wrap=True), 2 * row, 1)
        grid.addWidget(caption(text, wrap=True), 2 * row + 1, 1)
    return [head, holder]


def _headline(decision: Decision) -> str:
    day = f"{decision.time:%d %b %Y}"
    if decision.verdict == "passed":
        return QCoreApplication.translate("Gate", "{what} passed on {day}.").format(
            what=decision.name[:1].upper() + decision.name[1:], day=day
        )
    if decision.verdict == "refused":
        text = QCoreApplication.translate("Gate", "On {day}; it failed: {what}.")
    else:
        text = QCoreApplication.translate("Gate", "On {day}; not settled: {what}.")
    return text.format(day=day, what=decision.name)
