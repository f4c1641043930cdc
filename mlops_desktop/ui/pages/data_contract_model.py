"""A contract while it is edited: the draft with its undo, and its columns' rules as a table model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import structs
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from mlops_desktop.core.contracts import ColumnRule, Contract, ContractVersion
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.ui.pages.data_contract_cells import Field, Refused, cell_text, is_open, with_entry
from mlops_desktop.ui.queries.contracts import Problem
from mlops_desktop.ui.widgets.previewmodel import type_title

Index = QModelIndex | QPersistentModelIndex


class Draft(QObject):
    """A contract that is edited. `base` is the saved one that it began with, None for none.

    `text` is the text as a person wrote it, None where the form has changed it since; `unread` is a text that was left
    before it made sense.

    Signals:
        changed: it says something else.
    """

    changed = Signal()

    def __init__(self, contract: Contract, base: ContractVersion | None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.base = base
        self.contract = contract
        self.text: str | None = base.text if base is not None and base.contract == contract else None
        self.unread = ""
        self._undo: list[tuple[Contract, str | None]] = []
        self._redo: list[tuple[Contract, str | None]] = []

    @property
    def is_dirty(self) -> bool:
        base = self.base
        if self.unread or base is None or self.contract != base.contract:
            return True
        return self.text is not None and self.text != base.text

    @property
    def loses_comments(self) -> bool:
        """Whether saving it would write a text anew that has comments."""
        before = self.base.text if self.base is not None else ""
        return _has_comments(before) and not _has_comments(self.text or "")

    def change(self, **fields: Any) -> None:
        """Set fields of the contract, by the form."""
        self._become(structs.replace(self.contract, **fields), None)

    def change_rule(self, rule: ColumnRule) -> None:
        rules = tuple(rule if each.name == rule.name else each for each in self.contract.columns)
        self.change(columns=rules)

    def take(self, contract: Contract, text: str | None) -> None:
        """Become what a text says, or an earlier contract."""
        self._become(contract, text)

    def _become(self, contract: Contract, text: str | None) -> None:
        if contract == self.contract and text is None:
            return
        if (contract, text) != (self.contract, self.text):
            self._undo.append((self.contract, self.text))
            self._redo.clear()
            self.contract, self.text = contract, text
            self.changed.emit()

    @property
    def can_undo(self) -> bool:
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        return bool(self._redo)

    def undo(self) -> None:
        self._step(self._undo, self._redo)

    def redo(self) -> None:
        self._step(self._redo, self._undo)

    def _step(self, source: list[tuple[Contract, str | None]], other: list[tuple[Contract, str | None]]) -> None:
        if source:
            other.append((self.contract, self.text))
            self.contract, self.text = source.pop()
            self.changed.emit()


class RulesModel(QAbstractTableModel):
    """One row per rule, one column per `Field`.

    Signals:
        refused(str): an entry that a cell cannot hold, as a sentence.
    """

    refused = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.fields = tuple(Field)
        self.draft: Draft | None = None
        self.problem: Problem | None = None
        self.rules: list[ColumnRule] = []
        self._needle = ""

    def set_draft(self, draft: Draft) -> None:
        if self.draft is not None:
            self.draft.changed.disconnect(self.refresh)
        self.draft = draft
        draft.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the draft says now; the current cell stays where the rows are the same."""
        found = [] if self.draft is None else list(self.draft.contract.columns)
        if self._needle:
            found = [rule for rule in found if self._needle in rule.name.lower()]
        if [rule.name for rule in found] == [rule.name for rule in self.rules]:
            self.rules = found
            self.repaint_all()
            return
        self.beginResetModel()
        self.rules = found
        self.endResetModel()

    def set_filter(self, text: str) -> None:
        self._needle = text.strip().lower()
        self.refresh()

    def set_problem(self, problem: Problem | None) -> None:
        """Mark the cell that makes no sense."""
        self.problem = problem
        self.repaint_all()

    def repaint_all(self) -> None:
        if self.rules:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rules) - 1, len(self.fields) - 1))

    def is_at_fault(self, index: Index) -> bool:
        rule, problem = self.rules[index.row()], self.problem
        return problem is not None and problem.column == rule.name and problem.rule == self.fields[index.column()].value

    def is_on(self, index: Index) -> bool:
        """Whether a switch is on."""
        rule, field = self.rules[index.row()], self.fields[index.column()]
        if field is Field.KEY:
            return self.draft is not None and rule.name in self.draft.contract.key
        return bool(getattr(rule, field.value))

    def is_open(self, index: Index) -> bool:
        return is_open(self.rules[index.row()], self.fields[index.column()])

    # What a person does

    def toggle(self, index: Index) -> None:
        """Turn a switch on or off."""
        rule, field = self.rules[index.row()], self.fields[index.column()]
        if self.draft is None or not field.is_switch:
            return
        is_on = not self.is_on(index)
        if field is Field.KEY:
            key = self.draft.contract.key
            self.draft.change(key=(*key, rule.name) if is_on else tuple(name for name in key if name != rule.name))
            return
        changed = structs.replace(rule, **{field.value: is_on})
        if field is Field.NULLABLE and not is_on:
            changed = structs.replace(changed, max_missing=1.0)
        self.draft.change_rule(changed)

    def remove(self, rows: Sequence[int]) -> None:
        """Take rules away; the columns then are without any."""
        if self.draft is not None and rows:
            gone = {self.rules[row].name for row in rows}
            contract = self.draft.contract
            self.draft.change(
                columns=tuple(rule for rule in contract.columns if rule.name not in gone),
                key=tuple(name for name in contract.key if name not in gone),
            )

    # What Qt asks

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rules)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.fields)

    def flags(self, index: Index) -> Qt.ItemFlag:
        flags = super().flags(index)
        is_editable = index.isValid() and not self.fields[index.column()].is_switch and self.is_open(index)
        return flags | Qt.ItemFlag.ItemIsEditable if is_editable else flags

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or self.draft is None:
            return False
        rule, field = self.rules[index.row()], self.fields[index.column()]
        try:
            changed = with_entry(rule, field, str(value))
        except Refused as why:
            text = self.tr("{entry!r} {why}; {field} of {column} stays as it was.")
            self.refused.emit(text.format(entry=value, why=why, field=self.title(field).lower(), column=rule.name))
            return False
        self.refused.emit("")
        self.draft.change_rule(changed)
        return True

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        rule, field = self.rules[index.row()], self.fields[index.column()]
        if role == Qt.ItemDataRole.EditRole:
            return cell_text(rule, field)
        if role == Qt.ItemDataRole.DisplayRole:
            return self.shown(rule, field)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            said = (self.tr("yes") if self.is_on(index) else self.tr("no")) if field.is_switch else ""
            return f"{rule.name}, {self.title(field)}: {said or self.shown(rule, field) or self.tr('none')}"
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tip(index, rule, field)
        return None

    def shown(self, rule: ColumnRule, field: Field) -> str:
        """The text of a cell."""
        if field.is_switch:
            return ""
        if field is Field.TYPE:
            return type_title(rule.type) if rule.type else self.tr("any")
        text = cell_text(rule, field)
        return f"{len(rule.categories)}: {text}" if field is Field.CATEGORIES and text else text

    def _tip(self, index: Index, rule: ColumnRule, field: Field) -> str:
        if self.is_at_fault(index) and self.problem is not None:
            return self.problem.message
        if not is_open(rule, field):
            if field is Field.MAX_MISSING:
                return self.tr("No value of this column may be missing.")
            return self.tr("Not for columns of type {type}.").format(type=self.shown(rule, Field.TYPE))
        return self.shown(rule, field)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Vertical:
            if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole) and section < len(self.rules):
                return self.rules[section].name
            return int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter) if _is_alignment(role) else None
        field = self.fields[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return self.title(field)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.explained(field)
        if _is_alignment(role):
            side = Qt.AlignmentFlag.AlignRight if field.is_number else Qt.AlignmentFlag.AlignLeft
            return int((Qt.AlignmentFlag.AlignHCenter if field.is_switch else side) | Qt.AlignmentFlag.AlignVCenter)
        return None

    def title(self, field: Field) -> str:
        return {
            Field.TYPE: self.tr("Type"),
            Field.KEY: self.tr("Key"),
            Field.REQUIRED: self.tr("Required"),
            Field.NULLABLE: self.tr("Nullable"),
            Field.UNIQUE: self.tr("Unique"),
            Field.MINIMUM: self.tr("Minimum"),
            Field.MAXIMUM: self.tr("Maximum"),
            Field.CATEGORIES: self.tr("Categories"),
            Field.PATTERN: self.tr("Pattern"),
            Field.MAX_LENGTH: self.tr("Length ≤"),
            Field.MAX_MISSING: self.tr("Missing ≤"),
        }[field]

    def explained(self, field: Field) -> str:
        return {
            Field.TYPE: self.tr("What the column holds"),
            Field.KEY: self.tr("Key columns together name a row: never missing, each combination once"),
            Field.REQUIRED: self.tr("The column must be there"),
            Field.NULLABLE: self.tr("Values may be missing"),
            Field.UNIQUE: self.tr("Each value, missing ones aside, once only"),
            Field.MINIMUM: self.tr("Smallest value allowed: a number, or a time such as 2013-01-31"),
            Field.MAXIMUM: self.tr("Largest value allowed: a number, or a time such as 2013-01-31"),
            Field.CATEGORIES: self.tr("All values that are allowed, with commas between them; empty allows any"),
            Field.PATTERN: self.tr("A regular expression that the whole text must match"),
            Field.MAX_LENGTH: self.tr("Characters at most; empty for any number"),
            Field.MAX_MISSING: self.tr("Share of missing values above which the whole table breaks the contract"),
        }[field]


def _has_comments(text: str) -> bool:
    return any(line.lstrip().startswith("#") for line in text.splitlines())


def _is_alignment(role: int) -> bool:
    return role == Qt.ItemDataRole.TextAlignmentRole


TYPES = (None, *ColumnType)
