"""What somebody probably meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`, did you mean 'carrier'?` without the question mark, or nothing when no known name is close."""
    lowered = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(name.casefold(), lowered, n=1, cutoff=0.6)
    return f", did you mean {lowered[close[0]]!r}" if close else ""
