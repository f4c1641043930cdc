"""Who may do what at the gateway, and how often. Asked for each request before anything else is done with it."""

from __future__ import annotations

import hmac
import math
import time
from pathlib import Path

from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.http import HttpConnection, Request
from mlops_desktop.serving.gateway.limits import RateLimiter
from mlops_desktop.serving.policies import SecuritySpec
from mlops_desktop.serving.tokens import Scope, TokenFile

_LOOPBACK_NAMES = (b"127.0.0.1", b"localhost", b"[::1]", b"")
_OPEN = (b"/health", b"/ping", b"/v2/health/live", b"/v2/health/ready")
_CHALLENGE = {b"WWW-Authenticate": b"Bearer"}
_NOBODY = ""


class Guard:
    """Demands tokens where the rules do, always for feedback, and for all where others than this machine reach us.

    The `own` token is the workspace's: good for all.
    """

    def __init__(self, *, is_local: bool = True) -> None:
        self._is_local = is_local
        self._security = SecuritySpec()
        self._own = b""
        self._tokens = TokenFile(Path())
        self._limiter: RateLimiter | None = None

    def configure(self, security: SecuritySpec, own: str, tokens: str) -> None:
        """Rules, the workspace's own token and the path of the file of tokens; empty where there is none."""
        if self._limiter is None or (security.requests_per_second, security.burst) != (
            self._security.requests_per_second,
            self._security.burst,
        ):
            rate = security.requests_per_second
            self._limiter = RateLimiter(rate, security.burst) if rate else None
        self._security = security
        self._own = own.encode()
        self._tokens = TokenFile(Path(tokens))

    def admit(self, request: Request, path: bytes, connection: HttpConnection) -> None:
        """Raise `HttpError` 401, 403 or 429 for what is not to be answered."""
        self._refuse_web_pages(request)
        if path in _OPEN:
            return
        scope = _scope_of(request, path)
        is_free = self._is_local and not self._security.demand_tokens and scope in (None, Scope.PREDICT)
        if is_free and self._limiter is None:
            return
        client = self._client(request, scope)
        if not client and not is_free:
            raise self._refusal(request)
        if self._limiter is not None:
            self._slow_down(self._limiter, client or connection.peer)

    def _client(self, request: Request, scope: Scope | None) -> str:
        """Who presents a valid token, or an empty text; raises `HttpError` 403 where the token is not for this."""
        kind, _, text = request.headers.get(b"authorization", b"").partition(b" ")
        text = text.strip()
        if kind.lower() != b"bearer" or not text:
            return _NOBODY
        if self._own and hmac.compare_digest(text, self._own):
            return "token:"
        token = self._tokens.find(text.decode("ascii", "replace"))
        if token is None:
            return _NOBODY
        if scope is not None and not token.allows(scope):
            raise HttpError(403, f"The token '{token.name}' is not for this: it lacks the scope '{scope}'.")
        return f"token:{token.id}"

    def _refusal(self, request: Request) -> HttpError:
        if not self._own and not self._tokens:
            return HttpError(403, "Nobody may do this here: no tokens are set up.")
        if request.headers.get(b"authorization"):
            return HttpError(401, "The token is not valid here.", _CHALLENGE)
        return HttpError(401, "This needs the header 'Authorization: Bearer <token>'.", _CHALLENGE)

    def _slow_down(self, limiter: RateLimiter, client: str) -> None:
        wait = limiter.wait_for(client, time.monotonic())
        if wait:
            retry = {b"Retry-After": b"%d" % math.ceil(wait)}
            raise HttpError(429, f"More than {limiter.rate:g} requests per second; slow down.", retry)

    def _refuse_web_pages(self, request: Request) -> None:
        """A web page in a browser can reach this address too, and must not make predictions in its user's name.

        Browsers name the page's origin. A page whose name was rebound to this machine still sends its own as the host;
        where others reach us by names that we do not know, the token that is demanded keeps such a page out.
        """
        host = request.headers.get(b"host", b"localhost").lower()
        if self._is_local:
            name = host.partition(b"]")[0] + b"]" if host.startswith(b"[") else host.partition(b":")[0]
            if name not in _LOOPBACK_NAMES:
                raise HttpError(403, "Requests must be addressed to this machine: use 127.0.0.1 or localhost.")
        origin = request.headers.get(b"origin")
        if origin is not None and origin.lower() not in (b"http://" + host, b"https://" + host):
            raise HttpError(403, "Requests from other web pages are not answered.")


def _scope_of(request: Request, path: bytes) -> Scope | None:
    """What a token must be for; None where any will do, as nothing but a description is asked for."""
    if path.endswith(b"/feedback"):
        return Scope.FEEDBACK
    if path.startswith(b"/admin"):
        return Scope.ADMIN
    return None if request.method in (b"GET", b"HEAD") else Scope.PREDICT
