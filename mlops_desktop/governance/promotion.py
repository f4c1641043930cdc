"""Moving aliases: who is in production, who was before, and why.

`production` serves, `previous` is what a rollback returns to. Each move is one transaction that names its reason,
so the journal can say what was in production at any time.
"""

from __future__ import annotations

from mlops_desktop.core.errors import Conflict
from mlops_desktop.core.events import AliasMoved, Event
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.registry import Registry

PRODUCTION = "production"
PREVIOUS = "previous"
ROLLBACK = "rollback"


def production_version(registry: Registry, model: str) -> ModelVersion | None:
    """The version that `production` points to, None before the first promotion."""
    alias = registry.models.alias(model, PRODUCTION)
    return registry.models.get(f"{model}@{alias.number}") if alias else None


def promote(registry: Registry, version: ModelVersion, *, reason: str, expected: int | None = None) -> None:
    """Put a version into production and remember the one before. `expected` guards against a lost race."""
    with registry.transaction():
        before = registry.models.alias(version.model, PRODUCTION)
        if before is not None and before.number == version.number:
            return
        registry.models.move_alias(
            version.model, PRODUCTION, version.number, actor=registry.actor, reason=reason, expected=expected
        )
        if before is not None:
            registry.models.move_alias(
                version.model, PREVIOUS, before.number, actor=registry.actor, reason="was in production before"
            )


def roll_back(registry: Registry, model: str, *, reason: str) -> ModelVersion:
    """Return production to the version before. Raises `Conflict` where there is none.

    A further rollback goes further back: the version that was left is never what `previous` points to afterwards.
    """
    with registry.transaction():
        previous = registry.models.alias(model, PREVIOUS)
        if previous is None:
            raise Conflict(
                f"{model} has no version to return to.",
                hint="A rollback needs a version that was in production before.",
            )
        version = registry.models.get(f"{model}@{previous.number}")
        registry.models.move_alias(
            model, PRODUCTION, version.number, actor=registry.actor, reason=f"{ROLLBACK}: {reason}"
        )
        behind = _standing(registry, model)[:-1]
        if behind:
            registry.models.move_alias(
                model, PREVIOUS, behind[-1], actor=registry.actor, reason="was in production before that"
            )
        else:
            registry.models.drop_alias(model, PREVIOUS, reason="nothing was in production before that")
        return version


def is_return(event: Event) -> bool:
    """Whether the event is production returning to the version before."""
    moved = event.kind == AliasMoved.kind and event.payload["alias"] == PRODUCTION
    return moved and str(event.payload["reason"]).startswith(f"{ROLLBACK}:")


def _standing(registry: Registry, model: str) -> list[int]:
    """Versions that were promoted and not rolled back, oldest first; the last one is in production."""
    standing: list[int] = []
    now = registry.clock.now()
    for event in registry.journal.until(now, kinds=[AliasMoved.kind]):
        if event.payload["model"] != model or event.payload["alias"] != PRODUCTION:
            continue
        number = int(event.payload["after"])
        if is_return(event):
            while standing and standing[-1] != number:
                standing.pop()
        else:
            standing.append(number)
    return standing
