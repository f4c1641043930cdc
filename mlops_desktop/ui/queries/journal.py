"""Pages of the journal, its check, and its export."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from mlops_desktop.core.clock import to_text
from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.core.events import Event, describe, kinds
from mlops_desktop.registry.journal import Verification
from mlops_desktop.workspace import Workspace

PAGE = 1_000


@dataclass(frozen=True)
class JournalPage:
    """Newest first; `total` counts the whole journal."""

    events: tuple[Event, ...]
    total: int
    kinds: tuple[str, ...]


def journal_page(workspace: Workspace, group: str = "", before: int | None = None) -> JournalPage:
    """The newest events of a group of kinds (`alert`, `rollout`, …), or of all."""
    wanted = [kind for kind in kinds() if kind.split(".")[0] == group] if group else []
    events = tuple(workspace.registry.journal.newest(PAGE, kinds=wanted, before=before))
    groups = tuple(dict.fromkeys(kind.split(".")[0] for kind in kinds()))
    return JournalPage(events, workspace.registry.journal.head(), groups)


def verify(workspace: Workspace) -> Verification:
    return workspace.registry.journal.verify()


def export(workspace: Workspace, path: Path) -> int:
    """Write the whole journal as JSON lines or, by the name's ending, as CSV; returns the number of events."""
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            if path.suffix.lower() == ".csv":
                return _write_csv(workspace, csv.writer(file))
            count = 0
            for event in workspace.registry.journal.all():
                file.write(json.dumps(_fields(event), ensure_ascii=False) + "\n")
                count += 1
            return count
    except OSError as error:
        raise EnvironmentProblem(
            f"{path} cannot be written ({error.strerror}).", hint="Choose another folder."
        ) from error


def _write_csv(workspace: Workspace, writer: object) -> int:
    write = writer.writerow  # type: ignore[attr-defined]
    write(["seq", "time", "recorded", "actor", "kind", "subject", "description", "payload", "previous", "hash"])
    count = 0
    for event in workspace.registry.journal.all():
        count += 1
        fields = _fields(event)
        payload = json.dumps(fields.pop("payload"), ensure_ascii=False)
        write([*list(fields.values())[:6], describe(event), payload, event.previous, event.hash])
    return count


def _fields(event: Event) -> dict[str, object]:
    return {
        "seq": event.seq,
        "time": to_text(event.time),
        "recorded": to_text(event.recorded),
        "actor": event.actor,
        "kind": event.kind,
        "subject": event.subject,
        "payload": event.payload,
        "previous": event.previous,
        "hash": event.hash,
    }
