"""A version written to any format comes back as it was, as far as the format carries it."""

from __future__ import annotations

import errno
import gzip
import math
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.datasets import Origin
from mlops_desktop.core.errors import Cancelled, Conflict, EnvironmentProblem, InvalidInput
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.core.progress import CancelToken
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data import export as exporting
from mlops_desktop.data.export import export
from mlops_desktop.data.hashing import content_hash
from mlops_desktop.data.sources import read_source
from mlops_desktop.data.versions.store import write_version
from mlops_desktop.registry import Registry

EXTENSIONS = (".parquet", ".arrow", ".csv", ".tsv", ".json", ".jsonl", ".xlsx")
HAS_NAN = (".parquet", ".arrow", ".csv", ".tsv")
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
ODD_TEXTS = ["=1+1", "@a", "-", "NA", "007", 'a"b', "a\nb", "<r>x</r>", "_x0041_", " a "]
VALUES = {
    pa.string(): TEXTS | st.sampled_from(ODD_TEXTS),
    pa.bool_(): st.booleans(),
    pa.int8(): st.integers(-128, 127),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.floats(allow_nan=False, allow_infinity=False),
    pa.float32(): st.floats(allow_nan=False, allow_infinity=False, width=32),
    pa.date32(): st.dates(date(1901, 1, 1), date(2200, 1, 1)),
    pa.timestamp("us"): st.integers(0, 2**41).map(lambda ms: ms * 1_000),
    pa.timestamp("us", "UTC"): st.integers(0, 2**41).map(lambda ms: ms * 1_000),
    pa.timestamp("ns", "America/New_York"): st.integers(0, 2**41).map(lambda ms: ms * 1_000_000),
}  # fmt: skip


def read_back(path: Path, schema: pa.Schema) -> pa.Table:
    types = {field.name: str(field.type) for field in schema}
    if path.suffix == ".xlsx":  # a workbook knows no zones: times are in UTC
        types = {name: kind.partition(",")[0] + "]" if "tz=" in kind else kind for name, kind in types.items()}
        types = {name: kind.replace("float", "double") for name, kind in types.items()}
    options = ReadOptions() if path.suffix in (".parquet", ".arrow") else ReadOptions(types=types)
    found = read_source(path, options)
    columns = [in_utc(column, field.type) for column, field in zip(found.columns, schema, strict=True)]
    return pa.table(columns, schema=schema)


