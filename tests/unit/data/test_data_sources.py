"""Files are read by their kind; what is wrong with one is said with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from mlops_desktop.core.errors import EnvironmentProblem, InvalidInput
from mlops_desktop.data.sources import csv_files, open_source, read_source


def written(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(path: Path) -> dict[str, list[object]]:
    return read_source(path).to_pydict()


@pytest.fixture
def table() -> pa.Table:
    return pa.table({"a": [1, 2, None], "b": ["x", "ü", ""], "c": [0.5, None, -1.0], "d": [True, False, True]})


def test_each_kind_of_file_gives_the_same_rows(tmp_path: Path, table: pa.Table):
    pq.write_table(table, tmp_path / "t.parquet")
    pacsv.write_csv(table, tmp_path / "t.csv")
    pacsv.write_csv(table, tmp_path / "t.tsv", pacsv.WriteOptions(delimiter="\t"))
    feather.write_feather(table, tmp_path / "t.feather")
    with pa.ipc.new_stream(tmp_path / "t.arrow", table.schema) as stream:
        stream.write_table(table)
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    for name in ("t.parquet", "t.csv", "t.tsv", "t.feather", "t.arrow", "t.jsonl"):
        assert read_source(tmp_path / name).equals(table), name
        assert open_source(tmp_path / name).rows >= 1


def test_nulls_of_csv_are_what_people_mean(tmp_path: Path):
    path = written(tmp_path, 'n,t\nNA,NA\n,\n1,""\nNULL,"NA"\nnan,nan\n')
    found = rows(path)
    assert str(found["n"]) == "[None, None, 1.0, None, nan]"
    assert found["t"] == [None, None, "", "NA", "nan"]


def test_a_column_whose_type_shows_late_is_read_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(csv_files, "_BLOCK", 64)
    late = {"empty": "7", "whole": "1.5", "day": "2013-01-01 10:00", "at": "2013-01-01T00:00:00.123456789", "any": "x"}
    first = ["", "1", "2013-01-01", "2013-01-01T00:00:00", "1"]
    path = written(tmp_path, "\n".join([",".join(late), *[",".join(first)] * 20, ",".join(late.values())]) + "\n")
    found = read_source(path)
    kinds = {field.name: str(field.type) for field in found.schema}
    assert kinds == {
        "empty": "int64", "whole": "double", "day": "timestamp[us]", "at": "timestamp[ns]", "any": "string",
    }  # fmt: skip
    assert found.num_rows == 21
    assert found["any"].to_pylist() == ["1"] * 20 + ["x"]


def test_a_time_of_day_stays_text(tmp_path: Path):
    assert rows(written(tmp_path, "t,n\n12:30:00,1\n"))["t"] == ["12:30:00"]


def test_zoned_times_are_instants(tmp_path: Path):
    found = read_source(written(tmp_path, "t,n\n2013-01-01T02:00:00+02:00,1\n"))
    assert found.schema.field("t").type == pa.timestamp("us", "UTC")
    assert found["t"].cast(pa.int64()).to_pylist() == [1356998400000000]


def test_other_delimiters_and_byte_order_marks_are_understood(tmp_path: Path):
    expected = {"a": [1], "b": ["ä"]}
    assert rows(written(tmp_path, "a;b\n1;ä\n")) == expected
    assert rows(written(tmp_path, b"\xef\xbb\xbf" + "a,b\n1,ä\n".encode())) == expected
    assert rows(written(tmp_path, "a,b\r\n1,ä\r\n".encode("utf-16"))) == expected


def test_an_empty_line_is_a_row_of_a_file_with_one_column(tmp_path: Path):
    assert rows(written(tmp_path, "a\n1\n\n3\n")) == {"a": [1, None, 3]}


def test_a_value_with_a_line_break_is_one_value(tmp_path: Path):
    assert rows(written(tmp_path, 'a,b\n"x\ny",1\n')) == {"a": ["x\ny"], "b": [1]}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a,b\n", "header but no rows"),
        ("a,b", "header but no rows"),
        ("a,b\n1,2\n3\n", r"t\.csv, line 3: 1 values where the header names 2 columns.*column 2, 'b'"),
        ("a,b\n1,2\n3,4,5\n", r"t\.csv, line 3: 3 values.*column 3"),
        ('a,b\n"x\ny",2\n3\n', r"t\.csv, line 4: 1 values"),
        ("a,a,b,b\n1,2,3,4\n", "'a', 'b'"),
        ("a,,b\n1,2,3\n", "no name for column 2"),
        ("äöüß,b\nx,1\n".encode() + b"\xe9,2\n", r"line 3, byte 1 is not UTF-8"),
        ("äöü,".encode() + b"\xe9\n1,2\n", r"line 1, byte 8 is not UTF-8"),
    ],
)
def test_what_is_wrong_with_a_csv_is_said(tmp_path: Path, content: str | bytes, said: str):
    path = written(tmp_path, content)
    with pytest.raises(InvalidInput, match=said) as raised:
        read_source(path)
    assert raised.value.hint


def test_a_fault_deep_in_a_large_csv_is_found_by_its_line(tmp_path: Path):
    lines = ["a,b", *["1,xxxxxxxxxxxxxxxx"] * 300_000, "1"]
    with pytest.raises(InvalidInput, match="line 300002:"):
        read_source(written(tmp_path, "\n".join(lines)))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.jsonl", '{"a": 1}\n{"a": }\n', "line 2"),
        ("t.jsonl", '{"a": 1}\n[1]\n', "line 2 is not a JSON object"),
        ("t.json", "[1, 2]", "line 1, column 2: .*not '1, 2"),
        ("t.jsonl", "{}\n", "no columns|no rows"),
        ("t.parquet", "PAR1 and so on", "not a whole Parquet file"),
        ("t.feather", "ARROW1", "not a whole Arrow file"),
        ("t.arrow", "nonsense here", "not a whole Arrow file"),
        ("t.docx", "x", "no known kind"),
    ],
)
def test_what_is_wrong_with_another_file_is_said(tmp_path: Path, name: str, content: str, said: str):
    with pytest.raises(InvalidInput, match=said):
        read_source(written(tmp_path, content, name))


def test_a_parquet_file_that_is_damaged_inside_is_refused(tmp_path: Path, table: pa.Table):
    path = tmp_path / "t.parquet"
    pq.write_table(table, path, compression="zstd")
    content = bytearray(path.read_bytes())
    content[4:60] = bytes(56)
    with pytest.raises(InvalidInput, match="not a whole Parquet file"):
        read_source(written(tmp_path, bytes(content), "t.parquet"))


def test_files_without_rows_or_with_repeated_names_are_refused(tmp_path: Path, table: pa.Table):
    pq.write_table(table.slice(0, 0), tmp_path / "none.parquet")
    with pytest.raises(InvalidInput, match="no rows"):
        open_source(tmp_path / "none.parquet")
    pq.write_table(table.rename_columns(["a", "a", "c", "d"]), tmp_path / "twice.parquet")
    with pytest.raises(InvalidInput, match="'a'"):
        open_source(tmp_path / "twice.parquet")


def test_a_file_that_is_not_there_and_a_folder_are_told_apart(tmp_path: Path):
    with pytest.raises(InvalidInput, match="There is no file"):
        open_source(tmp_path / "absent.csv")
    for location in ("", " "):
        with pytest.raises(InvalidInput, match="no name of a file"):
            open_source(location)
    with pytest.raises(InvalidInput, match="is no path"):
        open_source("a\0b.csv")
    with pytest.raises(EnvironmentProblem, match="cannot be opened"):
        open_source(tmp_path / ("x" * 300 + ".csv"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(InvalidInput, match=r"folder\.csv holds no file that can be read"):
        open_source(tmp_path / "folder.csv")
