"""How a source is read, in one row of small fields; only those that its format knows are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import structs
from PySide6.QtCore import QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from mlops_desktop.core.sources import ReadOptions, SourcePreview
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.labels import Label, caption

FORMATS = (
    ("csv", "CSV"), ("json", "JSON"), ("jsonl", "JSON Lines"), ("parquet", "Parquet"), ("arrow", "Arrow"),
    ("excel", "Excel"),
)  # fmt: skip
_ENCODINGS = (
    "utf-8", "utf-16", "cp1252", "iso-8859-1", "iso-8859-15", "cp1250", "cp1251", "koi8-r", "big5", "gb18030",
    "shift_jis", "euc-jp", "euc-kr",
)  # fmt: skip
_DATES = ("%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d", "%d.%m.%Y %H:%M", "%m/%d/%Y %H:%M:%S")
_FIELD_HEIGHT = 30
_NARROWEST = 64
_MOST_SKIPPED = 100_000
_NAMES = {"delimiter", "encoding", "numbers", "has_header", "skip_rows", "dates", "nulls"}
_KNOWN_BY = {
    "csv": _NAMES,
    "excel": {"has_header", "skip_rows", "dates", "nulls"},
    "json": {"encoding", "dates"},
    "jsonl": {"encoding", "dates"},
}


class SettingField(QWidget):
    """A small label over an editor; the label says when a person, not the reader, decided."""

    def __init__(self, title: str, editor: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self.label: Label = caption(title)
        self.label.setBuddy(editor)
        editor.setAccessibleName(title)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.label)
        column.addWidget(editor)
        editor.setFixedHeight(_FIELD_HEIGHT)

    def set_decided(self, is_decided: bool) -> None:
        self.label.setText(self.tr("{title}, set").format(title=self._title) if is_decided else self._title)


class SettingChoice(QComboBox):
    """A choice of values that shows the one in force, found or set; its first entry leaves it to the reader.

    Signals:
        decided: a person chose.
    """

    decided = Signal()

    def __init__(self, choices: Sequence[tuple[Any, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._choices = list(choices)
        self.asked: Any = None
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(4)
        self.addItem(self.tr("Find out"), None)
        for value, title in choices:
            self.addItem(title, value)
        self.activated.connect(self._on_chosen)

    def show_value(self, found: Any, asked: Any) -> None:
        """Show what is in force; `asked` is None where nobody decided."""
        self.asked = asked
        shown = asked if asked is not None else found
        with QSignalBlocker(self):
            index = self._index_of(shown)
            if index < 0:
                self.addItem(str(shown), shown)
                index = self.count() - 1
            self.setCurrentIndex(index)

    def _index_of(self, value: Any) -> int:
        return next((i for i in range(self.count()) if self.itemData(i) == value), -1)

    def _on_chosen(self, index: int) -> None:
        self.asked = self.itemData(index)
        self.decided.emit()


class ReadSettings(QWidget):
    """Shows a preview's settings and lets a person correct them.

    Signals:
        changed: what a person asks for is another; `options()` has it.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.asked = ReadOptions()
        self.fields: dict[str, SettingField] = {}
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(t.SPACE_2)
        self._make_choices()
        self.skip_rows = QSpinBox()
        self.skip_rows.setRange(0, _MOST_SKIPPED)
        self.skip_rows.valueChanged.connect(lambda _value: self.changed.emit())
        self._add("skip_rows", self.tr("Rows to skip"), self.skip_rows, 92)
        self.dates = QComboBox()
        self.dates.setEditable(True)
        self.dates.addItems(_DATES)
        self.dates.setToolTip(self.tr("As in strptime, several separated by ; and tried in order"))
        self._set_date_hint("")
        self.dates.setCurrentText("")
        self.dates.currentTextChanged.connect(lambda _text: self.changed.emit())
        self._add("dates", self.tr("Date format"), self.dates, 210)
        self.nulls = QLineEdit()
        self.nulls.setPlaceholderText(self.tr("usual ones"))
        self.nulls.setToolTip(self.tr("Texts that stand for a missing value, separated by commas, such as NA, -, 999"))
        self.nulls.textChanged.connect(lambda _text: self.changed.emit())
        self._add("nulls", self.tr("Missing texts"), self.nulls, 170)
        self._row.addStretch(1)

    def _make_choices(self) -> None:
        tr = self.tr
        delimiters = [
            (",", tr("Comma")),
            (";", tr("Semicolon")),
            ("\t", tr("Tab")),
            ("|", tr("Bar")),
            (" ", tr("Space")),
        ]
        numbers = [
            ((".", ""), "1234.5"), ((",", ""), "1234,5"), ((".", ","), "1,234.5"), ((",", "."), "1.234,5"),
            ((",", " "), "1 234,5"), ((".", "'"), "1'234.5"),
        ]  # fmt: skip
        headers = [(True, tr("First row")), (False, tr("None"))]
        self.format = SettingChoice(FORMATS)
        self.delimiter = SettingChoice(delimiters)
        self.encoding = SettingChoice([(name, name) for name in _ENCODINGS])
        self.numbers = SettingChoice(numbers)
        self.has_header = SettingChoice(headers)
        for name, title, choice in (
            ("format", tr("Format"), self.format),
            ("delimiter", tr("Delimiter"), self.delimiter),
            ("encoding", tr("Encoding"), self.encoding),
            ("numbers", tr("Numbers"), self.numbers),
            ("has_header", tr("Header"), self.has_header),
        ):
            choice.decided.connect(self.changed.emit)
            self._add(name, title, choice, 140)

    def _add(self, name: str, title: str, editor: QWidget, width: int) -> None:
        """A field of at most this width; in a narrow window all give way alike."""
        field = self.fields[name] = SettingField(title, editor)
        editor.setMinimumWidth(_NARROWEST)
        field.setMaximumWidth(width)
        self._row.addWidget(field, width)

    # Values

    def set_asked(self, options: ReadOptions) -> None:
        """Begin with what was asked for before."""
        self.asked = options
        blocked = [QSignalBlocker(editor) for editor in (self.skip_rows, self.dates, self.nulls)]
        self.skip_rows.setValue(options.skip_rows)
        self.dates.setCurrentText("; ".join(options.date_formats))
        self.nulls.setText(", ".join(options.nulls))
        del blocked
        self._show(options, options)

    def options(self) -> ReadOptions:
        """What a person decided; the rest is left to be found out."""
        decimal, thousands = self.numbers.asked or ("", "")
        return structs.replace(
            self.asked,
            format=self.format.asked or "",
            delimiter=self.delimiter.asked or "",
            encoding=self.encoding.asked or "",
            decimal=decimal,
            thousands=thousands,
            has_header=self.has_header.asked,
            skip_rows=self.skip_rows.value(),
            date_formats=_parts(self.dates.currentText(), ";"),
            nulls=_parts(self.nulls.text(), ","),
        )

    def show_preview(self, seen: SourcePreview) -> None:
        """Show what was found out; a field that a person is in keeps what was typed."""
        self.asked = self.options()
        self._show(seen.settings, self.asked)
        self._set_date_hint("; ".join(seen.settings.date_formats))
        self.nulls.setPlaceholderText(", ".join(seen.settings.nulls) or self.tr("usual ones"))
        known = _KNOWN_BY.get(seen.settings.format or self.asked.format, set())
        for name, field in self.fields.items():
            field.setVisible(name in known or name == "format")

    def _set_date_hint(self, found: str) -> None:
        if (editor := self.dates.lineEdit()) is not None:
            editor.setPlaceholderText(found or self.tr("found out"))

    def _show(self, found: ReadOptions, asked: ReadOptions) -> None:
        has_numbers = bool(asked.decimal or asked.thousands)
        self.format.show_value(found.format or None, asked.format or None)
        self.delimiter.show_value(found.delimiter or None, asked.delimiter or None)
        self.encoding.show_value(found.encoding or None, asked.encoding or None)
        in_force = (found.decimal or ".", found.thousands)
        self.numbers.show_value(in_force, (asked.decimal or ".", asked.thousands) if has_numbers else None)
        self.has_header.show_value(found.has_header, asked.has_header)
        decided = {
            "format": asked.format, "delimiter": asked.delimiter, "encoding": asked.encoding, "numbers": has_numbers,
            "has_header": asked.has_header is not None, "skip_rows": asked.skip_rows, "dates": asked.date_formats,
            "nulls": asked.nulls,
        }  # fmt: skip
        for name, field in self.fields.items():
            field.set_decided(bool(decided[name]))


def _parts(text: str, separator: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(separator) if part.strip())
