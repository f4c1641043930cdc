"""Labels that match no prediction yet, kept between collections. The log has them too; this saves reading all of it."""

from __future__ import annotations

from pathlib import Path

import msgspec

from mlops_desktop.core.ids import new_id
from mlops_desktop.serving.log import FeedbackRecord

MOST_PARKED = 200_000
_FILE = "labels.parked"


def read_parked(folder: Path) -> list[FeedbackRecord]:
    """The parked labels of an endpoint's log, oldest first."""
    try:
        return msgspec.msgpack.decode((folder / _FILE).read_bytes(), type=list[FeedbackRecord])
    except FileNotFoundError:
        return []


def park(folder: Path, labels: list[FeedbackRecord]) -> tuple[int, int]:
    """Keep these instead, the last one of each id; returns how many are kept, and how many had to be given up.

    Doing it twice, or before a collection that is then cut off, changes nothing: the same labels are found again.
    """
    newest: dict[str, FeedbackRecord] = {}
    for label in labels:
        newest.pop(label.id, None)
        newest[label.id] = label
    kept = list(newest.values())[-MOST_PARKED:]
    path = folder / _FILE
    if kept or path.exists():
        fresh = folder / f"{_FILE}.{new_id()}"
        fresh.write_bytes(msgspec.msgpack.encode(kept))
        fresh.replace(path)
    return len(kept), len(newest) - len(kept)
