"""What the tabs of the Serving page share: an endpoint to show, live figures, and to rest while nobody looks.

To add a tab, subclass `EndpointTab` and name the class in `TABS` of `serving.py`; its module is imported, and the tab
made, when it is first seen. A tab may ask the workspace by `page.bridge.ask("serving <key>", query, done)`, confirm by
`page.confirm(...)`, and start and stop its own timers in `set_active`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlops_desktop.ui.queries.serving import ServingRow
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.theme import tokens as t

if TYPE_CHECKING:
    from mlops_desktop.ui.pages.serving import ServingPage


class EndpointTab(QWidget):
    """Base of the tabs. Subclasses give `key` and `build`, and override what they need of the rest."""

    key: ClassVar[str] = ""

    def __init__(self, page: ServingPage, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.page, self.bridge = page, page.bridge
        self.row: ServingRow | None = None
        self.is_active = False
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, t.SPACE_1, 0, 0)
        self.column.setSpacing(t.SPACE_4)
        self.build()

    def build(self) -> None:
        """Make the widgets, in `column`."""
        raise NotImplementedError

    def show_endpoint(self, row: ServingRow) -> None:
        """Another endpoint was chosen, or something about the shown one has changed. Called before the first look."""
        self.row = row

    def show_live(self, reading: LiveReading) -> None:
        """Figures of this moment, up to ten times a second while the tab is seen."""

    def set_active(self, active: bool) -> None:
        """The tab came into sight, or went out of it."""
        self.is_active = active

    @property
    def is_settled(self) -> bool:
        """Whether what is on screen is the whole of the newest answer."""
        return True
