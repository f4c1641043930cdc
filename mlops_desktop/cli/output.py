"""How commands answer: text for people, JSON for programs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct


class Answer(Struct, frozen=True):
    """What a command found. `data` is what `--json` prints, `text` what people read; `code` is the exit code."""

    data: Any
    text: str
    code: int = 0


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


def table(headers: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "Nothing yet.") -> str:
    """A plain table; columns that hold only numbers are aligned to the right."""
    if not rows:
        return empty
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(headers), *texts]) for i in range(len(headers))]
    right = [all(isinstance(row[i], int | float) for row in rows) for i in range(len(headers))]
    lines = [list(headers), ["-" * width for width in widths], *texts]
    return "\n".join(
        "  ".join(
            cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.4f}"
    if isinstance(cell, int) and not isinstance(cell, bool):
        return f"{cell:,}"
    return str(cell)
