"""Values about monitored windows and alerts."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import Struct


class WindowKind(StrEnum):
    """How long a window is: `day` windows are points of a chart, `verdict` windows may raise alerts."""

    DAY = "day"
    VERDICT = "verdict"


class FeatureDrift(Struct, frozen=True):
    """Drift of one column between reference and window.

    `score` is the effect size by `method` (PSI or Jensen-Shannon), `threshold` its calibrated limit at this window
    size, `p_value` adjusted over the window's features (Benjamini-Hochberg). `importance` is the feature's share of
    the model's importance, 0 where it is not known or the row is not a feature.
    """

    feature: str
    method: str
    score: float
    threshold: float
    p_value: float
    drifting: bool
    missing_share: float = 0.0
    unseen_share: float = 0.0
    importance: float = 0.0


class MetricValue(Struct, frozen=True):
    """A metric with its 95 % interval on `n` rows; `baseline` is the value at registration, where known."""

    name: str
    value: float
    low: float
    high: float
    n: int
    baseline: float | None = None
    breached: bool = False


class Violation(Struct, frozen=True):
    """A way in which the rows of a window are not what the model was trained on.

    `kind` is one of Model Monitor's: `data_type`, `completeness`, `missing_column`, `extra_column`,
    `categorical_values`. `value` and `limit` are shares of the rows.
    """

    kind: str
    feature: str
    message: str
    value: float = 0.0
    limit: float = 0.0
    importance: float = 0.0


class Window(Struct, frozen=True):
    """What was seen in one span of time for one model version.

    `labelled` counts the rows whose label has arrived; metrics are on these alone. `counts` is the hash of the stored
    histogram counts, so that any range of windows can be judged again. `notes` are what a reader of the figures should
    know, in plain words.
    """

    id: str
    endpoint: str
    model_version: str
    kind: WindowKind
    start: datetime
    end: datetime
    rows: int
    labelled: int
    features: tuple[FeatureDrift, ...]
    metrics: tuple[MetricValue, ...]
    counts: str = ""
    rows_by_version: dict[str, int] = {}
    violations: tuple[Violation, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def drift_share(self) -> float:
        """Share of features that drift, in [0, 1]."""
        return sum(feature.drifting for feature in self.features) / len(self.features) if self.features else 0.0

    @property
    def drift_score(self) -> float:
        """Largest ratio of score to threshold: above 1 the most shifted feature drifts."""
        return max((f.score / f.threshold for f in self.features if f.threshold > 0), default=0.0)


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Cause(StrEnum):
    """Why an alert was raised; one open alert per endpoint and cause."""

    DATA_DRIFT = "data drift"
    CONCEPT_DRIFT = "concept drift"
    PERFORMANCE = "performance"
    BUSINESS = "business metric"
    DATA_QUALITY = "data quality"
    SERVING = "serving"
    PREDICTION_LOG = "prediction log"
    CRASH_LOOP = "crash loop"


class Action(StrEnum):
    """What an alert asks the engine to do."""

    INFORM = "inform"
    RETRAIN = "retrain"
    ROLLBACK = "rollback"
    BLOCK_RETRAINING = "block retraining"


class Alert(Struct, frozen=True):
    """One incident. It stays one while it lasts: later windows with the same cause add to `occurrences`."""

    id: str
    number: int
    endpoint: str
    model_version: str
    cause: Cause
    severity: Severity
    action: Action
    title: str
    evidence: dict[str, Any]
    state: AlertState
    raised: datetime
    updated: datetime
    occurrences: int = 1
    window: str = ""
    pipeline_run: str = ""
