"""What of the content store the registry's rows name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from mlops_desktop.core.events import DatasetContractChecked
from mlops_desktop.registry.database import Database

_HASH = re.compile(rb'"([0-9a-f]{64})"')


class Holding(Struct, frozen=True):
    """An object that something needs. `owner` is `flights@3`, `late@2`, `run 01H…` or `window 01H…`; `role` says what
    the object is to it, such as `manifest`, `onnx` or `counts`."""

    owner: str
    role: str
    sha256: str


class _Version(Struct):
    dataset: str
    number: int
    manifest: str
    profile: str


class _Run(Struct):
    id: str
    artifacts: dict[str, str]


class _Model(Struct):
    model: str
    number: int
    artifacts: dict[str, str]


class _Window(Struct):
    id: str
    counts: str = ""


class _Check(Struct):
    report: str


class Holdings:
    """Reads the few fields that name objects from the bodies of all rows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tables = database.tables

    def all(self) -> Iterator[Holding]:
        """Every object that a row names by a field made for it; the objects that a manifest lists come on top."""
        for version in self._bodies(self._tables.dataset_version, _Version):
            owner = f"{version.dataset}@{version.number}"
            yield Holding(owner, "manifest", version.manifest)
            yield Holding(owner, "profile", version.profile)
        for model in self._bodies(self._tables.model_version, _Model):
            for role, sha256 in model.artifacts.items():
                yield Holding(f"{model.model}@{model.number}", role, sha256)
        for run in self._bodies(self._tables.run, _Run):
            for role, sha256 in run.artifacts.items():
                yield Holding(f"run {run.id}", role, sha256)
        for window in self._bodies(self._tables.window, _Window):
            if window.counts:
                yield Holding(f"window {window.id}", "counts", window.counts)
        for subject, payload in self._checks():
            yield Holding(subject, "contract report", msgspec.json.decode(payload, type=_Check).report)

    def mentioned(self) -> dict[str, set[str]]:
        """By table, whatever looks like the name of an object in any body: more than `all`, never less.

        A collection goes by this, so that a field that nobody thought of still keeps what it names.
        """
        found: dict[str, set[str]] = {}
        for table in self._tables.all:
            if "body" not in table._meta.fields:
                continue
            names = found.setdefault(table._meta.table_name, set())
            with self._database.reading():
                for (body,) in table.select(table.body).tuples().iterator():
                    names.update(name.decode() for name in _HASH.findall(body))
        found["contract_report"] = {name.decode() for _, body in self._checks() for name in _HASH.findall(body)}
        return found

    def _checks(self) -> Iterator[tuple[str, bytes]]:
        """Events of rows that were held to a contract: their reports are named by the journal alone."""
        journal = self._tables.journal
        found = journal.select(journal.subject, journal.payload).where(journal.kind == DatasetContractChecked.kind)
        with self._database.reading():
            for subject, payload in found.tuples().iterator():
                yield subject, bytes(payload)

    def _bodies(self, table: Any, struct: type[Any]) -> Iterator[Any]:
        decoder = msgspec.json.Decoder(struct)
        with self._database.reading():
            for (body,) in table.select(table.body).tuples().iterator():
                yield decoder.decode(body)
