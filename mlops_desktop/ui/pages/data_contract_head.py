"""The head of the contract editor: what it asks of the table as a whole, and what happens to rows that break it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QHBoxLayout, QSpinBox, QVBoxLayout, QWidget

from mlops_desktop.core.contracts import Contract, ContractMode, ExtraColumns
from mlops_desktop.core.datasets import Column, ColumnType
from mlops_desktop.ui.pages.import_settings import SettingField
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.labels import ElidedLabel

_MOST_ROWS = 2_000_000_000
_MOST_HOURS = 1e6
FIELD_HEIGHT = 30


class ContractHead(QWidget):
    """Shows a contract's table rules and lets a person change them.

    Signals:
        changed(dict): fields of the contract with their new values (a Python object: Qt would make texts of enums).
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mode = self._choice(
            (ContractMode.REFUSE.value, self.tr("Refuse")),
            (ContractMode.QUARANTINE.value, self.tr("Quarantine")),
            (ContractMode.ACCEPT.value, self.tr("Accept")),
        )
        self.extra = self._choice(
            (ExtraColumns.ACCEPT.value, self.tr("Accept")),
            (ExtraColumns.DROP.value, self.tr("Leave out")),
            (ExtraColumns.REFUSE.value, self.tr("Refuse")),
        )
        self.least, self.most = self._count(self.tr("any")), self._count(self.tr("no limit"))
        self.time = QComboBox()
        self.time.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.age = self._number(_MOST_HOURS, self.tr("any age"), self.tr(" h"))
        self.share = self._number(100.0, self.tr("none"), self.tr(" %"))
        self.means = ElidedLabel("", fonts.Type.TABLE, secondary=True)
        self._lay_out()
        self._connect()

    def _choice(self, *options: tuple[str, str]) -> QComboBox:
        box = QComboBox()
        for value, title in options:
            box.addItem(title, value)
        return box

    def _count(self, nothing: str) -> QSpinBox:
        box = QSpinBox()
        box.setRange(0, _MOST_ROWS)
        box.setGroupSeparatorShown(True)
        box.setSpecialValueText(nothing)
        box.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        box.setKeyboardTracking(False)
        return box

    def _number(self, most: float, nothing: str, unit: str) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setRange(0.0, most)
        box.setDecimals(2)
        box.setSuffix(unit)
        box.setSpecialValueText(nothing)
        box.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        box.setKeyboardTracking(False)
        return box

    def _lay_out(self) -> None:
        self.share_field = SettingField(self.tr("Bad rows at most"), self.share)
        mode = SettingField(self.tr("Rows that break it"), self.mode)
        mode.setFixedWidth(140)
        first = QHBoxLayout()
        first.setSpacing(t.SPACE_3)
        first.addWidget(mode)
        self.means.setFixedHeight(FIELD_HEIGHT)
        first.addWidget(self.means, 1, Qt.AlignmentFlag.AlignBottom)
        second = QHBoxLayout()
        second.setSpacing(t.SPACE_2)
        for title, editor, stretch in (
            (self.tr("Other columns"), self.extra, 3),
            (self.tr("Rows at least"), self.least, 3),
            (self.tr("Rows at most"), self.most, 3),
            (self.tr("Time column"), self.time, 4),
            (self.tr("Newest row at most"), self.age, 3),
        ):
            second.addWidget(SettingField(title, editor), stretch)
        second.addWidget(self.share_field, 3)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(t.SPACE_2)
        column.addLayout(first)
        column.addLayout(second)

    def _connect(self) -> None:
        self.mode.activated.connect(lambda _row: self._say(mode=ContractMode(self.mode.currentData())))
        self.extra.activated.connect(lambda _row: self._say(extra_columns=ExtraColumns(self.extra.currentData())))
        self.time.activated.connect(lambda _row: self._on_time())
        self.least.valueChanged.connect(lambda value: self._say(min_rows=value))
        self.most.valueChanged.connect(lambda value: self._say(max_rows=value))
        self.age.valueChanged.connect(lambda value: self._say(max_age_hours=value))
        self.share.valueChanged.connect(lambda value: self._say(max_bad_share=round(value / 100, 6)))

    def _on_time(self) -> None:
        name = str(self.time.currentData() or "")
        self._say(time_column=name) if name else self._say(time_column="", max_age_hours=0.0)

    def _say(self, **fields: object) -> None:
        self.changed.emit(fields)

    def show_contract(self, contract: Contract, columns: Sequence[Column]) -> None:
        """Show what a contract says; `columns` are those of the version that is looked at."""
        names = [column.name for column in columns if column.type is ColumnType.TIME]
        names += [rule.name for rule in contract.columns if rule.type is ColumnType.TIME]
        names = list(dict.fromkeys([*names, *([contract.time_column] if contract.time_column else [])]))
        editors = (self.mode, self.extra, self.least, self.most, self.time, self.age, self.share)
        blockers = [QSignalBlocker(editor) for editor in editors]
        self.mode.setCurrentIndex(self.mode.findData(contract.mode.value))
        self.extra.setCurrentIndex(self.extra.findData(contract.extra_columns.value))
        self.least.setValue(contract.min_rows)
        self.most.setValue(min(contract.max_rows, _MOST_ROWS))
        self.time.clear()
        self.time.addItem(self.tr("None"), "")
        for name in names:
            self.time.addItem(name, name)
        self.time.setCurrentIndex(max(0, self.time.findData(contract.time_column)))
        self.age.setValue(contract.max_age_hours)
        self.share.setValue(contract.max_bad_share * 100)
        del blockers
        self.age.setEnabled(bool(contract.time_column))
        self.share_field.setEnabled(contract.mode is ContractMode.QUARANTINE)
        self.means.setText(self._meaning(contract.mode))

    def _meaning(self, mode: ContractMode) -> str:
        return {
            ContractMode.REFUSE: self.tr("One bad row, and nothing of the file is stored. The attempt is on record."),
            ContractMode.QUARANTINE: self.tr(
                "Good rows are stored; bad rows become a version of their own, with the reasons."
            ),
            ContractMode.ACCEPT: self.tr("All rows are stored; what they break is on record as a warning."),
        }[mode]
