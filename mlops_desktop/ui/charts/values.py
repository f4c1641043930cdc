"""What charts are given. Frozen, made of numpy arrays, free of Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlops_desktop.ui.theme.shapes import Shape
from mlops_desktop.ui.theme.tokens import Tokens, Tone

Floats = NDArray[np.float64]


def as_seconds(times: ArrayLike | Sequence[datetime]) -> Floats:
    """Times as seconds since 1970 in UTC: from `datetime64`, aware datetimes, or seconds."""
    first = times[0] if isinstance(times, Sequence) and len(times) else None
    if isinstance(first, datetime):
        return np.array([moment.timestamp() for moment in times], np.float64)  # type: ignore[union-attr]
    array = np.asarray(times)
    if array.dtype.kind == "M":
        return array.astype("datetime64[us]").astype(np.float64) / 1e6
    return array.astype(np.float64)


class Role(StrEnum):
    """What a series stands for: known, under question, or one of several."""

    BASELINE = "baseline"
    QUESTIONED = "questioned"
    PLAIN = "plain"


def series_colour(tokens: Tokens, role: Role, index: int) -> str:
    """The colour of a series; plain ones take the theme's hues in turn."""
    if role is Role.BASELINE:
        return tokens.baseline
    if role is Role.QUESTIONED:
        return tokens.questioned
    hues = [colour for colour in tokens.series if colour != tokens.questioned]
    return hues[index % 4]


@dataclass(frozen=True, eq=False)
class Series:
    """Values over time; `times` ascending, in seconds. Not finite values make gaps.

    A `faint` series is context for the others: drawn pale, without a name at its end, and cut off where it leaves
    the range of the others.
    """

    name: str
    times: Floats
    values: Floats
    role: Role = Role.PLAIN
    dashed: bool = False
    marked: bool = False
    faint: bool = False


@dataclass(frozen=True, eq=False)
class Interval:
    """A band from `low` to `high` around the series of the same name."""

    name: str
    times: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True)
class Band:
    """A horizontal band between two values; None reaches to the edge. `label` is shown at its lower edge."""

    low: float | None
    high: float | None
    tone: Tone
    label: str = ""


@dataclass(frozen=True)
class Span:
    """A stretch of time to be shaded, in seconds: an incomplete window, or labels that are still to come."""

    start: float
    end: float
    label: str = ""


class EventKind(StrEnum):
    """What the event lane marks."""

    DEPLOY = "deploy"
    RETRAIN = "retrain"
    CANARY = "canary"
    PROMOTE = "promote"
    ROLLBACK = "rollback"
    ALERT = "alert"


EVENT_LOOKS: dict[EventKind, tuple[Shape, Tone]] = {
    EventKind.DEPLOY: (Shape.FLAG, Tone.INFO),
    EventKind.RETRAIN: (Shape.LOOP, Tone.INFO),
    EventKind.CANARY: (Shape.HALF, Tone.INFO),
    EventKind.PROMOTE: (Shape.UP, Tone.OK),
    EventKind.ROLLBACK: (Shape.BACK, Tone.CRITICAL),
    EventKind.ALERT: (Shape.TRIANGLE, Tone.WARNING),
}


@dataclass(frozen=True)
class EventMark:
    """Something that happened. `target` is what a click opens, for example `alert:01H…`; `time` in seconds."""

    time: float
    kind: EventKind
    text: str
    target: str = ""


@dataclass(frozen=True, eq=False)
class Distribution:
    """A column in reference and window, counted in the same bins.

    Numbers: `edges` has one entry more than the counts and may begin or end at infinity. Categories: `categories`
    names each count, and `edges` is empty.
    """

    name: str
    reference: Floats
    current: Floats
    edges: Floats = field(default_factory=lambda: np.empty(0))
    categories: tuple[str, ...] = ()
    statistic: str = "PSI"
    score: float = float("nan")
    threshold: float = float("nan")


@dataclass(frozen=True, eq=False)
class Reliability:
    """Calibration of one model: mean prediction and observed rate per bin, all of one length."""

    name: str
    predicted: Floats
    observed: Floats
    counts: NDArray[np.int64]
    low: Floats | None = None
    high: Floats | None = None
    role: Role = Role.PLAIN


@dataclass(frozen=True, eq=False)
class DriftGrid:
    """Drift of features (rows) over windows (columns).

    `ratios` has shape (features, windows): score over threshold, NaN where missing. `drifting` says which cells are
    breaches; without it those with a ratio of 1 or more. `times` are the starts of the windows in seconds.
    """

    features: tuple[str, ...]
    times: Floats
    ratios: Floats
    drifting: NDArray[np.bool_] | None = None
    window_ids: tuple[str, ...] = ()

    @property
    def breaches(self) -> NDArray[np.bool_]:
        if self.drifting is not None:
            return self.drifting
        with np.errstate(invalid="ignore"):
            return np.asarray(self.ratios >= 1.0)


def table_of(columns: dict[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Header and rows of columns of unequal length, the shorter ones padded with empty cells."""
    lists = [np.asarray(values).tolist() for values in columns.values()]
    length = max((len(values) for values in lists), default=0)
    padded = [values + [""] * (length - len(values)) for values in lists]
    return list(columns), list(zip(*padded, strict=True))
