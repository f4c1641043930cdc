"""Dataset versions as they are read: lists, references, marks, aliases and attempts."""

from __future__ import annotations

from typing import Any

import msgspec
from peewee import Tuple, fn

from mlops_desktop.core.datasets import Attempt, DatasetAlias, DatasetVersion, Marks, Tombstone, VersionLine
from mlops_desktop.core.errors import InvalidInput, NotFound
from mlops_desktop.core.events import DatasetIngestFailed, DatasetIngestRepeated, DatasetVersionCreated, Event
from mlops_desktop.registry.repository import Context, Rows, split_reference

LATEST = "latest"
_CONTENT = "sha:"
_ATTEMPTS = (DatasetVersionCreated.kind, DatasetIngestRepeated.kind, DatasetIngestFailed.kind)
_MOST_DIGITS = 18
_MOST_CANDIDATES = 5


class DatasetReader:
    """What is recorded about datasets. Lists read one short row per version, never the version itself."""

    def __init__(self, context: Context) -> None:
        self._context = context
        tables = context.tables
        self._versions = Rows(context.database, tables.dataset_version, DatasetVersion)
        self._lines = Rows(context.database, tables.dataset_line, VersionLine)
        self._aliases = Rows(context.database, tables.dataset_alias, DatasetAlias)
        self._tombstones = Rows(context.database, tables.dataset_tombstone, Tombstone)

    def names(self, *, include_archived: bool = False) -> list[str]:
        """Datasets that have a version."""
        table = self._lines.table
        query = table.select(table.dataset).distinct().order_by(table.dataset)
        if not include_archived:
            query = query.where(table.is_archived == 0)
        with self._context.database.reading():
            return [row[0] for row in query.tuples()]

    def versions(self, dataset: str, *, include_archived: bool = False) -> list[DatasetVersion]:
        """Versions of a dataset, newest first, with schema and origin; `lines` is what lists are made of."""
        table = self._versions.table
        found = self._versions.many(table.dataset == dataset, order=table.number.desc())
        if include_archived:
            return found
        listed = {line.number for line in self.lines(dataset)}
        return [version for version in found if version.number in listed]

    def derived_from(self, reference: str) -> list[DatasetVersion]:
        """Versions of any dataset that name this one as a parent, newest first."""
        found = self._versions.many(self._versions.naming(reference), order=self._versions.table.id.desc())
        return [version for version in found if reference in version.origin.parents]

    def lines(self, dataset: str | None = None, *, include_archived: bool = False) -> list[VersionLine]:
        """Versions of a dataset, or of all, newest first."""
        table = self._lines.table
        conditions = [] if dataset is None else [table.dataset == dataset]
        if not include_archived:
            conditions.append(table.is_archived == 0)
        with self._context.database.reading_as_one():
            found = self._lines.many(*conditions, order=table.id.desc() if dataset is None else table.number.desc())
            return self._with_aliases(found, dataset)

    def newest(self) -> list[VersionLine]:
        """The latest version of each dataset, by name."""
        with self._context.database.reading_as_one():
            table = self._lines.table
            is_latest = Tuple(table.dataset, table.number).in_(self._latest_numbers())
            return self._with_aliases(self._lines.many(is_latest, order=table.dataset), None)

    def get(self, reference: str) -> DatasetVersion:
        """`flights@3`, `flights@latest`, `flights`, `flights@reference` (an alias), or `flights@sha:<start of the
        content id>`.

        Where several versions have the same content, its id means the newest of them. Raises `NotFound`, which tells of
        a deleted version when and why it was deleted, and `InvalidInput` where several contents start like this.
        """
        name, selector = split_reference(reference)
        number = self._number(name, selector)
        table = self._versions.table
        found = None if number is None else self._versions.one(table.dataset == name, table.number == number)
        if found is None:
            raise self._not_found(reference, name, selector)
        return found

    def line(self, reference: str) -> VersionLine:
        """What a list shows of a version. Raises as `get` does."""
        version = self.get(reference)
        return self._with_aliases([self._line(version)], version.dataset)[0]

    def marks(self, reference: str) -> Marks:
        """Note, tags and whether it is archived. Raises as `get` does."""
        return marks_of(self._line(self.get(reference)))

    def aliases(self, dataset: str) -> dict[str, int]:
        """Names that people gave, and the numbers that they point to; `latest` is not among them."""
        table = self._aliases.table
        return {found.name: found.number for found in self._aliases.many(table.dataset == dataset, order=table.name)}

    def alias(self, dataset: str, name: str) -> DatasetAlias | None:
        table = self._aliases.table
        return self._aliases.one(table.dataset == dataset, table.name == name)

    def tombstones(self, dataset: str) -> list[Tombstone]:
        """Versions that were deleted for good, newest first."""
        table = self._tombstones.table
        return self._tombstones.many(table.dataset == dataset, order=table.number.desc())

    def attempts(self, dataset: str = "", limit: int = 200) -> list[Attempt]:
        """What was tried to be ingested, with what came of it, newest first: read from the journal."""
        events = self._context.journal.newest(limit, kinds=_ATTEMPTS, name=dataset)
        return [_attempt(event) for event in events]

    def _line(self, version: DatasetVersion) -> VersionLine:
        found = self._lines.one(self._lines.table.id == version.id)
        if found is None:  # it was deleted since `version` was read
            raise self._not_found(version.reference, version.dataset, str(version.number))
        return found

    def _latest(self, dataset: str) -> int | None:
        """Number of the newest version that is not archived."""
        table = self._lines.table
        return self._lines.highest(table.number, table.dataset == dataset, table.is_archived == 0) or None

    def _latest_numbers(self) -> Any:
        table = self._lines.table
        return table.select(table.dataset, fn.MAX(table.number)).where(table.is_archived == 0).group_by(table.dataset)

    def _number(self, name: str, selector: str) -> int | None:
        if selector == LATEST:
            return self._latest(name)
        if selector.startswith(_CONTENT):
            return self._number_by_content(name, selector.removeprefix(_CONTENT).lower())
        if selector.isdecimal():
            return int(selector) if len(selector) <= _MOST_DIGITS else None
        alias = self.alias(name, selector)
        return alias.number if alias else None

    def _number_by_content(self, name: str, start: str) -> int | None:
        if not start:
            return None
        table = self._lines.table
        query = table.select(table.content_id, table.number).where(
            table.dataset == name, table.content_id >= start, table.content_id < start + "\U0010ffff"
        )
        with self._context.database.reading():
            newest = dict(query.order_by(table.is_archived.desc(), table.number).tuples())
        if len(newest) > 1:
            some = sorted(newest.items(), key=lambda item: item[1])[:_MOST_CANDIDATES]
            listed = ", ".join(f"{name}@{number} ({content_id[:16]}…)" for content_id, number in some)
            more = " …" if len(newest) > _MOST_CANDIDATES else ""
            raise InvalidInput(
                f"{len(newest)} contents of {name} start with {start}: {listed}{more}.", hint="Give more of its digits."
            )
        return next(iter(newest.values()), None)

    def _not_found(self, reference: str, name: str, selector: str) -> NotFound:
        deleted = self._tombstone(name, selector)
        if deleted is not None:
            return NotFound(
                f"{deleted.reference} was deleted on {deleted.deleted:%Y-%m-%d %H:%M} UTC by {deleted.actor}: "
                f"{deleted.reason}.",
                hint=f"List what there is with `mlops-desktop data versions {name}`.",
            )
        known = ", ".join(self.names()) or "none yet"
        if selector == LATEST and name in self.names(include_archived=True):
            return NotFound(f"All versions of {name} are archived.", hint="Name one by its number, or restore it.")
        return NotFound(f"There is no dataset version {reference}.", hint=f"Known datasets: {known}.")

    def _tombstone(self, name: str, selector: str) -> Tombstone | None:
        table = self._tombstones.table
        if selector.isdecimal() and len(selector) <= _MOST_DIGITS:
            return self._tombstones.one(table.dataset == name, table.number == int(selector))
        start = selector.removeprefix(_CONTENT).lower()
        if not selector.startswith(_CONTENT) or not start:
            return None
        return self._tombstones.one(
            table.dataset == name, table.content_id >= start, table.content_id < start + "\U0010ffff"
        )

    def _with_aliases(self, lines: list[VersionLine], dataset: str | None) -> list[VersionLine]:
        """The lines with the names that point at them; few have any, so only these are made anew."""
        names: dict[tuple[str, int], list[str]] = {}
        latest = self._latest_numbers()
        if dataset is not None:
            latest = latest.where(self._lines.table.dataset == dataset)
        for found, number in latest.tuples():
            names[found, number] = [LATEST]
        table = self._aliases.table
        for alias in self._aliases.many(*([] if dataset is None else [table.dataset == dataset]), order=table.name):
            names.setdefault((alias.dataset, alias.number), []).append(alias.name)
        if not names:
            return lines
        return [
            msgspec.structs.replace(line, aliases=tuple(names[key]))
            if (key := (line.dataset, line.number)) in names
            else line
            for line in lines
        ]