def in_utc(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    is_bare = all(map(pa.types.is_timestamp, (kind, column.type))) and kind.tz and not column.type.tz
    return (pc.assume_timezone(column, "UTC") if is_bare else column).cast(kind)


def is_same(one: pa.Table, other: pa.Table) -> bool:
    return content_hash(one.schema, one.to_batches()) == content_hash(other.schema, other.to_batches())


@pytest.fixture
def stored(registry: Registry, origin: Origin):
    return lambda table: write_version(registry, "t", table, origin)


@pytest.mark.parametrize("kind", VALUES, ids=str)
@pytest.mark.parametrize("extension", EXTENSIONS)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_values_of_every_type_come_back(registry: Registry, tmp_path: Path, extension: str, kind, data):
    values = data.draw(st.lists(st.none() | VALUES[kind], min_size=1, max_size=8))
    if extension == ".xlsx":
        values = [None if value == "" else value for value in values]
    column = pa.array(values, kind)
    table = pa.table({"id": range(len(values)), "ü 😀.a": column})
    version = write_version(registry, "t", table, Origin(kind="table", name="test"))
    path = tmp_path / f"out{extension}"
    written = export(registry, version, path, overwrite=True)
    assert (written.rows, written.warnings) == (len(values), ())
    assert is_same(read_back(path, table.schema), table)


@pytest.mark.parametrize("extension", HAS_NAN)
def test_nan_infinity_null_and_empty_text_stay_apart(registry: Registry, stored, tmp_path: Path, extension: str):
    table = pa.table({"f": [math.nan, math.inf, -math.inf, None, 1.0], "t": ["", None, "NA", "null", "x"]})
    export(registry, stored(table), tmp_path / f"out{extension}")
    assert is_same(read_back(tmp_path / f"out{extension}", table.schema), table)


@pytest.mark.parametrize("extension", [".json", ".jsonl", ".xlsx"])
def test_what_a_format_cannot_carry_is_said(registry: Registry, stored, tmp_path: Path, extension: str):
    table = pa.table({"f": [math.nan, math.inf, None, 1.0], "t": ["a", "", None, ""]})
    written = export(registry, stored(table), tmp_path / f"out{extension}")
    lost = "2 values of 'f' are NaN or infinite and were written as missing."
    empty = "2 texts of 't' are empty and were written as missing."
    assert written.warnings == ((lost, empty) if extension == ".xlsx" else (lost,))
    assert read_back(tmp_path / f"out{extension}", table.schema)["f"].to_pylist() == [None, None, None, 1.0]


def test_whole_numbers_in_json_keep_their_point(registry: Registry, stored, tmp_path: Path):
    kind = pa.timestamp("us", "Asia/Kolkata")
    table = pa.table({"f": [1.0, 2.0], "at": pa.array([0, 1], kind), 'q"': ['"', "\\\n"]})
    export(registry, stored(table), tmp_path / "out.json")
    assert (tmp_path / "out.json").read_text() == (
        '[\n{"f":1.0,"at":"1970-01-01T05:30:00.000000+05:30","q\\"":"\\""},\n'
        '{"f":2.0,"at":"1970-01-01T05:30:00.000001+05:30","q\\"":"\\\\\\n"}\n]\n'
    )


def test_texts_that_look_like_formulas_are_texts_in_excel(registry: Registry, stored, tmp_path: Path):
    from openpyxl import load_workbook

    texts = ["=1+1", "+1", "-1", "@SUM(A1)", "http://a.b", "12"]
    export(registry, stored(pa.table({"t": texts, "n": [1.5] * 6})), tmp_path / "out.xlsx")
    cells = list(load_workbook(tmp_path / "out.xlsx")["data"]["A"])[1:]
    assert [(cell.value, cell.data_type) for cell in cells] == [(text, "s") for text in texts]


def test_excel_keeps_times_and_all_digits(registry: Registry, stored, tmp_path: Path):
    from openpyxl import load_workbook

    table = pa.table(
        {
            "at": pa.array([datetime(2024, 2, 29, 13, 45, 6, tzinfo=UTC)], pa.timestamp("us", "Asia/Kolkata")),
            "day": [date(2024, 2, 29)],
            "old": [date(1850, 1, 1)],
            "n": [0.1 + 0.2],
            "large": [2**53 + 1],
        }
    )
    export(registry, stored(table), tmp_path / "out.xlsx")
    _, row = load_workbook(tmp_path / "out.xlsx")["data"].values
    expected = (datetime(2024, 2, 29, 13, 45, 6), datetime(2024, 2, 29), "1850-01-01", 0.1 + 0.2, "9007199254740993")
    assert row == expected


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".zip"])
@pytest.mark.parametrize("extension", [".csv", ".jsonl"])
def test_packed_files_come_back(registry: Registry, stored, numbered, tmp_path: Path, extension: str, suffix: str):
    table = numbered(20_000)
    path = tmp_path / f"out{extension}{suffix}"
    written = export(registry, stored(table), path)
    assert is_same(read_back(path, table.schema), table)
    assert (written.size, written.sha256) == (path.stat().st_size, sha256_hex(path.read_bytes()))
    first = path.read_bytes()
    assert export(registry, "t@1", path, overwrite=True).sha256 == sha256_hex(first)


def test_the_file_in_an_archive_has_the_name_without_the_extension(registry: Registry, stored, tmp_path: Path):
    export(registry, stored(pa.table({"a": [1]})), tmp_path / "out.v1.csv.zip")
    with zipfile.ZipFile(tmp_path / "out.v1.csv.zip") as archive:
        assert archive.namelist() == ["out.v1.csv"]
    export(registry, "t@1", tmp_path / "out.dat.gz", format="csv")
    assert gzip.decompress((tmp_path / "out.dat.gz").read_bytes()) == b'"a"\n1\n'


def test_a_folder_of_parquet_files_holds_all_rows_in_order(
    registry: Registry, stored, numbered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exporting, "_BATCH_ROWS", 1_000)
    monkeypatch.setattr(exporting, "_FILE_ROWS", 100_000)
    table = numbered(250_000)
    written = export(registry, stored(table), tmp_path / "out", format="parquet-folder")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == [part.name for part in written.parts]
    assert 2 <= len(names) <= 4
    assert is_same(pa.concat_tables([pq.read_table(tmp_path / "out" / name) for name in names]), table)
    assert written.size == sum((tmp_path / "out" / name).stat().st_size for name in names)


