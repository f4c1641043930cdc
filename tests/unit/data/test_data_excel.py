"""Workbooks are read with the types of their cells; what people do to sheets is understood or said."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import excel, open_source, read_source


def workbook(path: Path, *fills: Callable[[xlsxwriter.Workbook, Any], None], names: tuple[str, ...] = ()) -> Path:
    book = xlsxwriter.Workbook(path)
    for number, fill in enumerate(fills):
        fill(book, book.add_worksheet(names[number] if names else None))
    book.close()
    return path


def rows(*lines: list[Any], at: tuple[int, int] = (0, 0)) -> Callable[[xlsxwriter.Workbook, Any], None]:
    """Fills a sheet with values, with formats for times."""

    def fill(book: xlsxwriter.Workbook, sheet: Any) -> None:
        formats = {
            dt.datetime: "yyyy-mm-dd hh:mm:ss",
            dt.date: "yyyy-mm-dd",
            dt.time: "hh:mm:ss",
            dt.timedelta: "[h]:mm",
        }
        made = {kind: book.add_format({"num_format": form}) for kind, form in formats.items()}
        for row, line in enumerate(lines, at[0]):
            for column, value in enumerate(line, at[1]):
                if type(value) in made:
                    sheet.write_datetime(row, column, value, made[type(value)])
                elif isinstance(value, str) and value.startswith("="):
                    sheet.write_formula(row, column, value, None, {"=1/0": "#DIV/0!", "=NA()": "#N/A"}[value])
                elif value is not None:
                    sheet.write(row, column, value)

    return fill


def read(path: Path, **options: Any) -> dict[str, list[Any]]:
    return read_source(path, ReadOptions(**options)).to_pydict()


def kinds(table: pa.Table) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema}


def test_cells_have_the_types_that_they_have_in_the_workbook(tmp_path: Path):
    path = workbook(
        tmp_path / "t.xlsx",
        rows(
            ["whole", "number", "text", "flag", "day", "at", "clock", "long", "none"],
            [1, 0.5, "ä", True, dt.date(2024, 1, 2), dt.datetime(2024, 1, 2, 3, 4, 5), dt.time(1, 2, 3),
             dt.timedelta(hours=36), None],
            [None, 2, None, False, None, dt.datetime(2024, 1, 3), None, None, None],
        ),
    )  # fmt: skip
    source = open_source(path)
    found = read_source(path)
    assert kinds(found) == {
        "whole": "int64", "number": "double", "text": "string", "flag": "bool", "day": "date32[day]",
        "at": "timestamp[us]", "clock": "string", "long": "int64", "none": "null",
    }  # fmt: skip
    assert found.to_pylist()[0] == {
        "whole": 1, "number": 0.5, "text": "ä", "flag": True, "day": dt.date(2024, 1, 2),
        "at": dt.datetime(2024, 1, 2, 3, 4, 5), "clock": "01:02:03", "long": 36 * 3600, "none": None,
    }  # fmt: skip
    assert found["at"][1].as_py() == dt.datetime(2024, 1, 3)
    assert source.warnings == ("Column 'long' holds durations; they are given in seconds.",)
    assert (source.kind, source.rows, source.settings.format) == ("excel", 2, "excel")


@pytest.mark.parametrize(("values", "kind"), [
    ([1, 2, 3], "int64"), ([1, 2.5], "double"), ([2**53, 1], "int64"), ([1e300], "double"), ([True, False], "bool"),
    (["1", "2"], "string"),
])  # fmt: skip
def test_whole_numbers_are_integers(tmp_path: Path, values: list[Any], kind: str):
    path = workbook(tmp_path / "t.xlsx", rows(["x"], *([value] for value in values)))
    assert kinds(read_source(path)) == {"x": kind}
    assert read(path)["x"] == values


def test_a_mixed_column_is_text_and_said_so(tmp_path: Path):
    path = workbook(tmp_path / "t.xlsx", rows(["x", "y"], [1, True], ["a", 2], [2.5, None], [True, None]))
    assert read(path) == {"x": ["1", "a", "2.5", "true"], "y": ["true", "2", None, None]}
    assert open_source(path).warnings == (
        "Column 'x' holds booleans and numbers and texts; it is read as text.",
        "Column 'y' holds booleans and numbers; it is read as text.",
    )


def test_texts_for_missing_values_do_not_make_numbers_text(tmp_path: Path):
    path = workbook(tmp_path / "t.xlsx", rows(["n", "t", "d"], [1, "NA", dt.date(2024, 1, 1)], ["NA", "b", "n/a"]))
    assert read(path) == {"n": [1, None], "t": ["NA", "b"], "d": [dt.date(2024, 1, 1), None]}
    assert read(path, nulls=("b",))["t"] == ["NA", None]


def test_errors_in_cells_are_missing_and_said_so(tmp_path: Path):
    path = workbook(tmp_path / "t.xlsx", rows(["n", "m"], [1, "=NA()"], ["=1/0", 2], [3, "=1/0"]))
    assert read(path) == {"n": [1, None, 3], "m": [None, 2, None]}
    assert open_source(path).warnings == ("3 cells hold an error such as #DIV/0!, read as a missing value.",)


def test_empty_edges_are_dropped_and_empty_rows_between_are_kept(tmp_path: Path):
    def fill(book: xlsxwriter.Workbook, sheet: Any) -> None:
        rows(["a", "b"], [1, 2], [None, None], [3, 4], at=(3, 2))(book, sheet)
        grey = book.add_format({"bg_color": "gray"})
        for row in range(12):
            sheet.write_blank(row, 0, None, grey)
            sheet.write_blank(row, 9, None, grey)

    assert read(workbook(tmp_path / "t.xlsx", fill)) == {"a": [1, None, 3], "b": [2, None, 4]}


def test_rows_above_the_header_are_skipped(tmp_path: Path):
    path = workbook(tmp_path / "t.xlsx", rows(["Sales of March"], [], ["n", "m"], [1, 2]))
    assert read(path, skip_rows=1) == {"n": [1], "m": [2]}
    with pytest.raises(InvalidInput, match=r"Sheet 'Sheet1' of t\.xlsx is empty"):
        read(path, skip_rows=9)


def test_a_sheet_without_a_header_numbers_its_columns(tmp_path: Path):
    path = workbook(tmp_path / "t.xlsx", rows([1, "x"], [2, "y"]))
    assert list(read(path, has_header=False).values()) == [[1, 2], ["x", "y"]]
    assert len(set(read(path, has_header=False))) == 2


def test_a_merged_header_names_its_columns(tmp_path: Path):
    def fill(book: xlsxwriter.Workbook, sheet: Any) -> None:
        rows([None, "key"], [None, "k", 1, 2, 3])(book, sheet)
        sheet.merge_range("C1:E1", "Sales")

    path = workbook(tmp_path / "t.xlsx", fill)
    assert read(path) == {"key": ["k"], "Sales": [1], "Sales (2)": [2], "Sales (3)": [3]}
    assert open_source(path).warnings == ("The header 'Sales' spans 3 columns, which are numbered.",)


def test_headers_that_are_numbers_are_written_as_in_the_sheet(tmp_path: Path):
    assert list(read(workbook(tmp_path / "t.xlsx", rows(["key", 2023, 2024], ["a", 1, 2])))) == ["key", "2023", "2024"]


@pytest.mark.parametrize(("header", "said"), [
    (["a", None, "c"], "Sheet 'Sheet1' of t.xlsx has no name for column 2"),
    (["a", "a", "c"], "more than one column named 'a'"),
])  # fmt: skip
def test_names_that_are_missing_or_repeated_are_refused(tmp_path: Path, header: list[Any], said: str):
    with pytest.raises(InvalidInput, match=said.replace(".", r"\.")):
        open_source(workbook(tmp_path / "t.xlsx", rows(header, [1, 2, 3])))


def test_sheets_are_chosen_by_name(tmp_path: Path):
    path = workbook(tmp_path / "t.xlsx", rows(["a"], [1]), rows(["b"], [2]), names=("Üb", "2024"))
    assert open_source(path).sheets == ("Üb", "2024")
    assert read(path) == {"a": [1]}
    assert read(path, sheet="2024") == {"b": [2]}
    assert open_source(path, ReadOptions(sheet="2024")).settings.sheet == "2024"
    with pytest.raises(InvalidInput, match=r"no sheet 'x'.* It has Üb, 2024"):
        open_source(path, ReadOptions(sheet="x"))


def test_an_empty_sheet_and_one_with_a_header_alone_say_so(tmp_path: Path):
    with pytest.raises(InvalidInput, match="is empty"):
        open_source(workbook(tmp_path / "t.xlsx", rows()))
    with pytest.raises(InvalidInput, match="has columns but no rows"):
        open_source(workbook(tmp_path / "t.xlsx", rows(["a", "b"])))


def test_columns_can_be_chosen_named_and_typed(tmp_path: Path):
    path = workbook(tmp_path / "t.xlsx", rows(["code", "day", "x"], [7, "31.12.2024", 1], [8, "01.02.2025", 2]))
    options = {
        "columns": ("day", "code"), "names": {"code": "key"}, "types": {"code": "text", "day": "time"},
        "date_formats": ("%Y/%m/%d", "%d.%m.%Y"),
    }  # fmt: skip
    assert read(path, **options) == {"day": [dt.datetime(2024, 12, 31), dt.datetime(2025, 2, 1)], "key": ["7", "8"]}
    with pytest.raises(InvalidInput, match=r"'day' of t\.xlsx cannot be read as int64"):
        read(path, types={"day": "integer"})
    with pytest.raises(InvalidInput, match="no column 'z'"):
        read(path, columns=("z",))
    with pytest.raises(InvalidInput, match="no type 'colour'"):
        read(path, types={"x": "colour"})


def test_damaged_and_encrypted_workbooks_are_refused(tmp_path: Path):
    whole = workbook(tmp_path / "t.xlsx", rows(["a"], [1])).read_bytes()
    for content in (whole[: len(whole) // 2], b"a,b\n1,2\n", whole[:200] + b"\0" * 200 + whole[400:]):
        (tmp_path / "t.xlsx").write_bytes(content)
        with pytest.raises(InvalidInput, match=r"t\.xlsx is not a whole workbook"):
            open_source(tmp_path / "t.xlsx")
    (tmp_path / "t.xlsx").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504)
    with pytest.raises(InvalidInput, match=r"t\.xlsx is encrypted"):
        open_source(tmp_path / "t.xlsx")
    (tmp_path / "t.xls").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504)
    with pytest.raises(InvalidInput, match=r"t\.xls is not a whole workbook"):
        open_source(tmp_path / "t.xls")


def test_a_workbook_that_unfolds_too_far_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = workbook(tmp_path / "t.xlsx", rows(["a"], *([n] for n in range(500))))
    monkeypatch.setattr(excel, "WORKBOOK_BYTES", 1000)
    with pytest.raises(InvalidInput, match=r"t\.xlsx unfolds to more than 1,000 bytes"):
        open_source(path)


def test_a_sheet_of_many_rows_comes_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(excel, "_BLOCK_ROWS", 10)
    path = workbook(tmp_path / "t.xlsx", rows(["n"], *([n] for n in range(25))))
    source = open_source(path)
    assert [batch.num_rows for batch in source] == [10, 10, 5]
    assert pa.Table.from_batches(list(source))["n"].to_pylist() == list(range(25))


def test_an_open_document_sheet_is_read(tmp_path: Path):
    cells = "".join(
        f'<table:table-cell office:value-type="{kind}" office:{attribute}="{value}">'
        f"<text:p>{value}</text:p></table:table-cell>"
        for kind, attribute, value in (
            ("float", "value", "7"),
            ("date", "date-value", "2024-01-02"),
            ("string", "string-value", "x"),
        )
    )
    names = "".join(
        f'<table:table-cell office:value-type="string"><text:p>{name}</text:p></table:table-cell>' for name in "ndt"
    )
    spaces = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"' for prefix in ("office", "table", "text")
    )
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces}><office:body><office:spreadsheet>'
        f'<table:table table:name="One"><table:table-row>{names}</table:table-row>'
        f"<table:table-row>{cells}</table:table-row></table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    with zipfile.ZipFile(tmp_path / "t.ods", "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", content)
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    found = read(tmp_path / "t.ods")
    assert (found["n"], found["t"]) == ([7], ["x"])
    assert open_source(tmp_path / "t.ods").sheets == ("One",)


def test_a_workbook_in_a_zip_is_read(tmp_path: Path):
    workbook(tmp_path / "t.xlsx", rows(["a"], [1]))
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.write(tmp_path / "t.xlsx", "t.xlsx")
    source = open_source(tmp_path / "t.zip")
    assert source.sheets == ("Sheet1",)
    assert read(tmp_path / "t.zip") == {"a": [1]}


def test_what_pandas_writes_is_read(tmp_path: Path):
    frame = pd.DataFrame(
        {"n": [1, 2], "x": [0.5, None], "at": pd.to_datetime(["2024-01-01 10:00", "2024-01-02 11:30"])}
    )
    written = io.BytesIO()
    frame.to_excel(written, index=False, engine="xlsxwriter")
    (tmp_path / "t.xlsx").write_bytes(written.getvalue())
    assert read(tmp_path / "t.xlsx") == {"n": [1, 2], "x": [0.5, None], "at": list(frame["at"].dt.to_pydatetime())}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=6).map(lambda text: f"t {text}")
CELLS = st.lists(
    st.tuples(
        st.integers(-(2**53), 2**53), st.none() | st.integers(-(2**40), 2**40).map(lambda n: n + 0.125),
        TEXT | st.none(), st.booleans(), st.dates(dt.date(1901, 1, 1), dt.date(2199, 1, 1)) | st.none(),
        st.datetimes(dt.datetime(1901, 1, 1), dt.datetime(2199, 1, 1))
        .map(lambda at: at.replace(microsecond=0, second=1))
    ),
    min_size=1, max_size=12,
)  # fmt: skip
SCHEMA = pa.schema(
    [("i", pa.int64()), ("x", pa.float64()), ("s", pa.string()), ("b", pa.bool_()), ("d", pa.date32()),
     ("at", pa.timestamp("us"))]
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=CELLS)
def test_what_goes_into_a_workbook_comes_out(tmp_path: Path, cells: list[tuple[Any, ...]]):
    table = pa.Table.from_pylist([dict(zip(SCHEMA.names, line, strict=True)) for line in cells], SCHEMA)
    path = workbook(tmp_path / "t.xlsx", rows(SCHEMA.names, *map(list, cells)))
    found = read_source(path)
    assert found.to_pydict() == table.to_pydict()
    for name in SCHEMA.names:
        if any(value is not None for value in table[name].to_pylist()):
            assert found.schema.field(name).type == SCHEMA.field(name).type