def line_of(version: DatasetVersion, note: str = "", tags: tuple[str, ...] = ()) -> VersionLine:
    """What lists show of a version when it is made."""
    return VersionLine(
        dataset=version.dataset,
        number=version.number,
        content_id=version.content_id,
        rows=version.rows,
        size=version.size,
        created=version.created,
        origin=version.origin.name,
        contract=version.contract,
        repeats=version.repeats,
        note=note,
        tags=tags,
    )


def marks_of(line: VersionLine) -> Marks:
    return Marks(line.dataset, line.number, line.note, line.tags, line.is_archived, line.packed)


def _attempt(event: Event) -> Attempt:
    """An event of one of the kinds of `_ATTEMPTS`; those of older versions of the program tell less."""
    payload, is_failure = event.payload, event.kind == DatasetIngestFailed.kind
    reason = str(payload.get("reason", ""))
    if is_failure:
        outcome = "cancelled" if payload.get("is_cancelled", reason == "cancelled") else "failed"
    else:
        outcome = "stored" if event.kind == DatasetVersionCreated.kind else "repeated"
    return Attempt(
        time=event.time,
        actor=event.actor,
        dataset=event.subject if is_failure else event.subject.partition("@")[0],
        origin=str(payload.get("origin", "")),
        outcome=outcome,
        reason=reason,
        seconds=float(payload.get("seconds", 0.0)),
        size=int(payload.get("size", 0)),
        rows=int(payload.get("rows", 0)),
        version="" if is_failure else event.subject,
    )
