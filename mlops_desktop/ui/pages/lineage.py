"""Lineage: from a file to what serves, left to right, and as a table."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QScrollArea, QStackedWidget, QVBoxLayout, QWidget

from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import NeverSetUp, Page, page_column
from mlops_desktop.ui.queries import lineage as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.theme.shapes import paint_shape
from mlops_desktop.ui.theme.status import status_style
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.datatable import DataTable
from mlops_desktop.ui.widgets.labels import caption
from mlops_desktop.ui.widgets.painting import paint_box, paint_focus_ring, paint_text
from mlops_desktop.ui.widgets.player import Segmented
from mlops_desktop.ui.widgets.tablemodel import ColumnSpec

_BOX = QSize(188, 60)
_GAP_X, _GAP_Y = 44, 20
_ICONS = {
    "source": "file", "data": "data", "spec": "edit", "run": "experiments", "model": "models", "endpoint": "serving",
}  # fmt: skip
# Specs stand in the column of the data: both go into the run.
_COLUMN_OF = {"source": 0, "data": 1, "spec": 1, "run": 2, "model": 3, "endpoint": 4}


class LineageGraph(QWidget):
    """Nodes in columns, edges as curves. Arrow keys move between nodes, Enter opens one.

    Signals:
        opened(str): the target of a node.
    """

    opened = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._nodes: tuple[queries.Node, ...] = ()
        self._edges: tuple[tuple[str, str], ...] = ()
        self._boxes: dict[str, QRectF] = {}
        self._chosen = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(self.tr("Lineage graph"))

    def set_graph(self, nodes: Sequence[queries.Node], edges: Sequence[tuple[str, str]]) -> None:
        self._nodes, self._edges = tuple(nodes), tuple(edges)
        self._chosen = min(self._chosen, max(len(nodes) - 1, 0))
        self.setAccessibleDescription("; ".join(f"{node.kind} {node.title}" for node in nodes))
        self._place()
        self.updateGeometry()
        self.update()

    def _columns(self) -> dict[int, list[queries.Node]]:
        columns: dict[int, list[queries.Node]] = {}
        for node in self._nodes:
            columns.setdefault(_COLUMN_OF[node.kind], []).append(node)
        return dict(sorted(columns.items()))

    def sizeHint(self) -> QSize:
        columns = self._columns()
        tallest = max((len(nodes) for nodes in columns.values()), default=1)
        width = len(columns) * (_BOX.width() + _GAP_X) + 32 - _GAP_X
        return QSize(width, tallest * (_BOX.height() + _GAP_Y) + 64)

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def _place(self) -> None:
        self._boxes.clear()
        columns = self._columns()
        if not columns:
            return
        natural = self.sizeHint()
        spare = max(self.width() - natural.width(), 0) / max(len(columns) - 1, 1)
        step = _BOX.width() + _GAP_X + min(spare, 64)
        middle = max(natural.height(), min(self.height(), natural.height() + 160)) / 2 + 12
        for position, nodes in enumerate(columns.values()):
            height = len(nodes) * (_BOX.height() + _GAP_Y) - _GAP_Y
            for index, node in enumerate(nodes):
                top = middle - height / 2 + index * (_BOX.height() + _GAP_Y)
                self._boxes[node.id] = QRectF(16 + position * step, top, _BOX.width(), _BOX.height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: ARG002
        self._place()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for start, end in self._edges:
            if start in self._boxes and end in self._boxes:
                self._paint_edge(painter, tokens, self._boxes[start], self._boxes[end])
        for index, node in enumerate(self._nodes):
            self._paint_node(painter, tokens, node, self._boxes[node.id], index == self._chosen and self.hasFocus())

    def _paint_edge(self, painter: QPainter, tokens: Tokens, start: QRectF, end: QRectF) -> None:
        a = QPointF(start.right(), start.center().y())
        b = QPointF(end.left() - 6, end.center().y())
        reach = (b.x() - a.x()) / 2
        path = QPainterPath(a)
        path.cubicTo(a + QPointF(reach, 0), b - QPointF(reach, 0), b)
        painter.setPen(QPen(QColor(tokens.control_border), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPath(path)
        head = QPainterPath(b + QPointF(6, 0))
        head.lineTo(b + QPointF(-2, -4))
        head.lineTo(b + QPointF(-2, 4))
        painter.fillPath(head, QColor(tokens.control_border))

    def _paint_node(self, painter: QPainter, tokens: Tokens, node: queries.Node, box: QRectF, focused: bool) -> None:
        paint_box(painter, box, tokens.surface, tokens.hairline)
        paint_icon(painter, _ICONS[node.kind], QRectF(box.left() + 12, box.center().y() - 9, 18, 18), tokens.accent)
        room = box.width() - 40 - 12
        strong, small = fonts.font(fonts.Type.BODY, fonts.SEMIBOLD), fonts.font(fonts.Type.CAPTION)
        paint_text(painter, QRectF(box.left() + 40, box.top() + 10, room, 20), node.title, tokens.text, strong)
        note = node.note
        left = box.left() + 40
        if node.status:
            style = status_style(node.status)
            paint_shape(painter, style.shape, QRectF(left, box.top() + 35, 9, 9), tokens.tone(style.tone).text)
            left += 14
            note = f"{style.word}, {note}" if note else style.word
        paint_text(painter, QRectF(left, box.top() + 30, box.right() - 12 - left, 20), note, tokens.secondary, small)
        if focused:
            paint_focus_ring(painter, box, tokens, 8)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        over = any(self._boxes[n.id].contains(event.position()) and n.target for n in self._nodes)
        self.setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        for index, node in enumerate(self._nodes):
            if self._boxes[node.id].contains(event.position()):
                self._chosen = index
                self.update()
                if node.target:
                    self.opened.emit(node.target)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        moves = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}
        if event.key() in moves and self._nodes:
            self._chosen = (self._chosen + moves[Qt.Key(event.key())]) % len(self._nodes)
            self.update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self._nodes:
            if target := self._nodes[self._chosen].target:
                self.opened.emit(target)
        else:
            super().keyPressEvent(event)


class LineagePage(Page):
    """What a model version was made of, and where it serves."""

    key = "lineage"
    listens_to = ("model.", "alias.", "endpoint.", "rollout.")
    _focus = ""

    def query(self) -> Query:
        focus = self._focus
        return lambda workspace: queries.lineage(workspace, focus)

    def never_set_up(self, model: queries.Lineage) -> NeverSetUp | None:
        if model.nodes:
            return None
        text = self.tr(
            "Once a model is trained, this shows which file, data and run it came from, and where it serves."
        )
        return NeverSetUp(self.tr("No lineage yet"), text, self.tr("Open data"), "lineage", self._open_data)

    def _open_data(self) -> None:
        self.openRequested.emit("data")

    def build(self) -> None:
        self.versions = QComboBox()
        self.versions.setAccessibleName(self.tr("Model version"))
        self.versions.setMinimumWidth(200)
        self.versions.activated.connect(lambda _index: self.open_target(self.versions.currentText()))
        self.view_as = Segmented((self.tr("Graph"), self.tr("Table")))
        self.graph = LineageGraph()
        self.graph.opened.connect(self.openRequested.emit)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self.graph)
        area.viewport().setAutoFillBackground(False)
        self.graph.setAutoFillBackground(False)
        self.table = DataTable(
            [
                ColumnSpec("kind", self.tr("Kind"), width=100),
                ColumnSpec("title", self.tr("Name"), width=240),
                ColumnSpec("note", self.tr("Note"), width=240),
                ColumnSpec("leads", self.tr("Leads to"), width=320),
            ],
            name=self.tr("lineage"),
        )
        self.table.activated.connect(self._on_row)
        stack = QStackedWidget()
        stack.addWidget(area)
        stack.addWidget(self.table)
        self.view_as.chosen.connect(stack.setCurrentIndex)
        row = QHBoxLayout()
        row.setSpacing(t.SPACE_3)
        row.addWidget(self.versions)
        row.addWidget(self.view_as)
        row.addWidget(caption(self.tr("Click a box to open it.")), 1)
        column: QVBoxLayout = page_column(self.content)
        column.addLayout(row)
        column.addWidget(stack, 1)

    def show_model(self, model: queries.Lineage) -> None:
        if [self.versions.itemText(i) for i in range(self.versions.count())] != list(model.references):
            self.versions.clear()
            self.versions.addItems(list(model.references))
        self.versions.setCurrentText(model.focus)
        self.graph.set_graph(model.nodes, model.edges)
        titles = {node.id: node.title for node in model.nodes}
        leads = {node.id: [titles.get(b, b) for a, b in model.edges if a == node.id] for node in model.nodes}
        self.table.set_rows(
            {
                "kind": [node.kind for node in model.nodes],
                "title": [node.title for node in model.nodes],
                "note": [node.note for node in model.nodes],
                "leads": [", ".join(leads[node.id]) for node in model.nodes],
            }
        )

    def open_target(self, target: str) -> None:
        self._focus = target
        self.is_stale = True
        if self.isVisible():
            self.reload()

    def _on_row(self, row: int) -> None:
        if target := self.model.nodes[row].target:
            self.openRequested.emit(target)
