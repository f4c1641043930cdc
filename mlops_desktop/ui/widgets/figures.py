"""Numbers in words short enough for a table or a key figure."""

from __future__ import annotations

import math

_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"))
MINUS = "\N{MINUS SIGN}"
NO_VALUE = "\N{EN DASH}"


def fixed(value: float | None, decimals: int = 3) -> str:
    """With thousands separators and a real minus sign; an en dash for a missing value."""
    if value is None or math.isnan(value):
        return NO_VALUE
    return f"{value:,.{decimals}f}".replace("-", MINUS)


def signed(value: float | None, decimals: int = 3) -> str:
    """As `fixed`, with a plus sign where positive."""
    text = fixed(value, decimals)
    return f"+{text}" if value is not None and value > 0 else text


def compact(value: float | None) -> str:
    """Three digits and a prefix: 1234567 is `1.23 M`."""
    if value is None or math.isnan(value):
        return NO_VALUE
    for factor, prefix in _PREFIXES:
        if abs(value) >= factor * 0.9995:
            return f"{value / factor:.3g} {prefix}".replace("-", MINUS)
    return f"{value:.3g}".replace("-", MINUS)


def data_size(number: float | None) -> str:
    """Bytes: `12 B`, `1.23 MB`."""
    if number is None or math.isnan(number):
        return NO_VALUE
    return f"{compact(number)}{'' if number >= _PREFIXES[-1][0] * 0.9995 else ' '}B"


def percent(share: float | None, decimals: int = 1) -> str:
    """A share in [0, 1] as per cent, with a no-break space before the sign."""
    return NO_VALUE if share is None or math.isnan(share) else f"{fixed(share * 100, decimals)}\N{NO-BREAK SPACE}%"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 m 05 s`, `2 h 07 m`, `3 d 00 h`."""
    if seconds is None or math.isnan(seconds):
        return NO_VALUE
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02d} h"
