"""What can be done with data, in the window, on the command line and in notebooks: `workspace.data`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_desktop.core.contracts import Contract, ContractMode, ContractReport, ContractVersion
from mlops_desktop.core.datasets import DatasetAlias, DatasetVersion, Marks, Tombstone, Watch
from mlops_desktop.core.pipelines import PipelineRun
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.workspace.reading import STANDARD, ReadingData, Version

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from mlops_desktop.data.export import Exported
    from mlops_desktop.data.intake.ingest import Ingested
    from mlops_desktop.data.read import Between
    from mlops_desktop.data.upkeep.collection import Collected, CollectionPlan
    from mlops_desktop.data.upkeep.removal import Consequences
    from mlops_desktop.data.upkeep.verify import Verification
    from mlops_desktop.pipelines.plans import Plan
    from mlops_desktop.pipelines.watching import WatchState


class Data(ReadingData):
    """The verbs for datasets. References are such as `flights@3`, `flights@latest` or `flights@sha:1f…`."""

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
        from mlops_desktop.data.intake.ingest import ingest

        return ingest(
            self._registry,
            self._located(location),
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
        from mlops_desktop.data.intake.ingest import ingest_rows

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
        from mlops_desktop.data.upkeep.verify import verify

        chosen = None if references is None else [self._registry.datasets.get(name) for name in references]
        return verify(self._registry, chosen, deep=deep, progress=progress)

    def plan_collection(self, progress: Progress = no_progress) -> CollectionPlan:
        """What is stored and needed by nothing; nothing is changed."""
        from mlops_desktop.data.upkeep.collection import plan_collection

        return plan_collection(self._registry, progress=progress)

    def collect(self, plan: CollectionPlan, progress: Progress = no_progress) -> Collected:
        """Free what a plan names and still nothing needs."""
        from mlops_desktop.data.upkeep.collection import collect

        return collect(self._registry, plan, progress=progress)

    def consequences(self, reference: str, progress: Progress = no_progress) -> Consequences:
        """Who uses a version, what deleting it would free, and why that is refused, if it is."""
        from mlops_desktop.data.upkeep.removal import consequences

        return consequences(self._registry, reference, progress=progress)

    def delete(self, reference: str, reason: str) -> Tombstone:
        """Remove a version for good. Raises `Conflict` where an alias or a deployed model reaches it."""
        from mlops_desktop.data.upkeep.removal import delete

        return delete(self._registry, reference, reason)

    def archive(
        self, reference: str, to: Path | None = None, *, reason: str = "", progress: Progress = no_progress
    ) -> Marks:
        """Leave a version out of lists; with `to`, move its rows into that file."""
        from mlops_desktop.data.upkeep.archiving import archive

        return archive(self._registry, reference, to, reason=reason, progress=progress)

    def restore(self, reference: str, from_: Path | None = None, *, progress: Progress = no_progress) -> DatasetVersion:
        """Bring an archived version back; with a file and the name of a dataset, also one of another workspace."""
        from mlops_desktop.data.upkeep.archiving import restore

        return restore(self._registry, reference, from_, progress=progress)

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
