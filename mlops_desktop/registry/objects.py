"""The content store: immutable files named by the SHA-256 of their content."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from mlops_desktop.core.errors import Damaged, EnvironmentProblem, NotFound
from mlops_desktop.core.ids import new_id, sha256_hex


class ObjectStore:
    """`objects/ab/cdef…`. An object appears whole or not at all: it is written beside, synced, and renamed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

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
        if self.size(name) == len(content):
            return name
        try:
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
        except OSError as error:
            raise _explained(error, self.folder) from error
        return name

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

    def names(self) -> Iterator[str]:
        """Names of all objects."""
        for folder in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            for file in sorted(folder.iterdir()):
                if not file.name.startswith("."):
                    yield folder.name + file.name


def _explained(error: OSError, folder: Path) -> EnvironmentProblem:
    if error.errno == errno.ENOSPC:
        return EnvironmentProblem(
            f"The disk that holds {folder} is full.", hint="Free some space and try again; nothing was half-written."
        )
    return EnvironmentProblem(
        f"The content store {folder} cannot be written ({error.strerror}).",
        hint="Check the permissions of the workspace's folder.",
    )
