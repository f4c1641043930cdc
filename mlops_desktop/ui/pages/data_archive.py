"""Archive a version, out of sight or into a file, and bring one back."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QRadioButton

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_sheet import Sheet, indented, opened
from mlops_desktop.ui.queries import upkeep as queries
from mlops_desktop.ui.queries.upkeep import RunView
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.figures import compact
from mlops_desktop.ui.widgets.forms import text_field
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

if TYPE_CHECKING:
    from mlops_desktop.data.upkeep.removal import Consequences

_FILES = "Archives (*.zip)"


class PathRow(QHBoxLayout):
    """A path and a button that chooses it."""

    def __init__(self, editor: QLineEdit, text: str) -> None:
        super().__init__()
        self.setSpacing(t.SPACE_2)
        self.editor = editor
        self.choose = button(text, "folder")
        self.choose.setAutoDefault(False)
        self.addWidget(editor, 1)
        self.addWidget(self.choose)


class ArchiveSheet(Sheet):
    """Asks how: hidden only, or moved into a file."""

    def __init__(self, page: Page, reference: str) -> None:
        self.reference = reference
        self.refusal = ""
        super().__init__(page, "", "", "")
        self.title.setText(self.tr("Archive {reference}").format(reference=reference))
        self.setWindowTitle(self.title.text())
        self.text.setText(self.tr("An archived version is left out of lists and of @latest. Restore brings it back."))
        self.act.setText(self.tr("Archive"))
        self.hidden = QRadioButton(self.tr("Hide it: its rows stay in the workspace"))
        self.moved = QRadioButton(self.tr("Move it into a file: its rows leave the workspace"))
        self.hidden.setChecked(True)
        self.freed = caption(self.tr("Looking who uses it…"), wrap=True)
        name = reference.replace("@", "-")
        self.path = QLineEdit(str(Path.home() / f"{name}.archive.zip"))
        self.path.setAccessibleName(self.tr("File"))
        row = PathRow(self.path, self.tr("Choose…"))
        row.choose.clicked.connect(self._choose)
        self.choose = row.choose
        reason_field, self.reason = text_field(self.tr("Reason"), hint=self.tr("Optional; goes into the journal"))
        self.column.addWidget(self.hidden)
        self.column.addWidget(self.moved)
        self.column.addWidget(indented(self.freed))
        row.setContentsMargins(t.SPACE_6, 0, 0, 0)
        self.column.addLayout(row)
        self.column.addWidget(reason_field)
        self.moved.toggled.connect(self._check)
        self.path.textChanged.connect(self._check)
        self.act.setDefault(True)
        self._check()
        self.ask(partial(queries.consequences, reference=reference), self._show)

    def _show(self, found: Consequences) -> None:
        self.refusal = found.refusal
        freed = self.tr("Frees {size}B at the next collection of unused objects.").format(size=compact(found.freed))
        if found.refusal:
            freed = self.tr("Not possible: {reason}").format(reason=found.refusal)
            self.hidden.setChecked(True)
        elif not found.freed:
            freed = self.tr("Frees nothing: other versions need the same objects.")
        self.freed.setText(freed)
        self.moved.setEnabled(not found.refusal)
        self._check()
        self.fit()

    def _check(self) -> None:
        is_moved = self.moved.isChecked()
        self.path.setEnabled(is_moved)
        self.choose.setEnabled(is_moved)
        self.act.setText(self.tr("Move into the file") if is_moved else self.tr("Hide"))
        self.act.setEnabled(not self.job.is_busy and (not is_moved or bool(self.path.text().strip())))

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, self.tr("Archive into"), self.path.text(), _FILES)
        if chosen:
            self.path.setText(chosen)

    def go_ahead(self) -> None:
        reference, reason = self.reference, self.reason.text().strip()
        if self.moved.isChecked():
            given = {"reference": reference, "path": self.path.text().strip(), "reason": reason}
            self.run(queries.ARCHIVE, given)
            return
        self.bridge.do(
            lambda workspace: workspace.data.archive(reference, reason=reason),
            self.tr("{reference} is hidden").format(reference=reference),
            done=lambda _marks: self.accept(),
            failed=self.say_problem,
        )

    def show_end(self, view: RunView) -> None:
        self.say(Tone.OK, view.reason)
        self.is_over()


class RestoreSheet(Sheet):
    """Lists what was archived of a dataset; a version whose rows are in a file comes back from there."""

    def __init__(self, page: Page, reference: str) -> None:
        self.dataset, _, self.selector = reference.partition("@")
        self.lines: tuple[VersionLine, ...] = ()
        super().__init__(page, "", "", "")
        self.title.setText(self.tr("Restore a version of {dataset}").format(dataset=self.dataset))
        self.setWindowTitle(self.title.text())
        self.text.setText(self.tr("Each object is checked before it is put back."))
        self.act.setText(self.tr("Restore"))
        self.table = DataTable(
            [
                ColumnSpec("version", self.tr("Version"), width=110),
                ColumnSpec("created", self.tr("Made"), Kind.TIME, width=150),
                ColumnSpec("rows", self.tr("Rows"), Kind.INTEGER, width=90),
                ColumnSpec("where", self.tr("Rows are in"), width=200),
            ],
            compact=True,
            toolbar=False,
            name=self.tr("Archived versions"),
        )
        self.table.setMinimumHeight(180)
        nothing = self.tr("No version of this dataset is archived. An archive's file can come from another workspace.")
        self.table.set_never_set_up(self.tr("Nothing is archived"), nothing, icon="archive")
        self.table.selectionChanged.connect(lambda _rows: self._check())
        self.table.activated.connect(lambda _row: self.go_ahead())
        self.path = QLineEdit()
        self.path.setPlaceholderText(self.tr("A file that an archive was written to, where it is not listed above"))
        self.path.setAccessibleName(self.tr("File of an archive"))
        self.path.textChanged.connect(self._check)
        row = PathRow(self.path, self.tr("From a file…"))
        row.choose.clicked.connect(self._choose)
        self.column.addWidget(self.table, 1)
        self.column.addLayout(row)
        self.act.setDefault(True)
        self._check()
        self.ask(partial(queries.archived, dataset=self.dataset), self._show)

    def _show(self, lines: tuple[VersionLine, ...]) -> None:
        self.lines = lines
        self.table.set_rows(
            {
                "version": [line.reference for line in lines],
                "created": [line.created for line in lines],
                "rows": [line.rows for line in lines],
                "where": [line.packed or self.tr("the workspace") for line in lines],
            }
        )
        wanted = [i for i, line in enumerate(lines) if str(line.number) == self.selector]
        if lines:
            self.table.select_row((wanted or [0])[0])
            self.table.view.setFocus(Qt.FocusReason.OtherFocusReason)
        self._check()

    @property
    def chosen(self) -> VersionLine | None:
        rows = self.table.selected_rows()
        return self.lines[rows[0]] if rows and rows[0] < len(self.lines) else None

    def _check(self) -> None:
        self.act.setEnabled(not self.job.is_busy and bool(self.chosen or self.path.text().strip()))

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, self.tr("Restore from"), self.path.text(), _FILES)
        if chosen:
            self.path.setText(chosen)

    def go_ahead(self) -> None:
        path, line = self.path.text().strip(), self.chosen
        if path:
            # A version that is chosen says which one; without, the file's own comes back, or becomes the next one.
            self.run(queries.RESTORE, {"reference": self.dataset, "path": path})
        elif line is not None and line.packed:
            self.run(queries.RESTORE, {"reference": line.reference})
        elif line is not None:
            reference = line.reference
            self.bridge.do(
                lambda workspace: workspace.data.restore(reference),
                self.tr("{} is back"),
                done=lambda _version: self.accept(),
                failed=self.say_problem,
            )

    def show_end(self, view: RunView) -> None:
        self.bridge.succeeded.emit(view.reason)
        self.accept()


def open_archive(page: Page, reference: str) -> ArchiveSheet:
    """Ask how a version is to be archived, and do it."""
    sheet = ArchiveSheet(page, reference)
    opened(sheet)
    return sheet


def open_restore(page: Page, reference: str) -> RestoreSheet:
    """Offer the archived versions of a dataset (`flights` or `flights@3`), and files, to be brought back."""
    sheet = RestoreSheet(page, reference)
    opened(sheet)
    return sheet
