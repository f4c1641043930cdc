from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlops_desktop.core.errors import Cancelled
from mlops_desktop.core.filehash import file_sha256, hash_ahead, stop_hashing_ahead
from mlops_desktop.core.progress import CancelToken


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    yield
    stop_hashing_ahead()
    assert "hash ahead" not in {thread.name for thread in threading.enumerate()}


def file_of(folder: Path, content: bytes) -> Path:
    path = folder / "rows.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("size", [0, 1, (1 << 22) - 1, 1 << 22, (1 << 24) + 1])
def test_a_file_has_the_same_hash_begun_early_or_not(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    path = file_of(tmp_path, content)
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()
    hash_ahead(str(path))
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_a_file_that_changed_since_is_hashed_anew(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"a,b\n1,2\n")
    hash_ahead(str(path))
    path.write_bytes(b"a,b\n1,2\n3,4\n")
    assert file_sha256(path) == hashlib.sha256(b"a,b\n1,2\n3,4\n").hexdigest()


def test_a_hash_is_given_once(tmp_path: Path) -> None:
    path = file_of(tmp_path, b"first")
    hash_ahead(str(path))
    file_sha256(path)
    path.write_bytes(b"other")
    assert file_sha256(path) == hashlib.sha256(b"other").hexdigest()


def test_waiting_for_a_hash_can_be_cancelled(tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    path = file_of(tmp_path, b"0" * (1 << 25))
    hash_ahead(str(path))
    with pytest.raises(Cancelled):
        file_sha256(path, token.reporting_to(lambda fraction, message: None))


@pytest.mark.parametrize("location", ["no such file", "postgresql://host/base", "nul\0byte", "."])
def test_what_is_no_file_is_left_alone(location: str) -> None:
    hash_ahead(location)
    assert threading.active_count() >= 1
