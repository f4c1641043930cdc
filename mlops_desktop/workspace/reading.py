"""What can be asked of data; nothing here writes to a workspace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_desktop.core.datasets import Attempt, DatasetVersion, Marks, Profile, VersionLine
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions, SourcePreview
from mlops_desktop.registry import Registry

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlops_desktop.data.compare.changes import RowChanges
    from mlops_desktop.data.compare.difference import Difference
    from mlops_desktop.data.profiles.correlation import Correlation
    from mlops_desktop.data.read import Between
    from mlops_desktop.governance.lineage import Lineage

STANDARD = ReadOptions()

Version = DatasetVersion | str
"""A version itself, or a reference to it."""


class ReadingData:
    """The verbs for datasets that look, read and compare."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    # Looking

    def datasets(self) -> list[VersionLine]:
        """The latest version of each dataset, by name."""
        return self._registry.datasets.newest()

    def versions(self, dataset: str, *, include_archived: bool = False) -> list[VersionLine]:
        """Versions of a dataset, newest first, without schema and origin. Raises `NotFound`."""
        found = self._registry.datasets.lines(dataset, include_archived=include_archived)
        if not found:
            self._registry.datasets.get(f"{dataset}@latest")  # says why there is none
        return found

    def version(self, reference: str) -> DatasetVersion:
        """What is recorded about a version. Raises `NotFound`."""
        return self._registry.datasets.get(reference)

    def line(self, reference: str) -> VersionLine:
        """What a list shows of a version: its marks and the names that point at it. Raises `NotFound`."""
        return self._registry.datasets.line(reference)

    def marks(self, reference: str) -> Marks:
        """Note, tags, and whether it is archived. Raises `NotFound`."""
        return self._registry.datasets.marks(reference)

    def aliases(self, dataset: str) -> dict[str, int]:
        """Names that people gave, and the numbers that they point to."""
        return self._registry.datasets.aliases(dataset)

    def attempts(self, dataset: str = "", limit: int = 200) -> list[Attempt]:
        """What was tried to be ingested, with what came of it, newest first."""
        return self._registry.datasets.attempts(dataset, limit)

    def lineage(self, reference: str) -> Lineage:
        """What made a dataset or model version and what used it."""
        from mlops_desktop.governance.lineage import lineage

        return lineage(self._registry, reference)

    def preview_source(self, location: Path | str, options: ReadOptions = STANDARD, rows: int = 100) -> SourcePreview:
        """The first rows of a source and how its columns would be read; what is wrong with it is in `problem`."""
        from mlops_desktop.data.sources.preview import preview_source

        try:
            return preview_source(self._located(location), options, rows)
        except InvalidInput as error:  # there is no such log
            return SourcePreview(name=str(location), kind="", settings=options, problem=str(error))

    def _located(self, location: Path | str) -> Path | str:
        """A location as it is opened: that of a prediction log is its folder."""
        if not isinstance(location, str) or not location.startswith("log:"):
            return location
        from mlops_desktop.pipelines.log_source import located

        return located(self._registry, location)

    # Reading

    def read(
        self, reference: Version, columns: Sequence[str] | None = None, between: Between | None = None
    ) -> pd.DataFrame:
        """The rows of a version, in order; integers and booleans with missing values get pandas' nullable types.

        `between` is a column of times, a start and an end, for example `("at", "2013-01-01", "2013-02-01")`: from the
        start up to but not including the end; None leaves a side open, a moment without a zone is in UTC.
        Raises `NotFound`, `InvalidInput` for unknown columns, `Damaged`; so do the verbs below.
        """
        from mlops_desktop.data.frames import as_frame

        return as_frame(self.table(reference, columns, between))

    def table(
        self, reference: Version, columns: Sequence[str] | None = None, between: Between | None = None
    ) -> pa.Table:
        """Like `read`, as an Arrow table, with the types that are stored."""
        from mlops_desktop.data.read import read_table

        return read_table(self._registry, reference, columns=columns, between=between)

    def batches(
        self, reference: Version, columns: Sequence[str] | None = None, between: Between | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Like `table`, a piece at a time, for versions that do not fit into memory."""
        from mlops_desktop.data.read import iter_batches

        return iter_batches(self._registry, reference, columns=columns, between=between)

    def rows(
        self, reference: Version, offset: int = 0, limit: int = 100, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Rows `offset` to `offset + limit`, counted from 0; reads only the objects that they are in."""
        from mlops_desktop.data.read import preview

        return preview(self._registry, reference, offset, limit, columns=columns)

    def profile(self, reference: DatasetVersion | str) -> Profile:
        """Counts, quantiles, moments, histogram and most frequent values per column; spans of the time column."""
        from mlops_desktop.data.read import profile

        return profile(self._registry, reference)

    def correlation(
        self, reference: Version, columns: Sequence[str] | None = None, *, progress: Progress = no_progress
    ) -> Correlation:
        """How strongly columns go together: numbers by Pearson and Spearman, texts by Cramér's V. None takes all
        columns that are fit for it, 60 at most."""
        from mlops_desktop.data.profiles.correlation import correlation

        return correlation(self._registry, reference, columns, progress=progress)

    # Comparing

    def difference(
        self,
        before: Version,
        after: Version,
        *,
        key: Sequence[str] | None = None,
        progress: Progress = no_progress,
    ) -> Difference:
        """What changed from one version to another: columns, rows, cells, distributions.

        Rows are paired by `key`; None takes the contract's, an empty sequence compares by content.
        """
        from mlops_desktop.data.compare.difference import difference

        return difference(self._registry, before, after, key=key, progress=progress)

    def changes(
        self,
        before: Version,
        after: Version,
        *,
        key: Sequence[str] | None = None,
        limit: int = 1_000,
        progress: Progress = no_progress,
    ) -> RowChanges:
        """The first `limit` changed rows with their cells, and as many added and removed ones."""
        from mlops_desktop.data.compare.changes import changes

        return changes(self._registry, before, after, key=key, limit=limit, progress=progress)
