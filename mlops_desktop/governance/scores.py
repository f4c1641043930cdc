"""What a replay came to, month by month, under policies that retrain differently."""

from __future__ import annotations

from msgspec import Struct


class MonthScore(Struct, frozen=True):
    """A month under the policies. `bound` is the better of `never` and `always`, known only afterwards."""

    month: str
    never: float
    always: float
    loop: float
    bound: float
    cost_never: float
    cost_always: float
    cost_loop: float
    promotions: int
    refusals: int
    rollbacks: int
    rows: int = 0


class LoopSummary(Struct, frozen=True):
    """`total` holds means over the months and sums of the counts; `others` further policies without a gate."""

    months: tuple[MonthScore, ...]
    total: MonthScore
    others: dict[str, dict[str, float]]
    events: int
    journal_intact: bool
