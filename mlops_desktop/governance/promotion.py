"""Moving aliases: who is in production, who was before, and why.

`production` serves, `previous` is what a rollback returns to. Each move is one transaction that names its reason,
so the journal can say what was in production at any time.
"""

from __future__ import annotations

from mlops_desktop.core.errors import Conflict
from mlops_desktop.core.models import ModelVersion
from mlops_desktop.registry import Registry

PRODUCTION = "production"
PREVIOUS = "previous"


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
    """Return production to the version before. Raises `Conflict` where there is none."""
    with registry.transaction():
        previous = registry.models.alias(model, PREVIOUS)
        if previous is None:
            raise Conflict(
                f"{model} has no version to return to.",
                hint="A rollback needs a version that was in production before.",
            )
        version = registry.models.get(f"{model}@{previous.number}")
        promote(registry, version, reason=f"rollback: {reason}")
        return version
