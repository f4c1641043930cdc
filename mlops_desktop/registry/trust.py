"""Which workspaces a person trusts on this machine.

A trained original is a pickle: loading one runs what is in it. The hash that a workspace records proves that a file is
as it was stored, not that its author means well. So originals are loaded only in workspaces that were made here, or
that a person has declared to be trusted; exported ONNX models need no trust.
"""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_data_path

from mlops_desktop.core.errors import EnvironmentProblem


def _list() -> Path:
    return user_data_path("mlops-desktop") / "trusted-workspaces"


def is_trusted(workspace: str) -> bool:
    """Whether the workspace of this id is on the user's list."""
    try:
        return workspace in _list().read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return False


def trust(workspace: str) -> None:
    """Put a workspace's id on the user's list. Raises `EnvironmentProblem` when that cannot be written."""
    if is_trusted(workspace):
        return
    try:
        _list().parent.mkdir(parents=True, exist_ok=True)
        with _list().open("a", encoding="ascii") as file:
            file.write(f"{workspace}\n")
    except OSError as error:
        raise EnvironmentProblem(
            f"The list of trusted workspaces, {_list()}, cannot be written ({error.strerror}).",
            hint="Check the permissions of that folder.",
        ) from error
