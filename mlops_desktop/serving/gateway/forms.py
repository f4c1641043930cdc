"""Reads from a request's headers and query how its body is meant."""

from __future__ import annotations

from urllib.parse import parse_qsl

from mlops_desktop.serving.gateway.calls import LARGE_BYTES, TABLE_TYPES, Form
from mlops_desktop.serving.gateway.compression import ENCODINGS, chosen, decompressed
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.http import Request

_MOST_FIELDS = 100


def form_of(request: Request) -> Form:
    """The form of a request. Raises `HttpError` 400 or 415 for what contradicts itself or is not known."""
    headers = request.headers
    form = Form(headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1"))
    if b"accept" in headers:
        form.accept = headers[b"accept"].decode("latin-1").lower()
    if b"content-encoding" in headers:
        form.encoding = _encoding(headers[b"content-encoding"])
    if b"accept-encoding" in headers:
        form.compress = chosen(headers[b"accept-encoding"].decode("latin-1"))
    if b"inference-header-content-length" in headers:
        form.json_length = _length(headers[b"inference-header-content-length"])
    if b"x-entity-id" in headers:
        form.entity = headers[b"x-entity-id"].decode("latin-1")
    if b"x-amzn-sagemaker-inference-id" in headers:
        form.client_id = headers[b"x-amzn-sagemaker-inference-id"].decode("latin-1")
    if b"?" in request.target:
        query = _query(request.target.partition(b"?")[2].decode("latin-1"))
        form.ids, form.client_id = query.get("ids", ""), query.get("id", form.client_id)
    return form


def small_body(request: Request, form: Form) -> bytes | None:
    """The body where the gateway itself is to read it, None where that is a worker's task."""
    if len(request.body) > LARGE_BYTES or form.content_type in TABLE_TYPES or form.wants_arrow:
        return None
    if not form.encoding:
        return request.body
    return decompressed(request.body, form.encoding, LARGE_BYTES)


def _query(text: str) -> dict[str, str]:
    try:
        return dict(parse_qsl(text, max_num_fields=_MOST_FIELDS))
    except ValueError:
        raise HttpError(400, f"The address has more than {_MOST_FIELDS} parameters.") from None


def _encoding(header: bytes) -> str:
    name = header.strip().lower().decode("latin-1")
    if name in ("", "identity"):
        return ""
    if name not in ENCODINGS:
        raise HttpError(415, f"Bodies compressed with '{name}' are not supported; use gzip or deflate.")
    return name


def _length(header: bytes) -> int:
    if not header.isdigit() or len(header) > 12:
        raise HttpError(400, "The header Inference-Header-Content-Length is not a number of bytes.")
    return int(header)
