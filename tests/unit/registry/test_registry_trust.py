"""Originals are pickles: a workspace from elsewhere has to be trusted by a person first."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlops_desktop.core.errors import Conflict
from mlops_desktop.registry import Registry, trust


@pytest.fixture
def list_of_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "user" / "trusted-workspaces"
    monkeypatch.setattr(trust, "_list", lambda: path)
    return path


def test_a_workspace_made_here_is_trusted_also_after_it_moved(tmp_path: Path, list_of_trust: Path) -> None:
    Registry.create(tmp_path / "before").close()
    (tmp_path / "before").rename(tmp_path / "after")
    registry = Registry(tmp_path / "after")
    registry.require_trust()
    assert list_of_trust.read_text().split() == [registry.meta("id")]
    registry.close()


def test_a_workspace_from_elsewhere_is_trusted_only_by_a_person(tmp_path: Path, list_of_trust: Path) -> None:
    registry = Registry.create(tmp_path / "workspace")
    list_of_trust.write_text("01ANOTHERWORKSPACE\n")
    with pytest.raises(Conflict, match="not made on this machine") as caught:
        registry.require_trust()
    assert "mlops-desktop trust" in caught.value.hint
    registry.trust()
    registry.require_trust()
    assert len(list_of_trust.read_text().split()) == 2
    registry.close()


def test_a_user_folder_that_cannot_be_written_does_not_keep_a_workspace_from_being_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(trust, "_list", lambda: tmp_path / "file" / "trusted-workspaces")
    registry = Registry.create(tmp_path / "workspace")
    with pytest.raises(Conflict):
        registry.require_trust()
    registry.close()
