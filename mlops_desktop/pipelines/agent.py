"""The agent: the engine without a window, until it is asked to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from mlops_desktop.core.errors import AppError, Conflict
from mlops_desktop.pipelines.engine import Engine


def main(argv: list[str]) -> int:
    """Run the engine of a workspace until interrupted, or, with `--with-parent`, until standard input ends."""
    parser = argparse.ArgumentParser(prog="mlops-desktop agent", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    arguments = parser.parse_args(argv)
    try:
        return run_agent(arguments.folder, with_parent=arguments.with_parent)
    except AppError as error:
        sys.stderr.write(f"mlops-desktop: {error}\n")
        return 1


def run_agent(folder: Path, *, with_parent: bool = False) -> int:
    """Raises `Conflict` when another program already runs the engine."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    engine = Engine(folder)
    if not engine.start():
        raise Conflict(
            f"The engine of {folder} already runs in {engine.holder}.", hint="Use that one, or end it first."
        )
    sys.stdout.write(f"The engine of {folder} runs.\n")
    sys.stdout.flush()
    if with_parent:
        threading.Thread(target=_wait_for_end, args=(stop,), name="stdin-watch", daemon=True).start()
    try:
        while not stop.wait(0.5):
            if not engine.is_running:
                sys.stderr.write(f"mlops-desktop: the engine ended: {engine.failure}\n")
                return 1
    finally:
        engine.stop()
    return 0


def _wait_for_end(stop: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    stop.set()
