"""Everything that has to hold before a change is done: style, types, imports, and the tests in four lanes.

    python packaging/check.py            all lanes
    python packaging/check.py types ui   some of them

A lane that fails does not stop the others; the summary at the end names each lane's outcome.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTED = re.compile(r"(\d+) (passed|failed|skipped|errors?|xfailed|xpassed)\b")
CLOSING = re.compile(r"\bin \d+\.\d+s\b")


@dataclass(frozen=True)
class Lane:
    """A command, what it is called, and what is added to its environment."""

    name: str
    title: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    lane: Lane
    code: int
    counts: Counter[str]
    seconds: float

    def __str__(self) -> str:
        word = "ok" if self.code == 0 else "no test ran" if self.code == 5 else "FAILED"
        counts = ", ".join(f"{number} {what}" for what, number in self.counts.items())
        return f"  {self.lane.name:<10}{word:<13}{self.seconds:5.0f} s   {counts}".rstrip()


def _tests(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "pytest", "-rfEs", *arguments)


def _window_command() -> tuple[str, ...]:
    """On Linux a screen of our own, so that nothing pops up on the developer's; elsewhere the screen that is there."""
    if sys.platform == "linux" and shutil.which("xvfb-run"):
        return ("xvfb-run", "-a", "-s", "-screen 0 1920x1200x24", *_tests("tests/window"))
    return _tests("tests/window")


def _lanes() -> list[Lane]:
    python = (sys.executable, "-m")
    headless = {"MLOPS_WITHOUT_QT": "1", "PYTHONPATH": _before_python_path(ROOT / "tests" / "headless")}
    imports = (sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-logo'])")
    offscreen = {"QT_QPA_PLATFORM": "offscreen"}
    on_screen = {"QT_QPA_PLATFORM": "xcb"} if sys.platform == "linux" else {}
    return [
        Lane("lint", "ruff check", (*python, "ruff", "check", ".")),
        Lane("format", "ruff format --check", (*python, "ruff", "format", "--check", ".")),
        Lane("types", "mypy, strict", (*python, "mypy")),
        Lane("imports", "import-linter: rooms import downwards only", imports),
        Lane("headless", "Unit and contract tests, with Qt made un-importable",
             _tests("-n", "2", "-p", "no:pytest-qt", "tests/unit", "tests/contracts"), headless),
        Lane("ui", "Window tests, offscreen", _tests("tests/ui"), offscreen),
        Lane("e2e", "End to end, real processes", _tests("tests/e2e"), offscreen),
        Lane("window", "A real window on a screen", _window_command(), on_screen),
    ]  # fmt: skip


def _before_python_path(folder: Path) -> str:
    return os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH", "")]))


def _run(lane: Lane) -> Outcome:
    print(f"\n=== {lane.name}: {lane.title}", flush=True)
    started = time.monotonic()
    counts: Counter[str] = Counter()
    with subprocess.Popen(
        lane.command,
        cwd=ROOT,
        env=os.environ | lane.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            if CLOSING.search(line):
                counts = Counter({what.rstrip("s"): int(number) for number, what in COUNTED.findall(line)})
    return Outcome(lane, process.returncode, counts, time.monotonic() - started)


def main() -> int:
    lanes = _lanes()
    wanted = set(sys.argv[1:]) or {lane.name for lane in lanes}
    if unknown := wanted - {lane.name for lane in lanes}:
        print(f"No lane is called {', '.join(sorted(unknown))}; there are {', '.join(lane.name for lane in lanes)}.")
        return 2
    outcomes = [_run(lane) for lane in lanes if lane.name in wanted]
    total = sum((outcome.counts for outcome in outcomes), Counter[str]())
    print("\n=== Summary", *outcomes, sep="\n")
    failed = total["failed"] + total["error"]
    print(f"total: {total['passed']} passed, {failed} failed, {total['skipped']} skipped", flush=True)
    return int(any(outcome.code for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
