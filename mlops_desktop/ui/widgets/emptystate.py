"""The four states of a view without content: loading, never set up, nothing matches, error."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QHideEvent, QPainter, QPaintEvent, QPen, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.fonts import Type
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.labels import Label, body

_SPIN_MS = 60
_TEXT_MOST = 400


class _Mark(QWidget):
    """The icon on a disc, or a turning ring while loading (it turns only while shown)."""

    def __init__(self) -> None:
        super().__init__()
        self.icon, self.role, self.spinning, self._angle = "info", "secondary", False, 0
        self.setFixedSize(48, 48)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._on_tick)

    def set_icon(self, icon: str, role: str, spinning: bool) -> None:
        self.icon, self.role, self.spinning = icon, role, spinning
        self._run()
        self.update()

    def _run(self) -> None:
        if self.spinning and self.isVisible():
            self._timer.start(_SPIN_MS)
        else:
            self._timer.stop()

    def _on_tick(self) -> None:
        self._angle = (self._angle + 20) % 360
        self.update()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._run()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.spinning:
            ring = QRectF(10, 10, 28, 28)
            painter.setPen(QPen(QColor(tokens.hairline), 3))
            painter.drawEllipse(ring)
            pen = QPen(QColor(tokens.accent), 3)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            painter.drawArc(ring, -self._angle * 16, 100 * 16)
            return
        colours = tokens.critical if self.role == "critical" else tokens.neutral
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(colours.fill))
        painter.drawEllipse(QRectF(0, 0, 48, 48))
        paint_icon(painter, self.icon, QRectF(12, 12, 24, 24), colours.text)


class EmptyState(QWidget):
    """Says why there is nothing to see, and offers the one thing that helps.

    Signals:
        actionTriggered: the button was pressed (never set up: do it; nothing matches: clear the filter; error: again).
    """

    actionTriggered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.kind = ""
        self._mark = _Mark()
        self.title = Label("", Type.SECTION, fonts.SEMIBOLD)
        self.text = body("", secondary=True)
        self.text.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self.action = button("", kind="primary", on_click=self.actionTriggered.emit)
        layout = QVBoxLayout(self)
        layout.setSpacing(t.SPACE_2)
        layout.addStretch(2)
        centre = Qt.AlignmentFlag.AlignHCenter
        for widget in (self._mark, self.title, self.text, self.action):
            layout.addWidget(widget, 0, centre)
        layout.setSpacing(t.SPACE_2)
        layout.addStretch(3)
        self.show_loading()

    def minimumSizeHint(self) -> QSize:
        return QSize(200, 120)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_text()

    def _fit_text(self) -> None:
        # A wrapping label that is centred does not find its own height.
        width = max(120, min(_TEXT_MOST, self.width() - 2 * t.SPACE_4))
        self.text.setFixedSize(width, max(self.text.heightForWidth(width), 1))

    def show_loading(self, text: str = "") -> None:
        self._show("loading", "refresh", self.tr("Loading…"), text, "")

    def show_never_set_up(self, title: str, text: str, action: str, icon: str = "plus") -> None:
        """Nothing was ever made here: `action` names the one step that changes it."""
        self._show("never", icon, title, text, action)

    def show_nothing_matches(self, text: str = "") -> None:
        """There is content, but the filter hides it all."""
        text = text or self.tr("Change or clear the filter to see the rest.")
        self._show("nothing", "filter", self.tr("Nothing matches the filter"), text, self.tr("Clear filter"))

    def show_error(self, problem: AppError | str, hint: str = "", *, title: str = "") -> None:
        """Shows what happened and what to do next."""
        if isinstance(problem, AppError):
            text = f"{problem.message}\n{problem.hint}".rstrip()
        else:
            text = f"{problem}\n{hint}".rstrip()
        self._show("error", "error", title or self.tr("This could not be shown"), text, self.tr("Try again"))

    def _show(self, kind: str, icon: str, title: str, text: str, action: str) -> None:
        self.kind = kind
        self._mark.set_icon(icon, "critical" if kind == "error" else "secondary", kind == "loading")
        self.title.setText(title)
        self.text.setText(text)
        self.text.setVisible(bool(text))
        self._fit_text()
        self.action.setText(action)
        self.action.setVisible(bool(action))
        self.action.setProperty("kind", "primary" if kind == "never" else "")
        self.action.style().unpolish(self.action)
        self.action.style().polish(self.action)
        self.setAccessibleName(f"{title}. {text}")
