"""The agent: the engine without a window, until it is interrupted or asked to end."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from pathlib import Path

from mlops_desktop.core.errors import AppError, Conflict
from mlops_desktop.pipelines.background import ask_to_end, forget_request, is_asked_to_end
from mlops_desktop.pipelines.engine import Engine
from mlops_desktop.registry import Registry

_STOP_SECONDS = 30.0


def main(argv: list[str]) -> int:
    """Run the engine of a workspace until it is interrupted or asked to end."""
    parser = argparse.ArgumentParser(prog="mlops-desktop agent", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    parser.add_argument("--wait", type=float, default=0.0, metavar="SECONDS", help="for another engine to end")
    parser.add_argument("--stop", action="store_true", help="ask the agent that runs to end, and wait until it has")
    arguments = parser.parse_args(argv)
    try:
        if arguments.stop:
            return stop_agent(arguments.folder)
        return run_agent(arguments.folder, with_parent=arguments.with_parent, patience=arguments.wait)
    except AppError as error:
        sys.stderr.write(f"mlops-desktop: {error}\n")
        return 1


def run_agent(folder: Path, *, with_parent: bool = False, patience: float = 0.0) -> int:
    """Raises `Conflict` when another program runs the engine, and goes on for `patience` seconds."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), lambda *_: stop.set())
    engine = Engine(folder)
    if not engine.start(patience=patience):
        raise Conflict(
            f"The engine of {folder} already runs in {engine.holder}.", hint="Use that one, or end it first."
        )
    forget_request(folder)
    sys.stdout.write(f"The engine of {folder} runs.\n")
    sys.stdout.flush()
    if with_parent:
        threading.Thread(target=_wait_for_end, args=(stop,), name="stdin-watch", daemon=True).start()
    try:
        while not stop.wait(0.5):
            if not engine.is_running:
                sys.stderr.write(f"mlops-desktop: the engine ended: {engine.failure}\n")
                return 1
            if is_asked_to_end(folder):
                break
    finally:
        engine.stop()
        forget_request(folder)
    return 0


def stop_agent(folder: Path) -> int:
    """Ask the agent to end, and wait for it. Raises `Conflict` where what runs the engine does not end."""
    registry = Registry(folder, actor="person")
    lease = registry.engine_lease()
    registry.close()
    if lease.acquire():
        lease.release()
        sys.stdout.write(f"No engine of {folder} runs.\n")
        return 0
    ask_to_end(folder)
    deadline = time.monotonic() + _STOP_SECONDS
    while not lease.acquire():
        if time.monotonic() > deadline:
            forget_request(folder)
            raise Conflict(
                f"{lease.holder() or 'What'} runs the engine of {folder} and does not end.",
                hint="It may be a window: close that instead.",
            )
        time.sleep(0.1)
    lease.release()
    sys.stdout.write(f"The engine of {folder} has ended.\n")
    return 0


def _wait_for_end(stop: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    stop.set()
