"""Versions of spec files."""

from __future__ import annotations

from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.events import SpecSaved
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.core.runs import GitState, SpecVersion
from mlops_desktop.registry.repository import Context, Rows, split_reference


class Specs:
    """A spec is its text; saving the text of the newest version again changes nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.spec, SpecVersion)

    def save(self, name: str, text: str, git: GitState | None = None) -> SpecVersion:
        """Record a spec's text, and the Git checkout that its file is in, as its next version."""
        table = self._rows.table
        digest = sha256_hex(text.encode())
        with self._context.database.writing():
            newest = self._rows.many(table.name == name, order=table.number.desc(), limit=1)
            if newest and newest[0].id == digest:
                return newest[0]
            number = newest[0].number + 1 if newest else 1
            spec = SpecVersion(digest, name, number, text, self._context.clock.now(), git)
            self._rows.insert(spec, id=digest, name=name, number=number)
            self._context.journal.append(SpecSaved(id=digest), spec.reference)
            return spec

    def get(self, reference: str) -> SpecVersion:
        """`late-arrival@2`, or the newest version of `late-arrival`."""
        name, selector = split_reference(reference)
        table = self._rows.table
        conditions = [table.name == name]
        if selector.isdecimal():
            conditions.append(table.number == int(selector))
        found = self._rows.many(*conditions, order=table.number.desc(), limit=1)
        if not found:
            raise NotFound(f"There is no spec {reference}.", hint="Save one with `mlops-desktop spec save FILE`.")
        return found[0]

    def all(self) -> list[SpecVersion]:
        return self._rows.many(order=self._rows.table.name)
