"""Contracts of a workspace's datasets: save one, and hold stored versions to it."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from mlops_desktop.core.contracts import Contract, ContractReport, ContractVersion
from mlops_desktop.core.datasets import DatasetVersion
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.contracts.enforce import examined_whole
from mlops_desktop.data.contracts.files import from_toml, to_toml
from mlops_desktop.data.contracts.rules import check_contract, effective_rules
from mlops_desktop.data.read import iter_batches
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.versions.store import check_dataset_name, latest
from mlops_desktop.registry import Registry


def save_contract(registry: Registry, dataset: str, contract: Contract | str) -> ContractVersion:
    """Make a contract, or its TOML text with its comments, the one that a dataset's rows are held to from now on.

    The dataset's newest contract said again stays as it is. Raises `InvalidInput` for one that makes no sense.
    """
    check_dataset_name(dataset)
    if isinstance(contract, str):
        text, contract = contract, from_toml(contract, f"The contract of {dataset}")
    else:
        check_contract(contract, f"The contract of {dataset}")
        newest = registry.contracts.newest(dataset)
        if newest is not None and newest.contract == contract:
            return newest  # with the comments that its text has
        text = to_toml(contract)
    return registry.contracts.save(dataset, text, contract)


def contract_warnings(registry: Registry, dataset: str, contract: Contract) -> tuple[str, ...]:
    """What a person should look at in a contract that makes sense by itself: columns that the latest version lacks."""
    version = latest(registry, dataset)
    if version is None:
        return ()
    wanted = [*(rule.name for rule in effective_rules(contract)), contract.time_column]
    unknown = [repr(name) for name in dict.fromkeys(wanted) if name and name not in version.schema.names]
    return (f"{version.reference} has no column {', '.join(unknown)}.",) if unknown else ()


def check_version(
    registry: Registry,
    version: DatasetVersion,
    contract: Contract | None = None,
    *,
    progress: Progress = no_progress,
) -> ContractReport:
    """How a stored version stands against a contract, its dataset's newest unless given; nothing is recorded.

    The age of its newest row is taken as it was when the version was made. Reads the version as a stream.
    """
    if contract is None:
        newest = registry.contracts.newest(version.dataset)
        if newest is None:
            raise NotFound(
                f"{version.dataset} has no contract.", hint="`mlops-desktop data contract infer` and `save` make one."
            )
        contract = newest.contract
    return examined_whole(_StoredRows(registry, version, progress), contract, version.created)


class _StoredRows:
    def __init__(self, registry: Registry, version: DatasetVersion, progress: Progress) -> None:
        self._registry = registry
        self._version = version
        self._progress = progress
        self.schema: pa.Schema = to_arrow(version.schema)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        done = 0
        for batch in iter_batches(self._registry, self._version):
            yield batch
            done += batch.num_rows
            self._progress(done / max(self._version.rows, 1), f"{done:,} rows checked")