def test_some_columns_and_a_span_of_time(registry: Registry, stored, numbered, tmp_path: Path):
    table = numbered(100)
    between = ("at", "1970-01-01T00:10", "1970-01-01T00:20")
    written = export(registry, stored(table), tmp_path / "out.csv", columns=["value", "key"], between=between)
    assert written.rows == 10
    assert (tmp_path / "out.csv").read_text().splitlines()[:2] == ['"value","key"', "2.5,10"]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_span_without_rows_gives_a_file_with_columns(registry, stored, numbered, tmp_path: Path, extension: str):
    path = tmp_path / f"out{extension}"
    assert export(registry, stored(numbered(10)), path, between=("at", "2000-01-01", None)).rows == 0
    assert path.stat().st_size > 0 or extension == ".jsonl"


def test_a_file_is_overwritten_only_when_told(registry: Registry, stored, tmp_path: Path):
    path = tmp_path / "out.csv"
    path.write_text("mine")
    version = stored(pa.table({"a": [1]}))
    with pytest.raises(Conflict, match="There is a file"):
        export(registry, version, path)
    assert path.read_text() == "mine"
    export(registry, version, path, overwrite=True)
    assert path.read_text() == '"a"\n1\n'
    with pytest.raises(Conflict, match="There is a folder"):
        export(registry, version, tmp_path, format="parquet-folder", overwrite=True)


@pytest.mark.parametrize("format_", ["", "parquet-folder"])
def test_cancelled_it_leaves_nothing(registry: Registry, stored, numbered, tmp_path: Path, format_: str):
    out = tmp_path / "out"
    out.mkdir()
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        export(
            registry, stored(numbered(10)), out / "a.csv", format=format_, progress=token.reporting_to(lambda *_: None)
        )
    assert list(out.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_said_and_leaves_nothing(
    registry: Registry, stored, numbered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    version = stored(numbered(10))
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.setattr(exporting, "new_id", lambda: "full")
    (out / ".a.csv.full").symlink_to("/dev/full")
    with pytest.raises(EnvironmentProblem, match="full") as raised:
        export(registry, version, out / "a.csv")
    assert isinstance(raised.value.__cause__, OSError)
    assert raised.value.__cause__.errno == errno.ENOSPC
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "format_", "message"),
    [
        ("out.doc", "", "no such format"),
        ("out", "", "no such format"),
        ("out.gz", "", "no such format"),
        ("out.csv", "xml", "no such format"),
        ("missing/out.csv", "", "There is no folder"),
    ],
)
def test_a_place_or_format_that_cannot_be_is_refused(registry, stored, tmp_path: Path, name, format_, message):
    with pytest.raises(InvalidInput, match=message):
        export(registry, stored(pa.table({"a": [1]})), tmp_path / name, format=format_)
    assert not (tmp_path / name).exists()


def test_what_excel_cannot_hold_is_refused_at_once(registry: Registry, stored, tmp_path: Path):
    version = stored(pa.table({"a": pa.nulls(1_048_576, pa.int8())}))
    with pytest.raises(InvalidInput, match="1,048,575 rows at most"):
        export(registry, version, tmp_path / "out.xlsx")
    with pytest.raises(InvalidInput, match=r"Row 2 has a text of 40,000 characters in 't'"):
        export(registry, stored(pa.table({"t": ["a", "b" * 40_000]})), tmp_path / "out.xlsx")
    assert not list(tmp_path.glob("*out*"))


WITHOUT_PANDAS = """
import sys
from pathlib import Path
from mlops_desktop.data.compare.changes import changes
from mlops_desktop.data.profiles.correlation import correlation
from mlops_desktop.data.compare.difference import difference
from mlops_desktop.data.export import export
from mlops_desktop.registry import Registry
folder = Path(sys.argv[1])
registry = Registry(folder / "workspace")
difference(registry, "t@1", "t@2")
assert changes(registry, "t@1", "t@2", key=["key"]).rows_changed == 1
correlation(registry, "t@1")
for extension in ("parquet", "arrow", "csv", "tsv", "json", "jsonl", "xlsx", "csv.zip"):
    export(registry, "t@1", folder / f"out.{extension}")
print([name for name in ("pandas", "sklearn", "scipy", "onnxruntime") if name in sys.modules])
"""


def test_comparing_and_exporting_need_no_pandas_as_the_window_has_none(registry, stored, numbered, tmp_path: Path):
    table = numbered(100)
    stored(table)
    stored(table.set_column(2, "value", pa.array([float(at == 50) + at * 0.25 for at in range(100)])))
    command = [sys.executable, "-c", WITHOUT_PANDAS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")
