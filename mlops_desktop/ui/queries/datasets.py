"""Datasets, their versions, profiles, and pages of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mlops_desktop.core.datasets import DatasetVersion, Profile
from mlops_desktop.data.manifests import read_profile
from mlops_desktop.workspace import Workspace

PAGE_ROWS = 200


@dataclass(frozen=True)
class DatasetList:
    """Each dataset's versions, newest first."""

    datasets: dict[str, tuple[DatasetVersion, ...]]


@dataclass(frozen=True)
class DatasetDetail:
    """A version with its profile; `added` and `removed` are columns against the version before."""

    version: DatasetVersion
    profile: Profile
    before: DatasetVersion | None
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class RowPage:
    """Rows `offset` to `offset + len(rows)` of `total`. Cells are what Python makes of them."""

    reference: str
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    offset: int
    total: int


def dataset_list(workspace: Workspace) -> DatasetList:
    datasets = workspace.registry.datasets
    return DatasetList({name: tuple(datasets.versions(name)) for name in datasets.names()})


def dataset_detail(workspace: Workspace, reference: str) -> DatasetDetail:
    registry = workspace.registry
    version = registry.datasets.get(reference)
    profile = read_profile(registry, version)
    before = registry.datasets.get(f"{version.dataset}@{version.number - 1}") if version.number > 1 else None
    names, names_before = set(version.schema.names), set(before.schema.names if before else version.schema.names)
    return DatasetDetail(
        version, profile, before, tuple(sorted(names - names_before)), tuple(sorted(names_before - names))
    )


def row_page(workspace: Workspace, reference: str, offset: int) -> RowPage:
    from mlops_desktop.data.read import preview

    version = workspace.registry.datasets.get(reference)
    table = preview(workspace.registry, version, offset, PAGE_ROWS)
    columns = [_plain(table.column(name)) for name in table.column_names]
    rows = list(zip(*columns, strict=True)) if columns else []
    return RowPage(reference, tuple(table.column_names), rows, offset, version.rows)


def _plain(column: Any) -> list[Any]:
    """Python values; times as text, because Arrow would import pandas to convert them."""
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        unzoned = column.cast(pa.timestamp("s")) if pa.types.is_timestamp(column.type) else column
        return list(unzoned.cast(pa.string()).to_pylist())
    return list(column.to_pylist())
