"""How each status is shown: a shape, a word, a tone. One place for all of the window."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from mlops_desktop.ui.theme.shapes import Shape
from mlops_desktop.ui.theme.tokens import Tone


def QT_TRANSLATE_NOOP(context: str, text: str) -> str:  # noqa: ARG001
    """Marks a literal for Qt Linguist, which finds it by this name."""
    return text


@dataclass(frozen=True)
class StatusStyle:
    """`source` is the English word; `word` is in the person's language."""

    shape: Shape
    source: str
    tone: Tone

    @property
    def word(self) -> str:
        return QCoreApplication.translate("Status", self.source)


HEALTHY = StatusStyle(Shape.DISC, QT_TRANSLATE_NOOP("Status", "Healthy"), Tone.OK)
DRIFTING = StatusStyle(Shape.TRIANGLE, QT_TRANSLATE_NOOP("Status", "Drifting"), Tone.WARNING)
FAILING = StatusStyle(Shape.SQUARE, QT_TRANSLATE_NOOP("Status", "Failing"), Tone.CRITICAL)
UNKNOWN = StatusStyle(Shape.DOTTED, QT_TRANSLATE_NOOP("Status", "Unknown"), Tone.NEUTRAL)
CANARY = StatusStyle(Shape.HALF, QT_TRANSLATE_NOOP("Status", "Canary"), Tone.INFO)

# Keys are the values of the enums in core, and words that pages use for the same things.
_STYLES: dict[str, StatusStyle] = {
    "healthy": HEALTHY,
    "drifting": DRIFTING,
    "failing": FAILING,
    "unknown": UNKNOWN,
    "canary": CANARY,
    "production": StatusStyle(Shape.DISC, QT_TRANSLATE_NOOP("Status", "Production"), Tone.OK),
    "champion": StatusStyle(Shape.DISC, QT_TRANSLATE_NOOP("Status", "Champion"), Tone.OK),
    "challenger": StatusStyle(Shape.HALF, QT_TRANSLATE_NOOP("Status", "Challenger"), Tone.INFO),
    "previous": StatusStyle(Shape.RING, QT_TRANSLATE_NOOP("Status", "Previous"), Tone.NEUTRAL),
    "archived": StatusStyle(Shape.DASH, QT_TRANSLATE_NOOP("Status", "Archived"), Tone.NEUTRAL),
    "queued": StatusStyle(Shape.DOTTED, QT_TRANSLATE_NOOP("Status", "Queued"), Tone.NEUTRAL),
    "running": StatusStyle(Shape.PLAY, QT_TRANSLATE_NOOP("Status", "Running"), Tone.INFO),
    "succeeded": StatusStyle(Shape.CHECK, QT_TRANSLATE_NOOP("Status", "Succeeded"), Tone.OK),
    "failed": StatusStyle(Shape.CROSS, QT_TRANSLATE_NOOP("Status", "Failed"), Tone.CRITICAL),
    "cancelled": StatusStyle(Shape.DASH, QT_TRANSLATE_NOOP("Status", "Cancelled"), Tone.NEUTRAL),
    "skipped": StatusStyle(Shape.DASH, QT_TRANSLATE_NOOP("Status", "Skipped"), Tone.NEUTRAL),
    "stopped": StatusStyle(Shape.SQUARE, QT_TRANSLATE_NOOP("Status", "Stopped"), Tone.NEUTRAL),
    "starting": StatusStyle(Shape.DOTTED, QT_TRANSLATE_NOOP("Status", "Starting"), Tone.INFO),
    "stopping": StatusStyle(Shape.DOTTED, QT_TRANSLATE_NOOP("Status", "Stopping"), Tone.NEUTRAL),
    "asleep": StatusStyle(Shape.DOTTED, QT_TRANSLATE_NOOP("Status", "Asleep"), Tone.NEUTRAL),
    "panic": StatusStyle(Shape.TRIANGLE, QT_TRANSLATE_NOOP("Status", "Panic"), Tone.WARNING),
    "serving": StatusStyle(Shape.DISC, QT_TRANSLATE_NOOP("Status", "Serving"), Tone.OK),
    "promoted": StatusStyle(Shape.UP, QT_TRANSLATE_NOOP("Status", "Promoted"), Tone.OK),
    "rolled back": StatusStyle(Shape.BACK, QT_TRANSLATE_NOOP("Status", "Rolled back"), Tone.WARNING),
    "held": StatusStyle(Shape.DASH, QT_TRANSLATE_NOOP("Status", "Held"), Tone.WARNING),
    "pass": StatusStyle(Shape.CHECK, QT_TRANSLATE_NOOP("Status", "Pass"), Tone.OK),
    "passed": StatusStyle(Shape.CHECK, QT_TRANSLATE_NOOP("Status", "Passed"), Tone.OK),
    "fail": StatusStyle(Shape.CROSS, QT_TRANSLATE_NOOP("Status", "Fail"), Tone.CRITICAL),
    "refused": StatusStyle(Shape.CROSS, QT_TRANSLATE_NOOP("Status", "Refused"), Tone.CRITICAL),
    "undecided": StatusStyle(Shape.DOTTED, QT_TRANSLATE_NOOP("Status", "Undecided"), Tone.NEUTRAL),
    "info": StatusStyle(Shape.DISC, QT_TRANSLATE_NOOP("Status", "Info"), Tone.INFO),
    "warning": StatusStyle(Shape.TRIANGLE, QT_TRANSLATE_NOOP("Status", "Warning"), Tone.WARNING),
    "critical": StatusStyle(Shape.SQUARE, QT_TRANSLATE_NOOP("Status", "Critical"), Tone.CRITICAL),
    "open": StatusStyle(Shape.TRIANGLE, QT_TRANSLATE_NOOP("Status", "Open"), Tone.WARNING),
    "acknowledged": StatusStyle(Shape.RING, QT_TRANSLATE_NOOP("Status", "Acknowledged"), Tone.INFO),
    "resolved": StatusStyle(Shape.CHECK, QT_TRANSLATE_NOOP("Status", "Resolved"), Tone.OK),
    "better": StatusStyle(Shape.UP, QT_TRANSLATE_NOOP("Status", "Better"), Tone.OK),
    "worse": StatusStyle(Shape.DOWN, QT_TRANSLATE_NOOP("Status", "Worse"), Tone.CRITICAL),
    "same": StatusStyle(Shape.DASH, QT_TRANSLATE_NOOP("Status", "Same"), Tone.NEUTRAL),
}


def status_style(value: str) -> StatusStyle:
    """How to show a status, given the value of one of core's enums (`running`, `rolled back`, `critical`, …).

    A value that nobody listed is shown as it is, in the neutral tone.
    """
    return _STYLES.get(value.lower()) or StatusStyle(Shape.DISC, value[:1].upper() + value[1:], Tone.NEUTRAL)


def known_statuses() -> tuple[str, ...]:
    return tuple(_STYLES)
