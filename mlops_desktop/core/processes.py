"""Child processes: how one is named, started, told to end, and made to end.

Every child watches its standard input and ends at its end, so that nothing outlives the process that started it, even
one that was killed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

IS_WINDOWS = sys.platform == "win32"


def program_command(*arguments: str) -> list[str]:
    """The command that starts this program with `arguments`, from source and from a frozen build alike."""
    if getattr(sys, "frozen", False):
        return [sys.executable, *arguments]
    return [sys.executable, "-m", "mlops_desktop", *arguments]


def start_child(
    command: list[str],
    *,
    stdout: int | IO[bytes] | None = subprocess.PIPE,
    stderr: int | IO[bytes] | None = None,
    environment: dict[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a group of its own, with a pipe on its standard input that keeps it alive."""
    grouping: dict[str, Any] = (
        {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        if IS_WINDOWS
        else {"start_new_session": True}
    )
    merged = os.environ | {"PYTHONUNBUFFERED": "1"} | (environment or {})
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, env=merged, cwd=cwd, **grouping
    )
    if IS_WINDOWS:
        from mlops_desktop.core.winjob import bind_to_us

        bind_to_us(int(getattr(process, "_handle")))  # noqa: B009 - Popen has it on Windows alone
    return process


def start_detached(command: list[str], log: Path) -> None:
    """Start a program that goes on when we end. What it says goes to the end of `log`."""
    apart: dict[str, Any] = {"start_new_session": True}
    if IS_WINDOWS:
        flags = ("DETACHED_PROCESS", "CREATE_NEW_PROCESS_GROUP", "CREATE_BREAKAWAY_FROM_JOB")
        apart = {"creationflags": sum(getattr(subprocess, flag, 0) for flag in flags)}
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **apart)


def stop_child(process: subprocess.Popen[bytes], *, patience: float = 5.0) -> int:
    """Ask by closing its standard input, then terminate, then kill the whole group. Returns the exit code."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    for force in (None, _terminate, kill_group):
        if force is not None:
            force(process)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(patience if force is None else 2.0)
    return process.wait()


def _terminate(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        process.terminate()


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """End a child and its own children at once."""
    with contextlib.suppress(OSError):
        if IS_WINDOWS:
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def on_stdin_end(action: Callable[[], None]) -> threading.Thread:
    """Call `action` once, from a thread, when the parent closes our standard input or dies."""

    def watch() -> None:
        stream = sys.stdin.buffer if sys.stdin is not None else None
        while stream is not None and stream.read(4096):
            pass
        action()

    thread = threading.Thread(target=watch, name="stdin-watch", daemon=True)
    thread.start()
    return thread


def yield_to_people() -> None:
    """Let this process compute only when nobody who is waited for (the window, the gateway) wants the processor."""
    with contextlib.suppress(OSError, AttributeError):
        if IS_WINDOWS:
            _set_windows_priority()
        else:
            os.nice(10)


def _set_windows_priority() -> None:
    import ctypes

    below_normal = 0x00004000
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009 - exists on Windows alone, and mypy knows it
    kernel.SetPriorityClass(kernel.GetCurrentProcess(), below_normal)


def exit_at_stdin_end() -> None:
    """End this process, without clean-up, when its parent is gone: its work is safe to lose at any moment."""
    on_stdin_end(lambda: os._exit(3))
