"""What changed from one version to another: in plain words, by column, and row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QListView, QStackedWidget, QVBoxLayout

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.core.progress import Progress
from mlops_desktop.ui.pages.data_changes import ChangedRows, ColumnChanges, SomeRowsTable
from mlops_desktop.ui.pages.data_tab import VersionTab, Work
from mlops_desktop.ui.queries import differences as queries
from mlops_desktop.ui.queries.datasets import Timeline
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.columnpicker import ColumnPicker
from mlops_desktop.ui.widgets.labels import Label, caption
from mlops_desktop.ui.widgets.tabs import PageTabs
from mlops_desktop.ui.widgets.timeline import LINE_ROLE, VersionsModel, signed_rows
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    from mlops_desktop.data.compare.difference import Difference

_BY_CONTRACT, _BY_CONTENT, _BY_COLUMNS = range(3)


class DifferenceTab(VersionTab):
    """The chosen version against an older one, or any other."""

    key = "difference"

    def build(self) -> None:
        self.found: Difference | None = None
        self.pairing: tuple[str, ...] = ()
        self._other = self._changes_for = ""
        self._versions = VersionsModel(self)
        self.work = Work(self, self.show_loading)
        self.before = QComboBox()
        self.before.setEditable(True)
        self.before.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.before.setModel(self._versions)
        self.before.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.before.setMinimumWidth(230)
        self.before.setAccessibleName(self.tr("The version to compare with"))
        self.before.setToolTip(
            self.tr("Choose a version, or type a reference such as flights@reference and press Enter")
        )
        view = QListView()
        view.setUniformItemSizes(True)
        self.before.setView(view)
        self.before.activated.connect(self._on_other)
        if (line := self.before.lineEdit()) is not None:
            line.returnPressed.connect(self._on_typed)
        self.key_box = QComboBox()
        self.key_box.addItems([self.tr("the contract's key"), self.tr("their content"), self.tr("columns…")])
        self.key_box.setAccessibleName(self.tr("How rows are paired"))
        self.key_box.activated.connect(self._on_key)
        self.words = Label("", fonts.Type.BODY, wrap=True)
        self.detail = caption(wrap=True)
        self.parts = PageTabs([self.tr("Columns"), self.tr("Changed"), self.tr("Added"), self.tr("Removed")])
        self.parts.setAccessibleName(self.tr("Parts of the difference"))
        self.columns, self.changed = ColumnChanges(), ChangedRows()
        self.added, self.removed = SomeRowsTable(self.tr("Added rows")), SomeRowsTable(self.tr("Removed rows"))
        self.stack = QStackedWidget()
        for widget in (self.columns, self.changed, self.added, self.removed):
            self.stack.addWidget(widget)
        self.parts.currentChanged.connect(self._on_part)
        self._lay_out()

    def _lay_out(self) -> None:
        choice = QHBoxLayout()
        choice.setSpacing(t.SPACE_2)
        choice.addWidget(caption(self.tr("Against")))
        choice.addWidget(self.before)
        choice.addSpacing(t.SPACE_2)
        choice.addWidget(caption(self.tr("rows paired by")))
        choice.addWidget(self.key_box)
        choice.addStretch(1)
        column = QVBoxLayout(self.content)
        column.setContentsMargins(0, t.SPACE_2, 0, 0)
        column.setSpacing(t.SPACE_2)
        column.addWidget(self.words)
        column.addWidget(self.detail)
        column.addWidget(self.parts)
        column.addWidget(self.stack, 1)
        outer = self.layout()
        if isinstance(outer, QVBoxLayout):
            outer.insertLayout(0, choice)

    # Asking

    def set_timeline(self, timeline: Timeline) -> None:
        """The versions that there are to compare with."""
        text = self.before.currentText()
        self._versions.set_timeline(timeline)
        self.before.setCurrentIndex(self._versions.row_of(self._other))
        self.before.setEditText(text)

    @property
    def other(self) -> str:
        """The reference to compare with; empty for none."""
        return self._other

    def show_version(self, line: VersionLine) -> None:
        if self.line is None or self.line.reference != line.reference:
            self._other = self._older(line)
        super().show_version(line)

    def _older(self, line: VersionLine) -> str:
        lines = self._versions.timeline.lines
        return next((each.reference for each in lines if each.number < line.number), "")

    def compare_with(self, reference: str) -> None:
        """Compare the version with another one, of this dataset or another."""
        self._other = reference
        self.again()

    def _on_other(self, row: int) -> None:
        line = self.before.itemData(row, int(LINE_ROLE))
        if isinstance(line, VersionLine):
            self.compare_with(line.reference)

    def _on_typed(self) -> None:
        text = self.before.currentText().split("   ")[0].strip()
        if text and self.line is not None:
            self.compare_with(text if "@" in text.lstrip("@") else f"{self.line.dataset}@{text.lstrip('@')}")

    def _on_key(self, index: int) -> None:
        if index == _BY_COLUMNS:
            self.choose_key()
        else:
            self.pairing = ()
            self.again()

    def choose_key(self) -> ColumnPicker:
        """Let a person tick the columns that name a row."""
        names = [shift.name for shift in self.found.shifts] if self.found is not None else []
        picker = ColumnPicker(sorted(names), set(self.pairing), self.tr("Pair by these"), self)
        picker.picked.connect(self._on_columns)
        picker.open_at(self.key_box.mapToGlobal(self.key_box.rect().bottomRight() + QPoint(0, 4)))
        return picker

    def _on_columns(self, names: set[str]) -> None:
        self.pairing = tuple(sorted(names))
        self.again()

    def _key(self) -> tuple[str, ...] | None:
        choice = self.key_box.currentIndex()
        if choice == _BY_CONTRACT or (choice == _BY_COLUMNS and not self.pairing):
            return None
        return () if choice == _BY_CONTENT else self.pairing

    def ask(self, line: VersionLine) -> None:
        self.found = None
        self.bridge.forget("data changes")
        self.before.setCurrentIndex(self._versions.row_of(self._other))
        self.before.setEditText(self._other)
        if not self._other:
            self.work.stop()
            self.bridge.forget(f"data {self.key}")
            self.is_settled = True
            text = self.tr("Choose another version above, or type a reference, to see what changed.")
            self.state.show_never_set_up(self.tr("There is no older version"), text, "", "compare")
            self._stack.setCurrentWidget(self.state)
            return
        key, other = self._key(), self._other

        def compared(workspace: Workspace, progress: Progress) -> Difference:
            return queries.difference(workspace, other, line.reference, key, progress)

        self.query(self.work.started(compared), self._show)

    # Showing

    def _show(self, found: Difference) -> None:
        self.work.ended()
        self.found = found
        self.words.setText(self._in_words(found))
        self.detail.setText(self._how(found))
        for at, (title, rows) in enumerate(
            (
                (self.tr("Changed"), found.rows_changed),
                (self.tr("Added"), found.rows_added),
                (self.tr("Removed"), found.rows_removed),
            ),
            1,
        ):
            self.parts.setTabText(at, f"{title} {rows:,}")
        self.columns.show_difference(found)
        for widget in (self.changed, self.added, self.removed):
            widget.show_loading()
        self._changes_for = ""
        self._on_part(self.parts.currentIndex())

    def _in_words(self, found: Difference) -> str:
        """`+20,400 rows, 100 changed, 0 removed; 2 columns added: a, b.`"""
        if not found.is_changed:
            same = self.tr("Nothing changed: both hold the same {rows} rows.").format(rows=f"{found.rows_after:,}")
            return same + (self.tr(" Their order differs.") if found.is_reordered else "")
        rows = self.tr("{net} rows: {added} added, {removed} removed").format(
            net=signed_rows(found.rows_after - found.rows_before),
            added=f"{found.rows_added:,}",
            removed=f"{found.rows_removed:,}",
        )
        changed = self.tr(", {n} changed").format(n=f"{found.rows_changed:,}") if found.key else ""
        sentences = [rows + changed]
        parts = (
            (self.tr("Columns added: {names}"), found.columns_added),
            (self.tr("columns removed: {names}"), found.columns_removed),
            (
                self.tr("types changed: {names}"),
                tuple(f"{c.name} ({c.before} → {c.after})" for c in found.columns_retyped),
            ),
            (self.tr("moved: {names}"), found.columns_moved),
        )
        sentences += [text.format(names=_some(names)) for text, names in parts if names]
        return ". ".join(text[:1].upper() + text[1:] for text in sentences) + "."

    def _how(self, found: Difference) -> str:
        if found.key:
            paired = self.tr("Rows are paired by {key}.").format(key=", ".join(found.key))
        else:
            paired = self.tr("Rows are paired by their content, so an edited row counts as one removed and one added.")
        read = self.tr("{before} to {after}: {n} of {total} rows had to be read.").format(
            before=found.before,
            after=found.after,
            n=f"{found.rows_read:,}",
            total=f"{found.rows_before + found.rows_after:,}",
        )
        return f"{paired} {read}"

    def _on_part(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        if index and self.found is not None and self._changes_for != self.found.before + self.found.after:
            self._ask_changes(self.found)

    def _ask_changes(self, found: Difference) -> None:
        self._changes_for = found.before + found.after
        self.is_settled = False

        def listed(workspace: Workspace, progress: Progress) -> queries.ShownChanges:
            return queries.changes(workspace, found.before, found.after, found.key, progress)

        self.bridge.ask("data changes", self.work.started(listed), self._show_changes, self._on_failure)

    def _show_changes(self, found: queries.ShownChanges) -> None:
        self.work.ended()
        self.is_settled = True
        self.changed.show_changes(found)
        self.added.show_rows(found.added)
        self.removed.show_rows(found.removed)


def _some(names: tuple[str, ...], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" … ({len(names):,})" if len(names) > most else "")
