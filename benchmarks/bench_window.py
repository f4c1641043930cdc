"""How fast the window opens, how long its thread stalls while the sample plays at full speed, and its memory.

    python -m benchmarks bench_window

Each part runs the real program in a process of its own, on the offscreen platform where there is no display.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAVY = ("sklearn", "onnxruntime", "pandas")
STALL_SECONDS = 60.0
HEARTBEAT_MS = 4


def _child(part: str, folder: Path) -> dict[str, float]:
    environment = os.environ | {"BENCH_STARTED": repr(time.time())}
    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        environment["QT_QPA_PLATFORM"] = "offscreen"
    command = [sys.executable, "-c", f"from benchmarks.bench_window import {part}; {part}()", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def start_up() -> None:
    """Open a workspace and wait until its first page shows what the registry holds."""
    desktop, application = _desktop()
    desktop.begin(Path(sys.argv[-1]))
    _run_until(lambda: _is_usable(desktop), 30)
    usable = time.time() - float(os.environ["BENCH_STARTED"])
    heavy = sum(name in sys.modules for name in HEAVY)
    print(json.dumps({"usable": usable, "heavy": heavy, "memory": _memory()}))
    _end(desktop, application)


def stalls() -> None:
    """Play the sample as fast as it goes while walking through the pages, and watch the event loop's heartbeat."""
    from PySide6.QtCore import QTimer

    desktop, application = _desktop()
    desktop.begin(Path(sys.argv[-1]) / "sample", sample=True, play=True)
    _run_until(lambda: _is_usable(desktop) and desktop.player is not None, 60)
    desktop.player.set_speed(0.0)
    gaps: list[float] = []
    last = time.perf_counter()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(now - last)
        last = now

    timer = QTimer()
    timer.setInterval(HEARTBEAT_MS)
    timer.timeout.connect(beat)
    from mlops_desktop.ui.catalogue import PAGES

    keys = [page.key for page in PAGES]
    view = desktop.window.view
    # The first visit builds a page; the bar for that is another one (`first`), so it is not counted as a stall.
    first = []
    for key in keys:
        began = time.perf_counter()
        view.open(key)
        _run_until(lambda: view.current.is_settled, 30)
        first.append(time.perf_counter() - began)
    last = time.perf_counter()
    timer.start()
    began, turn = time.monotonic(), 0
    while time.monotonic() - began < STALL_SECONDS:
        view.open(keys[0] if turn % 2 == 0 else keys[turn // 2 % len(keys)])
        turn += 1
        _run_for(1.5)
    timer.stop()
    from mlops_desktop.workspace import Workspace

    day = Workspace(Path(sys.argv[-1]) / "sample").registry.clock.now().timetuple().tm_yday
    gaps.sort()
    print(
        json.dumps(
            {
                "longest": gaps[-1] * 1e3,
                "over_50": sum(gap > 0.05 for gap in gaps),
                "p99": gaps[int(len(gaps) * 0.99)] * 1e3,
                "beats": len(gaps),
                "first_page": max(first) * 1e3,
                "memory": _memory(),
                "day": day,
            }
        )
    )
    _end(desktop, application)


def _desktop():
    from PySide6.QtWidgets import QApplication

    application = QApplication(["bench"])
    from mlops_desktop.app import Desktop, collect_garbage_calmly

    collect_garbage_calmly()
    return Desktop(application), application


def _is_usable(desktop) -> bool:
    view = desktop.window.view
    return view is not None and view.current is not None and view.current.is_settled


def _run_until(condition, patience: float) -> None:
    from mlops_desktop.ui.screens import wait_until

    wait_until(condition, patience)


def _run_for(seconds: float) -> None:
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(int(seconds * 1000), loop.quit)
    loop.exec()


def _memory() -> float:
    import psutil

    return psutil.Process().memory_info().rss / 1e6


def _end(desktop, application) -> None:
    desktop.window.close_workspace()
    desktop.end()
    application.processEvents()


def _say(name: str, value: float, unit: str, bound: float | None = None) -> None:
    line: dict[str, object] = {"name": name, "value": round(value, 3), "unit": unit}
    if bound is not None:
        line |= {"bound": bound, "holds": value <= bound}
    print(json.dumps(line), flush=True)


def main() -> None:
    from mlops_desktop.workspace import Workspace

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Workspace.create(folder / "empty").close()
        _child("start_up", folder / "empty")  # the warm start is measured, so one start goes before
        starts = [_child("start_up", folder / "empty") for _ in range(5)]
        _say(
            "window usable, empty workspace, warm, median of 5",
            statistics.median(s["usable"] for s in starts),
            "s",
            1.5,
        )
        _say("of scikit-learn, onnxruntime, pandas imported at start-up", max(s["heavy"] for s in starts), "modules", 0)
        _say("memory of the idle window", statistics.median(s["memory"] for s in starts), "MB", 250)
        found = _child("stalls", folder)
        _say("longest stall of the window's thread, sample at full speed", found["longest"], "ms", 200)
        _say("days of the sample played meanwhile", found["day"] - 91, "days")
        _say("stalls over 50 ms in 60 s", found["over_50"], "stalls")
        _say("99th percentile between heartbeats of 4 ms", found["p99"], "ms")
        _say("slowest first visit of a page", found["first_page"], "ms", 250)
        _say("memory of the busy window with the engine", found["memory"], "MB", 600)


if __name__ == "__main__":
    main()
