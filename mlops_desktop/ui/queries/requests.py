"""Single requests of an endpoint as its prediction log has them: the newest ones, read on while somebody looks."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from mlops_desktop.ui.widgets.figures import fixed
from mlops_desktop.workspace import Workspace

if TYPE_CHECKING:
    from mlops_desktop.serving.labels import LabelValue
    from mlops_desktop.serving.log import LogPosition
    from mlops_desktop.serving.tail import Tail, TailRow, Wanted

MOST_ROWS = 5_000
_MOST_VALUES = 400_000
_MOST_LABELS = 20_000
_FIRST, _MORE = 500, 250
_SHORT_INPUTS, _SHORT_LETTERS = 8, 160
_SHORT_TEXT = 24


@dataclass(frozen=True, eq=False)
class Line:
    """A row with what a table shows of it. `key` is its inference id."""

    row: TailRow
    key: str
    inputs: str

    @property
    def is_answered(self) -> bool:
        return self.row.status == 200

    @property
    def probability(self) -> float | None:
        """Of the predicted class; None for a regression."""
        return self.row.probabilities.get(str(self.row.prediction))


@dataclass(frozen=True)
class Look:
    """What one look found, newest line last."""

    lines: tuple[Line, ...]
    tail: Tail


def look(workspace: Workspace, endpoint: str, after: LogPosition | None, wanted: Wanted) -> Look:
    """The newest rows, or those that came since an earlier look ended."""
    found = workspace.serving.tail(endpoint, last=_FIRST if after is None else _MORE, after=after, wanted=wanted)
    return Look(tuple(Line(row, f"{row.id}/{row.row}", short_inputs(row.inputs)) for row in found.rows), found)


def short_inputs(inputs: dict[str, Any]) -> str:
    """The first inputs on one line: `carrier UA, distance 1,400, temp –, …`."""
    parts = [f"{name} {_short(value)}" for name, value in islice(inputs.items(), _SHORT_INPUTS)]
    text = ", ".join(parts)[:_SHORT_LETTERS]
    return text + ", …" if len(inputs) > _SHORT_INPUTS else text


def _short(value: Any) -> str:
    if isinstance(value, str):
        return value if len(value) <= _SHORT_TEXT else value[: _SHORT_TEXT - 1] + "…"
    if isinstance(value, bool) or value is None:
        return "–" if value is None else str(value).lower()
    return f"{value:,}" if isinstance(value, int) else fixed(value, 2)


@dataclass
class Newest:
    """The newest lines, as many as memory is to hold; `position` is where the next look goes on.

    `labels` are by the id that they came for, each with a number that tells the order in which they came.
    """

    lines: deque[Line] = field(default_factory=lambda: deque(maxlen=MOST_ROWS))
    labels: dict[str, tuple[int, LabelValue]] = field(default_factory=dict)
    labelled: int = 0
    position: LogPosition | None = None
    share: float = 1.0
    redacted: dict[str, str] = field(default_factory=dict)
    has_gap: bool = False

    def add(self, found: Look) -> bool:
        """Take in a look; whether there is anything new to show."""
        tail = found.tail
        self.has_gap = self.has_gap or (tail.left_out and self.position is not None)
        self.position, self.share, self.redacted = tail.position, tail.share, tail.redacted
        if found.lines:
            self._bound(max(len(line.row.inputs) for line in found.lines))
            self.lines.extend(found.lines)
        for id, label in tail.labels.items():
            self.labels.pop(id, None)
            self.labelled += 1
            self.labels[id] = (self.labelled, label)
        while len(self.labels) > _MOST_LABELS:
            del self.labels[next(iter(self.labels))]
        return bool(found.lines or tail.labels)

    def _bound(self, inputs: int) -> None:
        """Fewer lines where each has many inputs."""
        most = max(min(MOST_ROWS, _MOST_VALUES // max(inputs, 1)), 100)
        if most < (self.lines.maxlen or most):
            self.lines = deque(self.lines, maxlen=most)

    def label_of(self, line: Line) -> LabelValue:
        """What came true of a row, as far as is known: the last label that came, for the row or for its entity."""
        found = [self.labels[id] for id in (line.key, line.row.entity) if id in self.labels]
        return max(found, key=lambda each: each[0])[1] if found else line.row.label

    @property
    def versions(self) -> tuple[int, ...]:
        return tuple(sorted({line.row.version for line in self.lines}, reverse=True))


def columns_of(newest: Newest, lines: Iterable[Line]) -> dict[str, list[Any]]:
    """Lines as the columns of a table."""
    shown = list(lines)
    rows = [line.row for line in shown]
    return {
        "time": [row.time for row in rows],
        "id": [line.key for line in shown],
        "version": [f"v{row.version}" for row in rows],
        "role": [row.role if row.status == 200 else "failed" for row in rows],
        "latency": [row.latency_ms for row in rows],
        "inputs": [line.inputs if line.is_answered else line.row.error for line in shown],
        "prediction": ["–" if row.prediction is None else str(row.prediction) for row in rows],
        "probability": [line.probability for line in shown],
        "label": [_told(newest.label_of(line)) for line in shown],
    }


def _told(label: LabelValue) -> str:
    return "–" if label is None else str(label)


def as_json(line: Line, label: LabelValue, endpoint: str, model: str) -> str:
    """The whole record for another program."""
    row = line.row
    record = {
        "time": row.time.isoformat(),
        "endpoint": endpoint,
        "model": f"{model}@{row.version}",
        "role": row.role,
        "inference_id": line.key,
        "entity_id": row.entity or None,
        "status": row.status,
        "error": row.error or None,
        "latency_ms": row.latency_ms,
        "inputs": row.inputs,
        "prediction": row.prediction,
        "score": row.score,
        "probabilities": row.probabilities,
        "label": label,
    }
    return json.dumps(record, indent=2, ensure_ascii=False)
