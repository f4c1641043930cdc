"""Titles of incidents: plain words with the figures that they rest on."""

from __future__ import annotations

from collections.abc import Sequence

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.monitoring import FeatureDrift, MetricValue, Violation, Window
from mlops_desktop.evaluation.metrics import get_metric
from mlops_desktop.monitoring.estimate import PREFIX
from mlops_desktop.monitoring.spec import MonitoringSpec
from mlops_desktop.monitoring.windows import metric_of


def drift_title(window: Window, drifting: Sequence[FeatureDrift], settings: MonitoringSpec) -> str:
    """``KS of `temp` 0.31 > 0.25 and 2 more features drift; AUC 0.702 against 0.705 is within the usual``."""
    first = drifting[0]
    words = f"{first.method} of `{first.feature}` {first.score:.2f} > {first.threshold:.2f}"
    if more := len(drifting) - 1:
        words += f" and {more} more feature{'s' if more > 1 else ''} drift"
    steady = _watched(window, settings, breached=False)
    return f"{words}; {_shown(steady)} against {_baseline(steady)} is within the usual" if steady else words


def performance_title(window: Window, settings: MonitoringSpec, when: str = "") -> str:
    """`AUC 0.641 below 0.702 right after the release`."""
    return " ".join(part for part in (_fallen(window, settings), when) if part)


def concept_title(window: Window, settings: MonitoringSpec) -> str:
    """`AUC 0.641 below 0.702 while the estimate from the inputs is 0.699: the concept has changed`."""
    fallen = _fallen(window, settings)
    for name in settings.watched_metrics:
        if estimate := metric_of(window, PREFIX + name):
            return f"{fallen} while the inputs alone would give {estimate.value:.3f}: the concept has changed"
    return fallen


def cost_title(cost: MetricValue, when: str = "") -> str:
    """`Cost per row 1.52 above 1.21`."""
    return " ".join(part for part in (f"Cost per row {cost.value:.3g} above {_baseline(cost)}", when) if part)


def quality_title(violations: Sequence[Violation]) -> str:
    """The gravest fault, and how many more there are."""
    first = max(violations, key=lambda violation: violation.importance)
    more = len(violations) - 1
    return first.message + (f", and {more} more fault{'s' if more > 1 else ''} of the data" if more else "")


def serving_title(broken: Sequence[MetricValue]) -> str:
    """`error rate 0.120 against 0.001`."""
    return ", ".join(f"{m.name.replace('_', ' ')} {m.value:.3f} against {_baseline(m)}" for m in broken)


def metric_label(name: str) -> str:
    """How people read a metric's name."""
    if name.startswith(PREFIX):
        return f"estimated {metric_label(name.removeprefix(PREFIX))}"
    try:
        return get_metric(name).label or name
    except NotFound:
        return name.replace("_", " ")


def _fallen(window: Window, settings: MonitoringSpec) -> str:
    metric = _watched(window, settings, breached=True)
    if metric is None:
        # The incident goes on, though this window's figures are back within what is usual.
        return "Performance is down"
    down = metric.baseline is not None and metric.value < metric.baseline
    return f"{_shown(metric)} {'below' if down else 'above'} {_baseline(metric)}"


def _watched(window: Window, settings: MonitoringSpec, *, breached: bool) -> MetricValue | None:
    """The first watched metric with that verdict, realised before estimated."""
    names = (*settings.watched_metrics, *(PREFIX + name for name in settings.watched_metrics))
    found = (metric for name in names if (metric := metric_of(window, name)))
    return next((metric for metric in found if metric.breached == breached), None)


def _shown(metric: MetricValue) -> str:
    label = metric_label(metric.name)
    return f"{label[0].upper()}{label[1:]} {metric.value:.3f}"


def _baseline(metric: MetricValue) -> str:
    return "what is usual" if metric.baseline is None else f"{metric.baseline:.3f}"
