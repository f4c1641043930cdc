"""The Git checkout that a file lies in, as far as `git` itself can tell."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from mlops_desktop.core.processes import IS_WINDOWS
from mlops_desktop.core.runs import GitState

_SECONDS = 5.0
_INITIAL, _DETACHED = "(initial)", "(detached)"
# A checkout from elsewhere may name programs to run in its configuration: none of them is needed to look at it.
_HARMLESS = ("--no-pager", "-c", "core.fsmonitor=false", "-c", f"core.hooksPath={os.devnull}")


def git_state(path: Path) -> GitState | None:
    """Commit, branch and cleanness of the checkout that a file or folder is in.

    None where it is in no checkout, where git is not installed, or does not answer in time. The whole checkout counts:
    a changed or new file anywhere in it makes it dirty, ignored ones aside.
    """
    program = shutil.which("git")
    place = path.resolve()
    folder = place if place.is_dir() else place.parent
    if program is None or not folder.is_dir():
        return None
    command = [program, *_HARMLESS, "status", "--porcelain=v2", "--branch", "--untracked-files=normal"]
    try:
        finished = subprocess.run(
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if IS_WINDOWS else 0,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if finished.returncode else _parsed(finished.stdout.decode("utf-8", "replace"))


def _environment() -> dict[str, str]:
    """This process's, without what would point git at another checkout; nothing is asked and nothing locked."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}


def _parsed(text: str) -> GitState | None:
    lines = text.splitlines()
    headers = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# ") and line.count(" ") > 1)
    if "branch.oid" not in headers:
        return None
    commit, branch = headers["branch.oid"], headers.get("branch.head", _DETACHED)
    return GitState(
        commit="" if commit == _INITIAL else commit,
        branch="" if branch == _DETACHED else branch,
        is_dirty=any(not line.startswith("# ") for line in lines),
    )
