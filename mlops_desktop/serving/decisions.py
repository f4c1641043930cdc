"""From scores to decisions, the same in gateway and workers."""

from __future__ import annotations

from typing import Any

from mlops_desktop.core.models import Signature, Task


def decide(signature: Signature, threshold: float, scores: list[float], picks: list[int]) -> list[Any]:
    """By the threshold for two classes, the likeliest of more (indices in `picks`), or a regression's values."""
    if signature.task is Task.REGRESSION:
        return list(scores)
    classes = signature.classes
    if picks:
        return [classes[index] for index in picks]
    negative, positive = classes[0], classes[-1]
    return [positive if score >= threshold else negative for score in scores]
