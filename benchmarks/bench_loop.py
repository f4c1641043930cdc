"""How long the whole loop takes, what memory all its processes need, and what it wins.

    python benchmarks/bench_loop.py

Plays the nine months of the sample headless, as a user would, into a temporary folder, while the memory of the whole
process tree is sampled five times a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[1]
SAMPLE_SECONDS = 0.2
MEGABYTE = 1e6


class Memory(threading.Thread):
    """Samples a process and all its descendants. `peak` is the largest sum in bytes, `parts` what it consisted of."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.peak, self.samples, self.parts = 0, 0, dict[str, int]()
        self._root = psutil.Process(pid)
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            parts: dict[str, int] = {}
            for process in self._tree():
                name, size = _role(process), _proportional_size(process)
                parts[name] = parts.get(name, 0) + size
            self.samples += 1
            if sum(parts.values()) > self.peak:
                self.peak, self.parts = sum(parts.values()), parts

    def stop(self) -> None:
        self._done.set()
        self.join()

    def _tree(self) -> list[psutil.Process]:
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []


def _proportional_size(process: psutil.Process) -> int:
    """Memory of a process, pages shared with others counted by their share (Linux); else its own, else all of it."""
    try:
        found = process.memory_full_info()
    except psutil.NoSuchProcess:
        return 0
    except psutil.AccessDenied:
        return int(process.memory_info().rss)
    return int(getattr(found, "pss", 0) or getattr(found, "uss", 0) or found.rss)


def _role(process: psutil.Process) -> str:
    try:
        command = " ".join(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return "other"
    for role in ("serving-worker", "gateway", "forkserver", "resource_tracker", "mlops_desktop.ui.shots"):
        if role in command:
            return {"forkserver": "pipeline workers", "mlops_desktop.ui.shots": "pictures"}.get(role, role)
    return "engine and player" if "demo" in command else "other"


def say(name: str, value: float, unit: str, **more: Any) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit} | more), flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(ROOT / "main.py"), "demo", "--headless", "--json", "--out", folder]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        started = time.monotonic()
        demo = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment)
        memory = Memory(demo.pid)
        memory.start()
        printed, _ = demo.communicate()
        whole = time.monotonic() - started
        memory.stop()
        if demo.returncode:
            raise SystemExit(f"The demo ended with {demo.returncode}.")
        report(json.loads(printed), whole, memory)


def report(found: dict[str, Any], whole: float, memory: Memory) -> None:
    total = found["summary"]["total"]
    months = len(found["summary"]["months"])
    say("nine months of the sample", found["seconds"], "s", bound=240, months=months, rows=total["rows"])
    say("the same with report and pictures", round(whole, 1), "s")
    parts = {name: round(size / MEGABYTE) for name, size in sorted(memory.parts.items())}
    say("peak memory of all processes", round(memory.peak / MEGABYTE), "MB", bound=1500, at_the_peak=parts)
    never, always, loop = (round(total[name], 4) for name in ("never", "always", "loop"))
    say("mean AUC, never retrained", never, "AUC")
    say("mean AUC, always retrained", always, "AUC")
    say("mean AUC of the loop", loop, "AUC", bound=max(never, always), ratio=round(loop / max(never, always), 4))
    counts = {name: total[name] for name in ("promotions", "refusals", "rollbacks")}
    say(
        "events in the journal",
        found["summary"]["events"],
        "events",
        intact=found["summary"]["journal_intact"],
        **counts,
    )


if __name__ == "__main__":
    main()
