"""What a delimited text does not say of itself is found out; what a person says is obeyed."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pytest

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import Restarted, Source, csv_files, csv_stream, open_source


def read(
    folder: Path, content: str | bytes, hints: pa.Schema | None = None, **options: object
) -> tuple[Source, pa.Table]:
    """The source once all is read, and its rows; reading again with its settings must give the same."""
    path = folder / "t.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    source, table = _all(path, msgspec.convert(options, ReadOptions), hints)
    again, same = _all(path, source.settings, hints)
    assert same.schema == table.schema
    assert str(same.to_pylist()) == str(table.to_pylist())
    assert again.settings == source.settings
    return source, table


def _all(path: Path, options: ReadOptions, hints: pa.Schema | None) -> tuple[Source, pa.Table]:
    source = open_source(path, options, hints)
    while True:
        try:
            return source, pa.Table.from_batches(list(source), schema=source.schema)
        except Restarted:
            continue


def kinds(table: pa.Table) -> dict[str, str]:
    return {field.name: str(field.type) for field in table.schema}


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str):
    source, table = read(tmp_path, f"a{delimiter}b\n1{delimiter}x y\n2{delimiter}z\n")
    assert table.to_pydict() == {"a": [1, 2], "b": ["x y", "z"]}
    assert source.settings.delimiter == delimiter


def test_spaces_and_times_of_day_are_no_delimiters(tmp_path: Path):
    assert read(tmp_path, "a  b\n1  2\n")[1].column_names == ["a  b"]
    assert read(tmp_path, "time\n10:30\n11:45\n")[1].to_pydict() == {"time": ["10:30", "11:45"]}
    assert read(tmp_path, "a,b\n10:30,1\n11:45,2\n")[1].column_names == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("name;ort\nMüller;Köln\nGroß;Düsseldorf\n", "cp1252"),
        ("name;ort\nMüller;Köln\nGroß;Düsseldorf\n", "latin-1"),
        ("姓名,城市\n王小明,台北市\n陳大文,高雄市\n", "big5"),
        ("姓名,城市\n王小明,北京市\n陈大文,上海市\n", "gb18030"),
        ("名前,都市\n田中太郎,東京都\n鈴木一郎,大阪市カタカナ\n", "shift_jis"),
        ("имя,город\nИван,Москва\nПётр,Казань\n", "cp1251"),
        *[("a,b\r\n1,ä😀\r\n", name) for name in ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be", "utf-32-le")],
    ],
)
def test_the_encoding_is_found(tmp_path: Path, text: str, encoding: str):
    table = read(tmp_path, text.encode(encoding))[1]
    expected = [line.split(";" if ";" in text else ",") for line in text.split()]
    assert table.column_names == expected[0]
    assert [[str(value) for value in row.values()] for row in table.to_pylist()] == expected[1:]


def test_letters_that_come_late_show_the_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    content = b"a,b\n" + b"plain,1\n" * 800_000 + "Größe,2\n".encode("cp1252")
    source, table = read(tmp_path, content)
    assert table["a"][-1].as_py() == "Größe"
    assert source.settings.encoding == "cp1252"
    assert "cp1252" in source.warnings[0]


def test_text_that_is_broken_utf8_is_not_taken_for_something_else(tmp_path: Path):
    with pytest.raises(InvalidInput, match=r"t\.csv, line 3, byte 1 is not UTF-8"):
        read(tmp_path, "ä,ö\nü,ß\n".encode() + b"\xe9,x\n")
    with pytest.raises(InvalidInput, match="line 2, byte 1 is not UTF-8"):
        read(tmp_path, b"a,b\n\xe9,x\n", encoding="utf-8")
    with pytest.raises(InvalidInput, match=r"line 2.* is not big5"):
        read(tmp_path, b"a,b\n\xff\xff,x\n", encoding="big5")


def test_an_encoding_is_guessed_among_those_that_fit(tmp_path: Path):
    source, table = read(tmp_path, "ä,b\n".encode() + b"1,2\n" * 98 + b"K\xffln,2\n")
    assert table.num_rows == 99 and source.warnings[0].startswith("The text is read as")


def test_decimal_commas_and_groups_of_digits_are_understood(tmp_path: Path):
    source, table = read(tmp_path, "a;b;c\n1,5;2.000,25;1.000\n-2,5;3.123,5;2.500\n")
    assert table.to_pydict() == {"a": [1.5, -2.5], "b": [2000.25, 3123.5], "c": [1000, 2500]}
    assert (source.settings.decimal, source.settings.thousands) == (",", ".")
    source, table = read(tmp_path, 'a,b\n"1,234",1.5\n"2,345,678",2.25\n')
    assert table.to_pydict() == {"a": [1234, 2345678], "b": [1.5, 2.25]}
    assert (source.settings.decimal, source.settings.thousands) == (".", ",")
    for mark in (" ", "'", "\u00a0", "\u202f"):
        assert read(tmp_path, f"a;b\n1{mark}234,5;x\n2;y\n")[1]["a"].to_pylist() == [1234.5, 2.0]


def test_a_comma_that_may_be_either_stays_text_until_somebody_says(tmp_path: Path):
    content = 'a,b\n"1,234",1\n"2,345",2\n'
    source, table = read(tmp_path, content)
    assert table["a"].to_pylist() == ["1,234", "2,345"]
    assert "set decimal or thousands" in source.warnings[0]
    assert read(tmp_path, content, decimal=",")[1]["a"].to_pylist() == [1.234, 2.345]
    assert read(tmp_path, content, thousands=",")[1]["a"].to_pylist() == [1234, 2345]


def test_dates_are_read_as_people_write_them(tmp_path: Path):
    content = (
        "d,e,f,g,h,i\n"
        "24.12.2013,12/25/2013 10:00,3-Jan-2013,2013/1/5,24.12.2013 10:11:12.5,12/31/2013 12:59:59 AM\n"
        "05.01.2014,01/02/2013 11:30,14-FEB-2013,2013/12/31,05.01.2014 00:00:00,01/31/2014 01:00:00 PM\n"
    )
    table = read(tmp_path, content)[1]
    first = table.to_pylist()
    assert list(first[0].values()) == [
        date(2013, 12, 24), datetime(2013, 12, 25, 10), date(2013, 1, 3), date(2013, 1, 5),
        datetime(2013, 12, 24, 10, 11, 12, 500_000), datetime(2013, 12, 31, 0, 59, 59),
    ]  # fmt: skip
    assert first[1]["f"] == date(2013, 2, 14)
    assert first[1]["i"] == datetime(2014, 1, 31, 13)


def test_the_order_of_day_and_month_is_told_by_evidence_anywhere_in_the_file(tmp_path: Path):
    assert read(tmp_path, "d,e\n01/02/2013,13/12/2013\n03/04/2013,1/1/2013\n")[1]["d"][0].as_py() == date(2013, 2, 1)
    assert read(tmp_path, "d\n01/02/2013\n03/14/2013\n")[1]["d"][0].as_py() == date(2013, 1, 2)
    source, table = read(tmp_path, "d\n01/02/2013\n03/04/2013\n")
    assert kinds(table) == {"d": "string"}
    assert "set date_formats" in source.warnings[0]
    found = read(tmp_path, "d\n01/02/2013\n03/04/2013\n", date_formats=("%m/%d/%Y",))[1]
    assert found["d"][0].as_py() == date(2013, 1, 2)
    source, table = read(tmp_path, "a,b,c\n13/02/2013,02/13/2013,01/02/2013\n")
    assert kinds(table) == {"a": "date32[day]", "b": "date32[day]", "c": "string"}


def test_a_format_that_cannot_be_followed_is_refused(tmp_path: Path):
    with pytest.raises(InvalidInput, match="%Q is not known"):
        read(tmp_path, "d\n01/02/2013\n", date_formats=("%Q/%m/%Y",))


def test_iso_times_keep_their_zone_and_epochs_stay_numbers(tmp_path: Path):
    table = read(tmp_path, "t,u,e\n2013-01-01T02:00+02:00,2013-01-01 10:00,1357000000\n")[1]
    assert kinds(table) == {"t": "timestamp[us, tz=UTC]", "u": "timestamp[us]", "e": "int64"}
    assert table["t"][0].as_py() == datetime(2013, 1, 1, tzinfo=ZoneInfo("UTC"))


def test_codes_with_leading_zeros_stay_text(tmp_path: Path):
    source, table = read(tmp_path, "zip,n\n00123,0\n99999,10\n")
    assert table.to_pydict() == {"zip": ["00123", "99999"], "n": [0, 10]}
    assert source.warnings == ("Column 'zip' is kept as text: digits have leading zeros.",)
    assert source.notes == {"zip": "kept as text: digits have leading zeros"}


def test_codes_whose_leading_zeros_come_late_stay_text(tmp_path: Path):
    content = "zip,n\n" + "99999,1\n" * 400_000 + "00123,2\n" + "88888,3\n" * 1000
    table = read(tmp_path, content)[1]
    assert kinds(table) == {"zip": "string", "n": "int64"}
    assert table["zip"][400_000].as_py() == "00123"


def test_leading_zeros_are_seen_where_blocks_meet(tmp_path: Path):
    path = tmp_path / "t.csv"
    path.write_text("zip,n\n" + "99999,1\n" * 20 + "00123,2\n")
    layout = csv_files.CsvFile(path, ReadOptions())._layout
    for size in range(1, 40):
        with csv_stream.CsvStream(path, "utf-8", layout.dialect, seek_zeros=True, limit=0) as stream:
            while stream.read(size):
                pass
            assert stream.has_leading_zeros, size


def test_what_keeps_whole_numbers_from_being_numbers_is_told(tmp_path: Path):
    source, table = read(tmp_path, "a\n" + "1\n" * 5_000 + "oops\n")
    assert table["a"].to_pylist()[-2:] == ["1", "oops"]
    assert source.warnings == ("Column 'a' is kept as text: beside numbers it holds 'oops'.",)


def test_integers_beyond_64_bits_lose_no_digit(tmp_path: Path):
    source, table = read(tmp_path, "a,b,c\n123456789012345678901,18446744073709551615,100000000000000000000\n1,2,1\n")
    assert kinds(table) == {"a": "string", "b": "uint64", "c": "double"}
    assert table["a"].to_pylist() == ["123456789012345678901", "1"]
    assert table["b"].to_pylist() == [2**64 - 1, 2]
    assert "too many digits" in source.warnings[0]


def test_an_integer_beyond_64_bits_that_comes_late_loses_no_digit(tmp_path: Path):
    table = read(tmp_path, "a,b\n" + "1.5,1\n" * 300_000 + "123456789012345678901,123456789012345678901\n")[1]
    assert [values[-1] for values in table.to_pydict().values()] == ["123456789012345678901"] * 2


def test_a_missing_value_in_quotes_is_missing_in_numbers_and_empty_in_texts(tmp_path: Path):
    assert read(tmp_path, '"a","b"\n"1",""\n"","x"\n')[1].to_pydict() == {"a": [1, None], "b": ["", "x"]}


def test_titles_before_the_header_are_skipped(tmp_path: Path):
    source, table = read(tmp_path, "Report of 2024\n\nname,value,unit\nx,1,m\ny,2,m\n")
    assert table["value"].to_pylist() == [1, 2]
    assert source.settings.skip_rows == 2
    assert source.warnings == ("2 lines before the header are skipped.",)
    assert read(tmp_path, "x\ny\na,b\n1,2\n", skip_rows=2)[1].to_pydict() == {"a": [1], "b": [2]}


def test_a_file_without_a_header_gets_numbered_columns(tmp_path: Path):
    source, table = read(tmp_path, "1,2.5,x\n2,3.5,y\n")
    assert table.to_pydict() == {"column_1": [1, 2], "column_2": [2.5, 3.5], "column_3": ["x", "y"]}
    assert source.settings.has_header is False
    assert read(tmp_path, "a,b\nc,d\n", has_header=False)[1]["column_1"].to_pylist() == ["a", "c"]
    assert read(tmp_path, "1,2\n3,4\n", has_header=True)[1].column_names == ["1", "2"]
    assert read(tmp_path, "land,2012,2013\nDE,1.5,2\n")[1].column_names == ["land", "2012", "2013"]


def test_nulls_quotes_names_columns_and_types_are_obeyed(tmp_path: Path):
    assert read(tmp_path, "a,b\n-,NA\n1,x\n", nulls=("-",))[1].to_pydict() == {"a": [None, 1], "b": ["NA", "x"]}
    assert read(tmp_path, "a,b\n'x,1',2\n'y',3\n")[1].to_pydict() == {"a": ["x,1", "y"], "b": [2, 3]}
    assert read(tmp_path, 'a,b\n"x,2\n', quote="none")[1].to_pydict() == {"a": ['"x'], "b": [2]}
    chosen = {"names": {"#1": "n", "b": "v"}, "types": {"v": "text"}, "columns": ("v", "n")}
    assert read(tmp_path, "a,b,c\n1,2,3\n", **chosen)[1].to_pydict() == {"v": ["2"], "n": [1]}
    types = {"a": "int32", "b": "number", "c": "boolean", "d": "time", "e": "integer"}
    table = read(tmp_path, "a,b,c,d,e\n1,1,1,2013-01-01 10:00,007\n", types=types)[1]
    assert list(kinds(table).values()) == ["int32", "double", "bool", "timestamp[us]", "int64"]


def test_columns_keep_the_types_that_they_had(tmp_path: Path):
    before = pa.schema(
        [("a", pa.int64()), ("b", pa.float64()), ("c", pa.string()), ("d", pa.int64()), ("e", pa.int32())]
    )
    table = read(tmp_path, "a,b,c,d,e\n1.0,1,5,,7\n2.0,2,6,,8\n", hints=before)[1]
    assert table.schema == before
    table = read(tmp_path, "a,b,c,d,e\n1.5,x,5,2.5,99999999999\n", hints=before)[1]
    assert list(kinds(table).values()) == ["double", "string", "string", "double", "int64"]


def test_a_column_keeps_its_type_until_a_late_value_forbids_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(csv_files, "_BLOCK", 64)
    source, table = read(tmp_path, "a,b\n" + "1,x\n" * 60 + "n,y\n", hints=pa.schema([("a", pa.float64())]))
    assert kinds(table)["a"] == "string"
    assert "'n' is no double" in source.warnings[0]


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        ('a,b\n1,"x\n2,y\n', {}, "line 2: a quote is opened and never closed"),
        ('a,b\n1,"x\n2,"y"\n3,z\n', {}, "line 2: text follows the quote"),
        ("a,b\n1,x\0\n", {}, "line 2 holds a NUL"),
        (b"PK\x03\x04aaaa", {}, "a ZIP archive or an Excel"),
        ("PAR1aaaa", {}, "a Parquet file"),
        ("\n<!DOCTYPE html><html>", {}, "a web page"),
        ("a,b\n1,2\n", {"delimiter": ";"}, "';' stands in no row, while ','"),
        ("a,b\n1,2\n", {"encoding": "klingon"}, "no encoding 'klingon'"),
        ("a,b\n1,2\n", {"types": {"a": "money"}}, "no type 'money'"),
        ("a,b\n1,2\n", {"columns": ("c",)}, "no column 'c' to read"),
        ("a,b\n1,2\n", {"names": {"#3": "c"}}, "no column '#3' to rename"),
        ("a,b\n1,2\n", {"delimiter": ",,"}, "',,' cannot be the delimiter"),
        ("a,a,\n1,2,3\n", {}, "#2 = name"),
        ('a,b\n"x\ny",3\n7,z\n', {"types": {"b": "int32"}}, "line 4, column 'b': 'z' cannot be read as int32"),
        ("a,b\n1,2,3\n4,5,6\n", {}, "line 2: 3 values where the header names 2"),
    ],
)
def test_faults_are_named_with_what_to_do(tmp_path: Path, content: str | bytes, options: dict[str, object], said: str):
    with pytest.raises(InvalidInput) as raised:
        read(tmp_path, content, **options)
    assert said in str(raised.value)
    assert raised.value.hint


def test_a_value_longer_than_a_block_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(csv_files, "_BLOCK", 4096)
    table = read(tmp_path, "a,b\n1,x\n" * 1 + f"2,{'y' * 20_000}\n3,z\n")[1]
    assert [len(value) for value in table["b"].to_pylist()] == [1, 20_000, 1]


def test_odd_names_and_numbers_are_kept(tmp_path: Path):
    table = read(tmp_path, "a.b,c d,😀,列\nnan,inf,-0.0,1\n-inf,1e300,5,2\n")[1]
    assert table.column_names == ["a.b", "c d", "😀", "列"]
    assert str(table.to_pylist()[0]) == "{'a.b': nan, 'c d': inf, '😀': -0.0, '列': 1}"


def test_five_thousand_columns_are_read(tmp_path: Path):
    names = ",".join(f"c{at}" for at in range(5000))
    table = read(tmp_path, names + "\n" + (",".join(["1", "x"] * 2500) + "\n") * 20)[1]
    assert (table.num_rows, table.num_columns) == (20, 5000)
    assert set(kinds(table).values()) == {"int64", "string"}
