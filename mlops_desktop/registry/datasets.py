"""Dataset versions."""

from __future__ import annotations

from mlops_desktop.core.datasets import DatasetVersion, Origin, Schema
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.events import DatasetIngestFailed, DatasetIngestRepeated, DatasetVersionCreated
from mlops_desktop.core.ids import new_id
from mlops_desktop.registry.repository import Context, Rows, split_reference


class Datasets:
    """Versions are numbered 1, 2, 3 … per dataset and never change."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.dataset_version, DatasetVersion)

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
    ) -> DatasetVersion:
        """Record a version, or, when the latest one has the same content, that the same content came again."""
        with self._context.database.writing():
            latest = self._latest(dataset)
            if latest is not None and latest.content_id == content_id:
                repeated = DatasetIngestRepeated(origin=origin.name, content_id=content_id)
                self._context.journal.append(repeated, latest.reference)
                return latest
            version = DatasetVersion(
                id=new_id(),
                dataset=dataset,
                number=latest.number + 1 if latest else 1,
                content_id=content_id,
                manifest=manifest,
                profile=profile,
                rows=rows,
                size=size,
                schema=schema,
                origin=origin,
                created=self._context.clock.now(),
            )
            self._rows.insert(
                version, id=version.id, dataset=dataset, number=version.number, content_id=version.content_id
            )
            event = DatasetVersionCreated(
                rows=rows,
                origin=origin.name,
                content_id=content_id,
                chunks=chunks,
                new_chunks=new_chunks,
                added_bytes=added_bytes,
                seconds=round(seconds, 4),
            )
            self._context.journal.append(event, version.reference)
            return version

    def record_failure(self, dataset: str, origin_name: str, reason: str, seconds: float) -> None:
        """Failed attempts are on the record too."""
        with self._context.database.writing():
            event = DatasetIngestFailed(origin=origin_name, reason=reason, seconds=round(seconds, 4))
            self._context.journal.append(event, dataset)

    def names(self) -> list[str]:
        table = self._rows.table
        with self._context.database.reading():
            return [row[0] for row in table.select(table.dataset).distinct().order_by(table.dataset).tuples()]

    def versions(self, dataset: str) -> list[DatasetVersion]:
        """All versions of a dataset, newest first."""
        table = self._rows.table
        return self._rows.many(table.dataset == dataset, order=table.number.desc())

    def derived_from(self, reference: str) -> list[DatasetVersion]:
        """Versions of any dataset that name this one as a parent, newest first."""
        found = self._rows.many(self._rows.naming(reference), order=self._rows.table.id.desc())
        return [version for version in found if reference in version.origin.parents]

    def get(self, reference: str) -> DatasetVersion:
        """`flights@3`, `flights@latest`, `flights`, or `flights@sha:<start of the content id>`."""
        name, selector = split_reference(reference)
        found = self._find(name, selector)
        if found is None:
            known = ", ".join(self.names()) or "none yet"
            raise NotFound(f"There is no dataset version {reference}.", hint=f"Known datasets: {known}.")
        return found

    def _find(self, name: str, selector: str) -> DatasetVersion | None:
        table = self._rows.table
        if selector == "latest":
            return self._latest(name)
        if selector.startswith("sha:"):
            start = selector.removeprefix("sha:")
            return self._rows.one(table.dataset == name, table.content_id.startswith(start)) if start else None
        if not selector.isdecimal():
            return None
        return self._rows.one(table.dataset == name, table.number == int(selector))

    def _latest(self, dataset: str) -> DatasetVersion | None:
        table = self._rows.table
        found = self._rows.many(table.dataset == dataset, order=table.number.desc(), limit=1)
        return found[0] if found else None
