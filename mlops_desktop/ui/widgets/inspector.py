"""The panel at the right with the details of what is selected."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.widgets.buttons import icon_button
from mlops_desktop.ui.widgets.chips import StatusChip
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label
from mlops_desktop.ui.widgets.painting import paint_hairline


class FactList(QWidget):
    """Names and values in two columns; values can be selected."""

    def __init__(self, facts: Sequence[tuple[str, str]] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(t.SPACE_3)
        self._grid.setVerticalSpacing(t.SPACE_1 + 2)
        self._grid.setColumnMinimumWidth(0, 112)
        self._grid.setColumnStretch(1, 1)
        self.set_facts(facts)

    def set_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for row, (name, value) in enumerate(facts):
            label = Label(name, fonts.Type.TABLE, secondary=True)
            text = Label(value, fonts.Type.TABLE, wrap=True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            text.setAccessibleName(f"{name}: {value}")
            self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(text, row, 1)


class InspectorPanel(QWidget):
    """360 px: a title with an optional status, then whatever `add` is given. Esc closes it.

    Signals:
        closed: the cross or Esc was pressed; the panel has hidden itself.
    """

    closed = Signal()

    def __init__(self, title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedWidth(t.INSPECTOR_WIDTH)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.title = ElidedLabel(title, fonts.Type.SECTION, fonts.SEMIBOLD)
        self.chip = StatusChip()
        self.chip.hide()
        head = QHBoxLayout()
        head.setContentsMargins(t.SPACE_4, t.SPACE_2, t.SPACE_2, t.SPACE_2)
        head.addWidget(self.title, 1)
        head.addWidget(self.chip)
        head.addWidget(icon_button("close", self.tr("Close"), self.close_panel))
        inner = QWidget()
        inner.setAutoFillBackground(False)
        self.body = QVBoxLayout(inner)
        # At the right with room for the bar that scrolls.
        self.body.setContentsMargins(t.SPACE_4, t.SPACE_3, t.SPACE_6, t.SPACE_4)
        self.body.setSpacing(t.SPACE_3)
        self.body.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inner)
        area.viewport().setAutoFillBackground(False)
        inner.setAutoFillBackground(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(area, 1)

    def set_title(self, title: str, status: str = "", status_text: str = "") -> None:
        self.title.setText(title)
        self.chip.setVisible(bool(status))
        if status:
            self.chip.set_status(status, status_text)
        self.setAccessibleName(title)

    def add(self, widget: QWidget) -> None:
        """Adds a widget under what is there."""
        self.body.insertWidget(self.body.count() - 1, widget)

    def clear(self) -> None:
        while self.body.count() > 1:
            item = self.body.takeAt(0)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def close_panel(self) -> None:
        self.hide()
        self.closed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close_panel()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.fillRect(self.rect(), tokens.surface)
        paint_hairline(painter, QPointF(0.5, 0), QPointF(0.5, self.height()), tokens)
