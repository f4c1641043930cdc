"""Real workspaces for the tests of the data room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keyring
import keyring.backends.fail
import pyarrow as pa
import pytest

from mlops_desktop.core.datasets import Origin
from mlops_desktop.registry import Registry


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry.create(tmp_path / "workspace")
    yield opened
    opened.close()


@pytest.fixture
def origin() -> Origin:
    return Origin(kind="table", name="test")


@pytest.fixture
def numbered():
    """Makes a table of `rows` rows whose key starts at `first`."""

    def make(rows: int, first: int = 0) -> pa.Table:
        keys = range(first, first + rows)
        return pa.table(
            {
                "key": pa.array(keys, pa.int64()),
                "label": pa.array([None if key % 11 == 0 else f"label {key % 50}" for key in keys]),
                "value": pa.array([key * 0.25 for key in keys]),
                "at": pa.array([key * 60_000_000 for key in keys], pa.timestamp("us", "UTC")),
            }
        )

    return make


@pytest.fixture
def no_keyring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(keyring.backends.fail.Keyring())
    yield
    keyring.set_keyring(before)
