"""Chooses some of many columns: a list with boxes under a filter, in a popup."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QListView, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.painting import paint_box

Index = QModelIndex | QPersistentModelIndex


class _Names(QAbstractListModel):
    """Names of columns, of which some are ticked and those that match are listed."""

    def __init__(self, names: Sequence[str], ticked: set[str], parent: QWidget) -> None:
        super().__init__(parent)
        self.names, self.ticked = list(names), set(ticked)
        self.listed = list(names)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.listed)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        name = self.listed[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return name
        if role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if name in self.ticked else Qt.CheckState.Unchecked
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.CheckStateRole:
            return False
        self.tick([self.listed[index.row()]], Qt.CheckState(value) is Qt.CheckState.Checked)
        return True

    def flags(self, index: Index) -> Qt.ItemFlag:  # noqa: ARG002
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable

    def tick(self, names: Sequence[str], is_ticked: bool) -> None:
        self.ticked = self.ticked | set(names) if is_ticked else self.ticked - set(names)
        if self.listed:
            self.dataChanged.emit(self.index(0), self.index(len(self.listed) - 1))

    def match(self, text: str) -> None:  # type: ignore[override]
        needle = text.strip().lower()
        self.beginResetModel()
        self.listed = [name for name in self.names if needle in name.lower()]
        self.endResetModel()


class ColumnPicker(QFrame):
    """A popup: `ColumnPicker(names, ticked, parent).open_at(point)`.

    Signals:
        picked(set): names that were ticked when "Show" or Enter was pressed; Esc changes nothing.
    """

    picked = Signal(set)

    def __init__(
        self, names: Sequence[str], ticked: set[str], act: str, parent: QWidget, *, needs_any: bool = True
    ) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._needs_any = needs_any
        self.names = _Names(names, ticked, self)
        self.field = QLineEdit()
        self.field.setPlaceholderText(self.tr("Find a column"))
        self.field.setAccessibleName(self.tr("Find a column"))
        self.field.setClearButtonEnabled(True)
        self.field.textChanged.connect(self.names.match)
        self.list = QListView()
        self.list.setAccessibleName(self.tr("Columns"))
        self.list.setUniformItemSizes(True)
        self.list.setModel(self.names)
        self.list.setProperty("bare", True)
        self.count = caption()
        self.accept_button = button(act, kind="primary", on_click=self._accept)
        self.names.dataChanged.connect(self._tell)
        self._lay_out()
        self._tell()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(t.SPACE_3, t.SPACE_3, t.SPACE_3, t.SPACE_3)
        layout.setSpacing(t.SPACE_2)
        layout.addWidget(self.field)
        layout.addWidget(self.list, 1)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_1)
        row.addWidget(button(self.tr("Tick all listed"), kind="quiet", on_click=lambda: self._tick(True)))
        row.addWidget(button(self.tr("None"), kind="quiet", on_click=lambda: self._tick(False)))
        row.addStretch(1)
        layout.addLayout(row)
        foot = QHBoxLayout()
        foot.addWidget(self.count, 1)
        foot.addWidget(self.accept_button)
        layout.addLayout(foot)
        self.setFixedSize(300, min(480, 190 + 24 * len(self.names.names)))

    def open_at(self, corner: QPoint) -> None:
        """Show with the upper right corner at a point of the screen."""
        self.move(corner.x() - self.width(), corner.y())
        self.show()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def _tick(self, is_ticked: bool) -> None:
        self.names.tick(self.names.listed, is_ticked)

    def _tell(self) -> None:
        ticked, total = len(self.names.ticked), len(self.names.names)
        self.count.setText(self.tr("{n} of {total}").format(n=f"{ticked:,}", total=f"{total:,}"))
        self.accept_button.setEnabled(bool(ticked) or not self._needs_any)

    def _accept(self) -> None:
        self.picked.emit(set(self.names.ticked))
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.accept_button.isEnabled():
            self._accept()
        elif event.key() == Qt.Key.Key_Down and self.field.hasFocus():
            self.list.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        tokens = current()
        painter = QPainter(self)
        painter.fillRect(self.rect(), tokens.surface)
        paint_box(painter, self.rect().toRectF(), tokens.surface, tokens.control_border, radius=0)
