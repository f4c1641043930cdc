"""`[rollout]` of a spec: how a new version is tried beside the one in production."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from msgspec import Struct

from mlops_desktop.core.deployments import RolloutKind

GuardrailName = Literal["loss", "cost", "auc", "errors", "latency", "predictions"]

_USUAL_SHARES: dict[GuardrailName, float] = {"errors": 3.0, "latency": 1.0}
_USUAL_SHARE = 0.25
"""Faults of service are to be found within minutes: they get most of alpha. The others can wait for more labels, and
keep a version from being promoted meanwhile, whatever their part."""


class RolloutSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """How a new version is tried.

    `kind` is how: a canary answers the shares of requests in `steps`, one after the other, and is promoted at the end;
    a shadow gets copies of the requests and answers none; an A/B test keeps the first share until it is decided, and
    promotes nothing.
    `sticky` says what keeps its version: the entity that a request names first (the request itself where it names
    none), or every request for itself. A step lasts at least `bake_minutes`.

    `min_labelled` rows of each version must have labels before the last step is done, and a share of that for the steps
    before; `min_requests` is the like for requests. `alpha` is how often a version as good as its primary may be rolled
    back in a whole rollout; `alpha_shares` are the guardrails' parts of it; where not given, 3 for errors, 1 for
    latency and a quarter for each of the others. `max_errors_in_row` of the canary end a rollout where the primary
    fails too seldom for them to be chance.

    Margins say how much worse is tolerable: `loss_margin` in units of the loss (Brier score, log loss, or squared error
    of a regression), `cost_margin` as a share of the primary's cost per row, `auc_margin` in AUC, `error_margin` as a
    share of requests. A request is slow beyond `latency_factor` times the primary's `latency_quantile` and beyond
    `latency_floor_ms`; `latency_margin` is the tolerable rise of the share of slow ones. `prediction_margin` bounds
    Kolmogorov's distance between the scores of both. A guardrail whose figures are not known (`cost` without
    `[business]`, `auc` of a regression or of many classes) is left out.
    """

    kind: RolloutKind = RolloutKind.CANARY
    sticky: Literal["entity", "request"] = "entity"
    steps: tuple[float, ...] = (0.5,)
    bake_minutes: float = 0.0
    min_labelled: int = 1500
    min_requests: int = 50
    alpha: float = 0.01
    alpha_shares: dict[GuardrailName, float] = {}
    max_days: float = 30.0
    guardrails: tuple[GuardrailName, ...] = ("loss", "cost", "auc", "errors", "latency", "predictions")
    loss: Literal["brier", "log loss"] = "brier"
    loss_margin: float = 0.01
    cost_margin: float = 0.05
    auc_margin: float = 0.03
    error_margin: float = 0.005
    latency_quantile: float = 0.99
    latency_factor: float = 1.6
    latency_floor_ms: float = 20.0
    latency_margin: float = 0.002
    prediction_margin: float = 0.5
    max_errors_in_row: int = 5
    max_schema_mismatches: int = 0

    def __post_init__(self) -> None:
        if not self.steps or not all(0 < step <= 1 for step in self.steps):
            raise ValueError("steps must be shares above 0 and up to 1")
        if not 0 < self.alpha < 1:
            raise ValueError("alpha must be between 0 and 1")
        if not self.guardrails or len(set(self.guardrails)) < len(self.guardrails):
            raise ValueError("guardrails must be at least one, and each only once")
        if any(share <= 0 for share in self.alpha_shares.values()) or not set(self.alpha_shares) <= set(
            self.guardrails
        ):
            raise ValueError("alpha_shares must be positive, and of guardrails that are used")
        if self.min_labelled < 1 or self.min_requests < 2 or self.max_days <= 0 or self.bake_minutes < 0:
            raise ValueError("min_labelled, min_requests and max_days must be positive, min_requests at least 2")
        if not 0.5 <= self.latency_quantile < 1 or self.latency_factor < 1:
            raise ValueError("latency_quantile must be from 0.5 to below 1, and latency_factor at least 1")

    @property
    def max_duration(self) -> timedelta:
        return timedelta(days=self.max_days)

    @property
    def bake_time(self) -> timedelta:
        return timedelta(minutes=self.bake_minutes)

    @property
    def last_step(self) -> int:
        """Shadows and A/B tests have the first step alone."""
        return len(self.steps) - 1 if self.kind is RolloutKind.CANARY else 0

    def alphas(self, names: list[GuardrailName]) -> dict[GuardrailName, float]:
        """Each guardrail's part of alpha; together they make all of it."""
        weights = {name: self.alpha_shares.get(name, _USUAL_SHARES.get(name, _USUAL_SHARE)) for name in names}
        return {name: self.alpha * weight / sum(weights.values()) for name, weight in weights.items()}
