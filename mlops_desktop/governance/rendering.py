"""Templates: where they are, how figures are written in them, and that whatever comes from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

MISSING = "–"
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~&])")


def render(template: str, **values: Any) -> str:
    """Fill a template of this package. HTML templates escape by themselves; Markdown ones use the `md` filter."""
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., str]] = {
        "figure": figure,
        "signed": signed,
        "whole": whole,
        "day": lambda moment: MISSING if moment is None else f"{moment:%Y-%m-%d}",
        "minute": lambda moment: MISSING if moment is None else f"{moment:%Y-%m-%d %H:%M}",
        "size": size,
        "md": markdown,
    }
    environment.filters.update(filters)
    return environment


def figure(value: float | None, digits: int = 4) -> str:
    """A number with a fixed count of decimals and a real minus sign."""
    return MISSING if value is None else f"{value:,.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 4) -> str:
    """The same with its sign."""
    return MISSING if value is None else f"{value:+,.{digits}f}".replace("-", "−")


def whole(value: float | None) -> str:
    return MISSING if value is None else f"{value:,.0f}".replace("-", "−")


def size(count: int) -> str:
    """Bytes for people: `1.2 MB`."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def markdown(value: object) -> str:
    """Text on one line in which nothing is markup, neither Markdown's nor HTML's."""
    text = f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else str(value)
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))
