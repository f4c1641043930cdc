"""Whether an SQL text is one statement that reads.

This is the first of two guards, which gives a clear message; the second is that connections are opened for reading.
"""

from __future__ import annotations

import re

from mlops_desktop.core.errors import InvalidInput

_READING = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "FROM"})
_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "INTO", "OUTFILE", "DUMPFILE"})
_WORD = re.compile(r"[^\W\d]\w*")


def check_reads(query: str, dialect: str) -> str:
    """The statement without a semicolon at its end. Raises `InvalidInput` for anything but one that reads."""
    bare = _bare(query, dialect)
    body = bare.rstrip("; \t\r\n")
    words = [word.upper() for word in _WORD.findall(body)]
    if not words:
        raise InvalidInput("The query is empty.", hint="Give one SELECT.")
    if ";" in body:
        raise InvalidInput("The query holds more than one statement.", hint="Give one SELECT.")
    if words[0] not in _READING:
        raise InvalidInput(f"The query starts with {words[0]}, which is not for reading.", hint="Give one SELECT.")
    writes = next((word for word in words if word in _WRITING), "")
    if writes:
        raise InvalidInput(
            f"The query holds {writes}, which writes.",
            hint="Give one SELECT; a column of that name stands in quotes.",
        )
    return query[: len(body)]


def _bare(query: str, dialect: str) -> str:
    """The text with blanks in place of comments and marks in place of what is quoted, every character where it was."""
    if dialect == "mysql" and "/*!" in query:
        raise InvalidInput("The query holds a /*! comment, which MySQL runs.", hint="Leave it out and give one SELECT.")
    return _quoted(dialect).sub(_blank, query)


def _blank(part: re.Match[str]) -> str:
    is_comment = part[0].startswith(("--", "/*", "#"))
    return (" " if is_comment else "'") * len(part[0])


def _quoted(dialect: str) -> re.Pattern[str]:
    text = r"'(?:[^'\\]|''|\\.)*'" if dialect == "mysql" else r"'(?:[^']|'')*'"
    parts = [r"--[^\n]*", r"/\*.*?(?:\*/|\Z)", text, r'"(?:[^"]|"")*"']
    if dialect in ("mysql", "sqlite"):
        parts.append(r"`(?:[^`]|``)*`")
    if dialect == "mysql":
        parts.append(r"\#[^\n]*")
    if dialect == "sqlite":
        parts.append(r"\[[^\]]*\]")
    if dialect in ("postgresql", "duckdb"):
        parts[0:0] = [r"(?<!\w)[eE]'(?:[^'\\]|''|\\.)*'", r"(?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?P=tag)"]
    return re.compile("|".join(parts), re.DOTALL)
