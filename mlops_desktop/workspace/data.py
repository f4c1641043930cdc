"""What can be done with data, in the window, on the command line and in notebooks: `workspace.data`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.registry import Registry

if TYPE_CHECKING:
    from mlops_desktop.data.changes import RowChanges
    from mlops_desktop.data.difference import Difference
    from mlops_desktop.data.verify import Verification

STANDARD = ReadOptions()


class Data:
    """The verbs for datasets. References are such as `flights@3`, `flights@latest` or `flights@sha:1f…`."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def ingest(
        self,
        location: Path | str,
        dataset: str,
        *,
        options: ReadOptions = STANDARD,
        time_column: str = "",
        progress: Progress = no_progress,
    ) -> DatasetVersion:
        """Store a source's rows as a dataset's next version, in this process; `queue("ingest", …)` leaves it to a
        worker."""
        from mlops_desktop.data.ingest import ingest

        return ingest(self._registry, location, dataset, options=options, time_column=time_column, progress=progress)

    def verify(self, progress: Progress = no_progress) -> Verification:
        """Hash all stored data again; says what is damaged and which versions it touches."""
        from mlops_desktop.data.verify import verify

        return verify(self._registry, progress=progress)

    def difference(
        self,
        before: DatasetVersion | str,
        after: DatasetVersion | str,
        *,
        key: Sequence[str] | None = None,
        progress: Progress = no_progress,
    ) -> Difference:
        """What changed from one version to another: columns, rows, cells, distributions.

        Rows are paired by `key`; None takes the contract's, an empty sequence compares by content.
        """
        from mlops_desktop.data.difference import difference

        return difference(self._registry, before, after, key=key, progress=progress)

    def changes(
        self,
        before: DatasetVersion | str,
        after: DatasetVersion | str,
        *,
        key: Sequence[str] | None = None,
        limit: int = 1_000,
        progress: Progress = no_progress,
    ) -> RowChanges:
        """The first `limit` changed rows with their cells, and as many added and removed ones."""
        from mlops_desktop.data.changes import changes

        return changes(self._registry, before, after, key=key, limit=limit, progress=progress)
