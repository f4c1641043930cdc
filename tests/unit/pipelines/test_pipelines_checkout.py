"""The Git state of a file: recorded where there is a checkout, absent where there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from mlops_desktop.pipelines import checkout
from mlops_desktop.pipelines.checkout import git_state

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "ein Projekt 🛫"
    folder.mkdir()
    git(folder, "init", "--initial-branch", "main")
    (folder / "late.toml").write_text("seed = 1\n", encoding="utf-8")
    git(folder, "add", "late.toml")
    git(folder, "commit", "--message", "first")
    return folder


def test_a_committed_file_has_its_commit_and_branch_and_is_clean(repository: Path) -> None:
    found = git_state(repository / "late.toml")
    assert found is not None
    assert (found.commit, found.branch, found.is_dirty) == (git(repository, "rev-parse", "HEAD"), "main", False)
    assert str(found) == f"main {found.commit[:10]}"


def test_a_folder_below_is_in_the_same_checkout(repository: Path) -> None:
    below = repository / "pipelines"
    below.mkdir()
    assert git_state(below) == git_state(repository)


@pytest.mark.parametrize("name", ["late.toml", "new.toml"])
def test_a_changed_or_new_file_makes_it_dirty(repository: Path, name: str) -> None:
    (repository / name).write_text("seed = 2\n", encoding="utf-8")
    found = git_state(repository / "late.toml")
    assert found is not None and found.is_dirty and str(found).endswith(", with changes")


def test_an_ignored_file_does_not(repository: Path) -> None:
    (repository / ".git" / "info" / "exclude").write_text("*.db\n", encoding="utf-8")
    (repository / "registry.db").write_bytes(b"")
    found = git_state(repository)
    assert found is not None and not found.is_dirty


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    git(repository, "checkout", "--detach")
    found = git_state(repository)
    assert found is not None and found.branch == "" and found.commit and str(found).startswith("detached ")


def test_before_the_first_commit_there_is_a_branch_alone(tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch", "trunk")
    found = git_state(tmp_path)
    assert found is not None and (found.commit, found.branch, found.is_dirty) == ("", "trunk", False)


def test_outside_of_a_checkout_there_is_no_state(tmp_path: Path) -> None:
    assert git_state(tmp_path) is None
    assert git_state(tmp_path / "missing" / "late.toml") is None


def test_without_git_there_is_no_state(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    assert git_state(repository) is None


def test_a_git_that_does_not_answer_is_not_waited_for(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:/usr/bin:/bin")
    monkeypatch.setattr(checkout, "_SECONDS", 0.05)
    assert git_state(repository) is None


def test_variables_of_another_checkout_do_not_mislead(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    found = git_state(repository)
    assert found is not None and found.branch == "main"


def test_programs_named_in_the_checkouts_configuration_are_not_run(repository: Path, tmp_path: Path) -> None:
    trap, sprung = tmp_path / "trap.sh", tmp_path / "sprung"
    trap.write_text(f"#!/bin/sh\ntouch '{sprung}'\n", encoding="utf-8")
    trap.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(trap))
    git(repository, "config", "core.pager", str(trap))
    assert git_state(repository) is not None
    assert not sprung.exists()
