"""JSON in its usual shapes becomes a table; what is wrong with it is said with line and column."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.sources import json_files, json_split, open_source, read_source

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
leaves = st.none() | st.booleans() | st.integers(-5, 5) | texts
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2))


def written(folder: Path, content: object, name: str = "t.json", encoding: str = "utf-8") -> Path:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize(
    "content",
    [
        [{"a": 1, "b": "x"}, {"a": 2, "b": None}],
        {"data": [{"a": 1, "b": "x"}, {"a": 2, "b": None}], "count": 2},
        {"meta": {"from": [1, 2]}, "rows": [{"a": 1, "b": "x"}, {"a": 2, "b": None}]},
        {"a": [1, 2], "b": ["x", None]},
        {"a": {"0": 1, "1": 2}, "b": {"0": "x", "1": None}},
        '{"a": 1, "b": "x"}\n\n{"a": 2, "b": null}',
    ],
)
def test_all_usual_shapes_give_the_same_table(tmp_path: Path, content: object):
    expected = pa.table({"a": [1, 2], "b": ["x", None]})
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-be"):
        assert read_source(written(tmp_path, content, encoding=encoding)).equals(expected)


def test_one_object_is_one_row(tmp_path: Path):
    assert read_source(written(tmp_path, {"a": 1, "b": "x"})).to_pylist() == [{"a": 1, "b": "x"}]


def test_nested_objects_become_columns_with_names_of_their_own(tmp_path: Path):
    path = written(tmp_path, [{"a": {"b": 1, "c": {"d": "x"}}, "a.b": 2}, {"a": None, "a.b": 3}])
    assert read_source(path).to_pydict() == {"a.b": [1, None], "a.c.d": ["x", None], "a.b_2": [2, 3]}
    deep = written(tmp_path, '{"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}', "t.jsonl")
    assert read_source(deep).to_pydict() == {"a.b.c.d.e.f": ['{"g": 1}']}


def test_lists_become_json_text_and_mixed_values_text_with_a_warning(tmp_path: Path):
    source = open_source(written(tmp_path, [{"a": [1, "é"], "b": 1, "c": True}, {"a": None, "b": "x", "c": 2}]))
    assert source.warnings[0].startswith("Column 'a' is kept as JSON text")
    assert source.notes.keys() == {"a", "b", "c"}
    assert next(iter(source)).to_pydict() == {"a": ['[1, "é"]', None], "b": ["1", "x"], "c": ["true", "2"]}


def test_texts_that_are_times_are_times(tmp_path: Path):
    row = {"n": 1, "t": "2013-01-01T00:00:00+02:00", "d": "2013-01-01", "e": "2013-01-01 10:00", "f": "24.12.2013"}
    path = written(tmp_path, [row])
    table = read_source(path, ReadOptions(date_formats=("%d.%m.%Y",)))
    assert table.column_names == list(row)
    assert list(table.to_pylist()[0].values()) == [
        1, datetime(2012, 12, 31, 22, tzinfo=ZoneInfo("UTC")), date(2013, 1, 1), datetime(2013, 1, 1, 10),
        date(2013, 12, 24),
    ]  # fmt: skip
    assert read_source(path, ReadOptions(types={"d": "text"}))["d"].to_pylist() == ["2013-01-01"]


def test_large_integers_lose_no_digit(tmp_path: Path):
    path = written(tmp_path, [{"a": 123456789012345678901, "b": 2**64 - 1, "c": 10**20, "d": float("nan")}])
    found = read_source(path)
    assert str(found.to_pylist()) == "[{'a': '123456789012345678901', 'b': 18446744073709551615, 'c': 1e+20, 'd': nan}]"


def test_types_and_keys_that_show_late_restart_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_files, "BLOCK", 64)
    rows = [{"a": 1, "b": "2013-01-01", "c": 1, "e": None}] * 30 + [{"a": 1.5, "b": "x", "c": "y", "d": 1, "e": 2}]
    for path in (written(tmp_path, rows), written(tmp_path, "\n".join(map(json.dumps, rows)), "t.jsonl")):
        table = read_source(path)
        assert {field.name: str(field.type) for field in table.schema} == {
            "a": "double", "b": "string", "c": "string", "e": "int64", "d": "int64",
        }  # fmt: skip
        assert table.slice(29).to_pydict() == {
            "a": [1.0, 1.5], "b": ["2013-01-01", "x"], "c": ["1", "y"], "e": [None, 2], "d": [None, 1],
        }  # fmt: skip


def test_columns_keep_the_types_that_they_had(tmp_path: Path):
    before = pa.schema([("a", pa.int64()), ("b", pa.float64()), ("c", pa.string())])
    assert read_source(written(tmp_path, [{"a": 1.0, "b": 2, "c": 3}]), hints=before).schema == before
    assert read_source(written(tmp_path, [{"a": 1.5, "b": 2, "c": 3}]), hints=before).schema.field("a").type == "double"


def test_names_columns_and_types_are_obeyed(tmp_path: Path):
    options = ReadOptions(names={"a": "z"}, types={"b": "text"}, columns=("b", "a"))
    source = open_source(written(tmp_path, [{"a": 1, "b": 2}]), options)
    assert next(iter(source)).to_pydict() == {"b": ["2"], "z": [1]}
    assert source.settings.format == "json"


def test_values_that_are_no_texts_make_times_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_files, "BLOCK", 32)
    path = written(tmp_path, [{"a": "2013-01-01"}] * 5 + [{"a": 1}, {"a": True}] + [{}] * 20)
    assert read_source(path)["a"].to_pylist() == ["2013-01-01"] * 5 + ["1", "true"] + [None] * 20


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[{"a": 1}, {"a": 2}', "ends in the middle of what begins in line 1"),
        ('[\n{"a": 1},\n{"a": ', "ends in the middle of what begins in line 3"),
        ('[\n{"a": 1},\n{"a": x}]', "line 3, column 7: Expecting value"),
        ('[{"a": 1} {"a": 2}]', "line 1, column 11: here an object or a comma should be"),
        ('[{"a": 1},, {"a": 2}]', "line 1, column 11: "),
        ("[[1, 2]]", "line 1, column 2: here an object"),
        ("[]", "no rows"),
        ("[{}]", "no rows"),
        ('"x"', "not a JSON object"),
        ('{"a": [1, 2], "b": [1]}', "'a' has 2, 'b' has 1"),
        ('{"a": [1, 2', "line 1, column 12"),
        ("PK\x03\x04", "a ZIP archive"),
        ("[\n" + '{"a":' * 2_000 + "1" + "}" * 2_000 + "]", "from line 1 on: objects or lists are nested too deeply"),
        ('{"a": [1]}\n{"a": ' + "9" * 5_000 + "}", "line 2: a number of more digits than can be read"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, content: str, said: str):
    with pytest.raises(InvalidInput) as raised:
        read_source(written(tmp_path, content))
    assert said in str(raised.value)
    assert raised.value.hint


def test_a_bad_line_far_down_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(json_files, "BLOCK", 256)
    content = '{"a": 1}\n' * 1000 + '{"a": }\n'
    with pytest.raises(InvalidInput, match="line 1001, column 7"):
        read_source(written(tmp_path, content, "t.jsonl"))
    with pytest.raises(InvalidInput, match="line 1001, column 7"):
        read_source(written(tmp_path, "[" + '{"a": 1},\n' * 1000 + '{"a": }]'))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.dictionaries(texts, values, max_size=3), min_size=1, max_size=8), st.integers(1, 40), st.booleans())
def test_an_array_is_cut_into_the_objects_that_it_holds(tmp_path_factory, rows, size, is_indented):
    path = tmp_path_factory.mktemp("json") / "t.json"
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=2 if is_indented else None))
    layout = json_split.found_layout(path.read_bytes(), is_lines=False)
    blocks = list(json_split.blocks_of(path, "utf-8", layout, size))
    decoder, found = json.JSONDecoder(), []
    for block in blocks:
        text = block.text.decode().strip()
        while text:
            record, end = decoder.raw_decode(text)
            found.append(record)
            text = text[end:].strip()
    assert found == rows
    assert msgspec.json.decode(path.read_bytes()) == rows
