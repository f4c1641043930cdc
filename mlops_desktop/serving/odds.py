"""Evidence that something happens more often with one version than with the other, from tables of few requests.

Given how many requests each version had in a table and how many events there were in all, chance alone says how many
of the events are the canary's. With a ratio r of the canary's odds to the primary's that number follows Fisher's
noncentral hypergeometric distribution, whatever the rates. So the likelihood of any r over that of r = 1, multiplied
over tables, is a test martingale where both are equal, also when r is chosen anew for each table from those before it;
and so is a mixture of such products: at most alpha of all comparisons of equal versions ever see it reach 1 / alpha
(Ville).

The mixture bets on two kinds of alternatives. A part goes on fixed ratios, and says how large the interval of the ratio
is. The greater part goes on rises of the rate by a number of points: the ratio that makes them is taken from the
primary's rate so far. The smallest rise that is worth finding gets half of it, twice the rise half of the rest, and so
on: small effects are the ones that want all the evidence there is, and great ones show soon even with a thousandth.

Sources: Turner, Ly and Grünwald 2021, arXiv:2106.02693 (e-values for tables in blocks, alternatives that are learnt,
least effects); Waudby-Smith and Ramdas 2020, arXiv:2010.09686 (betting); Lindon, Sanden and Shirikian 2022,
arXiv:2205.14762 (counts of software's errors).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_STEPS = 48
LOG_RATIOS: Floats = np.linspace(-math.log(64), math.log(64), 2 * _STEPS + 1)
"""Ratios of odds of which an interval is told, as logarithms; the one in the middle is that of equal versions."""

_WORSE = 0.9
"""Share of the fixed ratios' bets on those above 1: what one wants to find soon."""

_ON_RISES = 0.8
"""Share of all bets that goes on rises by points."""

_LARGEST_RISE = 0.9
_LARGEST_RATE = 0.995
_BEFORE = (1.0, 100.0)
"""Events and requests that the primary's rate starts from."""


def rises_from(smallest: float) -> Floats:
    """Rises of a rate that are bet on: the smallest one worth finding, and each twice the one before."""
    count = max(1, 1 + math.floor(math.log2(_LARGEST_RISE / smallest)))
    found: Floats = smallest * np.exp2(np.arange(count, dtype=np.float64))
    return found


def log_bets(rises: int) -> Floats:
    """Logarithms of the shares of the mixture: of the fixed ratios, and of so many rises behind them."""
    fixed = np.exp(-np.abs(LOG_RATIOS))
    above, below = LOG_RATIOS > 0, LOG_RATIOS < 0
    fixed[above] *= _WORSE / fixed[above].sum()
    fixed[below] *= (1 - _WORSE) / fixed[below].sum()
    fixed[_STEPS] = 0.0
    halves = 0.5 ** np.arange(rises)
    with np.errstate(divide="ignore"):
        found: Floats = np.log(np.concatenate([(1 - _ON_RISES) * fixed, _ON_RISES * halves / halves.sum()]))
    return found


def bets(rises: Floats, events: Floats, trials: Floats) -> Floats:
    """Logarithms of the ratios that n tables are judged by, shape (n, fixed ones and rises).

    `events` and `trials` are the primary's before each table, shape (n,).
    """
    base = ((events + _BEFORE[0]) / (trials + _BEFORE[1]))[:, None]
    base = np.minimum(base, _LARGEST_RATE - 0.01)
    raised = np.minimum(base + rises, _LARGEST_RATE)
    of_rises = np.log(raised / (1 - raised)) - np.log(base / (1 - base))
    return np.concatenate([np.broadcast_to(LOG_RATIOS, (len(base), len(LOG_RATIOS))), of_rises], axis=1)


def log_evidence(trials: Counts, events: Counts, log_ratios: Floats) -> Floats:
    """Log likelihood of each ratio against that of equal odds, shape (n, m).

    Args:
        trials: requests of primary and canary in each table, shape (n, 2).
        events: how many of these were events, shape (n, 2).
        log_ratios: shape (n, m).
    """
    few = np.argmin(trials, axis=1)
    rows = np.arange(len(trials))
    all_events, few_trials = events.sum(axis=1), trials[rows, few]
    many_trials = trials.sum(axis=1) - few_trials
    place = np.arange(int(few_trials.max(initial=0)) + 1)
    at_few = place[None, :]
    at_many = all_events[:, None] - at_few
    is_possible = (at_few <= few_trials[:, None]) & (at_many >= 0) & (at_many <= many_trials[:, None])
    factorials = _log_factorials(int(trials.sum(axis=1).max(initial=0)))
    chances = (
        _log_choices(factorials, few_trials[:, None], at_few)
        + _log_choices(factorials, many_trials[:, None], at_many)
        - _log_choices(factorials, (few_trials + many_trials)[:, None], all_events[:, None])
    )
    chances = np.where(is_possible, chances, -np.inf)
    at_canary = np.where((few == 1)[:, None], at_few, at_many)
    whole = _log_sum(chances[:, None, :] + at_canary[:, None, :] * log_ratios[:, :, None])
    return events[:, 1, None] * log_ratios - whole


def log_mixture(evidence: Floats, shares: Floats) -> Floats:
    """Logarithm of the mixture with these logarithms of shares, over the last axis."""
    return _log_sum(evidence + shares)


def _log_sum(values: Floats) -> Floats:
    largest = values.max(axis=-1, keepdims=True)
    found: Floats = (largest + np.log(np.exp(values - largest).sum(axis=-1, keepdims=True)))[..., 0]
    return found


def _log_factorials(largest: int) -> Floats:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, largest + 1)))])


def _log_choices(factorials: Floats, of: Counts, chosen: Counts) -> Floats:
    """Impossible choices give any number."""
    kept = np.clip(chosen, 0, of)
    found: Floats = factorials[of] - factorials[kept] - factorials[of - kept]
    return found
