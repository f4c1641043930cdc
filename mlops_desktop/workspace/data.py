"""What can be done with data, in the window, on the command line and in notebooks: `workspace.data`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_desktop.core.contracts import Contract, ContractMode, ContractReport, ContractVersion
from mlops_desktop.core.datasets import (
    Attempt,
    DatasetAlias,
    DatasetVersion,
    Marks,
    Profile,
    Tombstone,
    VersionLine,
    Watch,
)
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions, SourcePreview
from mlops_desktop.registry import Registry

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlops_desktop.data.changes import RowChanges
    from mlops_desktop.data.collection import Collected, CollectionPlan
    from mlops_desktop.data.correlation import Correlation
    from mlops_desktop.data.difference import Difference
    from mlops_desktop.data.export import Exported
    from mlops_desktop.data.ingest import Ingested
    from mlops_desktop.data.read import Between
    from mlops_desktop.data.removal import Consequences
    from mlops_desktop.data.verify import Verification
    from mlops_desktop.governance.lineage import Lineage
    from mlops_desktop.pipelines.plans import Plan
    from mlops_desktop.pipelines.watching import WatchState

STANDARD = ReadOptions()

Version = DatasetVersion | str
"""A version itself, or a reference to it."""


class Data:
    """The verbs for datasets. References are such as `flights@3`, `flights@latest` or `flights@sha:1f…`."""

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

    def preview_source(self, location: Path | str, options: ReadOptions = STANDARD, rows: int = 100) -> SourcePreview:
        """The first rows of a source and how its columns would be read; what is wrong with it is in `problem`."""
        from mlops_desktop.data.sources.preview import preview_source
        from mlops_desktop.pipelines.log_source import located

        try:
            return preview_source(located(self._registry, location), options, rows)
        except InvalidInput as error:  # there is no such log
            return SourcePreview(name=str(location), kind="", settings=options, problem=str(error))

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
        from mlops_desktop.data.correlation import correlation

        return correlation(self._registry, reference, columns, progress=progress)

    # Writing

    def ingest(
        self,
        location: Path | str,
        dataset: str,
        *,
        options: ReadOptions = STANDARD,
        time_column: str = "",
        mode: ContractMode | str | None = None,
        note: str = "",
        tags: Sequence[str] = (),
        progress: Progress = no_progress,
    ) -> Ingested:
        """Store a source's rows as a dataset's next version, held to its contract, in this process;
        `queue("ingest", …)` leaves it to a worker. `mode` takes the place of the contract's own: `refuse`,
        `quarantine` or `accept`."""
        from mlops_desktop.data.ingest import ingest
        from mlops_desktop.pipelines.log_source import located

        return ingest(
            self._registry,
            located(self._registry, location),
            dataset,
            options=options,
            time_column=time_column,
            mode=mode,
            note=note,
            tags=tags,
            progress=progress,
        )

    def add(
        self,
        dataset: str,
        rows: pd.DataFrame | pa.Table | pa.RecordBatch | Iterable[pa.RecordBatch],
        *,
        name: str = "",
        time_column: str = "",
        mode: ContractMode | str | None = None,
        parents: Sequence[str] = (),
        note: str = "",
        tags: Sequence[str] = (),
        progress: Progress = no_progress,
    ) -> Ingested:
        """Store rows that a program has as a dataset's next version, held to its contract: a DataFrame (without its
        index), a table, or batches, which may be more than fit into memory. `parents` are what they were made from."""
        from mlops_desktop.data.ingest import ingest_rows

        return ingest_rows(
            self._registry,
            rows,
            dataset,
            name=name,
            time_column=time_column,
            mode=mode,
            parents=parents,
            note=note,
            tags=tags,
            progress=progress,
        )

    # Contracts

    def contract(self, dataset: str) -> ContractVersion | None:
        """What the dataset's rows are held to when they come; None where it has no contract."""
        return self._registry.contracts.newest(dataset)

    def infer_contract(self, reference: str) -> Contract:
        """The contract that a version's rows suggest, for a person to look at and save. That version keeps it."""
        from mlops_desktop.data.contracts import infer_contract

        return infer_contract(self._registry, self._registry.datasets.get(reference))

    def save_contract(self, dataset: str, contract: Contract | str) -> ContractVersion:
        """Hold the dataset's rows to this contract, given as a value or as TOML text, from now on."""
        from mlops_desktop.data.contracts import save_contract

        return save_contract(self._registry, dataset, contract)

    def contract_warnings(self, dataset: str, contract: Contract) -> tuple[str, ...]:
        """What to look at in a contract before it is saved: columns that the latest version does not have."""
        from mlops_desktop.data.contracts import contract_warnings

        return contract_warnings(self._registry, dataset, contract)

    def check(
        self, reference: str, contract: Contract | None = None, progress: Progress = no_progress
    ) -> ContractReport:
        """How a stored version stands against a contract, its dataset's own unless given. Nothing is recorded."""
        from mlops_desktop.data.contracts import check_version

        return check_version(self._registry, self._registry.datasets.get(reference), contract, progress=progress)

    # Marks

    def note(self, reference: str, text: str) -> Marks:
        """Replace a version's note; the empty text removes it."""
        return self._registry.datasets.set_note(reference, text)

    def tag(self, reference: str, *tags: str) -> Marks:
        return self._registry.datasets.tag(reference, *tags)

    def untag(self, reference: str, *tags: str) -> Marks:
        return self._registry.datasets.untag(reference, *tags)

    def set_alias(self, reference: str, alias: str, reason: str = "") -> DatasetAlias:
        """Point a name at a version, so that `flights@reference` means it."""
        return self._registry.datasets.set_alias(reference, alias, reason)

    def drop_alias(self, dataset: str, alias: str, reason: str = "") -> None:
        self._registry.datasets.drop_alias(dataset, alias, reason)

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

    # Watched folders

    def watch(self, watch: Watch) -> Watch:
        """Leave a folder to the engine, which ingests what appears in it. Raises `InvalidInput`."""
        from mlops_desktop.pipelines.watching import checked

        return self._registry.watches.put(checked(watch))

    def follow(
        self, watch: Watch, *, report: Callable[[PipelineRun], None], wait: Callable[[float], bool], once: bool = False
    ) -> None:
        """Ingest what appears in a folder, in this process, until `wait` (a pause in seconds) says True; each run is
        reported when it has ended."""
        from mlops_desktop.pipelines.following import follow
        from mlops_desktop.pipelines.watching import checked

        follow(self._registry, checked(watch), report=report, wait=wait, once=once)

    def watches(self) -> list[Watch]:
        return self._registry.watches.all()

    def unwatch(self, name: str) -> None:
        """Versions that came from the folder stay."""
        self._registry.watches.remove(name)

    def poll_watches(self) -> list[WatchState]:
        """How the watched folders stand; nothing is ingested by asking."""
        from mlops_desktop.pipelines.watching import watch_states

        return watch_states(self._registry)

    # Projects in files

    def plan(self, folder: Path | str, *, ingest: bool = False) -> Plan:
        """What a project in files would change here; nothing is written. With `ingest` its sources count too."""
        from mlops_desktop.pipelines.plans import plan

        return plan(self._registry, Path(folder), ingest=ingest)

    def apply(self, folder: Path | str, *, ingest: bool = False) -> Plan:
        """Make the workspace what a project says, as one transaction; with `ingest` the engine takes in its sources."""
        from mlops_desktop.pipelines.plans import apply

        return apply(self._registry, Path(folder), ingest=ingest)

    # Keeping it whole

    def verify(
        self, references: Sequence[str] | None = None, progress: Progress = no_progress, *, deep: bool = False
    ) -> Verification:
        """Hash all that is stored again, of some versions or of the whole workspace with its models and runs; says what
        is damaged and whom it touches. `deep` also rebuilds each chunk's rows."""
        from mlops_desktop.data.verify import verify

        chosen = None if references is None else [self._registry.datasets.get(name) for name in references]
        return verify(self._registry, chosen, deep=deep, progress=progress)

    def plan_collection(self, progress: Progress = no_progress) -> CollectionPlan:
        """What is stored and needed by nothing; nothing is changed."""
        from mlops_desktop.data.collection import plan_collection

        return plan_collection(self._registry, progress=progress)

    def collect(self, plan: CollectionPlan, progress: Progress = no_progress) -> Collected:
        """Free what a plan names and still nothing needs."""
        from mlops_desktop.data.collection import collect

        return collect(self._registry, plan, progress=progress)

    def consequences(self, reference: str, progress: Progress = no_progress) -> Consequences:
        """Who uses a version, what deleting it would free, and why that is refused, if it is."""
        from mlops_desktop.data.removal import consequences

        return consequences(self._registry, reference, progress=progress)

    def delete(self, reference: str, reason: str) -> Tombstone:
        """Remove a version for good. Raises `Conflict` where an alias or a deployed model reaches it."""
        from mlops_desktop.data.removal import delete

        return delete(self._registry, reference, reason)

    def archive(
        self, reference: str, to: Path | None = None, *, reason: str = "", progress: Progress = no_progress
    ) -> Marks:
        """Leave a version out of lists; with `to`, move its rows into that file."""
        from mlops_desktop.data.archiving import archive

        return archive(self._registry, reference, to, reason=reason, progress=progress)

    def restore(self, reference: str, from_: Path | None = None, *, progress: Progress = no_progress) -> DatasetVersion:
        """Bring an archived version back; with a file and the name of a dataset, also one of another workspace."""
        from mlops_desktop.data.archiving import restore

        return restore(self._registry, reference, from_, progress=progress)

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
        from mlops_desktop.data.difference import difference

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
        from mlops_desktop.data.changes import changes

        return changes(self._registry, before, after, key=key, limit=limit, progress=progress)

    def export(
        self,
        reference: Version,
        path: Path | str,
        *,
        format: str = "",
        columns: Sequence[str] | None = None,
        between: Between | None = None,
        overwrite: bool = False,
        progress: Progress = no_progress,
    ) -> Exported:
        """Write a version to a file of any format, told by its extension (`flights.csv.gz`) or by `format`;
        `parquet-folder` makes a folder of Parquet files."""
        from mlops_desktop.data.export import export

        return export(
            self._registry,
            reference,
            path,
            format=format,
            columns=columns,
            between=between,
            overwrite=overwrite,
            progress=progress,
        )
