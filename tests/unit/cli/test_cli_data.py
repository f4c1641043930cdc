"""Commands of data versioning: options, passwords, exit codes, progress and Ctrl+C."""

from __future__ import annotations

import argparse
import io
import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from loop_kit import ROOT, without_qt

from mlops_desktop.cli.data.options import add_read_options, as_arguments, read_options
from mlops_desktop.cli.main import main
from mlops_desktop.cli.output import size_in_words, table
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.workspace import Workspace

Invoke = Callable[..., tuple[int, str, str]]
ENDLESS = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Runs a command on a workspace in the current folder: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    main(["init", "shop"])

    def invoke(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            code = main(["data", *(str(argument) for argument in arguments), "-w", "shop"])
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return invoke


def written(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


GIVEN = ReadOptions(
    format="csv", delimiter="\t", quote="'", encoding="cp1252", decimal=",", thousands=".", has_header=False,
    skip_rows=2, nulls=("-", "none at all"), date_formats=("%d.%m.%Y",), types={"a=b": "text"}, names={"c": "d e"},
    columns=("a=b", "c"), sheet="S 1", member="*.csv", query="select 1", fill_missing=True,
)  # fmt: skip


def test_every_read_option_can_be_given_and_is_told_as_it_can_be_given_again() -> None:
    assert all(getattr(GIVEN, name) != getattr(ReadOptions(), name) for name in GIVEN.__struct_fields__)
    parser = argparse.ArgumentParser()
    add_read_options(parser)
    assert read_options(parser.parse_args(shlex.split(as_arguments(GIVEN)))) == GIVEN
    assert read_options(parser.parse_args([])) == ReadOptions()


def test_a_preview_of_what_cannot_be_read_says_why_and_is_code_1(invoke: Invoke) -> None:
    ragged = written("ragged.csv", "a,b\n1,2\n3\n")
    code, out, err = invoke("ingest", ragged, "--preview")
    assert (code, err) == (1, "") and "line 3" in out
    assert json.loads(invoke("ingest", ragged, "--preview", "--json")[1])["problem"]
    assert invoke("log")[1] == "Nothing was tried to be ingested yet.\n"


def test_a_missing_dataset_is_wrong_usage(invoke: Invoke) -> None:
    code, out, err = invoke("ingest", written("a.csv", "a\n1\n"))
    assert (code, out) == (2, "") and "required: dataset" in err


def test_rows_that_all_break_the_contract_are_code_1_and_stay_to_be_seen(invoke: Invoke) -> None:
    contract = 'mode = "quarantine"\nmax_bad_share = 1.0\n[columns.a]\ntype = "number"\nminimum = 10\n'
    assert invoke("contract", "save", "rows", written("c.toml", contract))[0] == 0
    code, out, _ = invoke("ingest", written("a.csv", "a\n1\n2\n"), "rows", "--json")
    told = json.loads(out)
    assert code == 1 and told["version"] is None and told["quarantined"]["reference"] == "rows.quarantine@1"
    assert invoke("ingest", "a.csv", "rows", "--mode", "accept")[0] == 0
    assert invoke("contract", "check", "rows@1")[0] == 1


def test_a_refused_deletion_tells_the_consequences_and_deletes_nothing(invoke: Invoke) -> None:
    invoke("ingest", written("a.csv", "a\n1\n"), "rows", "--tag", "raw")
    invoke("alias", "rows@1", "reference")
    code, out, _ = invoke("delete", "rows@1", "--reason", "old", "--yes")
    assert code == 1 and "raw" in out and "rows@1 is reference of rows" in out
    invoke("unalias", "rows", "reference")
    code, out, _ = invoke("delete", "rows@1", "--reason", "old")
    assert code == 1 and "Nothing was deleted" in out and "rows@1" in invoke("versions", "rows")[1]
    assert invoke("delete", "rows@1", "--reason", "old", "--yes")[0] == 0
    assert invoke("show", "rows@1")[0] == 1


def test_a_collection_only_plans_unless_told(invoke: Invoke) -> None:
    invoke("ingest", written("a.csv", "a\n1\n"), "rows")
    invoke("delete", "rows@1", "--reason", "old", "--yes")
    planned = json.loads(invoke("gc", "--json")[1])
    assert planned["plan"]["unused"] and planned["collected"] is None
    assert json.loads(invoke("gc", "--json")[1])["plan"] == planned["plan"]
    assert json.loads(invoke("gc", "--apply", "--json")[1])["collected"]["objects"] == len(planned["plan"]["unused"])


def test_a_contract_can_come_from_standard_input(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    invoke("ingest", written("a.csv", "a\n1\n"), "rows")
    suggested = invoke("contract", "infer", "rows@1")[1]
    monkeypatch.setattr("sys.stdin", io.StringIO(suggested))
    assert invoke("contract", "save", "rows", "-")[0] == 0
    shown = invoke("contract", "show", "rows")[1]
    assert shown.partition("\n")[2].strip() == suggested.strip()


def test_a_password_is_asked_for_and_never_an_argument(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "s3cret@/:"

    monkeypatch.setattr("getpass.getpass", answer)
    url = "postgresql://ana@127.0.0.1:1/shop"
    code, _, err = invoke("ingest", url, "rows", "--query", "select 1", "--ask-password")
    assert code == 1 and asked == [f"Password of {url}: "] and "s3cret" not in err
    assert invoke("ingest", url, "rows", "--password", "x")[0] == 2
    assert invoke("ingest", written("a.csv", "a\n1\n"), "rows", "--ask-password")[0] == 1
    stored = b"".join(path.read_bytes() for path in Path("shop").rglob("*") if path.is_file())
    assert b"s3cret" not in stored and b"ana@127.0.0.1" in stored


def test_a_password_in_a_command_is_warned_of(invoke: Invoke) -> None:
    _, _, err = invoke("ingest", "postgresql://ana:s3cret@127.0.0.1:1/shop", "rows", "--query", "select 1")
    assert "--ask-password" in err and "s3cret" not in err


def test_tables_are_aligned_for_wide_letters_and_never_move_the_cursor() -> None:
    lines = table(("名前", "n"), [("東京", 1), ("a\x1b[2J\nb", 1000)]).splitlines()
    assert lines == [
        "名前" + 13 * " " + "n",
        "-----------  -----",
        "東京" + 13 * " " + "1",
        "a\\x1b[2J\\nb  1,000",
    ]


def test_sizes_are_told_in_the_unit_that_suits() -> None:
    assert [size_in_words(size) for size in (0, 999, 1000, 999_949, 999_960, 97e6)] == [
        "0 B", "999 B", "1.0 kB", "999.9 kB", "1.0 MB", "97.0 MB",
    ]  # fmt: skip


def started_on_a_terminal(workspace: Path, *arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    """A command whose standard error is a terminal, and the end of it to read from."""
    reading, writing = pytest.importorskip("pty").openpty()
    command = [sys.executable, str(ROOT / "main.py"), "data", *arguments, "-w", str(workspace)]
    process = subprocess.Popen(
        command, env=without_qt(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=writing
    )
    os.close(writing)
    return process, reading


def test_ctrl_c_cancels_an_ingestion_that_shows_its_progress_and_leaves_nothing_half(tmp_path: Path) -> None:
    Workspace.create(tmp_path / "shop").close()
    sqlite3.connect(tmp_path / "empty.db").execute("create table t (a)").connection.close()
    process, terminal = started_on_a_terminal(
        tmp_path / "shop", "ingest", f"sqlite:///{tmp_path / 'empty.db'}", "numbers", "--query", ENDLESS
    )
    shown = b""
    while b" rows" not in shown:
        shown += os.read(terminal, 4096)
    process.send_signal(signal.SIGINT)
    while b"cancelled" not in shown:
        shown += os.read(terminal, 4096)
    out, _ = process.communicate()
    os.close(terminal)
    assert (process.returncode, out) == (130, b"")
    workspace = Workspace(tmp_path / "shop")
    [attempt] = workspace.data.attempts("numbers")
    assert attempt.outcome == "cancelled" and workspace.data.datasets() == [] and workspace.data.verify().is_sound
    workspace.close()
