"""A disk that fills while data is taken in, written out or put into an archive: a small file system in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.data.read import read_table
from mlops_desktop.workspace import Workspace

SIZE_MB = 6


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _parquet(folder: Path, rows: int, seed: int) -> Path:
    """Rows that hardly compress: eight bytes each and column."""
    random = np.random.default_rng(seed)
    path = folder / f"rows-{seed}.parquet"
    pq.write_table(pa.table({"a": random.normal(size=rows), "b": random.normal(size=rows)}), path)
    return path


def test_a_full_disk_leaves_the_versions_from_before_and_says_so(small_disk, tmp_path):
    workspace = Workspace.create(small_disk / "workspace")
    first = workspace.data.ingest(_parquet(tmp_path, 100_000, 1), "rows").version
    with pytest.raises(EnvironmentProblem, match="full"):
        workspace.data.ingest(_parquet(tmp_path, 1_000_000, 2), "rows")
    assert [line.reference for line in workspace.registry.datasets.lines("rows")] == [first.reference]
    assert read_table(workspace.registry, first).num_rows == 100_000
    assert workspace.data.verify().is_sound
    assert workspace.registry.journal.verify().intact


def test_after_a_collection_a_disk_that_was_full_takes_rows_again(small_disk, tmp_path):
    workspace = Workspace.create(small_disk / "workspace")
    with pytest.raises(EnvironmentProblem):
        workspace.data.ingest(_parquet(tmp_path, 1_000_000, 2), "rows")
    workspace.data.collect(workspace.data.plan_collection())
    version = workspace.data.ingest(_parquet(tmp_path, 100_000, 1), "rows").version
    assert read_table(workspace.registry, version).num_rows == 100_000


def test_an_export_to_a_full_disk_leaves_no_half_file(small_disk, tmp_path):
    workspace = Workspace.create(tmp_path / "workspace")
    version = workspace.data.ingest(_parquet(tmp_path, 1_000_000, 3), "rows").version
    for name in ("rows.parquet", "rows.csv", "rows.jsonl.gz"):
        with pytest.raises(EnvironmentProblem, match="full"):
            workspace.data.export(version.reference, small_disk / name)
    assert list(small_disk.iterdir()) == []
