"""Unpacks archives into files, within limits and never outside their folder.

A gzip, bzip2, xz or zstd file holds one file; a ZIP holds many. What an archive says of its own sizes is not believed:
the limits are kept while its content is written. A limit by ratio stops an archive bomb; members that share bytes are
the other way to build one (D. Fifield, A better zip bomb, WOOT 2019), and are refused.
"""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

import pyarrow as pa
from msgspec import Struct

from mlops_desktop.core.datasets import Part
from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.sources.scratch import ScratchFolder
from mlops_desktop.data.sources.selection import is_junk

UNPACKED_BYTES = 64 << 30
RATIO = 250  # tables of text shrink 3 to 30 times; deflate can do 1,032 times
ANY_RATIO_BYTES = 256 << 20
SPARED_BYTES = 256 << 20
_BLOCK = 1 << 20
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile, NotImplementedError, ValueError)
_UNSAFE = re.compile(r'[<>:"|?*\x00-\x1f]')


class Limits(Struct, frozen=True):
    """How far an archive may unfold.

    Attributes:
        size: bytes of all that is unpacked of it.
        ratio: times its own size; does not count for the first `any_ratio` bytes.
        spared: bytes that stay free on the disk.
    """

    size: int = UNPACKED_BYTES
    ratio: int = RATIO
    any_ratio: int = ANY_RATIO_BYTES
    spared: int = SPARED_BYTES


STANDARD = Limits()


class UnpackedFile(Struct, frozen=True):
    """A file out of an archive: where it lies now, and what goes on record of it."""

    path: Path
    part: Part


class Unpacker:
    """Writes what one archive holds into a folder, which stays as long as this object, and keeps count of it."""

    def __init__(
        self, archive: Path, scratch: ScratchFolder, limits: Limits = STANDARD, progress: Progress = no_progress
    ) -> None:
        self._archive = archive
        self._scratch = scratch
        self._folder = scratch.path
        self._limits = limits
        self._progress = progress
        self._written = 0
        self._allowed = min(limits.size, max(limits.any_ratio, limits.ratio * archive.stat().st_size))
        self._free = shutil.disk_usage(scratch.path).free - limits.spared

    def single(self, kind: str, name: str) -> UnpackedFile:
        """The one file in a compressed file of `kind`."""
        with _decompressed(self._archive, kind) as stream:
            return self._written_out(stream, name, self._archive.name)

    def members(self, chosen: Sequence[zipfile.ZipInfo]) -> list[UnpackedFile]:
        """Members of a ZIP, as `listed` gives them."""
        with zipfile.ZipFile(self._archive) as archive:
            return [self._member(archive, info) for info in chosen]

    def _member(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> UnpackedFile:
        where = f"{info.filename} in {self._archive.name}"
        try:
            with archive.open(info) as stream:
                return self._written_out(stream, info.filename, where)
        except (*_DAMAGE, RuntimeError) as error:
            raise damaged(where, error) from error

    def _written_out(self, stream: IO[bytes], name: str, where: str) -> UnpackedFile:
        position = sum(1 for _ in self._folder.iterdir())
        path = self._folder / str(position) / _UNSAFE.sub("_", PurePosixPath(name).name)
        path.parent.mkdir()
        digest, size = hashlib.sha256(), 0
        try:
            with path.open("wb") as file:
                while block := _read(stream, where):
                    self._progress(None, f"Unpacking {where}")
                    self._count(len(block), where)
                    size += len(block)
                    digest.update(block)
                    file.write(block)
        except OSError as error:
            raise EnvironmentProblem(
                f"{where} cannot be unpacked into {self._folder.parent} ({error.strerror}).", hint="Make room there."
            ) from error
        return UnpackedFile(path, Part(name, digest.hexdigest(), size))

    def _count(self, size: int, where: str) -> None:
        self._written += size
        if self._written > self._allowed:
            raise InvalidInput(
                f"{where} unfolds to more than {self._allowed:,} bytes, far more than a table does.",
                hint="If you trust it, unpack it yourself and give the file.",
            )
        if self._written > self._free:
            raise EnvironmentProblem(
                f"{where} does not fit on the disk when it is unpacked into {self._folder.parent}.",
                hint="Make room there.",
            )


def listed(archive: Path) -> list[zipfile.ZipInfo]:
    """The files in a ZIP but hidden ones and what systems add. Raises `InvalidInput` for one that is not safe."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
    except _DAMAGE as error:
        raise damaged(archive.name, error) from error
    for entry in entries:
        _check_place(archive, entry)
    _check_overlap(archive, entries)
    return [entry for entry in entries if not entry.is_dir() and not is_junk(entry.filename)]


def damaged(where: str, error: Exception) -> InvalidInput:
    reason = str(error).strip().rstrip(".") or type(error).__name__
    if isinstance(error, NotImplementedError):
        return InvalidInput(
            f"{where} is packed in a way that cannot be read: {reason}.", hint="Pack it again as a plain ZIP."
        )
    return InvalidInput(f"{where} is damaged: {reason}.", hint="Copy or download the file again and try once more.")


def _decompressed(archive: Path, kind: str) -> Any:
    if kind == "gzip":
        return gzip.open(archive)
    if kind == "bzip2":
        return bz2.open(archive)
    if kind == "xz":
        return lzma.open(archive)
    return pa.CompressedInputStream(pa.OSFile(str(archive)), "zstd")


def _read(stream: IO[bytes], where: str) -> bytes:
    try:
        return stream.read(_BLOCK)
    except (OSError, *_DAMAGE) as error:
        raise damaged(where, error) from error


def _check_place(archive: Path, entry: zipfile.ZipInfo) -> None:
    name = entry.filename.replace("\\", "/")
    is_absolute = name.startswith("/") or re.match(r"[A-Za-z]:", name) is not None
    refused = ""
    if is_absolute or ".." in PurePosixPath(name).parts:
        refused = "would be written outside of its folder"
    elif stat.S_ISLNK(entry.external_attr >> 16):
        refused = "is a link, not a file"
    elif entry.flag_bits & 0x1:
        raise InvalidInput(
            f"{entry.filename} in {archive.name} is encrypted.", hint="Unpack it with its password, and give the file."
        )
    if refused:
        raise InvalidInput(
            f"{entry.filename!r} in {archive.name} {refused}.", hint="Do not trust this archive; ask where it is from."
        )


def _check_overlap(archive: Path, entries: Sequence[zipfile.ZipInfo]) -> None:
    """Members follow each other; those that share bytes or a name were made to deceive."""
    end, names = 0, set()
    for entry in sorted(entries, key=lambda entry: entry.header_offset):
        if entry.header_offset < end or entry.filename in names:
            raise InvalidInput(
                f"{entry.filename!r} in {archive.name} overlaps another member.",
                hint="Do not trust this archive; ask where it is from.",
            )
        names.add(entry.filename)
        end = entry.header_offset + 30 + entry.compress_size
