"""Model versions and aliases."""

from __future__ import annotations

import msgspec

from mlops_desktop.core.clock import from_text
from mlops_desktop.core.errors import Conflict, NotFound
from mlops_desktop.core.events import AliasMoved, ModelVersionRegistered
from mlops_desktop.core.models import Alias, ModelVersion
from mlops_desktop.registry.repository import Context, Rows, split_reference


class Models:
    """Versions are numbered per model and never change; aliases move."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._versions = Rows(context.database, context.tables.model_version, ModelVersion)
        self._aliases = Rows(context.database, context.tables.alias, Alias)

    def register(self, version: ModelVersion) -> ModelVersion:
        """Give `version` the next number of its model and record it. A run registers one version at most."""
        table = self._versions.table
        with self._context.database.writing():
            existing = self._versions.one(table.model == version.model, table.run == version.run)
            if existing is not None:
                return existing
            number = self._versions.highest(table.number, table.model == version.model) + 1
            numbered = msgspec.structs.replace(version, number=number)
            self._versions.insert(numbered, id=numbered.id, model=numbered.model, number=number, run=numbered.run)
            event = ModelVersionRegistered(
                run=numbered.run,
                dataset_version=numbered.dataset_version,
                runtime=numbered.runtime.value,
                artifacts=numbered.artifacts,
                note=numbered.note,
            )
            self._context.journal.append(event, numbered.reference)
            return numbered

    def names(self) -> list[str]:
        table = self._versions.table
        with self._context.database.reading():
            return [row[0] for row in table.select(table.model).distinct().order_by(table.model).tuples()]

    def versions(self, model: str) -> list[ModelVersion]:
        """Newest first."""
        table = self._versions.table
        return self._versions.many(table.model == model, order=table.number.desc())

    def get(self, reference: str) -> ModelVersion:
        """`late-arrival@2`, `late-arrival@latest`, or by alias: `late-arrival@production`."""
        name, selector = split_reference(reference)
        table = self._versions.table
        if selector == "latest":
            found = self._versions.many(table.model == name, order=table.number.desc(), limit=1)
        else:
            number = int(selector) if selector.isdecimal() else self._number_of(name, selector)
            found = self._versions.many(table.model == name, table.number == number)
        if not found:
            known = ", ".join(self.names()) or "none yet"
            raise NotFound(f"There is no model version {reference}.", hint=f"Known models: {known}.")
        return found[0]

    def of_data(self, reference: str) -> list[ModelVersion]:
        """Versions of any model that were trained on a dataset version, newest first."""
        found = self._versions.many(self._versions.naming(reference), order=self._versions.table.id.desc())
        return [version for version in found if version.dataset_version == reference]

    def of_run(self, run: str) -> ModelVersion | None:
        return self._versions.one(self._versions.table.run == run)

    def alias(self, model: str, name: str) -> Alias | None:
        table = self._aliases.table
        return self._aliases.one(table.model == model, table.name == name)

    def aliases(self, model: str) -> list[Alias]:
        return self._aliases.many(self._aliases.table.model == model, order=self._aliases.table.name)

    def move_alias(
        self, model: str, name: str, number: int, *, actor: str, reason: str, expected: int | None = None
    ) -> Alias:
        """Point an alias at a version. With `expected`, only if it points there now: a lost race is a `Conflict`."""
        with self._context.database.writing():
            before = self.alias(model, name)
            if expected is not None and (before is None or before.number != expected):
                found = before.number if before else "nothing"
                raise Conflict(
                    f"{name} of {model} points to {found} by now, not to {expected}.",
                    hint="Look at the newest state and decide again.",
                )
            self.get(f"{model}@{number}")
            moved = Alias(
                model=model, name=name, number=number, moved=self._context.clock.now(), actor=actor, reason=reason
            )
            self._aliases.put(moved, model=model, name=name, number=number)
            event = AliasMoved(
                model=model,
                alias=name,
                before=str(before.number) if before else "nothing",
                after=str(number),
                reason=reason,
            )
            self._context.journal.append(event, f"{model}@{number}")
            return moved

    def drop_alias(self, model: str, name: str, *, reason: str) -> None:
        table = self._aliases.table
        with self._context.database.writing():
            before = self.alias(model, name)
            if before is None:
                return
            table.delete().where(table.model == model, table.name == name).execute()
            event = AliasMoved(model=model, alias=name, before=str(before.number), after="nothing", reason=reason)
            self._context.journal.append(event, f"{model}@{before.number}")

    def alias_at(self, model: str, name: str, moment: str) -> int | None:
        """Which version an alias pointed to at a time (ISO text): derived from the journal."""
        number: int | None = None
        for event in self._context.journal.until(from_text(moment), kinds=[AliasMoved.kind]):
            if event.payload["model"] == model and event.payload["alias"] == name:
                after = event.payload["after"]
                number = int(after) if after.isdecimal() else None
        return number

    def _number_of(self, model: str, alias: str) -> int:
        found = self.alias(model, alias)
        return found.number if found else -1
