"""A rollout at a glance: the canary's share, champion against challenger, the guardrails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QSlider, QSpinBox, QVBoxLayout, QWidget

from mlops_desktop.core.deployments import Guardrail
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.status import status_style
from mlops_desktop.ui.theme.tokens import Tokens
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.figures import fixed, percent, signed
from mlops_desktop.ui.widgets.labels import Label
from mlops_desktop.ui.widgets.painting import (
    CHIP_HEIGHT,
    chip_width,
    paint_box,
    paint_chip,
    paint_text,
    text_width,
)

_RIGHT = Qt.AlignmentFlag.AlignRight


class _ShareBar(QWidget):
    """Primary in slate, canary in orange, side by side to scale."""

    def __init__(self) -> None:
        super().__init__()
        self.share = 0.0
        self.setFixedHeight(8)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        split = self.width() * (1 - self.share)
        paint_box(painter, QRectF(self.rect()), tokens.baseline, radius=4)
        if self.share > 0:
            painter.setClipRect(QRectF(split, 0, self.width() - split, self.height()))
            paint_box(painter, QRectF(self.rect()), tokens.questioned, radius=4)
            painter.fillRect(QRectF(split, 0, 2, self.height()), tokens.surface)


class SplitSlider(QWidget):
    """How much of the traffic the canary gets. Nothing changes before Apply.

    Signals:
        applied(float): the share in [0, 1] that a person asked for.
    """

    applied = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._share = 0.0
        self.primary = Label("", fonts.Type.TABLE, fonts.MEDIUM)
        self.canary = Label("", fonts.Type.TABLE, fonts.MEDIUM)
        self._bar = _ShareBar()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, 100)
        self.slider.setPageStep(10)
        self.slider.setAccessibleName(self.tr("Canary share in per cent"))
        self.spin = QSpinBox()
        self.spin.setRange(0, 100)
        self.spin.setSuffix("\N{NO-BREAK SPACE}%")
        self.spin.setFixedWidth(84)
        self.spin.setAccessibleName(self.tr("Canary share in per cent"))
        self.apply = button(self.tr("Apply"), on_click=self._on_apply)
        self.slider.valueChanged.connect(self.spin.setValue)
        self.spin.valueChanged.connect(self._on_value)
        self._lay_out()
        self.set_split("", "", 0.0)

    def _lay_out(self) -> None:
        names = QHBoxLayout()
        names.addWidget(self.primary)
        names.addStretch(1)
        names.addWidget(self.canary)
        controls = QHBoxLayout()
        controls.setSpacing(t.SPACE_3)
        controls.addWidget(self.slider, 1)
        controls.addWidget(self.spin)
        controls.addWidget(self.apply)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(t.SPACE_2)
        layout.addLayout(names)
        layout.addWidget(self._bar)
        layout.addLayout(controls)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_split(self, primary: str, canary: str, share: float) -> None:
        """Shows what is in force: names such as `v3` and `v4`, and the canary's share in [0, 1]."""
        self._share = share
        self._bar.share = share
        self._bar.update()
        self.primary.setText(f"{self.tr('Primary')} {primary}  {percent(1 - share, 0)}")
        self.canary.setText(f"{self.tr('Canary')} {canary}  {percent(share, 0)}")
        self.slider.setEnabled(bool(canary))
        self.spin.setEnabled(bool(canary))
        self.spin.setValue(round(share * 100))
        self._on_value(self.spin.value())

    def _on_value(self, value: int) -> None:
        self.slider.setValue(value)
        self.apply.setEnabled(value != round(self._share * 100))

    def _on_apply(self) -> None:
        self.applied.emit(self.spin.value() / 100)


