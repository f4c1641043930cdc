"""Errors of the canary one after the other, beside what the primary did meanwhile."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

_CHANCE = 1e-4
"""How often the primary may be expected to have such a run among as many requests, for it not to be chance."""


class ErrorRun(Struct):
    """The canary's present run of errors, and the longest one so far that the primary's errors do not explain.

    The primary's rate of errors is the higher one of all its requests and of those during the run: what fails for both
    at once, or often for both, is not the canary's fault. `begun` are the primary's requests and errors before the run.
    """

    length: int = 0
    longest: int = 0
    canary_requests: int = 0
    begun: tuple[int, int] = (0, 0)

    def add(self, is_canary: np.ndarray, is_error: np.ndarray, before: tuple[list[int], list[int]]) -> None:
        """Follow n requests, arrays of shape (n,); `before` are requests and errors of both versions before them."""
        places = np.flatnonzero(is_canary)
        if not self.length and not is_error[places].any():
            self.canary_requests += len(places)
            return
        requests = before[0][0] + np.cumsum(~is_canary)
        errors = before[1][0] + np.cumsum(~is_canary & is_error)
        for place in places.tolist():
            self._take(bool(is_error[place]), (int(requests[place]), int(errors[place])))

    def _take(self, is_error: bool, primary: tuple[int, int]) -> None:
        """One request of the canary, and the primary's requests and errors by then."""
        self.canary_requests += 1
        if not is_error:
            self.length = 0
            return
        if not self.length:
            self.begun = primary
        self.length += 1
        requests, errors = primary[0] - self.begun[0], primary[1] - self.begun[1]
        rate = max(errors / requests if requests else 0.0, primary[1] / primary[0] if primary[0] else 0.0)
        if self.canary_requests * rate**self.length <= _CHANCE:
            self.longest = max(self.longest, self.length)
