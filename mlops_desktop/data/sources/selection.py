"""Which of many files are read as one table, and in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from msgspec import Struct

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions

_JUNK = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini"})
_SHOWN = 8


class Selection(Struct, frozen=True):
    """Names of files, with `/` between folders: `chosen` are read, in this order; `readable` are all that could be."""

    chosen: tuple[str, ...]
    readable: tuple[str, ...]
    warnings: tuple[str, ...] = ()


def selected(names: Sequence[str], where: str, options: ReadOptions, format_of: Callable[[str], str]) -> Selection:
    """The files that `options` ask for, else all that can be read; in natural order.

    `format_of` gives the format of a name, empty for one that cannot be read. Raises `InvalidInput` where there is no
    such file, or where the files are of several formats and none is asked for.
    """
    ordered = sorted((name for name in names if not is_junk(name)), key=natural_order)
    readable = [name for name in ordered if options.format or format_of(name)]
    chosen = [name for name in readable if _matches(name, options.member)]
    if not chosen:
        wanted = f"no file like {options.member!r}" if options.member else "no file that can be read"
        there = f", only {_listed(ordered)}" if ordered else ""
        raise InvalidInput(f"{where} holds {wanted}{there}.", hint="Choose another file or pattern.")
    formats = sorted({format_of(name) for name in chosen})
    if len(formats) > 1 and not options.format:
        raise InvalidInput(
            f"{where} holds files of several kinds ({', '.join(formats)}): {_listed(chosen)}.",
            hint=f"Choose those that belong together with a pattern such as *{PurePosixPath(chosen[0]).suffix}.",
        )
    ignored = [name for name in ordered if name not in readable]
    warnings = (f"Left out, as no table: {_listed(ignored)}.",) if ignored and not options.member else ()
    return Selection(tuple(chosen), tuple(readable), warnings)


def natural_order(name: str) -> list[tuple[bool, int, str]]:
    """A sort key by which `day 2` comes before `day 10`."""
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


def is_junk(name: str) -> bool:
    """Whether a file is hidden, or something that systems and programs put beside files."""
    parts = PurePosixPath(name).parts
    return any(part in _JUNK or part.startswith((".", "~$")) for part in parts)


def _matches(name: str, pattern: str) -> bool:
    return not pattern or fnmatchcase(name, pattern) or fnmatchcase(PurePosixPath(name).name, pattern)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
