"""What the contract editor consists of, before it does anything."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.pages.data_contract_head import ContractHead
from mlops_desktop.ui.pages.data_contract_model import RulesModel
from mlops_desktop.ui.pages.data_contract_report import ReportPanel, UnsavedMark
from mlops_desktop.ui.pages.data_contract_rules import RulesTable
from mlops_desktop.ui.pages.data_contract_text import ContractText
from mlops_desktop.ui.pages.data_jobs import JobBar
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.labels import ElidedLabel


class ContractParts(QWidget):
    """A bar, a message, the form or the text, the report, and the state without a contract."""

    def __init__(self, bridge: Bridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self._make_parts()
        self._lay_out()

    def _make_parts(self) -> None:
        self.title = ElidedLabel("", fonts.Type.BODY, fonts.SEMIBOLD)
        self.unsaved = UnsavedMark()
        self.form_button = _segment(self.tr("Form"))
        self.text_button = _segment(self.tr("Text (TOML)"))
        self.history = button(self.tr("History…"), kind="quiet")
        self.check = button("", "shield")
        self.save = button(self.tr("Save"), "save", "primary")
        self.message = Banner(Tone.WARNING, "", dismissible=False)
        self.head = ContractHead()
        self.model = RulesModel(self)
        self.table = RulesTable(self.model)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(self.tr("Filter the columns"))
        self.filter.setAccessibleName(self.tr("Filter the columns"))
        self.filter.setClearButtonEnabled(True)
        self.filter.setMaximumWidth(220)
        self.count = ElidedLabel("", fonts.Type.CAPTION, secondary=True)
        self.add = button(self.tr("Add a column"), "plus", "quiet")
        self.text = ContractText()
        self.job = JobBar(self.bridge)
        self.report = ReportPanel()
        self.empty = EmptyState()

    def _lay_out(self) -> None:
        bar = QHBoxLayout()
        bar.setSpacing(t.SPACE_2)
        bar.addWidget(self.title)
        bar.addWidget(self.unsaved)
        bar.addStretch(1)
        both = QHBoxLayout()
        both.setSpacing(0)
        both.addWidget(self.form_button)
        both.addWidget(self.text_button)
        bar.addLayout(both)
        for widget in (self.history, self.check, self.save):
            bar.addWidget(widget)
        under = QHBoxLayout()
        under.setSpacing(t.SPACE_2)
        under.addWidget(self.filter, 1)
        under.addWidget(self.count, 1)
        under.addWidget(self.add)
        form = QWidget()
        column = QVBoxLayout(form)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_3)
        column.addWidget(self.head)
        column.addLayout(under)
        column.addWidget(self.table, 1)
        self.ways = QStackedWidget()
        self.ways.addWidget(form)
        self.ways.addWidget(self.text)
        self.splitter = QSplitter(Qt.Orientation.Vertical)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.addWidget(self.ways)
        self.splitter.addWidget(self.report)
        self.splitter.setStretchFactor(0, 1)
        editor = QWidget()
        column = QVBoxLayout(editor)
        column.setContentsMargins(0, t.SPACE_3, 0, 0)
        column.setSpacing(t.SPACE_3)
        column.addLayout(bar)
        column.addWidget(self.message)
        column.addWidget(self.splitter, 1)
        column.addWidget(self.job)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(editor)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self._stack)
        self.message.hide()
        self.unsaved.hide()


def _segment(text: str) -> QPushButton:
    made = button(text)
    made.setCheckable(True)
    return made
