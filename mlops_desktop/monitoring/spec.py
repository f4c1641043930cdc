"""Settings of monitoring, as the `[monitoring]` section of a TOML file gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from mlops_desktop.core.errors import InvalidInput

Share = Annotated[float, Meta(ge=0, le=1)]
Positive = Annotated[float, Meta(gt=0)]
Count = Annotated[int, Meta(ge=1)]


class MonitoringSpec(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How windows are judged and when alerts are raised.

    Attributes:
        numeric_method, categorical_method: drift methods by name (see `monitoring.methods`).
        floors: smallest effect that matters per method, where it shall differ from the method's own.
        false_alarm_rate: level of the Benjamini-Hochberg adjustment over the features of a window.
        noise_quantile: a score must pass this quantile of what unchanged data shows at the window's size.
        resamples: windows drawn from the reference per size to learn that.
        least_rows: windows with fewer rows are reported, not judged.
        least_labelled: fewer labelled rows are not judged.
        least_label_share: a window is judged once this share of its labels has arrived.
        raise_windows, of_windows: an alert is raised when this many of the last windows show its cause.
        resolve_windows: an alert is resolved after so many clear windows in a row.
        clear_ratio: to be clear, scores must lie below this part of their threshold.
        least_auc_drop: smaller losses of AUC do not matter.
        least_loss_rise: smaller relative rises of a loss or of a cost do not matter.
        most_missing_rise: rise of a column's missing share that is a fault of the data.
        most_unseen_share: share of unseen categories that is a fault of the data.
        most_estimate_error: an estimate of AUC whose mean error in the back-test is larger is withheld.
        most_loss_estimate_error: the same for estimated losses and costs, relative to the baseline.
        release_windows: a drop within so many windows after a release asks for a rollback.
        warn_importance: drift of features that carry this share of the importance is a warning, not only information.
        watched_metrics: realised metrics whose breach is a loss of performance.
        business_action: what a lasting breach of the cost asks for; the cost rises with the share of positives too,
            against which no model helps, so `retrain` is for those who would rather try once too often.
        concept_detectors: whether error streams are given to change detectors.
    """

    numeric_method: str = "ks"
    categorical_method: str = "jensen_shannon"
    floors: dict[str, Positive] = {}
    false_alarm_rate: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    noise_quantile: Annotated[float, Meta(ge=0.9, lt=1)] = 0.99
    resamples: Annotated[int, Meta(ge=20, le=10_000)] = 400
    least_rows: Count = 30
    least_labelled: Count = 200
    least_label_share: Share = 0.8
    raise_windows: Count = 2
    of_windows: Count = 3
    resolve_windows: Count = 2
    clear_ratio: Share = 0.9
    least_auc_drop: Share = 0.02
    least_loss_rise: Share = 0.05
    most_missing_rise: Share = 0.1
    most_unseen_share: Share = 0.02
    most_estimate_error: Share = 0.05
    most_loss_estimate_error: Share = 0.15
    release_windows: Annotated[int, Meta(ge=0)] = 2
    warn_importance: Share = 0.3
    watched_metrics: tuple[str, ...] = ("auc", "mae", "accuracy")
    business_action: Literal["inform", "retrain"] = "inform"
    concept_detectors: bool = True

    def __post_init__(self) -> None:
        if self.raise_windows > self.of_windows:
            raise ValueError("`raise_windows` cannot be more than `of_windows`")


def monitoring_spec(section: Mapping[str, Any]) -> MonitoringSpec:
    """Settings from a parsed TOML section; raises `InvalidInput` for unknown names and impossible values."""
    try:
        return msgspec.convert(dict(section), MonitoringSpec)
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidInput(
            f"The section [monitoring] cannot be used: {error}.",
            hint=f"Known settings: {', '.join(MonitoringSpec.__struct_fields__)}.",
        ) from None
