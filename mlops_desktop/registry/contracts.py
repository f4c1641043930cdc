"""Versions of data contracts."""

from __future__ import annotations

from mlops_desktop.core.contracts import Contract, ContractVersion
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.events import ContractSaved
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.registry.repository import Context, Rows, split_reference


class Contracts:
    """A contract is its text; saving the text of a dataset's newest contract again changes nothing."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.contract, ContractVersion)

    def save(self, dataset: str, text: str, contract: Contract) -> ContractVersion:
        """Record a contract, given as its TOML text and what that says, as the next one of a dataset."""
        digest = sha256_hex(text.encode())
        with self._context.database.writing():
            newest = self.newest(dataset)
            if newest is not None and newest.id == digest:
                return newest
            number = newest.number + 1 if newest else 1
            version = ContractVersion(digest, dataset, number, text, contract, self._context.clock.now())
            self._rows.insert(version, dataset=dataset, number=number)
            self._context.journal.append(ContractSaved(id=digest), version.reference)
            return version

    def newest(self, dataset: str) -> ContractVersion | None:
        """The contract that a dataset's rows are checked by now; None where it has none."""
        found = self._rows.many(self._rows.table.dataset == dataset, order=self._rows.table.number.desc(), limit=1)
        return found[0] if found else None

    def get(self, reference: str) -> ContractVersion:
        """`flights@2`, or the newest contract of `flights`. Raises `NotFound`."""
        name, selector = split_reference(reference)
        table = self._rows.table
        if selector == "latest":
            found = self.newest(name)
        else:
            is_number = selector.isdecimal() and len(selector) < 18
            found = self._rows.one(table.dataset == name, table.number == int(selector)) if is_number else None
        if found is None:
            raise NotFound(
                f"There is no contract {reference}.",
                hint="List a dataset's with `mlops-desktop data contract history`.",
            )
        return found

    def all(self, dataset: str = "") -> list[ContractVersion]:
        """Contracts of one dataset or of all, newest first."""
        table = self._rows.table
        found = self._rows.many(*([table.dataset == dataset] if dataset else []), order=table.number.desc())
        return sorted(found, key=lambda version: version.dataset)
