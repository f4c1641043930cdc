"""A folder of files, or the files that a pattern finds, as one table."""

from __future__ import annotations

import platform
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec
import pyarrow as pa

from mlops_desktop.core.datasets import Origin, Part
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.filehash import file_sha256
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources.archives import format_of, open_packed
from mlops_desktop.data.sources.base import FileIdentity, Source, opening, user_name
from mlops_desktop.data.sources.joined import Joined, JoinedFile, JoinedSource
from mlops_desktop.data.sources.selection import selected

_WILD = re.compile(r"[*?\[]")


def open_path(
    path: Path, options: ReadOptions, hints: pa.Schema | None = None, progress: Progress = no_progress
) -> Source:
    """Open a file, an archive, a folder, or the files that a path with `*`, `?`, `[…]` or `**` finds.

    Of a folder the files in it are read, and with a `member` such as `**/*.csv` those in its folders too.
    Raises `InvalidInput`, `EnvironmentProblem`.
    """
    if "\0" in str(path):
        raise InvalidInput(f"{str(path)!r} is no path.", hint="Check the folder and the name.")
    with opening(path):
        is_folder, is_there = path.is_dir(), path.exists()
    if is_folder:
        return _open_files("folder", path.name or str(path), path, options.member or "*", options, hints, progress)
    if _WILD.search(str(path)) and not is_there:
        fixed = next(parent for parent in path.parents if not _WILD.search(str(parent)))
        pattern = path.relative_to(fixed).as_posix()
        return _open_files("files", str(path), fixed, pattern, options, hints, progress)
    return open_packed(path, options, hints, progress)


def _open_files(
    kind: str, name: str, root: Path, pattern: str, options: ReadOptions, hints: pa.Schema | None, progress: Progress
) -> Source:
    found = {path.relative_to(root).as_posix(): path for path in _glob(root, pattern)}
    if not found and kind == "files":
        raise InvalidInput(f"No file fits the pattern {name}.", hint="Check the folder and the pattern.")
    inner = msgspec.structs.replace(options, member="")
    selection = selected(list(found), name, inner, format_of)
    paths = [found[each] for each in selection.chosen]
    identity = _FilesIdentity(kind, name, selection.chosen, paths)
    files = [
        JoinedFile(each, partial(_opened, path, inner, progress))
        for each, path in zip(selection.chosen, paths, strict=True)
    ]
    first = files[0].open(hints)
    joined = Joined(files, first, hints, fill_missing=options.fill_missing)
    return JoinedSource(
        name=name,
        kind=f"{first.kind} in {len(files)} files",
        rows=round(first.rows * identity.size / max(first.size, 1)),
        identity=identity,
        _schema=lambda: joined.schema,
        _batches=lambda: joined,
        size=identity.size,
        settings=msgspec.structs.replace(first.settings, member=options.member, fill_missing=options.fill_missing),
        warnings=(*selection.warnings, *joined.warnings),
        sheets=first.sheets,
        members=selection.readable,
        _joined=joined,
        _own_warnings=selection.warnings,
    )


def _glob(root: Path, pattern: str) -> list[Path]:
    with opening(root):
        try:
            return [path for path in root.glob(pattern) if path.is_file()]
        except ValueError as error:
            raise InvalidInput(
                f"{pattern!r} is no pattern of files: {error}.", hint="Write one such as *.csv."
            ) from error


def _opened(path: Path, options: ReadOptions, progress: Progress, hints: pa.Schema | None) -> Source:
    return open_packed(path, options, hints, progress)


class _FilesIdentity:
    """Several files, each by its size, time of change and SHA-256."""

    def __init__(self, kind: str, name: str, names: Sequence[str], paths: Sequence[Path]) -> None:
        self._kind = kind
        self._name = name
        self._files = dict(zip(names, paths, strict=True))
        self._identities = [FileIdentity(path) for path in paths]
        self._sizes = [path.stat().st_size for path in paths]
        self.size = sum(self._sizes)

    def origin(self, progress: Progress) -> Origin:
        parts = [
            Part(name, file_sha256(path, progress), size)
            for (name, path), size in zip(self._files.items(), self._sizes, strict=True)
        ]
        return Origin(
            kind=self._kind,
            name=self._name,
            host=platform.node(),
            user=user_name(),
            size=self.size,
            parts=tuple(parts),
        )

    def check_unchanged(self) -> None:
        for identity in self._identities:
            identity.check_unchanged()
