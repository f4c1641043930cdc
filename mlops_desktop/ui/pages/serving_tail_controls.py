"""The request tail's table, and what steers it: following or holding still, and which requests are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QBoxLayout, QCheckBox, QComboBox, QHBoxLayout, QWidget

from mlops_desktop.ui.pages.columns import FittingColumns
from mlops_desktop.ui.theme import icons
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec, Kind

if TYPE_CHECKING:
    from mlops_desktop.serving.tail import Wanted

_ROLES = ("primary", "canary", "shadow", "pinned")


class TailControls(QWidget):
    """Follow, version, role, errors.

    Signals:
        wantedChanged: other requests are wanted.
        followChanged: a person began or ceased to follow.
    """

    wantedChanged = Signal()
    followChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.is_following = True
        self._versions: tuple[int, ...] = ()
        self.follow = button("", "pause", on_click=self._on_follow)
        self.follow.setMinimumWidth(104)
        self.version = QComboBox()
        self.version.setAccessibleName(self.tr("Version"))
        self.version.addItem(self.tr("All versions"))
        self.role = QComboBox()
        self.role.setAccessibleName(self.tr("Role"))
        self.role.addItem(self.tr("All roles"), "")
        for each in _ROLES:
            self.role.addItem(each, each)
        self.errors = QCheckBox(self.tr("Errors only"))
        self.version.activated.connect(lambda _index: self.wantedChanged.emit())
        self.role.activated.connect(lambda _index: self.wantedChanged.emit())
        self.errors.clicked.connect(lambda _on: self.wantedChanged.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_2)
        for widget in (self.follow, self.version, self.role, self.errors):
            row.addWidget(widget)
        self.set_following(True)

    @property
    def wanted(self) -> Wanted:
        from mlops_desktop.serving.tail import Wanted

        return Wanted(self.version.currentData(), self.role.currentData(), self.errors.isChecked())

    @property
    def is_filtered(self) -> bool:
        return self.version.currentIndex() > 0 or self.role.currentIndex() > 0 or self.errors.isChecked()

    def clear(self) -> None:
        """Want all requests again, without announcing it."""
        self.version.setCurrentIndex(0)
        self.role.setCurrentIndex(0)
        self.errors.setChecked(False)

    def offer_versions(self, versions: set[int]) -> None:
        """Versions that can be chosen, besides those that could before."""
        found = tuple(sorted({*self._versions, *versions}, reverse=True))
        if found == self._versions:
            return
        self._versions = found
        chosen = self.version.currentData()
        while self.version.count() > 1:
            self.version.removeItem(1)
        for number in found:
            self.version.addItem(f"v{number}", number)
        self.version.setCurrentIndex(0 if chosen is None else max(self.version.findData(chosen), 0))

    def forget_versions(self) -> None:
        """Another endpoint's requests are looked at."""
        self._versions = ()
        while self.version.count() > 1:
            self.version.removeItem(1)

    def columns(self) -> list[ColumnSpec]:
        """What is shown of each request."""
        return [
            ColumnSpec("time", self.tr("Time"), width=104, format=lambda moment: f"{moment:%H:%M:%S.%f}"[:-3]),
            ColumnSpec("id", self.tr("Inference id"), Kind.MONO, width=212),
            ColumnSpec("version", self.tr("Version"), width=72),
            ColumnSpec("role", self.tr("Role"), Kind.CHIP, width=104),
            ColumnSpec("latency", self.tr("Latency"), Kind.NUMBER, unit="ms", decimals=1, width=112),
            ColumnSpec("inputs", self.tr("Inputs"), width=180),
            ColumnSpec("prediction", self.tr("Prediction"), width=92),
            ColumnSpec("probability", self.tr("Probability"), Kind.PERCENT, width=96),
            ColumnSpec("label", self.tr("Label"), width=72),
        ]

    def set_following(self, following: bool, held: int = 0) -> None:
        """Show whether the list follows, or holds still while `held` new requests wait; announces nothing."""
        self.is_following = following
        more = self.tr("Follow · {n} new").format(n=f"{held:,}") if held else self.tr("Follow")
        text = self.tr("Pause") if following else more
        if text == self.follow.text():
            return
        self.follow.setText(text)
        tip = self.tr("Hold the list still") if following else self.tr("Show new requests as they come")
        self.follow.setToolTip(tip)
        self.follow.setAccessibleName(f"{text}. {tip}")
        icons.set_icon(self.follow, "pause" if following else "play")

    def _on_follow(self) -> None:
        self.set_following(not self.is_following)
        self.followChanged.emit()


class RequestTable(DataTable):
    """Requests, a row each, under a bar with the controls at its beginning and `action` at its end."""

    def __init__(self, controls: TailControls, action: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(controls.columns(), compact=True, name="requests", parent=parent)
        self.view.setAccessibleName(self.tr("Requests"))
        FittingColumns(self, "inputs", ("id", "probability", "latency", "version", "label", "role"))
        self.filter_field.setPlaceholderText(self.tr("Filter: id, value, …"))
        self.view.setAutoScroll(False)
        bar = self.toolbar.layout()
        assert isinstance(bar, QBoxLayout)  # noqa: S101 - as the table makes it
        bar.insertWidget(0, controls)
        bar.addWidget(action)
