"""The page at `/docs`: one file that draws itself from `/openapi.json` and loads nothing else."""

from __future__ import annotations

from functools import cache

from mlops_desktop.core.resources import resource_folder
from mlops_desktop.serving.gateway.faults import HttpError

DOCS_HEADERS = {
    b"Content-Security-Policy": b"default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; "
    b"script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    b"X-Content-Type-Options": b"nosniff",
}


@cache
def docs_page() -> bytes:
    """The page. Raises `HttpError` 404 when the program was packed without it."""
    try:
        return (resource_folder("serving") / "docs.html").read_bytes()
    except OSError:
        raise HttpError(404, "This installation has no page of documentation; /openapi.json describes all.") from None
