"""The content store: immutable files named by the SHA-256 of their content."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from mlops_desktop.core.errors import Conflict, Damaged, EnvironmentProblem, NotFound
from mlops_desktop.core.ids import new_id, sha256_hex
from mlops_desktop.registry.storelock import StoreLock


class StoredFile(NamedTuple):
    """A file of the store. `name` is empty for one that is half-written. `size` is in bytes."""

    name: str
    path: Path
    size: int


class ObjectStore:
    """`objects/ab/cdef…`. An object appears whole or not at all: it is written beside, synced, and renamed.

    What nothing names is removed by a collection (`data.collection`), which never happens while `in_use`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = StoreLock(folder.with_name(f"{folder.name}.lock"))

    @contextlib.contextmanager
    def in_use(self) -> Iterator[None]:
        """No object goes away meanwhile. Whoever stores objects holds this from the first look at the store until the
        row that names them is committed. Waits for a running collection, which takes seconds; may be nested."""
        try:
            lock = self._lock.shared()
            lock.__enter__()
        except OSError as error:
            raise _explained(error, self.folder) from error
        try:
            yield
        finally:
            lock.__exit__(None, None, None)

    @contextlib.contextmanager
    def in_no_use(self, *, wait: float) -> Iterator[None]:
        """Nobody stores anything meanwhile. Raises `Conflict` where somebody still does after `wait` seconds."""
        try:
            with self._lock.exclusive(wait=wait) as is_held:
                if not is_held:
                    raise Conflict(
                        "Data is being stored in this workspace at the moment.",
                        hint="Try again when that is done; nothing was removed.",
                    )
                yield
        except OSError as error:
            raise _explained(error, self.folder) from error

    def path(self, sha256: str) -> Path:
        return self.folder / sha256[:2] / sha256[2:]

    def has(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def size(self, sha256: str) -> int | None:
        """Bytes of an object as it is on disk; None where it is missing."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def put_bytes(self, content: bytes) -> str:
        """Store `content` and return its name. Storing the same content again writes nothing.

        An object that is there with another size than its content has is torn, and written again.
        """
        name = sha256_hex(content)
        target = self.path(name)
        with self.in_use():
            try:
                if self.size(name) != len(content):
                    self._write(target, content)
            except OSError as error:
                raise _explained(error, self.folder) from error
        return name

    def _write(self, target: Path, content: bytes) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.parent / f".{new_id()}"
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(0o444)
            temporary.replace(target)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def remove(self, file: StoredFile) -> None:
        """Remove a file; only while the store is `in_no_use`, or to store a damaged object again."""
        try:
            if os.name == "nt":  # which keeps what is read-only
                file.path.chmod(0o644)
            file.path.unlink(missing_ok=True)
        except OSError as error:
            raise _explained(error, self.folder) from error

    def read_bytes(self, sha256: str) -> bytes:
        """The content, checked against its name. Raises `NotFound` or `Damaged`."""
        try:
            content = self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise NotFound(
                f"Object {sha256[:12]}… is missing from the content store.",
                hint="Restore the workspace's `objects` folder from a copy.",
            ) from None
        if sha256_hex(content) != sha256:
            raise Damaged(
                f"Object {sha256[:12]}… is damaged: its content no longer has the hash it is named by.",
                hint="Restore the workspace's `objects` folder from a copy.",
            )
        return content

    def files(self) -> Iterator[StoredFile]:
        """Every file of the store, by name; half-written ones among them."""
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(os.scandir(folder), key=lambda entry: entry.name):
                with contextlib.suppress(FileNotFoundError):
                    size = file.stat().st_size
                    name = "" if file.name.startswith(".") else folder.name + file.name
                    yield StoredFile(name, Path(file.path), size)

    def names(self) -> Iterator[str]:
        """Names of all objects."""
        return (file.name for file in self.files() if file.name)


def _explained(error: OSError, folder: Path) -> EnvironmentProblem:
    if error.errno == errno.ENOSPC:
        return EnvironmentProblem(
            f"The disk that holds {folder} is full.", hint="Free some space and try again; nothing was half-written."
        )
    return EnvironmentProblem(
        f"The content store {folder} cannot be written ({error.strerror}).",
        hint="Check the permissions of the workspace's folder.",
    )
