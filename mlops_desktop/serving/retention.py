"""Removes the oldest segments of a prediction log, by age and by size, but never what somebody still needs."""

from __future__ import annotations

import contextlib
from datetime import datetime
from pathlib import Path

from msgspec import Struct

from mlops_desktop.serving.log import FeedbackRecord, LogPosition, PredictionRecord, decode_body, to_micros
from mlops_desktop.serving.segments import COMPACTED, SUFFIX, bodies, lock, stems, sync_folder


class Needed(Struct, frozen=True):
    """What must stay: all from the position on (it was not collected yet), and records since the moment."""

    collected: LogPosition
    since: datetime | None = None


class Removed(Struct, frozen=True):
    """What was removed, and how many segments were due but are still needed."""

    segments: tuple[str, ...] = ()
    bytes: int = 0
    kept_for_need: int = 0


def remove_old(folder: Path, needed: Needed, *, before: datetime | None = None, keep_bytes: int = 0) -> Removed:
    """Remove closed segments whose records are all from before `before`, and the oldest beyond `keep_bytes` (0: none).

    Times are those of the records, as in a replay they are not the machine's.
    """
    names = stems(folder)
    sizes = {stem: sum(path.stat().st_size for path in _files(folder, stem)) for stem in names}
    excess = sum(sizes.values()) - keep_bytes if keep_bytes else 0
    removed: list[str] = []
    for stem in names[:-1]:
        is_over = excess > 0
        newest = _newest(folder, stem) if before is not None or needed.since is not None else 0
        if not is_over and (before is None or newest >= to_micros(before)):
            break
        if stem + SUFFIX >= needed.collected.segment or (
            needed.since is not None and newest >= to_micros(needed.since)
        ):
            due = _due(folder, names[len(removed) : -1], sizes, excess, before)
            return Removed(tuple(removed), sum(sizes[name] for name in removed), due)
        if not _remove(folder, stem):
            break
        removed.append(stem)
        excess -= sizes[stem]
    return Removed(tuple(removed), sum(sizes[name] for name in removed))


def _due(folder: Path, names: list[str], sizes: dict[str, int], excess: int, before: datetime | None) -> int:
    """How many more segments age or size would have removed."""
    count = 0
    for stem in names:
        if excess <= 0 and (before is None or _newest(folder, stem) >= to_micros(before)):
            break
        excess -= sizes[stem]
        count += 1
    return count


def _files(folder: Path, stem: str) -> list[Path]:
    return [path for suffix in (SUFFIX, COMPACTED) if (path := folder / (stem + suffix)).exists()]


def _newest(folder: Path, stem: str) -> int:
    """Time of the newest record in µs; 0 where there is none."""
    compacted = folder / (stem + COMPACTED)
    if compacted.exists():
        return _newest_by_statistics(compacted)
    records = (decode_body(body) for body, _ in bodies(folder, stem))
    return max((each.time for each in records if isinstance(each, PredictionRecord | FeedbackRecord)), default=0)


def _newest_by_statistics(path: Path) -> int:
    import pyarrow.parquet as pq

    newest = 0
    with pq.ParquetFile(path) as file:
        index = file.schema_arrow.get_field_index("time")
        for group in range(file.metadata.num_row_groups):
            statistics = file.metadata.row_group(group).column(index).statistics
            if statistics is not None and statistics.has_min_max:
                newest = max(newest, statistics.max_raw)
    return newest


def _remove(folder: Path, stem: str) -> bool:
    """False while the segment's writer still has it."""
    plain = folder / (stem + SUFFIX)
    with contextlib.suppress(FileNotFoundError), plain.open("rb") as stream:
        if not lock(stream.fileno(), alone=True):
            return False
    for path in _files(folder, stem):
        path.unlink(missing_ok=True)
    sync_folder(folder)
    return True
