"""How commands answer: text for people, JSON for programs."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

_NUMBER = re.compile(r"-?[\d,.]+(e[+-]?\d+)?( ?(%|[kMGT]?B))?")
_UNITS = ("B", "kB", "MB", "GB", "TB")


class Answer(Struct, frozen=True):
    """What a command found. `data` is what `--json` prints, `text` what people read; `code` is the exit code."""

    data: Any
    text: str
    code: int = 0


PRINTED = Answer(None, "")
"""The answer of a command that has printed as it went."""


def say(text: str) -> None:
    """Print at once, also when the output goes to a pipe."""
    if sys.stdout is not None:
        print(text, flush=True)


def note(text: str) -> None:
    """Say something beside the answer, which goes to standard output alone."""
    if sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)


def as_json(data: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()


def referenced(value: Any) -> dict[str, Any]:
    """A version of something, as JSON has it, with the reference that people name it by."""
    return {"reference": value.reference, **msgspec.to_builtins(value)}


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "Nothing yet.") -> str:
    """A plain table; columns that hold only numbers are aligned to the right."""
    if not rows:
        return empty
    texts = [[in_words(cell) for cell in row] for row in rows]
    widths = [max(_width(line[i]) for line in [list(headers), *texts]) for i in range(len(headers))]
    right = [_is_numeric([row[i] for row in texts]) for i in range(len(headers))]
    lines = [list(headers), ["-" * width for width in widths], *texts]
    return "\n".join(
        "  ".join(_padded(cell, w, to_the_right=r) for cell, w, r in zip(line, widths, right, strict=True)).rstrip()
        for line in lines
    )


def in_words(cell: object) -> str:
    """A value as people read it, on one line; what would move the cursor of a terminal is spelled out."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.4f}" if not cell or 1e-3 <= abs(cell) < 1e6 else f"{cell:.4g}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    text = str(cell)
    return text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def counted(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size_in_words(size: float) -> str:
    """Bytes in the unit that suits: `97.3 MB`."""
    unit = 0
    while size >= 999.95 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size:.0f} B"


def _is_numeric(cells: list[str]) -> bool:
    return any(cells) and all(not cell or _NUMBER.fullmatch(cell) for cell in cells)


def _padded(cell: str, width: int, *, to_the_right: bool) -> str:
    space = " " * (width - _width(cell))
    return space + cell if to_the_right else cell + space


def _width(text: str) -> int:
    """Columns of a terminal that a text takes: two for a letter of Chinese, Japanese or Korean, and for an emoji."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )
