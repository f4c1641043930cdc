"""How a version stands against a contract, and earlier contracts with what differs between them."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPlainTextEdit, QVBoxLayout, QWidget

from mlops_desktop.core.contracts import ContractReport, ContractVersion, Violation
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_sheet import Sheet
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.buttons import icon_button
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import percent
from mlops_desktop.ui.widgets.labels import ElidedLabel, caption
from mlops_desktop.ui.widgets.painting import paint_hairline
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

_SHEET_WIDTH = 860


class ReportPanel(QWidget):
    """A verdict in one line and, where rules are broken, a table of them.

    Signals:
        columnChosen(str, str): a violation was opened: its column and its rule.
    """

    columnChosen = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.chip = StatusChip()
        self.said = ElidedLabel("", fonts.Type.BODY, fonts.MEDIUM)
        self.violations: tuple[Violation, ...] = ()
        head = QHBoxLayout()
        head.setSpacing(t.SPACE_2)
        head.addWidget(self.chip)
        head.addWidget(self.said, 1)
        head.addWidget(icon_button("close", self.tr("Close the report"), self.hide))
        self.table = DataTable(
            [
                ColumnSpec("column", self.tr("Column"), width=130),
                ColumnSpec("rule", self.tr("Rule"), width=100),
                ColumnSpec("rows", self.tr("Bad rows"), Kind.INTEGER, width=84, format=_rows),
                ColumnSpec("found", self.tr("Found"), width=260),
                ColumnSpec("message", self.tr("In words"), width=320),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("Broken rules"),
        )
        self.table.activated.connect(self._on_activated)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, t.SPACE_2, 0, 0)
        column.setSpacing(t.SPACE_2)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        self.hide()

    def show_report(self, reference: str, report: ContractReport) -> None:
        """Show how a version stands."""
        self.violations = report.violations
        self.chip.set_status("pass" if report.is_kept else "fail")
        if report.is_kept:
            text = self.tr("{reference} keeps the contract: {rows} rows, none of them bad.")
        else:
            text = self.tr("{reference}: {bad} of {rows} rows are bad ({share}). Rules that are broken: {rules}.")
        share = percent(report.bad_rows / report.rows if report.rows else 0.0, 2)
        self.said.setText(
            text.format(
                reference=reference, rows=f"{report.rows:,}", bad=f"{report.bad_rows:,}", share=share,
                rules=f"{len(report.violations):,}",
            )
        )  # fmt: skip
        self.table.setVisible(not report.is_kept)
        self.table.set_rows(
            {
                "column": [each.column or self.tr("the table") for each in report.violations],
                "rule": [each.rule.replace("_", " ") for each in report.violations],
                "rows": [each.rows for each in report.violations],
                "found": [self._examples(each) for each in report.violations],
                "message": [each.message for each in report.violations],
            }
        )
        self.show()

    def _examples(self, violation: Violation) -> str:
        text = self.tr("row {row}: {value}")
        found = [text.format(row=f"{row:,}", value=value or self.tr("nothing")) for row, value in violation.examples]
        return "  ·  ".join(found)

    def _on_activated(self, row: int) -> None:
        violation = self.violations[row]
        self.columnChosen.emit(violation.column.split(", ")[0], violation.rule)

    def sizeHint(self) -> QSize:
        return QSize(400, 180 if self.violations else 40)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        paint_hairline(QPainter(self), QPointF(0, 0.5), QPointF(self.width(), 0.5), current())


def _rows(value: Any) -> str:
    return f"{value:,}" if value else "–"


class DiffText(QPlainTextEdit):
    """Two texts as one: lines that went, lines that came, and what stands around them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setFont(fonts.mono())
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName(self.tr("Difference"))

    def show_difference(self, before: str, after: str) -> None:
        self.clear()
        cursor, tokens = self.textCursor(), current()
        lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3))[2:]
        for line in lines or [f" {each}" for each in after.splitlines()]:
            style = QTextCharFormat()
            if line.startswith("@@"):
                cursor.insertText("  …\n", style)
                continue
            if line[:1] in "+-" and lines:
                tone = tokens.ok if line[0] == "+" else tokens.critical
                style.setForeground(QColor(tone.text))
                style.setBackground(QColor(tone.fill))
            cursor.insertText(f"{line[:1].replace('-', '−')} {line[1:]}\n", style)
        self.moveCursor(QTextCursor.MoveOperation.Start)


class HistorySheet(Sheet):
    """Contract versions, newest first, each with what it changed.

    Signals:
        wanted(ContractVersion): an earlier contract is to be edited again.
    """

    wanted = Signal(object)

    def __init__(self, page: Page, dataset: str, contracts: Sequence[ContractVersion]) -> None:
        self.contracts = tuple(contracts)
        super().__init__(page, "", "", "")
        self.title.setText(self.tr("Contracts of {dataset}").format(dataset=dataset))
        self.setWindowTitle(self.title.text())
        self.text.setText(self.tr("Versions keep the number of the contract that their rows were held to."))
        self.act.setText(self.tr("Edit this one again"))
        self.cancel.setText(self.tr("Close"))
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Contract versions"))
        self.list.setFixedWidth(190)
        self.what = caption()
        self.difference = DiffText()
        self.difference.setMinimumHeight(320)
        right = QVBoxLayout()
        right.setSpacing(t.SPACE_1)
        right.addWidget(self.what)
        right.addWidget(self.difference, 1)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_3)
        row.addWidget(self.list)
        row.addLayout(right, 1)
        self.column.addLayout(row, 1)
        for each in self.contracts:
            item = QListWidgetItem(f"@{each.number}   {each.created:%Y-%m-%d %H:%M}")
            item.setFont(fonts.font(fonts.Type.TABLE))
            item.setSizeHint(QSize(0, t.ROW_COMPACT))
            self.list.addItem(item)
        self.list.currentRowChanged.connect(self._show)
        self.list.setCurrentRow(0)
        self.cancel.setDefault(True)
        self.resize(min(_SHEET_WIDTH, page.window().width() - 64), min(560, page.window().height() - 64))

    def _show(self, row: int) -> None:
        chosen = self.contracts[row]
        before = self.contracts[row + 1] if row + 1 < len(self.contracts) else None
        text = self.tr("What @{after} changed from @{before}") if before else self.tr("@{after} is the first one")
        self.what.setText(text.format(after=chosen.number, before=before.number if before else ""))
        self.difference.show_difference(before.text if before else chosen.text, chosen.text)
        self.act.setEnabled(row > 0)

    def go_ahead(self) -> None:
        self.wanted.emit(self.contracts[self.list.currentRow()])
        self.accept()


class UnsavedMark(QWidget):
    """A dot and a word: there are changes that are not saved."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._text = self.tr("Not saved")
        self.setAccessibleName(self._text)

    def sizeHint(self) -> QSize:
        return QSize(round(self.fontMetrics().horizontalAdvance(self._text)) + 18, 20)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.warning.text))
        painter.drawEllipse(QRectF(2, self.height() / 2 - 3.5, 7, 7))
        painter.setPen(QColor(tokens.warning.text))
        painter.drawText(self.rect().adjusted(14, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), self._text)
