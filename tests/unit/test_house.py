"""What holds for the repository as a whole: documents, pins, borders."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "mlops_desktop"
TEXT = {".py", ".md", ".toml", ".txt", ".sh", ".json", ".yaml", ".yml", ".html", ".j2", ".cfg", ".spec", ""}
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Written in two parts, so that this file does not name them itself.
NOT_OURS = {
    "package registry": re.compile(
        "|".join(["pypi" + r"\.org", "python" + "hosted", "deb" + r"\.debian", "npm" + "js"])
    ),
    "machine path": re.compile(r"(?<![\w.}/-])/" + "(?:work|root|home)" + r"/(?!\.\.\.)\w"),
    "credentials in an address": re.compile(r"https?://[^\s/@'\"{}]+:" + r"[^\s/@'\"{}]+@"),
}


def _files() -> list[Path]:
    """The files of the repository, new ones included, ignored ones not."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    return [ROOT / name for name in sorted(set(listing.split("\0"))) if name and (ROOT / name).is_file()]


def _modules_without_qt() -> list[str]:
    """Every module but those of the window and the composition root, which are the only ones that may use Qt."""
    names = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if not name.startswith(("mlops_desktop.ui", "mlops_desktop.app")):
            names.append(name)
    return names


@pytest.fixture(scope="module")
def import_failures() -> dict[str, str]:
    """What importing each of these modules says in a process in which Qt cannot be imported; empty where it works."""
    code = (
        "import importlib, json, sys, traceback\n"
        "failures = {}\n"
        "for name in json.loads(sys.argv[1]):\n"
        "    try: importlib.import_module(name)\n"
        "    except BaseException: failures[name] = traceback.format_exc()\n"
        "try: import PySide6\n"
        "except ModuleNotFoundError: pass\n"
        "else: failures['blocker'] = 'Qt could be imported, so this proves nothing'\n"
        "sys.stdout.write('\\n' + json.dumps(failures))\n"
    )
    environment = os.environ | {"MLOPS_WITHOUT_QT": "1", "PYTHONPATH": str(ROOT / "tests" / "headless")}
    finished = subprocess.run(
        [sys.executable, "-c", code, json.dumps(_modules_without_qt())],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(json.loads(finished.stdout.splitlines()[-1]))


@pytest.mark.parametrize("module", _modules_without_qt())
def test_a_module_outside_the_window_imports_without_qt(module: str, import_failures: dict[str, str]) -> None:
    assert "blocker" not in import_failures, import_failures["blocker"]
    assert module not in import_failures, import_failures[module]


@pytest.mark.parametrize("child", ["gateway", "serving-worker", "worker", "agent", "player"])
def test_every_child_process_the_entry_point_knows_has_a_main(child: str) -> None:
    from importlib import import_module

    from mlops_desktop.__main__ import CHILDREN, COMMAND_LINE

    for target in (CHILDREN[child], COMMAND_LINE):
        module, _, function = target.partition(":")
        assert callable(getattr(import_module(module), function))


@pytest.mark.parametrize("document", [path.relative_to(ROOT).as_posix() for path in _files() if path.suffix == ".md"])
def test_every_link_of_a_document_leads_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        aim = (ROOT / document).parent / path if path else ROOT / document
        assert aim.exists(), f"{document} links to {target}, which does not exist"
        if anchor and aim.suffix == ".md":
            assert anchor in _anchors(aim), f"{document} links to {target}, but no heading is called that"


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_no_file_names_a_registry_or_a_path_of_somebodys_machine() -> None:
    named = []
    for path in _files():
        if path.suffix in TEXT and path.name != "LICENSE":
            text = path.read_text(encoding="utf-8", errors="replace")
            named += [
                f"{path.relative_to(ROOT)}: {what}: {hit[0]}"
                for what, it in NOT_OURS.items()
                if (hit := it.search(text))
            ]
    assert not named


def _pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_constraints_hold_one_exact_version_per_line_and_nothing_else() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    odd = [each for each in lines if not each.startswith("#") and not re.fullmatch(r"[\w.-]+==[\w.]+", each)]
    assert not odd
    assert _pins()["PySide6_Essentials"] == "6.10.3"


def test_every_requirement_of_the_project_is_pinned_to_the_version_it_runs_with() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = {_plain(name): number for name, number in _pins().items()}
    requirements = sum(project["optional-dependencies"].values(), project["dependencies"])
    for requirement in requirements:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        assert _plain(name) in pins, f"{name} has no version in constraints.txt"
        if "sys_platform" not in requirement:
            assert version(name) == pins[_plain(name)], "the environment is not the pinned one: run make again"


posix_only = pytest.mark.skipif(os.name == "nt", reason="the set-up script is for POSIX shells")


def _bootstrap(tmp_path: Path, programs: dict[str, str], *needs: str) -> subprocess.CompletedProcess[str]:
    """Run a copy of the set-up script in an empty tree, with `programs` in front of all others on the PATH."""
    (tmp_path / "packaging").mkdir()
    shutil.copy(ROOT / "packaging" / "bootstrap.sh", tmp_path / "packaging")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in programs.items():
        (tools / name).write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    return _bootstrap_again(tmp_path, *needs)


def _bootstrap_again(tmp_path: Path, *needs: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tmp_path / "packaging" / "bootstrap.sh"), *needs],
        env={"PATH": f"{tmp_path / 'tools'}:/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


@posix_only
def test_a_wrong_python_is_refused_in_one_line(tmp_path: Path) -> None:
    names = ("python3", "python3.11", "python3.12", "python3.13", "python")
    finished = _bootstrap(tmp_path, dict.fromkeys(names, '[ "$1" = --version ] && echo "Python 3.9.2"'))
    assert finished.returncode != 0
    assert finished.stderr.splitlines() == [
        "MLOps Desktop needs Python 3.11, 3.12 or 3.13 and found Python 3.9.2: install one, "
        "or name it with PYTHON=/path/to/python."
    ]


# Answers each question of the script: the version is fine, two libraries are missing, there is no venv module.
BARE_PYTHON = (
    'case "$1" in -) echo libEGL.so.1; echo libxcb-cursor.so.0 ;; -c) case "$2" in *venv*) exit 1 ;; esac ;; esac'
)


@posix_only
@pytest.mark.skipif(sys.platform != "linux", reason="asks for Debian's packages")
def test_a_user_without_rights_reads_in_one_line_what_to_install(tmp_path: Path) -> None:
    programs = {"python3": BARE_PYTHON, "apt-get": "exit 9", "id": "echo 1000"}
    finished = _bootstrap(tmp_path, programs, "window")
    assert finished.returncode == 1
    assert len(finished.stderr.splitlines()) == 1
    assert finished.stderr.startswith("Install what is missing with: sudo apt-get install -y libegl1 libxcb-cursor0 ")
    assert finished.stderr.strip().endswith("python3-venv")
    assert not (tmp_path / ".venv").exists()


@posix_only
@pytest.mark.skipif(sys.platform != "linux", reason="asks for Debian's packages")
def test_root_gets_what_is_missing_installed(tmp_path: Path) -> None:
    programs = {"python3": BARE_PYTHON, "apt-get": f'echo "$@" >>{tmp_path}/asked; exit 0', "id": "echo 0"}
    finished = _bootstrap(tmp_path, programs)
    asked = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked[0].startswith("update")
    assert "libegl1" in asked[1]
    assert "python3-venv" in asked[1]
    assert finished.returncode == 1  # this Python is too simple to make the environment


# An environment's Python that notes what pip is asked to install.
NOTING_PYTHON = 'case "$2 $3" in "pip install") echo "$@" >>{notes} ;; esac'


@posix_only
def test_an_environment_is_set_up_once_and_again_when_the_pins_change(tmp_path: Path) -> None:
    notes, python = tmp_path / "asked", tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n" + NOTING_PYTHON.format(notes=notes), encoding="utf-8")
    python.chmod(0o755)
    assert _bootstrap(tmp_path, {"find": "echo a.ttf"}).returncode == 0
    assert _bootstrap_again(tmp_path).stdout == ""
    assert len(notes.read_text(encoding="utf-8").splitlines()) == 1
    (tmp_path / "constraints.txt").write_text("six==1.17.0\n", encoding="utf-8")
    assert _bootstrap_again(tmp_path).stdout != ""
    asked = notes.read_text(encoding="utf-8").splitlines()
    assert len(asked) == 2
    assert all("--constraint constraints.txt" in line and "index" not in line for line in asked)
