"""Peewee with SQLite alone: it would import the drivers of other databases that are installed, which is slow."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

_DRIVERS = ("psycopg2cffi", "psycopg2", "psycopg", "MySQLdb", "pymysql")


@contextmanager
def _without_drivers() -> Iterator[None]:
    """They cannot be imported meanwhile; those that are imported already stay as they are."""
    hidden = [name for name in _DRIVERS if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


with _without_drivers():
    import peewee  # noqa: F401 (for all modules of this room)
