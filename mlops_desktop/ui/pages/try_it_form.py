"""The fields of a row, made from a signature: what training saw as hints, an empty field for a missing value."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QComboBox, QCompleter, QGridLayout, QLineEdit, QScrollArea, QVBoxLayout, QWidget

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.ui.pages.stagger import Stagger
from mlops_desktop.ui.queries.rowforms import Input, RowForm
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.columnchart import figure, moment
from mlops_desktop.ui.widgets.forms import FormField
from mlops_desktop.ui.widgets.labels import caption

MOST_FIELDS = 200
"""Inputs beyond these are sent as they are in the example."""

_PORTION = 6
_FIELD_WIDTH = 172
_WARNING = "\N{BLACK UP-POINTING TRIANGLE} "


class _Choice(QComboBox):
    """A picker that also takes other values; the wheel scrolls the form and never changes a value by accident."""

    def __init__(self, choices: tuple[str, ...]) -> None:
        super().__init__()
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(4)
        self.setMaxVisibleItems(14)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.addItems(list(choices))
        if (completer := self.completer()) is not None:
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class InputField(FormField):
    """One input of a model."""

    def __init__(self, given: Input, parent: QWidget | None = None) -> None:
        self.input = given
        picker = _Choice(given.choices) if given.choices else None
        line = picker.lineEdit() if picker is not None else QLineEdit()
        assert line is not None  # noqa: S101 - an editable picker has one
        self.line: QLineEdit = line
        super().__init__(given.name, picker or line, " ", parent)
        self.label.setToolTip(given.name)
        self.line.setAccessibleName(given.name)
        self.line.setPlaceholderText(self.tr("missing"))
        self.setMinimumWidth(_FIELD_WIDTH)
        self.line.textChanged.connect(self.say_hint)
        self.say_hint()

    @property
    def text(self) -> str:
        return self.line.text()

    def set_value(self, value: Any) -> None:
        self.line.setText(self.input.text(value))
        self.line.setCursorPosition(0)

    def value(self) -> Any:
        return self.input.value(self.text)

    def say_hint(self) -> None:
        """What training saw, or what is odd about the value; takes back a problem that was shown."""
        text = self.text
        is_wrong, is_outside = self.input.is_wrong(text), self.input.is_outside(text)
        hint = self._wrong() if is_wrong else self._range()
        if is_outside and not is_wrong:
            hint = self.tr("not seen in training") if self.input.choices else self.tr("outside {}").format(hint)
        self._hint = _WARNING + hint if is_wrong or is_outside else hint or " "
        self.set_error("")
        if is_wrong or is_outside:
            self.note.setForegroundRole(QPalette.ColorRole.WindowText)

    def _wrong(self) -> str:
        return {
            ColumnType.BOOLEAN: self.tr("true or false is expected"),
            ColumnType.TIME: self.tr("a time or seconds are expected"),
        }.get(self.input.feature.type, self.tr("a number is expected"))

    def _range(self) -> str:
        """What training saw, in a few words."""
        given = self.input
        if given.choices:
            known = self.tr("one of {n}") if given.is_closed else self.tr("the {n} most frequent")
            return known.format(n=f"{len(given.choices):,}")
        if given.low is None or given.high is None:
            return ""
        told = moment if given.feature.type is ColumnType.TIME else figure
        return self.tr("{low} to {high}").format(low=told(given.low), high=told(given.high))


class RowFields(QScrollArea):
    """The fields in as many columns as fit; made in portions.

    Signals:
        made: all fields are there.
    """

    made = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.form: RowForm | None = None
        self.fields: dict[str, InputField] = {}
        self._rest: dict[str, Any] = {}
        self._columns = 0
        self._is_made = False
        self._stagger = Stagger(self)
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(t.SPACE_4)
        self._grid.setVerticalSpacing(t.SPACE_2)
        self._more = caption("", wrap=True)
        self._more.hide()
        holder = QWidget()
        column = QVBoxLayout(holder)
        column.setContentsMargins(2, 2, t.SPACE_3, t.SPACE_2)
        column.addLayout(self._grid)
        column.addWidget(self._more)
        column.addStretch(1)
        self.setWidget(holder)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)

    @property
    def is_made(self) -> bool:
        return self._is_made

    def set_form(self, form: RowForm) -> None:
        """Make the fields of a model, filled with its typical row; what was typed stays where inputs are the same."""
        same = self.form is not None and self.form.inputs == form.inputs
        self.form = form
        if same:
            return
        self._stagger.clear()
        self._is_made = False
        for field in self.fields.values():
            field.hide()
            field.deleteLater()
        self.fields.clear()
        shown, rest = form.inputs[:MOST_FIELDS], form.inputs[MOST_FIELDS:]
        self._rest = {each.name: each.typical for each in rest}
        self._more.setVisible(bool(rest))
        text = self.tr("{n} of {total} inputs are shown; the others are sent as in the example.")
        self._more.setText(text.format(n=f"{len(shown):,}", total=f"{len(form.inputs):,}"))
        for start in range(0, len(shown), _PORTION):
            self._stagger.put(f"fields {start}", partial(self._make, shown[start : start + _PORTION]))
        self._stagger.put("made", self._on_made)

    def _make(self, inputs: tuple[Input, ...]) -> None:
        for each in inputs:
            field = InputField(each)
            field.set_value(each.typical)
            self._place(field, len(self.fields))
            self.fields[each.name] = field

    def _on_made(self) -> None:
        self._is_made = True
        self.made.emit()

    def _place(self, field: InputField, number: int) -> None:
        row, column = divmod(number, max(self._columns, 1))
        self._grid.addWidget(field, row, column, Qt.AlignmentFlag.AlignTop)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        room = self.viewport().width() - t.SPACE_3
        columns = max((room + t.SPACE_4) // (_FIELD_WIDTH + t.SPACE_4), 1)
        if columns != self._columns:
            for column in range(max(columns, self._columns)):
                self._grid.setColumnStretch(column, 1 if column < columns else 0)
            self._columns = columns
            for number, field in enumerate(self.fields.values()):
                self._place(field, number)

    # Rows

    def row(self) -> dict[str, Any]:
        """The values as they are sent; None where one is missing."""
        return {name: field.value() for name, field in self.fields.items()} | self._rest

    def set_row(self, row: dict[str, Any]) -> None:
        """Fill the fields; what the row does not have becomes missing."""
        for name, field in self.fields.items():
            field.set_value(row.get(name))
        self._rest = {name: row.get(name) for name in self._rest}

    def show_problem(self, column: str, message: str) -> bool:
        """Mark the field of a column and go there; False where there is none."""
        field = self.fields.get(column)
        if field is None:
            return False
        reason = message.partition(": ")[2] or message  # that it is this column shows
        field.set_error(reason[:1].upper() + reason[1:])
        self.ensureWidgetVisible(field)
        field.editor.setFocus(Qt.FocusReason.OtherFocusReason)
        return True

    def clear_problems(self) -> None:
        for field in self.fields.values():
            field.say_hint()
