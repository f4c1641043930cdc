"""What a source holds as it would be read: the parts of it to choose from, settings, warnings and first rows."""

from __future__ import annotations

from glob import escape

from msgspec import structs
from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.core.sources import ReadOptions, SourcePreview
from mlops_desktop.ui.pages.import_settings import ReadSettings, SettingField
from mlops_desktop.ui.queries import imports as queries
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.banner import Banner
from mlops_desktop.ui.widgets.emptystate import EmptyState
from mlops_desktop.ui.widgets.previewmodel import ShownColumn
from mlops_desktop.ui.widgets.previewtable import PreviewTable

_MOST_WARNINGS = 12
_PART_WIDTH = 96


class Look(QWidget):
    """The preview with its warnings; `settings_row` belongs above it.

    Signals:
        changed: the source is to be read in another way; `options()` says how.
        retried: it is to be read once more.
        columnsChanged: a column was renamed, left out or taken in.
    """

    changed = Signal()
    retried = Signal()
    columnsChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._options = ReadOptions()
        self._is_first = True
        self._warnings: tuple[str, ...] = ()
        self.settings_row = self._make_settings()
        self.banner = Banner(Tone.WARNING, "", dismissible=False)
        self.banner.actionTriggered.connect(self._on_banner)
        self.banner.hide()
        self.problem = Banner(Tone.CRITICAL, "", dismissible=False)
        self.problem.actionTriggered.connect(self.retried.emit)
        self.problem.hide()
        self.table = PreviewTable()
        self.table.typeChosen.connect(self._on_type)
        self.table.columnsChanged.connect(self.columnsChanged.emit)
        self.state = EmptyState()
        self.state.actionTriggered.connect(self.retried.emit)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.table)
        self.stack.addWidget(self.state)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_2)
        column.addWidget(self.problem)
        column.addWidget(self.banner)
        column.addWidget(self.stack, 1)

    def _make_settings(self) -> QWidget:
        self.sheet, self.member = QComboBox(), QComboBox()
        self.sheet_field = SettingField(self.tr("Sheet"), self.sheet)
        self.member_field = SettingField(self.tr("Files in it"), self.member)
        self.sheet.activated.connect(self._on_part)
        self.member.activated.connect(self._on_part)
        self.settings = ReadSettings()
        self.settings.changed.connect(self.changed.emit)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_2)
        for field, combo in ((self.member_field, self.member), (self.sheet_field, self.sheet)):
            combo.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumWidth(_PART_WIDTH)
            field.setMaximumWidth(2 * _PART_WIDTH)
            row.addWidget(field, 1)
        row.addWidget(self.settings, 8)
        return holder

    # What is asked

    def begin_with(self, options: ReadOptions) -> None:
        """Start over with these options; names and columns in them are applied to the first rows that come."""
        self._options, self._is_first = options, True
        self.settings.set_asked(structs.replace(options, names={}, columns=()))
        self.banner.hide()
        self.problem.hide()
        self.sheet_field.hide()
        self.member_field.hide()
        self.table.show_preview((), ())

    def options(self) -> ReadOptions:
        """How the source is to be looked at: as decided, with all columns under the names that they come with."""
        decided = self.settings.options()
        mine = self._options
        return structs.replace(
            decided, types=mine.types, sheet=mine.sheet, member=mine.member, query=mine.query, names={}, columns=()
        )

    def _on_type(self, column: str, kind: str) -> None:
        types = {name: value for name, value in self._options.types.items() if name != column}
        self._options = structs.replace(self._options, types=types | ({column: kind} if kind else {}))
        self.changed.emit()

    def _on_part(self) -> None:
        sheet, member = str(self.sheet.currentData() or ""), str(self.member.currentData() or "")
        self._options = structs.replace(self._options, sheet=sheet, member=member)
        self.changed.emit()

    # What is shown

    def show_reading(self) -> None:
        """Until there is something to see, say that it is being read; later the rows stay until others come."""
        if self._is_first or self.stack.currentWidget() is self.state:
            self.state.show_loading(self.tr("Reading the first rows"))
            self.stack.setCurrentWidget(self.state)

    def show_preview(self, seen: SourcePreview) -> None:
        self.settings.show_preview(seen)
        self.settings_row.setVisible(seen.kind not in ("query", "prediction log"))
        self._show_parts(seen)
        self._show_warnings(seen.warnings)
        self.problem.setVisible(bool(seen.problem and seen.cells))
        self.problem.set_message(Tone.CRITICAL, seen.problem, self.tr("Try again"))
        if not seen.columns or (seen.problem and not seen.cells):
            self.state.show_error(
                seen.problem or self.tr("There are no columns in it."),
                title=self.tr("This cannot be read with these settings"),
            )
            self.table.show_preview((), ())
            self.stack.setCurrentWidget(self.state)
            return
        self.table.show_preview(self._columns(seen), seen.cells)
        self.stack.setCurrentWidget(self.table)
        self._is_first = self._is_first and bool(seen.problem)

    def _columns(self, seen: SourcePreview) -> list[ShownColumn]:
        names, left_out = self.table.names, self.table.left_out
        if self._is_first:
            names, left_out = self._options.names, queries.left_out_of(seen.columns, self._options)
        return [
            ShownColumn(
                column.name,
                names.get(column.name, column.name),
                column.type,
                column.name in self._options.types,
                column.name not in left_out,
                column.note,
            )
            for column in seen.columns
        ]

    def _show_parts(self, seen: SourcePreview) -> None:
        all_of_them = self.tr("All {n} files").format(n=len(seen.members))
        sheets = [(name, name) for name in seen.sheets]
        members = [("", all_of_them), *((escape(name), name) for name in seen.members)]
        for combo, field, parts, count, chosen in (
            (self.sheet, self.sheet_field, sheets, len(seen.sheets), self._options.sheet),
            (self.member, self.member_field, members, len(seen.members), self._options.member),
        ):
            field.setVisible(count > 1)
            with QSignalBlocker(combo):
                combo.clear()
                for value, title in parts:
                    combo.addItem(title, value)
                combo.setCurrentIndex(max(0, combo.findData(chosen)))

    # Warnings

    def _show_warnings(self, warnings: tuple[str, ...]) -> None:
        is_other = warnings != self._warnings
        self._warnings = warnings
        self.banner.setVisible(bool(warnings))
        if warnings and is_other:
            self._fold(len(warnings) > 1)

    def _on_banner(self) -> None:
        self._fold(self.banner.action.text() == self.tr("Hide"))

    def _fold(self, is_folded: bool) -> None:
        warnings = self._warnings
        if len(warnings) == 1:
            self.banner.set_message(Tone.WARNING, warnings[0])
        elif is_folded:
            text = self.tr("{n} warnings; the first: {text}").format(n=len(warnings), text=warnings[0])
            self.banner.set_message(Tone.WARNING, text, self.tr("Show all"))
        else:
            more = [f"+{len(warnings) - _MOST_WARNINGS}"] if len(warnings) > _MOST_WARNINGS else []
            self.banner.set_message(Tone.WARNING, "\n".join([*warnings[:_MOST_WARNINGS], *more]), self.tr("Hide"))
