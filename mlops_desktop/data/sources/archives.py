"""Compressed files and ZIPs that hold any of the readable formats."""

from __future__ import annotations

from functools import partial
from pathlib import Path, PurePosixPath

import msgspec
import pyarrow as pa

from mlops_desktop.core.datasets import Origin, Part
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import files
from mlops_desktop.data.sources.base import FileIdentity, Source, opening
from mlops_desktop.data.sources.files import open_file
from mlops_desktop.data.sources.joined import Joined, JoinedFile, JoinedSource, within
from mlops_desktop.data.sources.scratch import ScratchFolder
from mlops_desktop.data.sources.selection import Selection, selected
from mlops_desktop.data.sources.unpacking import STANDARD, Limits, UnpackedFile, Unpacker, listed

ARCHIVES = {".zip": "zip", ".gz": "gzip", ".zst": "zstd", ".zstd": "zstd", ".bz2": "bzip2", ".xz": "xz"}
EXTENSIONS = (*files.EXTENSIONS, *ARCHIVES)
_MAGIC = {
    b"PK\x03\x04": "zip", b"PK\x05\x06": "zip", b"\x1f\x8b\x08": "gzip", b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz",
}  # fmt: skip


def open_packed(
    path: Path,
    options: ReadOptions,
    hints: pa.Schema | None = None,
    progress: Progress = no_progress,
    *,
    limits: Limits = STANDARD,
) -> Source:
    """Open a file, or the files in an archive as one table. Raises `InvalidInput`, `EnvironmentProblem`.

    An archive is unpacked here, within `limits`, and what was unpacked goes with the source.
    """
    with opening(path):
        kind = archive_kind(path)
        if not kind:
            return open_file(path, options, hints)
        scratch = ScratchFolder()
        try:
            return _open_archive(path, kind, options, hints, Unpacker(path, scratch, limits, progress))
        except BaseException:
            scratch.remove()
            raise


def format_of(name: str) -> str:
    """The format of a file by its name, looking through the extension of a compressed one; empty where unknown."""
    path = PurePosixPath(name)
    kind = ARCHIVES.get(path.suffix.lower(), "")
    return kind if kind == "zip" else files.format_of(path.stem if kind else name)


def archive_kind(path: Path) -> str:
    """What kind of archive a file is, by its extension, or how it starts where that says nothing; empty for none."""
    by_name = ARCHIVES.get(path.suffix.lower(), "")
    if by_name or files.format_of(path.name) or not path.is_file():
        return by_name
    with path.open("rb") as file:
        start = file.read(10)
    found = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "")
    return "" if found == "bzip2" and start[4:] != b"1AY&SY" else found


def _open_archive(path: Path, kind: str, options: ReadOptions, hints: pa.Schema | None, unpacker: Unpacker) -> Source:
    identity = FileIdentity(path)
    if kind == "zip":
        entries = {entry.filename: entry for entry in listed(path)}
        chosen = selected(list(entries), path.name, options, files.format_of)
        unpacked = unpacker.members([entries[name] for name in chosen.chosen])
    else:
        name = _inner_name(path)
        chosen = Selection((name,), (name,))
        unpacked = [unpacker.single(kind, name)]
    joined_files = [JoinedFile(file.part.name, partial(open_file, file.path, options)) for file in unpacked]
    try:
        first = joined_files[0].open(hints)
        joined = Joined(joined_files, first, hints, fill_missing=options.fill_missing)
    except InvalidInput as error:
        raise within(path.name, error) from error
    return JoinedSource(
        name=path.name,
        kind=f"{first.kind} in {kind}",
        rows=_estimated_rows(first, unpacked),
        identity=_ArchiveIdentity(identity, [file.part for file in unpacked], unpacker),
        _schema=lambda: joined.schema,
        _batches=lambda: joined,
        size=path.stat().st_size,
        settings=msgspec.structs.replace(first.settings, member=options.member, fill_missing=options.fill_missing),
        warnings=(*chosen.warnings, *joined.warnings),
        sheets=first.sheets,
        members=chosen.readable if kind == "zip" else (),
        _joined=joined,
        _within=path.name,
        _own_warnings=chosen.warnings,
    )


def _inner_name(path: Path) -> str:
    return path.stem if path.suffix.lower() in ARCHIVES else path.name


def _estimated_rows(first: Source, unpacked: list[UnpackedFile]) -> int:
    share = sum(file.part.size for file in unpacked) / max(unpacked[0].part.size, 1)
    return round(first.rows * share)


class _ArchiveIdentity:
    """The archive as it came, and the files in it. Keeps what was unpacked for as long as the source lives."""

    def __init__(self, archive: FileIdentity, parts: list[Part], unpacker: Unpacker) -> None:
        self._archive = archive
        self._parts = tuple(parts)
        self._unpacker = unpacker

    def origin(self, progress: Progress) -> Origin:
        return msgspec.structs.replace(self._archive.origin(progress), parts=self._parts)

    def check_unchanged(self) -> None:
        self._archive.check_unchanged()
