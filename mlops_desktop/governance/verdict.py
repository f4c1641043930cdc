"""The comparison of policies in plain words, also where it is not to the loop's credit."""

from __future__ import annotations

from msgspec import Struct

from mlops_desktop.governance.scores import LoopSummary, MonthScore

_SAME_AUC, _SAME_COST = 0.0005, 0.0005


class Policy(Struct, frozen=True):
    """Means over the months, and in how many the policy was best of all by AUC. `gated` marks the loop itself."""

    name: str
    meaning: str
    auc: float
    cost: float
    gated: bool = False


MEANINGS = {
    "never": "the first version, never retrained",
    "always": "each newest candidate served at once, no gate",
    "loop": "what was really answered: gate, canary, alerts, rollback",
}


def policies(summary: LoopSummary) -> tuple[Policy, ...]:
    """The three policies and the further ungated ones, in the order in which they are shown."""
    total = summary.total
    named = (
        ("never", total.never, total.cost_never),
        ("always", total.always, total.cost_always),
        ("loop", total.loop, total.cost_loop),
    )
    own = [Policy(name, MEANINGS[name], auc, cost, name == "loop") for name, auc, cost in named]
    others = [
        Policy(name, "a further candidate served at once, no gate", figures.get("auc", 0.0), figures.get("cost", 0.0))
        for name, figures in summary.others.items()
    ]
    return (*own, *others)


def sentences(summary: LoopSummary) -> tuple[str, ...]:
    """What the figures say. Every policy that does better than the loop is named."""
    if not summary.months:
        return ()
    found = policies(summary)
    loop = next(policy for policy in found if policy.gated)
    rest = [policy for policy in found if not policy.gated]
    said = [_by_auc(loop, policy) for policy in rest]
    if any(policy.cost for policy in found):
        said.append(_by_cost(loop, rest))
    return (*said, _months(summary.months), _bound(summary.total))


def _by_auc(loop: Policy, other: Policy) -> str:
    gap = loop.auc - other.auc
    if abs(gap) < _SAME_AUC:
        return f"By mean AUC the loop and “{other.name}” are the same to three decimals ({loop.auc:.3f})."
    if gap > 0:
        return f"The loop's mean AUC of {loop.auc:.4f} is {gap:.4f} above that of “{other.name}” ({other.auc:.4f})."
    return (
        f"“{other.name}” ({other.meaning}) did better than the loop by mean AUC: {other.auc:.4f} against "
        f"{loop.auc:.4f}. On this record, leaving out the loop's decisions would have been {-gap:.4f} better."
    )


def _by_cost(loop: Policy, rest: list[Policy]) -> str:
    cheaper = [p for p in rest if p.cost < loop.cost - _SAME_COST]
    dearer = [p for p in rest if p.cost > loop.cost + _SAME_COST]
    said = [f"The loop cost {loop.cost:.3f} per prediction"]
    if dearer:
        said.append("less than " + _listed([f"“{p.name}” ({p.cost:.3f})" for p in dearer]))
    if cheaper:
        said.append(
            ("but " if dearer else "") + "more than " + _listed([f"“{p.name}” ({p.cost:.3f})" for p in cheaper])
        )
    return ", ".join(said) + "."


def _months(months: tuple[MonthScore, ...]) -> str:
    best = [m.month for m in months if m.loop >= m.bound]
    worst = [m.month for m in months if m.loop < min(m.never, m.always)]
    said = f"In {len(best)} of {len(months)} months the loop reached or beat the better of “never” and “always”"
    if worst:
        return f"{said}; it was below both in {_listed(worst)}."
    return f"{said}; in none was it below both."


def _bound(total: MonthScore) -> str:
    gap = total.loop - total.bound
    where = "above" if gap >= 0 else "below"
    return (
        f"Choosing the better of the two each month, which is possible only afterwards, would give {total.bound:.4f}; "
        f"the loop is {abs(gap):.4f} {where} that."
    )


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
