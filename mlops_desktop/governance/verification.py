"""The few lines with which anybody can check an exported journal, without this program."""

from __future__ import annotations

_SCRIPT = """\
import hashlib, json, sys
from datetime import datetime

KNOWN_EVENTS, KNOWN_HEAD = {events}, "{head}"

def moment(text):
    return datetime.fromisoformat(text).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

previous, count = "0" * 64, 0
with open(sys.argv[1], encoding="utf-8") as journal:
    for count, line in enumerate(journal, 1):
        event = json.loads(line)
        fields = {{key: event[key] for key in ("seq", "actor", "kind", "subject", "payload")}}
        fields |= {{key: moment(event[key]) for key in ("time", "recorded")}}
        text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        found = hashlib.sha256(f"{{previous}}\\n{{text}}".encode()).hexdigest()
        if (event["seq"], event["previous"], event["hash"]) != (count, previous, found):
            sys.exit(f"Event {{count}} was changed, removed or inserted.")
        if count == KNOWN_EVENTS and found != KNOWN_HEAD:
            sys.exit("Not the journal that the report was written from.")
        previous = found
if count < KNOWN_EVENTS:
    sys.exit(f"{{KNOWN_EVENTS - count}} events are missing at the end.")
print(f"{{count}} events are intact, head {{previous}}")
"""


def verification_script(events: int, head: str) -> str:
    """A Python program (3.11 or newer, standard library alone) that checks `mlops-desktop journal export` output.

    It knows the count and the head hash at the time of the report, so that a journal which was rewritten as a whole or
    cut off is found out too. Its argument is the exported file; it exits with 0 where all is well.
    """
    return _SCRIPT.format(events=int(events), head=head)
