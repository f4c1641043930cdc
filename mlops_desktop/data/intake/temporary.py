"""Files that only exist while a job runs, in the system's folder for temporary files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC
from tempfile import gettempdir

from mlops_desktop.core.errors import EnvironmentProblem


@contextmanager
def temporary_space() -> Iterator[None]:
    """Says in words that there is no room for temporary files: the content store explains its own errors."""
    try:
        yield
    except OSError as error:
        if error.errno not in (ENOSPC, EDQUOT):
            raise
        raise EnvironmentProblem(
            f"The folder for temporary files, {gettempdir()}, is full.",
            hint="Free some space there, or name another folder by TMPDIR, and try again; nothing was half-written.",
        ) from error
