"""Asks what becomes of changes to a contract that are not saved."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QWidget

from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_sheet import Sheet
from mlops_desktop.ui.widgets.buttons import button


class LeaveSheet(Sheet):
    """`is_closing` is when the window goes, and with it what is not saved; else a draft can be kept for later.

    Signals:
        saveWanted: the changes are to be saved.
        discardWanted: they are to be thrown away.
    """

    saveWanted = Signal()
    discardWanted = Signal()

    def __init__(self, page: Page, dataset: str, *, can_save: bool, is_closing: bool = False) -> None:
        super().__init__(page, "", "", "")
        self.title.setText(self.tr("The contract of {dataset} is not saved").format(dataset=dataset))
        self.setWindowTitle(self.title.text())
        kept = self.tr("Until it is saved, rows are held to the contract as it was.")
        broken = self.tr("It cannot be saved as it is, because it makes no sense yet.")
        self.text.setText(kept if can_save else f"{kept} {broken}")
        self.act.setText(self.tr("Save"))
        self.act.setEnabled(can_save)
        self.cancel.setText(self.tr("Stay") if is_closing else self.tr("Keep for later"))
        self.discard = button(self.tr("Discard"), kind="danger", on_click=self._on_discard)
        self.discard.setAutoDefault(False)
        self.buttons.insertWidget(0, self.discard)
        (self.act if can_save else self.cancel).setDefault(True)

    def go_ahead(self) -> None:
        self.saveWanted.emit()
        self.accept()

    def _on_discard(self) -> None:
        self.discardWanted.emit()
        self.accept()


class CloseGuard(QObject):
    """Lets a window close only when nothing would be lost: `may_close` is given what closes it later."""

    def __init__(self, parent: QObject, may_close: Callable[[Callable[[], None]], bool]) -> None:
        super().__init__(parent)
        self._may_close = may_close
        self._window: QWidget | None = None

    def watch(self, window: QWidget) -> None:
        """Watch a window, in place of an earlier one."""
        if self._window is not window:
            if self._window is not None:
                self._window.removeEventFilter(self)
            self._window = window
            window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close and watched is self._window and not self._may_close(self._close):
            event.ignore()
            return True
        return bool(super().eventFilter(watched, event))

    def _close(self) -> None:
        if self._window is not None:
            self._window.close()
