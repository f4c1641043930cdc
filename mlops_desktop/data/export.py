"""Write a dataset version to a file, or to a folder of Parquet files, in bounded memory.

A file is written beside its place and renamed when it is whole. See `data.writers` for what each format carries.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import pyarrow as pa
from msgspec import Struct
from typing_extensions import Buffer

from mlops_desktop.core.datasets import DatasetVersion, Part
from mlops_desktop.core.errors import Conflict, EnvironmentProblem, InvalidInput
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.data.read import Between, iter_batches, resolve
from mlops_desktop.data.schema import to_arrow
from mlops_desktop.data.writers import BY_EXTENSION, FORMATS, PARQUET, SUFFIXES, Format, packed
from mlops_desktop.registry import Registry

FOLDER = "parquet-folder"
_BATCH_ROWS = 131_072
_BATCH_BYTES = 32 << 20
_FILE_ROWS = 2_000_000
_FILE_BYTES = 512 << 20


class Exported(Struct, frozen=True):
    """What was written.

    Attributes:
        size: bytes of the file, or of all files.
        sha256: of the file; of a folder that of its files' list as `sha256sum` writes it.
        warnings: what the format could not carry.
        parts: the files of a folder.
    """

    path: str
    format: str
    rows: int
    size: int
    sha256: str
    warnings: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()


class Target(NamedTuple):
    """A format, and the extension of the compression around it, empty for none."""

    format: Format
    suffix: str


def export(
    registry: Registry,
    version: DatasetVersion | str,
    path: Path | str,
    *,
    format: str = "",
    columns: Sequence[str] | None = None,
    between: Between | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Exported:
    """Write a version, some columns of it or a span of time, to `path`.

    The format is told by the extension (`flights.csv.gz`) or by `format`: `parquet`, `csv`, `tsv`, `arrow`, `json`,
    `jsonl`, `excel`, or `parquet-folder` for a new folder of Parquet files. An extension `.gz`, `.zst` or `.zip` at the
    end compresses. Raises `InvalidInput` for an unknown format or what it cannot hold, `Conflict` where there is a file
    already that is not to be overwritten, `EnvironmentProblem`, `NotFound`, `Damaged`.
    """
    found, path = resolve(registry, version), Path(path)
    names = list(columns) if columns is not None else list(found.schema.names)
    target = _target(path, format)
    _check_place(path, overwrite and format != FOLDER)
    batches = iter_batches(registry, found, columns=names, between=between)
    schema = to_arrow(found.schema)
    schema = pa.schema([schema.field(name) for name in names])
    _check_size(target.format, found.rows if between is None else 0, len(names))
    rows = _Rows(batches, found.rows, target.format, progress)
    temporary = path.with_name(f".{path.name}.{new_id()}")
    write = _write_folder if format == FOLDER else _write_file
    try:
        written = write(temporary, path, target, schema, rows)
        _check_place(path, overwrite and format != FOLDER)
        temporary.replace(path)
    except OSError as error:
        raise _explained(error, path) from error
    finally:
        _remove(temporary)
    return written


def _target(path: Path, name: str) -> Target:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    suffix = suffixes.pop() if suffixes and suffixes[-1] in SUFFIXES else ""
    if name == FOLDER:
        return Target(PARQUET, "")
    found = FORMATS.get(name) if name else BY_EXTENSION.get(suffixes[-1] if suffixes else "")
    if found is None:
        said = repr(name) if name else f"by the name {path.name}"
        raise InvalidInput(
            f"There is no such format to export to: {said}.",
            hint=f"End the name in {', '.join(BY_EXTENSION)}, or give one of {', '.join([*FORMATS, FOLDER])}.",
        )
    return Target(found, suffix)


def _check_place(path: Path, overwrite: bool) -> None:
    if path.is_dir():
        raise Conflict(f"There is a folder {path} already.", hint="Give another name, or remove the folder first.")
    if path.exists() and not overwrite:
        raise Conflict(f"There is a file {path} already.", hint="Give another name, or say that it may be overwritten.")
    if not path.parent.is_dir():
        raise InvalidInput(f"There is no folder {path.parent}.", hint="Make the folder first, or give another one.")


def _check_size(found: Format, rows: int, columns: int) -> None:
    for number, most, what in ((rows, found.most_rows, "rows"), (columns, found.most_columns, "columns")):
        if most and number > most:
            raise InvalidInput(
                f"{found.name.title()} holds {most:,} {what} at most, and there are {number:,}.",
                hint=f"Choose fewer {what}, or another format such as CSV or Parquet.",
            )


class _Rows:
    """The batches to write, neither tiny nor huge; counts the rows and reports how far it is.

    The rate is that of the rows as they are in memory, whatever the format makes of them.
    """

    def __init__(self, batches: Iterable[pa.RecordBatch], total: int, found: Format, progress: Progress) -> None:
        self._batches = batches
        self._total = total
        self._format = found
        self._progress = progress
        self.number = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        started, size = time.monotonic(), 0
        for batch in _regrouped(self._batches):
            rate = f", {size / 1e6 / max(time.monotonic() - started, 1e-6):,.0f} MB/s" if size else ""
            self._progress(min(self.number / max(self._total, 1), 1.0), f"{self.number:,} rows written{rate}")
            self.number, size = self.number + batch.num_rows, size + batch.nbytes
            _check_size(self._format, self.number, 0)
            yield batch


def _regrouped(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _BATCH_ROWS or size >= _BATCH_BYTES:
            yield pa.concat_batches(waiting)
            waiting, rows, size = [], 0, 0
    if waiting:
        yield pa.concat_batches(waiting)


def _write_file(temporary: Path, path: Path, target: Target, schema: pa.Schema, rows: _Rows) -> Exported:
    name = path.name.removesuffix(path.suffix) if target.suffix else path.name
    with _HashedFile(temporary) as file:
        with ExitStack() as stack:
            sink = packed(stack, cast(BinaryIO, file), target.suffix, name)
            writer = target.format.open(sink, schema)
            for batch in rows:
                writer.write(batch)
            writer.close()
        file.sync()
    return Exported(str(path), target.format.name, rows.number, file.size, file.sha256, writer.warnings)


def _write_folder(temporary: Path, path: Path, target: Target, schema: pa.Schema, rows: _Rows) -> Exported:
    temporary.mkdir()
    parts = []
    for number, batches in enumerate(_by_file(rows, schema)):
        with _HashedFile(temporary / f"part-{number:05}.parquet") as file:
            writer = target.format.open(cast(BinaryIO, file), schema)
            for batch in batches:
                writer.write(batch)
            writer.close()
            file.sync()
        parts.append(Part(file.path.name, file.sha256, file.size))
    listed = "".join(f"{part.sha256}  {part.name}\n" for part in parts)
    sha256 = hashlib.sha256(listed.encode()).hexdigest()
    size = sum(part.size for part in parts)
    return Exported(str(path), FOLDER, rows.number, size, sha256, parts=tuple(parts))


def _by_file(rows: _Rows, schema: pa.Schema) -> Iterator[Iterator[pa.RecordBatch]]:
    """The batches of each file; one at least, so that a version without rows has its columns on record."""
    batches = iter(rows)
    following = next(batches, pa.RecordBatch.from_arrays([pa.nulls(0, field.type) for field in schema], schema=schema))

    def of_file() -> Iterator[pa.RecordBatch]:
        nonlocal following
        number = size = 0
        while following is not None and number < _FILE_ROWS and size < _FILE_BYTES:
            number, size = number + following.num_rows, size + following.nbytes
            yield following
            following = next(batches, None)

    while following is not None:
        yield of_file()


class _HashedFile(io.RawIOBase):
    """A file that is written from its start to its end and hashed on the way.

    Writers close what they write to; the file itself is closed at the end of the `with` block.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = 0
        self._digest = hashlib.sha256()
        self._file = path.open("wb")

    def writable(self) -> bool:
        return True

    def write(self, content: Buffer, /) -> int:
        view = memoryview(content)
        self._digest.update(view)
        self._file.write(view)
        self.size += view.nbytes
        return view.nbytes

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Left to the end: writers flush often."""

    def sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self.close()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()


def _remove(temporary: Path) -> None:
    if temporary.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
    else:
        temporary.unlink(missing_ok=True)


def _explained(error: OSError, path: Path) -> EnvironmentProblem:
    if error.errno == errno.ENOSPC:
        return EnvironmentProblem(
            f"The disk that holds {path} is full.", hint="Free some space and try again; nothing was half-written."
        )
    return EnvironmentProblem(
        f"{path} cannot be written ({error.strerror or error}).", hint="Check that you may write to that folder."
    )
