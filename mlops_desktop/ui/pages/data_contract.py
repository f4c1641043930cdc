"""The contract of a dataset: inferred, edited as a form or as text, tried on a version, saved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence, QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QWidget,
)

from mlops_desktop.core.contracts import ColumnRule, Contract, ContractVersion
from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.core.errors import AppError
from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_contract_cells import Field
from mlops_desktop.ui.pages.data_contract_leave import CloseGuard, LeaveSheet
from mlops_desktop.ui.pages.data_contract_model import Draft
from mlops_desktop.ui.pages.data_contract_parts import ContractParts
from mlops_desktop.ui.pages.data_contract_report import HistorySheet
from mlops_desktop.ui.pages.data_contract_rules import offer_columns
from mlops_desktop.ui.pages.data_sheet import opened
from mlops_desktop.ui.queries import contracts as queries
from mlops_desktop.ui.queries.upkeep import CHECK, RunView
from mlops_desktop.ui.theme.tokens import Tone

_TYPING_MS = 250
_MOST_OFFERED = 30
SAVED = "contract.saved"


class ContractTab(ContractParts):
    """A tab of the Data page. `show_version` names the version that the contract is tried on.

    Drafts that are not saved are kept by dataset while the page lives.
    """

    def __init__(self, page: Page, parent: QWidget | None = None) -> None:
        super().__init__(page.bridge, parent)
        self.page = page
        self._key = f"contract {id(self)}"
        self.line: VersionLine | None = None
        self.state: queries.ContractState | None = None
        self.draft: Draft | None = None
        self.judged: queries.Judged | None = None
        self._drafts: dict[str, Draft] = {}
        self._guard = CloseGuard(self, self._may_close)
        self._checked = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._judge)
        self._connect()

    def _connect(self) -> None:
        group = QButtonGroup(self)
        for each in (self.form_button, self.text_button):
            group.addButton(each)
        self.form_button.setChecked(True)
        self.form_button.clicked.connect(self._on_form)
        self.text_button.clicked.connect(self._on_text)
        self.head.changed.connect(lambda fields: self.draft.change(**fields) if self.draft else None)
        self.history.clicked.connect(lambda _on: self.open_history())
        self.check.clicked.connect(lambda _on: self.run_check())
        self.save.clicked.connect(lambda _on: self.save_draft())
        self.add.clicked.connect(lambda _on: self._offer_columns())
        self.filter.textChanged.connect(self.model.set_filter)
        self.model.refused.connect(self._on_refused)
        self.text.textChanged.connect(self._on_typed)
        self.message.actionTriggered.connect(self._go_to_problem)
        self.job.ended.connect(self._on_checked)
        self.job.refused.connect(lambda error: self._say(Tone.CRITICAL, str(error)))
        self.report.columnChosen.connect(self.table.show_cell)
        self.empty.actionTriggered.connect(self._on_empty_action)
        self.bridge.changed.connect(self._on_news)
        for name, keys, slot in (
            ("undo", QKeySequence.StandardKey.Undo, self._undo),
            ("redo", QKeySequence.StandardKey.Redo, self._redo),
        ):
            action = QAction(name, self.table)
            action.setShortcut(keys)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            action.triggered.connect(slot)
            self.table.addAction(action)
        action = QAction("save", self)
        action.setShortcut(QKeySequence.StandardKey.Save)
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.triggered.connect(self._on_save)
        self.addAction(action)

    # Which dataset

    def show_version(self, line: VersionLine) -> None:
        """Show the contract of the version's dataset; with changes to another one, ask what becomes of them."""
        before, self.line = self.line, line
        if before is not None and before.dataset != line.dataset:
            self._leave(before.dataset)
        if before is None or before.reference != line.reference:
            self.report.hide()
        self._ask()

    def _ask(self) -> None:
        if self.line is None or self.bridge.is_closed:
            return
        if self.state is None or self.state.dataset != self.line.dataset:
            self.empty.show_loading()
            self._stack.setCurrentIndex(0)
        query = partial(queries.contract_state, reference=self.line.reference)
        self.bridge.ask(self._key, query, self._show_state, self._on_failure)

    def _on_failure(self, error: AppError) -> None:
        self.empty.show_error(error)
        self._stack.setCurrentIndex(0)

    def _show_state(self, state: queries.ContractState) -> None:
        self.state = state
        draft = self._drafts.get(state.dataset)
        newest = state.newest
        self.check.setText(self.tr("Check {reference}").format(reference=state.reference))
        if draft is not None and (draft.is_dirty or (draft is self.draft and self.is_dirty)):
            self._edit(draft)
        elif newest is not None:
            if draft is None or draft.base != newest:
                draft = self._drafts[state.dataset] = Draft(newest.contract, newest, self)
            self._edit(draft)
        else:
            text = self.tr("A contract says what the rows of {dataset} must be like; all that come are held to it.")
            infer = self.tr("Infer from {reference}").format(reference=state.reference)
            said = text.format(dataset=state.dataset)
            self.empty.show_never_set_up(self.tr("No contract yet"), said, infer, "shield")
            self._stack.setCurrentIndex(0)

    def _on_empty_action(self) -> None:
        if self.empty.kind == "error" or self.state is None:
            self._ask()
            return
        state = self.state
        self.empty.show_loading(self.tr("Reading what is true of {reference}").format(reference=state.reference))
        self.bridge.ask(
            self._key, partial(queries.inferred, reference=state.reference), self._on_inferred, self._on_failure
        )

    def _on_inferred(self, contract: Contract) -> None:
        if self.state is not None:
            draft = self._drafts[self.state.dataset] = Draft(contract, None, self)
            self._edit(draft)

    def _edit(self, draft: Draft) -> None:
        if self.draft is not draft:
            if self.draft is not None:
                self.draft.changed.disconnect(self._on_changed)
            self.draft = draft
            draft.changed.connect(self._on_changed)
            self.model.set_draft(draft)
            self._begin(draft)
        self._stack.setCurrentIndex(1)
        self._on_changed()

    def _begin(self, draft: Draft) -> None:
        """As a form, or with the text that was left before it made sense."""
        unread, draft.unread = draft.unread, ""
        self.judged = None
        self.filter.clear()
        (self.text_button if unread else self.form_button).setChecked(True)
        self.ways.setCurrentIndex(1 if unread else 0)
        if unread:
            self.text.show_text(unread)

    def _on_news(self, kinds: frozenset[str], _last: int) -> None:
        if SAVED in kinds and self.isVisible():
            self._ask()

    @property
    def is_settled(self) -> bool:
        """Whether what is on screen has been judged, or there is nothing to judge."""
        if self.state is None or self.line is None or self.state.reference != self.line.reference:
            return False
        is_editing = self._stack.currentIndex() == 1
        return (self.judged is not None and not self._timer.isActive()) if is_editing else self.empty.kind != "loading"

    def forget_draft(self) -> None:
        """Throw away what is not saved of the dataset that is shown."""
        if self.state is not None:
            self._drafts.pop(self.state.dataset, None)
            self._ask()

    # The draft

    def _on_changed(self) -> None:
        draft, state = self.draft, self.state
        if draft is None or state is None:
            return
        self.head.show_contract(draft.contract, state.columns)
        if draft.text is not None and self.ways.currentWidget() is not self.text:
            self.text.show_text(draft.text)
        rules, key = len(draft.contract.columns), draft.contract.key
        text = self.tr("{n} columns with rules") + (f"  ·  {self.tr('key: {key}')}" if key else "")
        self.count.setText(text.format(n=f"{rules:,}", key=", ".join(key)))
        self._judge_soon()

    def _judge_soon(self) -> None:
        self.judged = None
        self._show_title()
        self._timer.start(_TYPING_MS)

    def _show_title(self) -> None:
        draft = self.draft
        if draft is None or self.state is None:
            return
        base = draft.base
        text = self.tr("Contract {n}, saved {time}") if base else self.tr("New contract of {dataset}")
        number, time = (base.number, f"{base.created:%Y-%m-%d %H:%M}") if base else (0, "")
        self.title.setText(text.format(n=number, time=time, dataset=self.state.dataset))
        is_dirty = self.is_dirty
        self.unsaved.setVisible(is_dirty)
        is_sound = self.judged is not None and self.judged.problem is None
        self.save.setEnabled(is_dirty and is_sound)
        self.check.setEnabled(is_sound and not self.job.is_busy)
        self.history.setEnabled(bool(self.state.contracts))

    @property
    def is_dirty(self) -> bool:
        """Whether there are changes that are not saved."""
        return self.draft is not None and (self.draft.is_dirty or self._is_written)

    @property
    def _is_written(self) -> bool:
        """Whether the text says something that the draft does not (yet)."""
        is_text = self.ways.currentWidget() is self.text
        return is_text and self.draft is not None and self.draft.text != self.text.toPlainText()

    def _judge(self) -> None:
        if self.draft is None or self.state is None or self.bridge.is_closed:
            return
        dataset, key = self.state.dataset, f"{self._key} judged"
        if self._is_written or self.draft.text is not None:
            text = self.text.toPlainText() if self._is_written else self.draft.text or ""
            self.bridge.ask(key, partial(queries.judged_text, dataset=dataset, text=text), self._show_judged)
        else:
            contract = self.draft.contract
            query = partial(queries.judged_contract, dataset=dataset, contract=contract)
            self.bridge.ask(key, query, self._show_judged)

    def _show_judged(self, judged: queries.Judged) -> None:
        draft = self.draft
        if draft is None:
            return
        if self.ways.currentWidget() is self.text and judged.contract is not None and not judged.problem:
            if draft.text != judged.text and judged.text == self.text.toPlainText():
                draft.take(judged.contract, judged.text)
                self._timer.stop()
        elif self.ways.currentWidget() is not self.text:
            self.text.show_text(judged.text)
        self.judged = judged
        self.model.set_problem(judged.problem)
        self.text.mark(judged.problem.line if judged.problem else 0)
        self._show_message(judged)
        self._show_title()

    def _show_message(self, judged: queries.Judged) -> None:
        problem = judged.problem
        if problem is not None:
            action = self.tr("Show") if problem.line or problem.column else ""
            self._say(Tone.CRITICAL, self._said(problem), action)
            return
        said = [*judged.warnings]
        newest = self.state.newest if self.state is not None else None
        if newest is not None and self.draft is not None and self.draft.base not in (None, newest):
            text = self.tr("Contract {n} was saved meanwhile; saving makes the next one.")
            said.append(text.format(n=newest.number))
        if self.draft is not None and self.draft.loses_comments:
            said.append(self.tr("The form writes the text anew: its comments are lost when you save."))
        if said:
            self._say(Tone.WARNING, " ".join(said))
        else:
            self.message.hide()

    def _said(self, problem: queries.Problem) -> str:
        """A problem with its place, as the way of editing names it."""
        if self.ways.currentWidget() is self.text:
            place = self.tr("Line {n}: ").format(n=problem.line) if problem.line else ""
            return f"{place}{problem.message}"
        if problem.column and problem.rule in set(Field):
            return f"{problem.column}, {self.model.title(Field(problem.rule))}: {problem.words}"
        return problem.message

    def _say(self, tone: Tone, text: str, action: str = "") -> None:
        self.message.set_message(tone, text, action)
        self.message.show()

    def _on_refused(self, text: str) -> None:
        if text:
            self._say(Tone.CRITICAL, text)
        elif self.judged is not None:
            self._show_message(self.judged)

    def _go_to_problem(self) -> None:
        problem = self.judged.problem if self.judged is not None else None
        if problem is None:
            return
        if self.ways.currentWidget() is self.text:
            self.text.go_to(problem.line)
            self.text.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.filter.clear()
            self.table.show_cell(problem.column, problem.rule)
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    # Form and text

    def show_form(self) -> None:
        """Edit as a form; a text that makes no sense has to be mended first."""
        problem = self.judged.problem if self.judged is not None else None
        if self._is_written and (self.judged is None or problem is not None):
            self.text_button.setChecked(True)
            if problem is not None:
                self._go_to_problem()
            return
        self.form_button.setChecked(True)
        self.ways.setCurrentIndex(0)

    def show_text(self) -> None:
        """Edit as text."""
        if self.draft is not None and self.judged is not None:
            self.text.show_text(self.draft.text if self.draft.text is not None else self.judged.text)
        self.text_button.setChecked(True)
        self.ways.setCurrentIndex(1)
        if self.draft is not None and self.draft.text is None and self.judged is not None and not self.judged.problem:
            self.draft.text = self.judged.text
        self.text.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_typed(self) -> None:
        if self.ways.currentWidget() is self.text:
            self._judge_soon()

    def _on_form(self, _checked: bool) -> None:
        self.show_form()

    def _on_text(self, _checked: bool) -> None:
        self.show_text()

    def _on_save(self, _checked: bool) -> None:
        self.save_draft()

    def _undo(self) -> None:
        if self.draft is not None:
            self.draft.undo()

    def _redo(self) -> None:
        if self.draft is not None:
            self.draft.redo()

    def _offer_columns(self) -> None:
        if self.draft is not None and self.state is not None:
            known = {rule.name for rule in self.draft.contract.columns}
            free = [ColumnRule(column.name, column.type) for column in self.state.columns if column.name not in known]
            offer_columns(self.add, free, self.add_rules)

    def add_rules(self, rules: list[ColumnRule]) -> None:
        """Give columns rules of their own, at the end."""
        if self.draft is not None:
            known = {rule.name for rule in self.draft.contract.columns}
            new = [rule for rule in rules if rule.name not in known]
            self.filter.clear()
            self.draft.change(columns=(*self.draft.contract.columns, *new))
            self.table.show_cell(rules[0].name, "type")
            self.table.setFocus(Qt.FocusReason.OtherFocusReason)

    # Trying, saving, history

    def run_check(self) -> None:
        """Hold the version to the contract as it is edited, in a worker."""
        if self.state is not None and self.judged is not None and self.judged.problem is None:
            self._checked = self.state.reference
            self.report.hide()
            self.job.start(CHECK, {"reference": self.state.reference, "contract": self.judged.text})
            self.check.setEnabled(False)

    def _on_checked(self, view: RunView) -> None:
        self._show_title()
        if view.result is not None:
            self.report.show_report(self._checked, view.result)
            has_table = not view.result.is_kept
            self.splitter.setSizes([self.splitter.height() - (190 if has_table else 44), 190 if has_table else 44])
        elif view.run.state is RunState.FAILED:
            self._say(Tone.CRITICAL, view.reason)

    def save_draft(self) -> None:
        """Make the draft the contract that the dataset's rows are held to from now on."""
        if self.draft is None or self.state is None or not self.save.isEnabled():
            return
        dataset, draft = self.state.dataset, self.draft
        content = draft.text if draft.text is not None else draft.contract
        self.save.setEnabled(False)
        self.bridge.do(
            lambda workspace: workspace.data.save_contract(dataset, content),
            self.tr("Contract {} is saved"),
            done=partial(self._on_saved, draft),
            failed=self._on_unsaved,
        )

    def _on_saved(self, draft: Draft, saved: ContractVersion) -> None:
        draft.base = saved
        if draft.contract == saved.contract and draft.text is None:
            draft.text = saved.text
        self._on_changed()
        self._ask()

    def _on_unsaved(self, error: AppError) -> None:
        self._show_title()
        self._say(Tone.CRITICAL, str(error))

    def open_history(self) -> HistorySheet | None:
        """Show earlier contracts with what each changed."""
        if self.state is None or not self.state.contracts:
            return None
        sheet = HistorySheet(self.page, self.state.dataset, self.state.contracts)
        sheet.wanted.connect(self._on_wanted)
        opened(sheet)
        return sheet

    def _on_wanted(self, version: ContractVersion) -> None:
        if self.draft is not None:
            self.form_button.setChecked(True)
            self.ways.setCurrentIndex(0)
            self.draft.take(version.contract, version.text)

    # Leaving

    def _leave(self, dataset: str) -> None:
        draft = self._drafts.get(dataset)
        if draft is None or draft is not self.draft or not self.is_dirty:
            return
        draft.unread = self.text.toPlainText() if self._is_written else ""
        sheet = LeaveSheet(self.page, dataset, can_save=self.save.isEnabled())
        sheet.saveWanted.connect(partial(self._save_of, dataset, draft, self._ask))
        sheet.discardWanted.connect(lambda: self._drafts.pop(dataset, None))
        opened(sheet)

    def _save_of(self, dataset: str, draft: Draft, then: Callable[[], None]) -> None:
        content = draft.text if draft.text is not None else draft.contract
        self._drafts.pop(dataset, None)
        self.bridge.do(
            lambda workspace: workspace.data.save_contract(dataset, content),
            self.tr("Contract {} is saved"),
            done=lambda _saved: then(),
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._guard.watch(self.window())

    def _may_close(self, close: Callable[[], None]) -> bool:
        """Whether the window may go at once; else a person is asked, and `close` follows."""
        draft, state = self.draft, self.state
        if draft is None or state is None or not self.is_dirty or self.bridge.is_closed:
            return True

        def forget() -> None:
            self.draft = None
            close()

        sheet = LeaveSheet(self.page, state.dataset, can_save=self.save.isEnabled(), is_closing=True)
        sheet.saveWanted.connect(partial(self._save_of, state.dataset, draft, forget))
        sheet.discardWanted.connect(forget)
        opened(sheet)
        return False
