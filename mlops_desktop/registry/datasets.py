"""Dataset versions: recorded once, then marked, named, archived or deleted."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from mlops_desktop.core.datasets import DatasetAlias, DatasetVersion, Marks, Origin, Schema, Tombstone
from mlops_desktop.core.errors import Conflict, InvalidInput, NotFound
from mlops_desktop.core.events import (
    DatasetAliasMoved,
    DatasetIngestFailed,
    DatasetIngestRepeated,
    DatasetVersionArchived,
    DatasetVersionCreated,
    DatasetVersionDeleted,
    DatasetVersionMarked,
    DatasetVersionRestored,
)
from mlops_desktop.core.ids import new_id
from mlops_desktop.registry.dataset_reader import LATEST, DatasetReader, line_of, marks_of

_ALIAS = re.compile(r"[\w.\-]{1,100}")
_LONGEST_TAG = 100


class Datasets(DatasetReader):
    """Versions are numbered 1, 2, 3 … per dataset and never change; a number is never used again."""

    def add_version(
        self,
        *,
        dataset: str,
        content_id: str,
        manifest: str,
        profile: str,
        rows: int,
        size: int,
        schema: Schema,
        origin: Origin,
        chunks: int,
        new_chunks: int,
        added_bytes: int,
        seconds: float,
        contract: str = "",
        note: str = "",
        tags: tuple[str, ...] = (),
    ) -> DatasetVersion:
        """Record a version, or, when the latest one has the same content, that the same content came again.

        A manifest other than that of the latest version tells that the same content had to be stored anew.

        `tags` and a `note` that come with a repeat go to the version that there is.
        """
        checked_tags = _checked_tags(tags)
        with self._context.database.writing():
            latest = self._latest(dataset)
            if latest is not None:
                same = self.get(f"{dataset}@{latest}")
                if (same.content_id, same.manifest) == (content_id, manifest):
                    return self._repeated(same, origin, round(seconds, 4), note, checked_tags)
            version = DatasetVersion(
                id=new_id(),
                dataset=dataset,
                number=self._next_number(dataset),
                content_id=content_id,
                manifest=manifest,
                profile=profile,
                rows=rows,
                size=size,
                schema=schema,
                origin=origin,
                created=self._context.clock.now(),
                contract=contract,
                repeats=self._same_content(dataset, content_id),
            )
            self._insert(version, note, checked_tags)
            event = _created(version, chunks, new_chunks, added_bytes, seconds)
            self._context.journal.append(event, version.reference)
            return version

    def record_failure(
        self,
        dataset: str,
        origin_name: str,
        reason: str,
        seconds: float,
        *,
        size: int = 0,
        is_cancelled: bool = False,
        user: str = "",
        host: str = "",
    ) -> None:
        """Failed attempts are on the record too. `size` is what came, in bytes."""
        event = DatasetIngestFailed(
            origin=origin_name,
            reason=reason,
            seconds=round(seconds, 4),
            size=size,
            user=user,
            host=host,
            is_cancelled=is_cancelled,
        )
        with self._context.database.writing():
            self._context.journal.append(event, dataset)

    # Marks

    def set_note(self, reference: str, text: str) -> Marks:
        """Replace a version's note; the empty text removes it."""
        with self._context.database.writing():
            version = self.get(reference)
            change = f"note: {text.strip()}" if text.strip() else "note removed"
            return self._mark(version, change, note=text.strip())

    def tag(self, reference: str, *tags: str) -> Marks:
        with self._context.database.writing():
            version = self.get(reference)
            before = self._line(version).tags
            new = tuple(tag for tag in _checked_tags(tags) if tag not in before)
            return self._mark(version, f"tagged {', '.join(new)}", tags=before + new)

    def untag(self, reference: str, *tags: str) -> Marks:
        with self._context.database.writing():
            version = self.get(reference)
            kept = tuple(tag for tag in self._line(version).tags if tag not in tags)
            return self._mark(version, f"no longer tagged {', '.join(tags)}", tags=kept)

    # Aliases

    def set_alias(self, reference: str, alias: str, reason: str = "") -> DatasetAlias:
        """Point a name at a version. Raises `InvalidInput` for a name that could not be told from other selectors."""
        if not _ALIAS.fullmatch(alias) or alias.isdecimal() or alias.lower() == LATEST:
            raise InvalidInput(
                f"{alias!r} cannot be an alias of a version.",
                hint="Use letters, digits, dashes, dots and underscores; not a number alone, and not `latest`.",
            )
        with self._context.database.writing():
            version = self.get(reference)
            before = self.alias(version.dataset, alias)
            if before is not None and before.number == version.number:
                return before
            now, actor = self._context.clock.now(), self._context.actor
            moved = DatasetAlias(version.dataset, alias, version.number, now, actor, reason)
            self._aliases.put(moved, dataset=moved.dataset, name=alias, number=moved.number)
            self._alias_moved(version, alias, str(before.number) if before else "nothing", str(version.number), reason)
            return moved

    def drop_alias(self, dataset: str, alias: str, reason: str = "") -> None:
        """Remove a name. Raises `NotFound` where it points to nothing."""
        table = self._aliases.table
        with self._context.database.writing():
            before = self.alias(dataset, alias)
            if before is None:
                known = ", ".join(self.aliases(dataset)) or "none"
                raise NotFound(f"{dataset} has no alias {alias}.", hint=f"Its aliases: {known}.")
            table.delete().where(table.dataset == dataset, table.name == alias).execute()
            version = self.get(f"{dataset}@{before.number}")
            self._alias_moved(version, alias, str(before.number), "nothing", reason)

    # Archived, restored, deleted

    def archive(self, reference: str, *, reason: str = "", packed: str = "", sha256: str = "", size: int = 0) -> Marks:
        """Leave a version out of lists and of `@latest`. `packed` is a file that holds its rows from now on, with its
        hash and size in bytes."""
        with self._context.database.writing():
            version = self.get(reference)
            line = self._line(version)
            if line.is_archived and line.packed == packed:
                return marks_of(line)
            told = reason or (f"rows moved to {packed}" if packed else "no longer needed")
            event = DatasetVersionArchived(told, packed, sha256, size)
            return self._change(version, event, is_archived=True, packed=packed)

    def unarchive(self, reference: str, *, origin: str = "the archive") -> Marks:
        """Undo `archive`; the rows of a packed version must be in the store again. `origin` says where from."""
        with self._context.database.writing():
            version = self.get(reference)
            line = self._line(version)
            if not line.is_archived:
                return marks_of(line)
            return self._change(version, DatasetVersionRestored(origin), is_archived=False, packed="")

    def delete(self, reference: str, reason: str) -> Tombstone:
        """Remove a version for good; its objects stay until they are collected.

        Whether a model needs it is for the caller to know (`data.removal`). Raises `Conflict` where an alias points at
        it, `InvalidInput` without a reason.
        """
        if not reason.strip():
            raise InvalidInput("Deleting a version needs a reason.", hint="It stays on record; say why.")
        with self._context.database.writing():
            version = self.get(reference)
            names = [name for name, number in self.aliases(version.dataset).items() if number == version.number]
            if names:
                raise Conflict(
                    f"{version.reference} is {', '.join(names)} of {version.dataset}.",
                    hint="Point the alias at another version first, or drop it.",
                )
            now, actor = self._context.clock.now(), self._context.actor
            left = Tombstone(
                version.dataset, version.number, version.content_id, version.rows, now, actor, reason.strip()
            )
            self._tombstones.insert(left, dataset=left.dataset, number=left.number, content_id=left.content_id)
            for rows in (self._versions, self._lines):
                rows.table.delete().where(rows.table.id == version.id).execute()
            event = DatasetVersionDeleted(left.reason, version.content_id, version.rows, version.size)
            self._context.journal.append(event, version.reference)
            return left

    def _next_number(self, dataset: str) -> int:
        used = (
            rows.highest(rows.table.number, rows.table.dataset == dataset) for rows in (self._lines, self._tombstones)
        )
        return max(used) + 1

    def _same_content(self, dataset: str, content_id: str) -> str:
        """Reference of the newest version of the dataset with this content; empty where there is none."""
        table = self._lines.table
        number = self._lines.highest(table.number, table.dataset == dataset, table.content_id == content_id)
        return f"{dataset}@{number}" if number else ""

    def _insert(self, version: DatasetVersion, note: str, tags: tuple[str, ...]) -> None:
        keys = {"id": version.id, "dataset": version.dataset, "number": version.number}
        line = line_of(version, note.strip(), tags)
        self._lines.insert(line, **keys, content_id=version.content_id, is_archived=0)
        self._versions.insert(version, **keys, content_id=version.content_id)  # after its line: see `migration`

    def _repeated(
        self, version: DatasetVersion, origin: Origin, seconds: float, note: str, tags: tuple[str, ...]
    ) -> DatasetVersion:
        event = DatasetIngestRepeated(
            origin=origin.name,
            content_id=version.content_id,
            rows=version.rows,
            size=origin.size,
            seconds=seconds,
            user=origin.user,
            host=origin.host,
        )
        self._context.journal.append(event, version.reference)
        if tags:
            self.tag(version.reference, *tags)
        if note.strip():
            self.set_note(version.reference, note)
        return version

    def _mark(self, version: DatasetVersion, change: str, **fields: Any) -> Marks:
        before = self._line(version)
        after = msgspec.structs.replace(before, **fields)
        if after == before:
            return marks_of(before)
        return self._change(version, DatasetVersionMarked(change, after.note, list(after.tags)), **fields)

    def _change(
        self,
        version: DatasetVersion,
        event: DatasetVersionMarked | DatasetVersionArchived | DatasetVersionRestored,
        **fields: Any,
    ) -> Marks:
        table = self._lines.table
        line = msgspec.structs.replace(self._line(version), **fields)
        changed = table.update(body=msgspec.json.encode(line), is_archived=int(line.is_archived))
        changed.where(table.id == version.id).execute()
        self._context.journal.append(event, version.reference)
        return marks_of(line)

    def _alias_moved(self, version: DatasetVersion, alias: str, before: str, after: str, reason: str) -> None:
        event = DatasetAliasMoved(version.dataset, alias, before, after, reason)
        self._context.journal.append(event, version.reference)


def _created(
    version: DatasetVersion, chunks: int, new_chunks: int, added_bytes: int, seconds: float
) -> DatasetVersionCreated:
    origin = version.origin
    return DatasetVersionCreated(
        rows=version.rows,
        origin=origin.name,
        content_id=version.content_id,
        chunks=chunks,
        new_chunks=new_chunks,
        added_bytes=added_bytes,
        seconds=round(seconds, 4),
        size=origin.size,
        user=origin.user,
        host=origin.host,
        contract=version.contract,
        repeats=version.repeats,
    )


def _checked_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    stripped = tuple(dict.fromkeys(tag.strip() for tag in tags))
    for tag in stripped:
        if not tag or not tag.isprintable() or len(tag) > _LONGEST_TAG:
            raise InvalidInput(
                f"{tag!r} cannot be a tag.", hint=f"Use up to {_LONGEST_TAG} printable characters, on one line."
            )
    return stripped
