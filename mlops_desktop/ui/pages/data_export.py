"""Export a version: format, compression, columns and place."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QSignalBlocker
from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QLineEdit

from mlops_desktop.ui.pages.base import Page, at_left
from mlops_desktop.ui.pages.data_archive import PathRow
from mlops_desktop.ui.pages.data_sheet import Sheet, opened
from mlops_desktop.ui.queries import upkeep as queries
from mlops_desktop.ui.queries.upkeep import RunView
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.tokens import Tone
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.columnpicker import ColumnPicker
from mlops_desktop.ui.widgets.figures import compact
from mlops_desktop.ui.widgets.forms import choice_field
from mlops_desktop.ui.widgets.labels import caption

if TYPE_CHECKING:
    from mlops_desktop.data.export import Exported

_PACKED_ALREADY = ("parquet", "arrow", "excel", queries.PARQUET_FOLDER)


class ExportSheet(Sheet):
    """Writes a version to a file in a worker; the sheet may be closed meanwhile."""

    def __init__(self, page: Page, reference: str) -> None:
        self.reference = reference
        self.choice: queries.ExportChoice | None = None
        self.names: tuple[str, ...] = ()
        super().__init__(page, "", "", "")
        self.title.setText(self.tr("Export {reference}").format(reference=reference))
        self.setWindowTitle(self.title.text())
        self.text.setText(self.tr("Reading it…"))
        self.act.setText(self.tr("Export"))
        formats = [
            ("parquet", "Parquet"), ("csv", "CSV"), ("tsv", "TSV"), ("arrow", "Arrow"), ("json", "JSON"),
            ("jsonl", "JSON Lines"), ("excel", "Excel"), (queries.PARQUET_FOLDER, self.tr("Folder of Parquet files")),
        ]  # fmt: skip
        format_field, self.format = choice_field(self.tr("Format"), formats, "parquet")
        packings = [("", self.tr("None")), (".gz", "gzip"), (".zst", "Zstandard"), (".zip", "ZIP")]
        packing_field, self.packing = choice_field(self.tr("Compression"), packings)
        self.loses = caption("", wrap=True)
        self.columns = button("", "columns", on_click=self._pick_columns)
        self.columns.setAutoDefault(False)
        self.columns.setEnabled(False)
        self.path = QLineEdit()
        self.path.setAccessibleName(self.tr("Write to"))
        self.place = PathRow(self.path, self.tr("Choose…"))
        self.place.choose.clicked.connect(self._choose)
        self.overwrite = QCheckBox(self.tr("Replace the file that is there"))
        self.overwrite.hide()
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_3)
        row.addWidget(format_field, 1)
        row.addWidget(packing_field, 1)
        self.column.addLayout(row)
        self.column.addWidget(self.loses)
        self.column.addWidget(at_left(self.columns))
        self.column.addWidget(caption(self.tr("Write to")))
        self.column.addLayout(self.place)
        self.column.addWidget(self.overwrite)
        self.path.setText(str(Path.home() / reference.replace("@", "-")))
        self.format.currentIndexChanged.connect(self._on_format)
        self.packing.currentIndexChanged.connect(self._on_format)
        self.path.textChanged.connect(self._check)
        self.overwrite.toggled.connect(self._check)
        self.act.setDefault(True)
        self._on_format()
        self.ask(partial(queries.export_choice, reference=reference), self._show)

    def _show(self, choice: queries.ExportChoice) -> None:
        self.choice = choice
        version = choice.version
        size = self.tr("{rows} rows, {columns} columns").format(
            rows=f"{version.rows:,}", columns=f"{len(version.schema.names):,}"
        )
        self.text.setText(size)
        self.columns.setEnabled(True)
        self.take_columns(set(version.schema.names))
        self._on_format()

    # What was entered

    @property
    def chosen_format(self) -> str:
        return str(self.format.currentData())

    def parameters(self) -> dict[str, object]:
        """As the export pipeline takes them."""
        given = {
            "reference": self.reference,
            "path": self.path.text().strip(),
            "format": self.chosen_format,
            "columns": [] if self.is_all else list(self.names),
            "overwrite": self.overwrite.isChecked(),
        }
        return {name: value for name, value in given.items() if value}

    def obstacle(self) -> str:
        """Why it cannot be written as it stands; empty when it can."""
        if self.choice is None:
            return " "
        return self._no_place() or self._too_large()

    def _no_place(self) -> str:
        path = Path(self.path.text().strip())
        if not self.path.text().strip():
            return self.tr("Say where to write it.")
        if not path.parent.is_dir():
            return self.tr("There is no folder {path}.").format(path=path.parent)
        if path.is_dir():
            return self.tr("There is a folder of that name already. Give another name.")
        is_taken = path.exists() and not self.overwrite.isChecked()
        return self.tr("There is a file of that name already.") if is_taken else ""

    def _too_large(self) -> str:
        known = {each.name: each for each in self.choice.formats} if self.choice else {}
        found = known.get(self.chosen_format)
        if self.choice is None or found is None:
            return ""
        version = self.choice.version
        for most, number, text in (
            (found.most_rows, version.rows, self.tr("{format} holds {most} rows at most.")),
            (found.most_columns, len(self.names), self.tr("{format} holds {most} columns at most.")),
        ):
            if most and number > most:
                return text.format(format=self.format.currentText(), most=f"{most:,}")
        return ""

    def _check(self) -> None:
        if self.job.is_busy:
            return
        path = Path(self.path.text().strip() or ".")
        self.overwrite.setVisible(path.is_file())
        obstacle = self.obstacle()
        self.act.setEnabled(not obstacle)
        if obstacle.strip():
            self.say(Tone.WARNING, obstacle)
        else:
            self.message.hide()
            self.fit()

    def _on_format(self) -> None:
        is_packed = self.chosen_format in _PACKED_ALREADY
        self.packing.setEnabled(not is_packed)
        with QSignalBlocker(self.packing):
            self.packing.setCurrentIndex(0 if is_packed else max(self.packing.currentIndex(), 0))
        self.loses.setText(self._losses())
        self.path.setText(str(self._with_ending(Path(self.path.text()))))
        self._check()

    def _losses(self) -> str:
        return {
            "csv": self.tr("Types are found out again when it is read: a text such as 007 becomes a number."),
            "tsv": self.tr("Types are found out again when it is read: a text such as 007 becomes a number."),
            "json": self.tr("Times become texts; NaN and infinity become missing."),
            "jsonl": self.tr("Times become texts; NaN and infinity become missing."),
            "excel": self.tr("Empty texts, NaN and infinity become missing; times are to the millisecond, in UTC."),
        }.get(self.chosen_format, self.tr("Keeps every value and every type."))

    def _with_ending(self, path: Path) -> Path:
        """The path with the ending of format and compression in place of what it has."""
        name = path.name
        endings = [each.extension for each in self.choice.formats] if self.choice else []
        for known in [".gz", ".zst", ".zip", *endings]:
            name = name.removesuffix(known)
        known_by_format = {each.name: each.extension for each in self.choice.formats} if self.choice else {}
        return path.with_name(f"{name}{known_by_format.get(self.chosen_format, '')}{self.packing.currentData()}")

    # Columns

    @property
    def is_all(self) -> bool:
        return self.choice is None or len(self.names) == len(self.choice.version.schema.names)

    def take_columns(self, names: set[str]) -> None:
        """Write these columns, in the order of the version."""
        known = self.choice.version.schema.names if self.choice is not None else ()
        self.names = tuple(name for name in known if name in names)
        text = self.tr("All {total} columns") if self.is_all else self.tr("{n} of {total} columns")
        self.columns.setText(text.format(n=f"{len(self.names):,}", total=f"{len(known):,}"))
        self._check()

    def _pick_columns(self) -> None:
        if self.choice is not None:
            picker = ColumnPicker(self.choice.version.schema.names, set(self.names), self.tr("Take these"), self)
            picker.picked.connect(self.take_columns)
            corner = self.columns.mapToGlobal(self.columns.rect().bottomLeft())
            picker.open_at(corner + QPoint(picker.width(), t.SPACE_1))

    def _choose(self) -> None:
        chosen, _ = QFileDialog.getSaveFileName(self, self.tr("Export to"), self.path.text())
        if chosen:
            self.path.setText(chosen)
            self.overwrite.setChecked(Path(chosen).is_file())  # the chooser has asked

    # Doing it

    def go_ahead(self) -> None:
        if not self.obstacle():
            self.run(queries.EXPORT, self.parameters())

    def show_end(self, view: RunView) -> None:
        written: Exported | None = view.result
        if written is None:
            super().show_end(view)
            return
        text = self.tr("{rows} rows, {size}B in {path}. SHA-256 {sha256}").format(
            rows=f"{written.rows:,}", size=compact(written.size), path=written.path, sha256=written.sha256
        )
        tone = Tone.WARNING if written.warnings else Tone.OK
        self.say(tone, "\n".join([text, *written.warnings]))
        self.is_over()


def open_export(page: Page, reference: str) -> ExportSheet:
    """Ask where and how a version is to be written, and write it."""
    sheet = ExportSheet(page, reference)
    opened(sheet)
    return sheet
