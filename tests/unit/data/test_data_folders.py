"""A folder of files and a pattern are one table, in natural order, with types that fit all files."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.intake.ingest import ingest
from mlops_desktop.data.sources import Restarted, Source, open_source, read_source, register_scheme
from mlops_desktop.data.sources.joined import common_type
from mlops_desktop.data.sources.selection import natural_order
from mlops_desktop.registry import Registry


def filled(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_a_folder_is_read_in_natural_order(tmp_path: Path):
    folder = filled(tmp_path / "days", {f"day {day}.csv": f"day\n{day}\n" for day in (10, 2, 1)})
    source = open_source(folder)
    assert read_source(folder)["day"].to_pylist() == [1, 2, 10]
    assert source.members == ("day 1.csv", "day 2.csv", "day 10.csv")
    assert source.rows > 0
    origin = source.origin()
    assert (origin.kind, origin.name, origin.sha256) == ("folder", "days", "")
    assert [part.name for part in origin.parts] == ["day 1.csv", "day 2.csv", "day 10.csv"]
    assert origin.parts[0].sha256 == hashlib.sha256(b"day\n1\n").hexdigest()
    assert origin.size == sum(part.size for part in origin.parts)


def test_a_pattern_chooses_files(tmp_path: Path):
    filled(
        tmp_path, {"2023-12.csv": "n\n0\n", "2024-1.csv": "n\n1\n", "2024-2.csv": "n\n2\n", "a/2024-3.csv": "n\n3\n"}
    )
    assert read_source(tmp_path / "2024-*.csv")["n"].to_pylist() == [1, 2]
    assert read_source(str(tmp_path / "**" / "2024-[23].csv"))["n"].to_pylist() == [2, 3]
    assert read_source(tmp_path, ReadOptions(member="**/2024*"))["n"].to_pylist() == [1, 2, 3]
    assert read_source(tmp_path)["n"].to_pylist() == [0, 1, 2]
    origin = open_source(tmp_path / "2024-*.csv").origin()
    assert (origin.kind, origin.name) == ("files", str(tmp_path / "2024-*.csv"))
    with pytest.raises(InvalidInput, match=r"No file fits the pattern .*2025-\*\.csv"):
        open_source(tmp_path / "2025-*.csv")


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path: Path):
    filled(tmp_path, {"t[1].csv": "n\n1\n", "t1.csv": "n\n2\n"})
    assert read_source(tmp_path / "t[1].csv")["n"].to_pylist() == [1]


def test_compressed_files_of_a_folder_are_read_too(tmp_path: Path):
    filled(tmp_path, {"1.csv": "n\n1\n"})
    (tmp_path / "2.csv.gz").write_bytes(gzip.compress(b"n\n2\n"))
    assert read_source(tmp_path)["n"].to_pylist() == [1, 2]


def test_files_of_several_kinds_are_not_guessed_at(tmp_path: Path):
    filled(tmp_path, {"1.csv": "n\n1\n", "2.jsonl": '{"n": 2}\n', "notes.md": "# x", ".hidden.csv": "x\n1\n"})
    with pytest.raises(InvalidInput, match=r"several kinds \(csv, jsonl\): 1\.csv, 2\.jsonl"):
        open_source(tmp_path)
    source = open_source(tmp_path, ReadOptions(member="*.csv"))
    assert source.members == ("1.csv",)


def test_files_that_are_no_table_are_named(tmp_path: Path):
    filled(tmp_path, {"1.csv": "n\n1\n", "notes.md": "# x"})
    assert open_source(tmp_path).warnings == ("Left out, as no table: notes.md.",)


def test_columns_are_matched_by_name(tmp_path: Path):
    filled(tmp_path, {"1.csv": "a,b\n1,x\n", "2.csv": "b,a\ny,2\n"})
    assert read_source(tmp_path).to_pydict() == {"a": [1, 2], "b": ["x", "y"]}


def test_other_columns_are_refused_with_the_file_s_name_or_filled(tmp_path: Path):
    filled(tmp_path, {"1.csv": "a,b\n1,x\n", "2.csv": "a,c\n2,0.5\n"})
    with pytest.raises(
        InvalidInput, match=r"^2\.csv does not have the columns of 1\.csv: it lacks 'b' and also has 'c'"
    ):
        read_source(tmp_path)
    found = read_source(tmp_path, ReadOptions(fill_missing=True))
    assert found.to_pydict() == {"a": [1, 2], "b": ["x", None], "c": [None, 0.5]}
    assert open_source(tmp_path, ReadOptions(fill_missing=True)).settings.fill_missing


def test_types_are_those_that_fit_all_files(tmp_path: Path):
    filled(
        tmp_path,
        {
            "1.csv": "n,t,late,day\n1,007,,2024-01-01\n",
            "2.csv": "n,t,late,day\n2,8,,2024-01-02\n",
            "3.csv": "n,t,late,day\n0.5,x,7,2024-01-03 10:00:00\n",
        },
    )
    with pytest.raises(Restarted):
        list(open_source(tmp_path))
    found = read_source(tmp_path)
    assert {field.name: str(field.type) for field in found.schema} == {
        "n": "double", "t": "string", "late": "int64", "day": "timestamp[us]",
    }  # fmt: skip
    assert found["t"].to_pylist() == ["007", "8", "x"]
    assert found["late"].to_pylist() == [None, None, 7]


def test_types_of_parquet_files_are_widened_too(tmp_path: Path):
    for number, column in enumerate((pa.array([1]), pa.array([0.5]), pa.array([None], pa.int64()))):
        pq.write_table(pa.table({"n": column}), tmp_path / f"{number}.parquet")
    found = read_source(tmp_path)
    assert found["n"].to_pylist() == [1.0, 0.5, None]
    pq.write_table(pa.table({"n": ["x"]}), tmp_path / "3.parquet")
    assert read_source(tmp_path)["n"].to_pylist() == ["1", "0.5", None, "x"]


def test_a_broken_file_among_many_is_named(tmp_path: Path):
    filled(tmp_path, {"1.csv": "a,b\n1,2\n", "2.csv": "a,b\n1\n", "3.csv": "a,b\n"})
    with pytest.raises(InvalidInput, match=r"2\.csv, line 2"):
        read_source(tmp_path)
    (tmp_path / "2.csv").unlink()
    with pytest.raises(InvalidInput, match=r"3\.csv has .*no rows"):
        read_source(tmp_path)


def test_a_file_that_changes_or_vanishes_while_reading_is_named(tmp_path: Path):
    filled(tmp_path, {"1.csv": "n\n1\n", "2.csv": "n\n2\n"})
    source = open_source(tmp_path)
    rows = iter(source)
    next(rows)
    (tmp_path / "2.csv").unlink()
    with pytest.raises(InvalidInput, match=r"no file .*2\.csv"):
        list(rows)
    with pytest.raises(InvalidInput, match=r"2\.csv vanished"):
        source.identity.check_unchanged()
    filled(tmp_path, {"2.csv": "n\n2\n3\n"})
    with pytest.raises(InvalidInput, match=r"2\.csv changed"):
        source.identity.check_unchanged()


def test_an_empty_folder_says_so(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match=r"empty holds no file that can be read"):
        open_source(tmp_path / "empty")


def test_a_version_from_a_folder_records_its_files(tmp_path: Path, registry: Registry):
    folder = filled(tmp_path / "days", {"1.csv": "n\n1\n", "2.csv": "n\n2.5\n"})
    ingest(registry, folder, "days")
    stored = registry.datasets.get("days@latest")
    assert (stored.rows, stored.origin.kind) == (2, "folder")
    assert [part.name for part in stored.origin.parts] == ["1.csv", "2.csv"]


def test_others_register_schemes_of_their_own(tmp_path: Path):
    asked: list[str] = []

    def opened(location: str, options: ReadOptions, hints: pa.Schema | None) -> Source:
        asked.append(location)
        return open_source(filled(tmp_path, {"t.csv": "n\n1\n"}) / "t.csv")

    register_scheme("testing", opened)
    assert read_source("testing:flights").num_rows == 1
    assert asked == ["testing:flights"]
    with pytest.raises(InvalidInput, match="no kind of source named gopher:"):
        open_source("gopher://x/y")


@given(st.lists(st.integers(0, 10**6), min_size=1))
def test_numbers_in_names_count_as_numbers(numbers: list[int]):
    names = [f"day {number}.csv" for number in numbers]
    assert sorted(names, key=natural_order) == [f"day {number}.csv" for number in sorted(numbers)]


KINDS = st.sampled_from(
    [pa.null(), pa.bool_(), pa.int64(), pa.float64(), pa.string(), pa.date32(), pa.timestamp("us"),
     pa.timestamp("us", "UTC")]
)  # fmt: skip


@given(KINDS, KINDS)
def test_the_common_type_does_not_depend_on_the_order(one: pa.DataType, other: pa.DataType):
    both = common_type(one, other)
    assert both == common_type(other, one)
    assert common_type(both, one) == both == common_type(both, other)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(-(2**60), 2**60), min_size=1, max_size=5), min_size=1, max_size=12))
def test_a_table_in_many_files_is_the_table(tmp_path: Path, parts: list[list[int]]):
    for left in tmp_path.glob("*.parquet"):
        left.unlink()
    for number, part in enumerate(parts):
        pq.write_table(pa.table({"n": part}), tmp_path / f"{number}.parquet")
    assert read_source(tmp_path)["n"].to_pylist() == [n for part in parts for n in part]
