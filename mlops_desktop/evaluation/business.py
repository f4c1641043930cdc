"""What decisions cost: the value matrix, its best threshold, and cost as a metric."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from numpy.typing import ArrayLike

from mlops_desktop.core.models import Task
from mlops_desktop.core.monitoring import MetricValue
from mlops_desktop.evaluation.intervals import mean_interval
from mlops_desktop.evaluation.metrics import Floats, Metric, SumForm, as_floats, metric_of_sums


class ValueMatrix(Struct, frozen=True, forbid_unknown_fields=True):
    """Cost of each outcome of a yes-or-no decision, per row, in any one unit; gains are negative costs."""

    true_positive: float
    false_positive: float
    true_negative: float
    false_negative: float
    unit: str = ""

    def cost_per_row(self, y: ArrayLike, decision: ArrayLike) -> Floats:
        """Cost of each row, shape (n,). NaN where the label is not known."""
        labels, decided = as_floats(y), as_floats(decision) > 0.5
        cost = np.where(
            labels > 0.5,
            np.where(decided, self.true_positive, self.false_negative),
            np.where(decided, self.false_positive, self.true_negative),
        )
        return np.where(np.isnan(labels), np.nan, cost)

    def mean_cost(self, y: ArrayLike, decision: ArrayLike, *, confidence: float = 0.95) -> MetricValue:
        """Mean cost per row with its interval."""
        return mean_interval("cost", self.cost_per_row(y, decision), confidence=confidence)

    def expected_cost(self, probability: ArrayLike, decision: ArrayLike) -> Floats:
        """Cost to expect of each row before its label is known, given a calibrated probability; shape (n,)."""
        chance, decided = as_floats(probability), as_floats(decision) > 0.5
        when_yes = chance * self.true_positive + (1 - chance) * self.false_positive
        when_no = chance * self.false_negative + (1 - chance) * self.true_negative
        return np.where(decided, when_yes, when_no)

    def optimal_threshold(self) -> float:
        """The calibrated probability from which a yes costs less than a no, in [0, 1].

        (fp - tn) / ((fp - tn) + (fn - tp)), after Elkan (2001), The foundations of cost-sensitive learning. NaN if a
        yes never pays more for likelier rows, so that no threshold is best.
        """
        needless, missed = self.false_positive - self.true_negative, self.false_negative - self.true_positive
        if needless + missed <= 0:
            return math.nan
        return min(1.0, max(0.0, needless / (needless + missed)))


def cost_metric(values: ValueMatrix) -> Metric:
    """Mean cost per row as a metric named `cost`, for gates and slices. Not registered: it depends on `values`."""

    def terms(y: Floats, score: Floats, threshold: float) -> Floats:
        return np.column_stack([np.ones_like(y), values.cost_per_row(y, score >= threshold)])

    form = SumForm(terms, lambda sums: sums[..., 1] / sums[..., 0])
    return metric_of_sums("cost", Task.CLASSIFICATION, False, "Cost per row", form)
