"""An engine without a window: begun apart from whoever asks for it, and asked to end through a file.

A file instead of a signal, as Windows has none that lets a program end in order.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from mlops_desktop.core.processes import program_command, start_detached

LOG = "agent.log"
_REQUEST = "agent.end"


def start_in_background(folder: Path, *, patience: int = 60) -> None:
    """Start an agent that outlives this process; it waits so many seconds for an engine that is about to end."""
    command = program_command("agent", str(folder), "--wait", str(patience))
    start_detached(command, folder / "logs" / LOG)


def ask_to_end(folder: Path) -> None:
    """Ask the agent of a workspace to end; it does within a second or so, if there is one."""
    (folder / _REQUEST).touch()


def is_asked_to_end(folder: Path) -> bool:
    """Whether somebody asked."""
    return (folder / _REQUEST).exists()


def forget_request(folder: Path) -> None:
    """It was heard, or was meant for an earlier agent."""
    with contextlib.suppress(OSError):
        (folder / _REQUEST).unlink()
