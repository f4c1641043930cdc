"""Processes that end at once: what they had to say and to write must be there all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from mlops_desktop.workspace import Workspace

PREPARED = """
import atexit, sys, threading
from mlops_desktop.core.onejob import end_one_job, prepare_for_one_job
prepare_for_one_job()
atexit.register(print, "registered")
class Loud:
    def __del__(self): print("taken apart")
loud = Loud()
"""


def said_by(code: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", PREPARED + code]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_a_prepared_process_ends_with_its_code_and_all_that_it_said() -> None:
    done = said_by("print('answer'); sys.stderr.write('note'); end_one_job(3); print('not reached')")
    assert (done.returncode, done.stdout, done.stderr) == (3, "answer\nregistered\n", "note")


def test_a_process_with_other_threads_ends_as_python_has_it() -> None:
    done = said_by(
        "go = threading.Event(); threading.Thread(target=lambda: (go.wait(), print('thread'))).start()\n"
        "code = end_one_job(4); go.set(); sys.exit(code)"
    )
    assert done.returncode == 4
    assert {"thread", "registered"} <= set(done.stdout.split())


def test_a_process_that_is_not_prepared_goes_on() -> None:
    code = "from mlops_desktop.core.onejob import end_one_job\nprint(end_one_job(5))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "5\n")


def test_ingesting_on_the_command_line_leaves_no_journal_of_the_registry(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "workspace").close()
    source = tmp_path / "flights.csv"
    source.write_text("id,delay\n1,2.5\n2,0.5\n")
    command = [sys.executable, "-m", "mlops_desktop", "data", "ingest", str(source), "flights"]
    for location, code in ((source, 0), (tmp_path / "none.csv", 1)):
        command[5] = str(location)
        done = subprocess.run(
            [*command, "-w", str(tmp_path / "workspace")], capture_output=True, text=True, check=False
        )
        assert done.returncode == code
        assert done.stdout if code == 0 else "There is no file" in done.stderr
        assert not list((tmp_path / "workspace").glob("registry.db-*"))
    workspace = Workspace(tmp_path / "workspace")
    assert workspace.registry.datasets.get("flights@latest").rows == 2
    workspace.close()