@dataclass(frozen=True)
class ComparedMetric:
    """A metric of two versions. `low` and `high` bound the difference (challenger minus champion), where known.

    The difference counts as better or worse only when its interval excludes 0; without an interval, when it is
    not 0 at the shown decimals. Values that are not of the same rows are not `comparable`.
    """

    name: str
    champion: float | None
    challenger: float | None
    higher_is_better: bool = True
    unit: str = ""
    decimals: int = 3
    low: float | None = None
    high: float | None = None
    comparable: bool = True

    @property
    def difference(self) -> float | None:
        if self.champion is None or self.challenger is None:
            return None
        return self.challenger - self.champion

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `same`, or `unknown`."""
        difference = self.difference
        if difference is None or not self.comparable:
            return "unknown"
        bounds = (self.low, self.high)
        is_within_noise = bounds[0] is not None and bounds[1] is not None and bounds[0] <= 0 <= bounds[1]
        if is_within_noise or round(difference, self.decimals) == 0:
            return "same"
        return "better" if (difference > 0) == self.higher_is_better else "worse"


class ModelCompare(QWidget):
    """Champion and challenger side by side: each metric, the difference, and whether it is better or worse."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._metrics: tuple[ComparedMetric, ...] = ()
        self._names = ("", "")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def set_models(self, champion: str, challenger: str, metrics: Sequence[ComparedMetric]) -> None:
        self._names = (champion, challenger)
        self._metrics = tuple(metrics)
        words = [
            f"{m.name} {fixed(m.champion, m.decimals)} {fixed(m.challenger, m.decimals)} {m.verdict}" for m in metrics
        ]
        self.setAccessibleName(f"{champion} {challenger}")
        self.setAccessibleDescription("; ".join(words))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(360, 40 + t.ROW_COMFORTABLE * max(1, len(self._metrics)))

    def minimumSizeHint(self) -> QSize:
        return QSize(320, self.sizeHint().height())

    def _columns(self) -> list[QRectF]:
        """Name, champion, challenger, difference, verdict."""
        verdict = 78.0
        number = min(88.0, max(64.0, (self.width() - verdict - 124) / 3))
        name = self.width() - verdict - 3 * number - 8
        lefts = [0.0, name, name + number, name + 2 * number, self.width() - verdict]
        widths = [name, number - 8, number - 8, number - 8, verdict]
        return [QRectF(left, 0, width, 40) for left, width in zip(lefts, widths, strict=True)]

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        columns = self._columns()
        self._paint_heads(painter, tokens, columns)
        font, strong = fonts.font(fonts.Type.TABLE), fonts.font(fonts.Type.TABLE, fonts.SEMIBOLD)
        for index, metric in enumerate(self._metrics):
            top = 40.0 + index * t.ROW_COMFORTABLE
            painter.fillRect(QRectF(0, top, self.width(), 1), tokens.hairline)
            cells = [QRectF(c.left(), top, c.width(), t.ROW_COMFORTABLE) for c in columns]
            name = f"{metric.name} ({metric.unit})" if metric.unit else metric.name
            paint_text(painter, cells[0], name, tokens.text, font)
            paint_text(painter, cells[1], fixed(metric.champion, metric.decimals), tokens.text, font, _RIGHT)
            paint_text(painter, cells[2], fixed(metric.challenger, metric.decimals), tokens.text, strong, _RIGHT)
            paint_text(painter, cells[3], signed(metric.difference, metric.decimals), tokens.secondary, font, _RIGHT)
            if metric.challenger is None:
                continue
            style = status_style(metric.verdict)
            width = min(chip_width(style.word), cells[4].width())
            middle = top + (t.ROW_COMFORTABLE - CHIP_HEIGHT) / 2
            paint_chip(painter, QRectF(self.width() - width, middle, width, CHIP_HEIGHT), style, style.word, tokens)

    def _paint_heads(self, painter: QPainter, tokens: Tokens, columns: list[QRectF]) -> None:
        small = fonts.font(fonts.Type.CAPTION)
        strong = fonts.font(fonts.Type.TABLE, fonts.SEMIBOLD)
        heads = (
            (self.tr("Champion"), self._names[0], tokens.baseline),
            (self.tr("Challenger"), self._names[1], tokens.questioned),
        )
        for column, (role, name, colour) in zip(columns[1:3], heads, strict=True):
            wide = column.adjusted(-16, 0, 0, 0)
            paint_text(painter, QRectF(wide.left(), 0, wide.width(), 16), role, tokens.secondary, small, _RIGHT)
            paint_text(painter, QRectF(wide.left(), 15, wide.width(), 18), name, tokens.text, strong, _RIGHT)
            painter.fillRect(QRectF(column.left() + 8, 36, column.width() - 8, 3), colour)
        paint_text(painter, QRectF(columns[3].left(), 15, columns[3].width(), 18), "Δ", tokens.secondary, small, _RIGHT)


class GuardrailList(QWidget):
    """Each guardrail of a rollout in one row: name, canary against primary, interval, verdict."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._guardrails: tuple[Guardrail, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_guardrails(self, guardrails: Sequence[Guardrail]) -> None:
        self._guardrails = tuple(guardrails)
        self.setAccessibleName(self.tr("Guardrails"))
        self.setAccessibleDescription("; ".join(f"{g.name} {status_style(g.verdict).word}" for g in guardrails))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(320, 44 * max(1, len(self._guardrails)))

    def minimumSizeHint(self) -> QSize:
        return QSize(260, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        font, small = fonts.font(fonts.Type.TABLE, fonts.MEDIUM), fonts.font(fonts.Type.CAPTION)
        if not self._guardrails:
            text = self.tr("No canary is running; guardrails appear with its first requests.")
            paint_text(painter, QRectF(self.rect()), text, tokens.secondary, fonts.font(fonts.Type.TABLE))
        for index, guardrail in enumerate(self._guardrails):
            top = 44.0 * index
            if index:
                painter.fillRect(QRectF(0, top, self.width(), 1), tokens.hairline)
            style = status_style(guardrail.verdict)
            width = chip_width(style.word)
            chip = QRectF(self.width() - width, top + 11, width, CHIP_HEIGHT)
            paint_chip(painter, chip, style, style.word, tokens)
            room = chip.left() - 12
            paint_text(painter, QRectF(0, top + 5, room, 18), guardrail.name, tokens.text, font)
            start = text_width(guardrail.name, font) + 8
            counts = f"n {guardrail.n_canary:,} / {guardrail.n_primary:,}"
            paint_text(painter, QRectF(start, top + 5, room - start, 18), counts, tokens.secondary, small)
            unit = f" {guardrail.unit}" if guardrail.unit else ""
            text = (
                f"{_short(guardrail.canary)} / {_short(guardrail.primary)}{unit} · "
                f"Δ {_short(guardrail.difference, True)} [{_short(guardrail.low)}, {_short(guardrail.high)}]"
            )
            paint_text(painter, QRectF(0, top + 22, room, 16), text, tokens.secondary, small)


def _short(value: float, with_sign: bool = False) -> str:
    """Three significant decimals: 41.2 and 0.0031 alike."""
    decimals = 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 4
    return signed(value, decimals) if with_sign else fixed(value, decimals)
