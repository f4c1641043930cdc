"""Answers other than 200, in the words of the protocol that was spoken."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

_MLFLOW_CODES = {
    400: "BAD_REQUEST", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "RESOURCE_DOES_NOT_EXIST",
    405: "BAD_REQUEST", 413: "BAD_REQUEST", 415: "BAD_REQUEST", 429: "REQUEST_LIMIT_EXCEEDED",
    503: "TEMPORARILY_UNAVAILABLE", 504: "DEADLINE_EXCEEDED", 507: "RESOURCE_EXHAUSTED",
}  # fmt: skip


class HttpError(Exception):
    """An answer other than 200. `headers` are added to it."""

    def __init__(self, status: int, message: str, headers: Mapping[bytes, bytes] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers

    def body(self, target: bytes) -> bytes:
        """The message as JSON: MLflow's form for MLflow's address, else that of Open Inference Protocol V2."""
        if target.partition(b"?")[0].rstrip(b"/").endswith(b"/invocations"):
            code = _MLFLOW_CODES.get(self.status, "INTERNAL_ERROR")
            return msgspec.json.encode({"error_code": code, "message": self.message})
        return msgspec.json.encode({"error": self.message})
