"""The verbs for tokens of the gateway's clients."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.events import ServingTokenChanged
from mlops_desktop.registry import Registry
from mlops_desktop.serving import tokens
from mlops_desktop.serving.tokens import Scope, Token

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,99}")


class Tokens:
    """Makes, lists and revokes tokens; a running gateway knows within a second. Each change is in the journal."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def all(self) -> tuple[Token, ...]:
        """All tokens, oldest first; what a client presents is not among what is kept of it."""
        return tokens.read(self._registry.folder)

    def make(self, name: str, scopes: Sequence[Scope] = (Scope.PREDICT,)) -> tuple[Token, str]:
        """A new token, and its text, shown this once. Raises `InvalidInput`, or `Conflict` for a taken name."""
        if not _NAME.fullmatch(name):
            raise InvalidInput(
                f"{name!r} cannot be the name of a token.", hint="Use letters, digits, '.', '_' and '-'."
            )
        if not scopes:
            raise InvalidInput("A token without a scope is good for nothing.", hint=f"Give some of {', '.join(Scope)}.")
        chosen = tuple(dict.fromkeys(scopes))
        with self._registry.transaction():  # also keeps others from changing the file meanwhile
            self._registry.record(ServingTokenChanged(scopes=[*chosen], change="made"), name)
            return tokens.make(self._registry.folder, name, chosen, self._registry.clock.now())

    def revoke(self, name: str) -> Token:
        """Take a token back. Raises `NotFound`."""
        with self._registry.transaction():
            found = next((token for token in self.all() if token.name == name), None)
            scopes: list[str] = [*found.scopes] if found else []
            self._registry.record(ServingTokenChanged(scopes=scopes, change="revoked"), name)
            return tokens.revoke(self._registry.folder, name)
