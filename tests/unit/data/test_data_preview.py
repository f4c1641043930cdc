"""A look at a source shows its first rows, how they would be read, and what is wrong; it never raises for content."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.sources import PreviewColumn, ReadOptions
from mlops_desktop.data.sources import encoding
from mlops_desktop.data.sources.preview import preview_source

CONTENT = "zip;at;n\n00123;2013-01-01T00:00:00Z;1,5\n99999;;\n"


def written(folder: Path, content: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(content)
    return path


def test_a_preview_shows_rows_types_settings_and_warnings(tmp_path: Path):
    seen = preview_source(written(tmp_path, CONTENT))
    assert (seen.name, seen.kind, seen.problem) == ("t.csv", "csv", "")
    assert seen.columns == (
        PreviewColumn("zip", ColumnType.TEXT, "string", "kept as text: digits have leading zeros"),
        PreviewColumn("at", ColumnType.TIME, "timestamp[us, tz=UTC]"),
        PreviewColumn("n", ColumnType.NUMBER, "double"),
    )
    assert seen.cells == (("00123", "2013-01-01 00:00:00.000000Z", "1.5"), ("99999", None, None))
    assert (seen.settings.delimiter, seen.settings.decimal, seen.settings.encoding) == (";", ",", "utf-8")
    assert seen.warnings == ("Column 'zip' is kept as text: digits have leading zeros.",)
    assert seen.size == len(CONTENT)
    assert preview_source(tmp_path / "t.csv", seen.settings).cells == seen.cells


def test_other_kinds_are_shown_too(tmp_path: Path):
    pq.write_table(pa.table({"a": [1, None], "b": [True, False]}), tmp_path / "t.parquet")
    written(tmp_path, json.dumps([{"a": 1, "b": True}, {"b": False}]), "t.json")
    for name in ("t.parquet", "t.json"):
        assert preview_source(tmp_path / name).cells == (("1", "true"), (None, "false"))


@pytest.mark.parametrize(
    ("content", "options", "said", "cells"),
    [
        ("a,a\n1,2\n", ReadOptions(), "more than one column named 'a'", (("1", "2"),)),
        ("a,b\n1,2\nx,3\n", ReadOptions(types={"a": "integer"}), "line 3, column 'a': 'x'", (("1", "2"), ("x", "3"))),
        ("a,b\n1,2\n3\n", ReadOptions(), "line 3: 1 values", (("1", "2"), ("3", None))),
        ("a;b\n1;2\n", ReadOptions(delimiter=","), "',' stands in no row", ()),
        ("", ReadOptions(), "is empty", ()),
        ("a,b\n", ReadOptions(), "header but no rows", ()),
    ],
)
def test_what_is_wrong_is_said_beside_the_raw_rows(tmp_path: Path, content, options, said, cells):
    seen = preview_source(written(tmp_path, content), options)
    assert said in seen.problem
    assert seen.cells == cells


def test_a_missing_file_and_an_unknown_kind_are_problems(tmp_path: Path):
    assert "no file" in preview_source(tmp_path / "absent.csv").problem
    assert "no known kind" in preview_source(written(tmp_path, "x", "t.docx")).problem


def test_a_preview_reads_only_the_start_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = written(tmp_path, "a,b\n" + "1,x\n" * 5_000_000)
    taken: list[int] = []
    read = encoding.Utf8Stream.read

    def counted(self: encoding.Utf8Stream, size: int = -1) -> bytes:
        taken.append(size)
        return read(self, size)

    monkeypatch.setattr(encoding.Utf8Stream, "read", counted)
    seen = preview_source(path, rows=5)
    assert len(seen.cells) == 5
    assert sum(taken) <= 4 << 20
    assert abs(seen.rows - 5_000_000) < 50_000


def test_a_preview_never_imports_pandas(tmp_path: Path):
    written(tmp_path, CONTENT)
    written(tmp_path, '[{"a": 1, "t": "2013-01-01"}]', "t.json")
    code = (
        "import sys; from mlops_desktop.data.sources.preview import preview_source;"
        "assert not any(preview_source(path).problem for path in sys.argv[1:]); assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "t.csv"), str(tmp_path / "t.json")], check=True)
