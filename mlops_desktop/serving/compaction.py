"""Compacts closed segments of a prediction log to Parquet, without loss.

The new file is written beside the segment, read back and compared, renamed into place, and only then is the segment
removed: whenever a process is killed, readers find each record exactly once.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from mlops_desktop.core.errors import Damaged, EnvironmentProblem
from mlops_desktop.core.progress import Progress, no_progress
from mlops_desktop.serving.log import FeedbackRecord, PredictionRecord, decode_body
from mlops_desktop.serving.segments import COMPACTED, SUFFIX, Frames, Tail, bodies, lock, stems, sync_folder

_PART = ".part"
_BATCH_BYTES = 8 * 1024 * 1024

Rows = list[tuple[bytes, int]]


class Compacted(Struct, frozen=True):
    """What a compaction did. `damaged` segments stay as they are, as something behind the damage may be readable."""

    segments: int = 0
    records: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    damaged: tuple[str, ...] = ()


def compact(folder: Path, progress: Progress = no_progress) -> Compacted:
    """Compact all closed segments of an endpoint's folder. Safe beside readers, writers and other compactions."""
    for left in folder.glob(f"*{_PART}"):
        left.unlink(missing_ok=True)
    names = stems(folder)[:-1]  # the newest may still be appended to
    total, damaged = Compacted(), []
    for place, stem in enumerate(names):
        progress(place / len(names), f"compacting {stem}")
        with _alone(folder / (stem + SUFFIX)) as path:
            if path is None:
                continue
            done = _compact_one(folder, stem)
        if done is None:
            damaged.append(stem)
        else:
            total = _sum(total, done)
    return Compacted(total.segments, total.records, total.bytes_before, total.bytes_after, tuple(damaged))


def _sum(a: Compacted, b: Compacted) -> Compacted:
    return Compacted(
        a.segments + b.segments,
        a.records + b.records,
        a.bytes_before + b.bytes_before,
        a.bytes_after + b.bytes_after,
    )


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[Path | None]:
    """The segment, locked; None where it is gone or its writer still has it."""
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        yield None
        return
    with stream:
        is_ours = lock(stream.fileno(), alone=True) and path.exists()
        if os.name != "posix":
            stream.close()  # an open file cannot be removed there
        yield path if is_ours else None


def _compact_one(folder: Path, stem: str) -> Compacted | None:
    """None for a damaged segment."""
    plain, target = folder / (stem + SUFFIX), folder / (stem + COMPACTED)
    before = plain.stat().st_size
    frames = Frames(plain)
    if not target.exists():  # else killed before the segment was removed
        records = _write(frames, target)
        if frames.tail is Tail.DAMAGED:
            target.with_name(target.name + _PART).unlink(missing_ok=True)
            return None
        target.with_name(target.name + _PART).replace(target)
        sync_folder(folder)
    else:
        records = sum(1 for _ in frames)
    if _digest(Frames(plain)) != _digest(bodies(folder, stem)):
        target.unlink()  # the segment is whole and stays
        raise Damaged(f"{target} does not hold what {plain.name} does.", hint="The disk may be failing; check it.")
    plain.unlink()
    sync_folder(folder)
    return Compacted(1, records, before, target.stat().st_size)


def _digest(found: Iterable[tuple[bytes, int]]) -> bytes:
    digest = hashlib.sha256()
    for body, end in found:
        digest.update(b"%d %d " % (end, len(body)) + body)
    return digest.digest()


def _write(frames: Frames, target: Path) -> int:
    """Write the part file and make it survive the machine; returns the number of records."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            ("end", pa.int64()), ("kind", pa.string()), ("id", pa.string()), ("time", pa.timestamp("us", tz="UTC")),
            ("version", pa.int32()), ("role", pa.string()), ("status", pa.int16()), ("rows", pa.int32()),
            ("body", pa.binary()),
        ]
    )  # fmt: skip
    part = target.with_name(target.name + _PART)
    records = 0
    try:
        with part.open("wb") as stream:
            with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
                for rows in _batches(frames):
                    records += len(rows)
                    columns = zip(*(_cells(body, end) for body, end in rows), strict=True)
                    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
                    writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EnvironmentProblem(
            f"{target} cannot be written: {error.strerror or error}.", hint="Free some space on the disk."
        ) from error
    return records


def _batches(frames: Frames) -> Iterator[Rows]:
    rows: Rows = []
    size = 0
    for body, end in frames:
        rows.append((body, end))
        size += len(body)
        if size >= _BATCH_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _cells(body: bytes, end: int) -> tuple[Any, ...]:
    """Columns to query by, and the body itself, from which everything is read."""
    record = decode_body(body)
    match record:
        case PredictionRecord():
            own = ("prediction", record.id, record.time, record.version, record.role, record.status, record.rows)
            return (end, *own, body)
        case FeedbackRecord():
            return (end, "label", record.id, record.time, None, None, None, None, body)
    kind = "" if record is None else type(record).__name__
    return (end, kind, None, None, None, None, None, None, body)
