"""What is wrong with a source is told with its place, stores nothing and is on record; what is only odd comes in."""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import sqlite3
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest
from loop_kit import program

from mlops_desktop.core.errors import AppError
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.read import read_table
from mlops_desktop.workspace import Workspace

ROWS = pa.table({"a": range(1_000), "b": [f"x{number}" for number in range(1_000)]})
CSV = "a,b\n" + "".join(f"{number},{number * 2}\n" for number in range(2_000))
NAMED = "values where the header names"
WIDE = [f"c{number}" for number in range(5_000)]


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def arrow(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    feather.write_feather(table, buffer)
    return buffer.getvalue()


def zipped(**members: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def encrypted() -> bytes:
    content = bytearray(zipped(**{"a.csv": CSV}))
    content[6] |= 1
    content[content.find(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


# What a file is called, what is in it, and what is said of it.
WRONG: dict[str, tuple[str, str | bytes, str]] = {
    "truncated Parquet": ("t.parquet", parquet(ROWS)[:-50], "t.parquet is not a whole Parquet file"),
    "truncated Arrow": ("t.feather", arrow(ROWS)[:-40], "t.feather is not a whole Arrow file"),
    "truncated gzip": ("t.csv.gz", gzip.compress(CSV.encode())[:-20], "t.csv.gz is damaged"),
    "truncated ZIP": ("t.zip", zipped(**{"a.csv": CSV})[:-30], "t.zip is damaged"),
    "truncated JSON": ("t.json", '[{"a": 1},\n{"a": 2', "t.json ends in the middle of what begins in line 2"),
    "truncated JSON lines": ("t.jsonl", '{"a": 1}\n{"a": 2', "t.jsonl, line 2, column 8"),
    "truncated quote": ("t.csv", 'a,b\n1,2\n3,"four\n', "t.csv, line 3: a quote is opened and never closed"),
    "no UTF-8": ("t.csv", "ä,1\n".encode() * 10_000 + b"K\xffln,2\n", "line 10001, byte 2 is not UTF-8"),
    "too few values": ("t.csv", CSV + "1\n", f"line 2002: 1 {NAMED} 2 columns; there is no value for column 2"),
    "too many values": ("t.csv", "a,b\n1,2\n3,4,5\n", f"t.csv, line 3: 3 {NAMED} 2 columns; the first value too many"),
    "ragged and wide": ("t.csv", f"{','.join(WIDE)}\n{'1,' * 4_998}1\n", f"t.csv, line 2: 4999 {NAMED} 5000 columns"),
    "ragged in a ZIP": ("t.zip", zipped(**{"a.csv": "a,b\n1,2\n3\n"}), "In t.zip: a.csv, line 3"),
    "repeated names": ("t.csv", "a,b,a\n1,2,3\n", "t.csv has more than one column named 'a'"),
    "no name": ("t.csv", "a,,b\n1,2,3\n", "t.csv has no name for column 2"),
    "bad JSON": ("t.json", '[\n{"a": 1},\n{"a": x}]', "t.json, line 3, column 7"),
    "deep JSON": ("t.json", '[{"a":' + '{"a":' * 3_000 + "1" + "}" * 3_001 + "]", "nested too deeply"),
    "no object": ("t.json", "42", "t.json is not a JSON object"),
    "no text": ("t.csv", parquet(ROWS), "t.csv is not text: it is a Parquet file"),
    "another format": ("t.xlsx", CSV, "t.xlsx is not a whole workbook"),
    "empty file": ("t.csv", "", "t.csv is empty"),
    "empty Parquet": ("t.parquet", "", "t.parquet is empty"),
    "empty in gzip": ("t.csv.gz", gzip.compress(b""), "In t.csv.gz: t.csv is empty"),
    "empty ZIP": ("t.zip", zipped(), "t.zip holds no file that can be read"),
    "header only": ("t.csv", "a,b\n", "t.csv has a header but no rows"),
    "no rows of Parquet": ("t.parquet", parquet(ROWS.slice(0, 0)), "t.parquet has columns but no rows"),
    "no objects": ("t.json", "[]", "t.json has no rows"),
    "climbing ZIP": ("t.zip", zipped(**{"../../evil.csv": CSV}), "'../../evil.csv' in t.zip would be written outside"),
    "ZIP bomb": ("t.zip", zipped(**{"a.csv": bytes(300 << 20)}), "unfolds to more than"),
    "gzip bomb": ("t.csv.gz", gzip.compress(bytes(300 << 20)), "unfolds to more than"),
    "encrypted ZIP": ("t.zip", encrypted(), "a.csv in t.zip is encrypted"),
    "no known kind": ("t.doc", "x", "t.doc is of no known kind"),
}  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace.create(tmp_path_factory.mktemp("faults") / "workspace")


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(("name", "content", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_fault_is_told_with_its_place_stores_nothing_and_is_on_record(
    workspace: Workspace, tmp_path: Path, name: str, content: str | bytes, said: str
):
    path = written(tmp_path, name, content)
    before = workspace.registry.journal.head()
    with pytest.raises(AppError) as caught:
        workspace.data.ingest(path, "wrong")
    assert said in caught.value.message and caught.value.hint
    (attempt,) = (event for event in workspace.registry.journal.tail(before))
    assert (attempt.kind, attempt.subject) == ("dataset.ingest.failed", "wrong")
    assert said in attempt.payload["reason"] and attempt.payload["size"] == path.stat().st_size
    assert "wrong" not in workspace.registry.datasets.names() and list(workspace.registry.objects.files()) == []
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_a_wrong_delimiter_a_query_that_fails_and_a_server_that_is_not_there_are_told(
    workspace: Workspace, tmp_path: Path
):
    sqlite3.connect(tmp_path / "t.db").close()
    tries: list[tuple[Any, dict[str, str], str]] = [
        (written(tmp_path, "t.csv", "a;b\n1;2\n3;4\n"), {"delimiter": ","}, "';' cuts the rows into equal ones"),
        (f"sqlite:///{tmp_path / 't.db'}", {"query": "SELECT * FROM absent"}, "no such table: absent"),
        ("postgresql://ana:secret@127.0.0.1:1/db", {"query": "SELECT 1"}, "postgresql://ana@127.0.0.1:1/db"),
    ]
    for location, options, said in tries:
        with pytest.raises(AppError) as caught:
            workspace.data.ingest(location, "wrong", options=ReadOptions(**options))
        assert said in str(caught.value) and caught.value.hint
        reason = workspace.data.attempts("wrong")[0].reason
        assert said in reason and "secret" not in reason
    assert "wrong" not in workspace.registry.datasets.names()


def test_a_file_that_changes_while_it_is_read_is_told(workspace: Workspace, tmp_path: Path):
    changes: list[Callable[[Path], object]] = [
        lambda path: path.write_text(CSV[: len(CSV) // 2]),
        lambda path: path.write_text(CSV + "1\n"),
        lambda path: path.unlink(),
        lambda path: os.utime(path, ns=(0, 0)),
    ]
    for number, change in enumerate(changes):
        path = written(tmp_path, f"t{number}.csv", CSV)
        left = [change]

        def once(fraction: float | None, message: str = "", path: Path = path, left: list[Any] = left) -> None:
            if left:
                left.pop()(path)

        with pytest.raises(AppError, match=f"t{number}.csv (changed|vanished) while it was read"):
            workspace.data.ingest(path, "wrong", progress=once)
    assert "wrong" not in workspace.registry.datasets.names()


# What is odd, but can be told apart: what comes in for it.
ODD: dict[str, tuple[str, str | bytes, dict[str, list[Any]]]] = {
    "mixed types": ("t.csv", "a\n1\ntwo\n3\n", {"a": ["1", "two", "3"]}),
    "odd names": ("t.csv", "a.b,c d,😀,漢字\n1,2,3,4\n", {"a.b": [1], "c d": [2], "😀": [3], "漢字": [4]}),
    "nested JSON": ("t.json", '[{"a": {"b": {"c": 1}}, "l": [1, 2]}]', {"a.b.c": [1], "l": ["[1, 2]"]}),
    "dates in one format": ("t.csv", "at\n31/01/2013\n01/02/2013\n", {"at": [date(2013, 1, 31), date(2013, 2, 1)]}),
    "dates in four formats": (
        "t.csv", "at\n2013-01-02\n02/01/2013\n2 Jan 2013\n20130102\n",
        {"at": ["2013-01-02", "02/01/2013", "2 Jan 2013", "20130102"]},
    ),
    "integers beyond 64 bits": ("t.csv", f"a\n{2**64 - 1}\n1\n", {"a": [2**64 - 1, 1]}),
    "integers beyond any": ("t.json", f'[{{"a": {10**23 - 1}}}, {{"a": 5}}]', {"a": [str(10**23 - 1), "5"]}),
    "no numbers": ("t.csv", "a\n1.5\nNaN\ninf\n-inf\n-0.0\n", {"a": [1.5, math.nan, math.inf, -math.inf, -0.0]}),
    "one column": ("t.csv", "a\n1\n2\n", {"a": [1, 2]}),
    "5,000 columns": ("t.csv", f"{','.join(WIDE)}\n{','.join(['1'] * 5_000)}\n", {name: [1] for name in WIDE}),
    "another encoding": ("t.csv", "name\nMünchen\n".encode("latin-1"), {"name": ["München"]}),
    "another dialect": ("t.csv", "a;b\n1,5;2\n3,5;4\n", {"a": [1.5, 3.5], "b": [2, 4]}),
}  # fmt: skip


@pytest.mark.parametrize(("name", "content", "expected"), ODD.values(), ids=ODD.keys())
def test_what_is_odd_comes_in_as_it_is(tmp_path: Path, name: str, content: str | bytes, expected: dict[str, list[Any]]):
    data = Workspace.create(tmp_path / "workspace").data
    version = data.ingest(written(tmp_path, name, content), "odd").version
    assert version is not None
    assert repr(read_table(data._registry, version).to_pydict()) == repr(expected)  # NaN is no NaN, -0.0 is 0.0
    assert data.verify(deep=True).is_sound


def test_the_command_line_tells_the_same(tmp_path: Path):
    workspace = Workspace.create(tmp_path / "workspace")
    path = written(tmp_path, "t.csv", "a,b\n1,2\n3\n")
    for options in ([], ["--json"]):
        done = program("data", "ingest", path, "wrong", "-w", workspace.folder, *options)
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert "t.csv, line 3: 1 values where the header names 2 columns" in done.stderr
    told = json.loads(done.stdout)
    assert "t.csv, line 3" in told["error"] and told["hint"]
    assert [attempt.outcome for attempt in workspace.data.attempts("wrong")] == ["failed", "failed"]
    assert workspace.registry.datasets.names() == [] and workspace.registry.journal.verify().intact
