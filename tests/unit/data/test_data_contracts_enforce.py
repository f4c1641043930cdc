"""Contracts at ingestion: every rule in every mode, over batches, on record, in one transaction."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from mlops_desktop.core.contracts import ColumnRule, Contract, ContractMode, ContractReport, ExtraColumns
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import InvalidInput
from mlops_desktop.data.contracts import check_version, contract_warnings, save_contract
from mlops_desktop.data.contracts.enforce import ContractBroken
from mlops_desktop.data.intake.ingest import Ingested, ingest, ingest_rows
from mlops_desktop.data.read import read_table
from mlops_desktop.registry import Registry

NOW = datetime(2013, 6, 1, tzinfo=UTC)
NUMBER, INTEGER, TEXT, TIME = ColumnType.NUMBER, ColumnType.INTEGER, ColumnType.TEXT, ColumnType.TIME


class FixedClock:
    def now(self) -> datetime:
        return NOW


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    opened = Registry.create(tmp_path / "workspace", clock=FixedClock())
    yield opened
    opened.close()


def hours_before(hours: float) -> datetime:
    return datetime.fromtimestamp(NOW.timestamp() - hours * 3_600, UTC)


def contract(*rules: ColumnRule, **table: object) -> Contract:
    return Contract(columns=rules, **table)


# What breaks a rule: the table, its contract, and the rows (from 1) that are bad.
ROW_RULES: dict[str, tuple[dict[str, list], Contract, list[int]]] = {
    "type": ({"a": ["1", "x", "2.5", "3"]}, contract(ColumnRule("a", INTEGER)), [2, 3]),
    "nullable": ({"a": [1, None, 3, 4]}, contract(ColumnRule("a", nullable=False)), [2]),
    "minimum": ({"a": [1, -5, 3, 4]}, contract(ColumnRule("a", INTEGER, minimum=0.0)), [2]),
    "maximum": ({"a": [1.0, 2.0, 9.5, None]}, contract(ColumnRule("a", NUMBER, maximum=9.0)), [3]),
    "categories": ({"a": ["x", "y", None, "é"]}, contract(ColumnRule("a", TEXT, categories=("x", "é"))), [2]),
    "pattern": ({"a": ["AB1", "AB", "AB1 ", None]}, contract(ColumnRule("a", TEXT, pattern=r"[A-Z]+\d")), [2, 3]),
    "max_length": ({"a": ["日本", "日本語", "", None]}, contract(ColumnRule("a", TEXT, max_length=2)), [2]),
    "unique": ({"a": [7, 8, 7, None, 7, None]}, contract(ColumnRule("a", unique=True)), [3, 5]),
    "key": ({"a": [1, 1, 1], "b": ["x", "y", "x"]}, contract(key=("a", "b")), [3]),
}
TABLE_RULES: dict[str, tuple[dict[str, list], Contract]] = {
    "missing column": ({"a": [1]}, contract(ColumnRule("b"))),
    "extra column": ({"a": [1]}, contract(extra_columns=ExtraColumns.REFUSE)),
    "max_missing": ({"a": [1.0, None, float("nan")]}, contract(ColumnRule("a", NUMBER, max_missing=0.5))),
    "rows": ({"a": [1, 2]}, contract(min_rows=3)),
    "freshness": ({"at": [hours_before(30)]}, contract(time_column="at", max_age_hours=24)),
}


def take(registry: Registry, columns: dict[str, list], rules: Contract, mode: str) -> Ingested:
    save_contract(registry, "t.é", msgspec.structs.replace(rules, max_bad_share=0.7))
    return ingest_rows(registry, pa.table(columns), "t.é", mode=mode)


def checks(registry: Registry) -> list[dict]:
    return [event.payload for event in registry.journal.all() if event.kind == "dataset.contract.checked"]


@pytest.mark.parametrize("broken", ROW_RULES)
def test_rows_that_break_a_rule_are_refused_by_name(registry: Registry, broken: str):
    columns, rules, bad = ROW_RULES[broken]
    with pytest.raises(ContractBroken, match=f"row {bad[0]}") as caught:
        take(registry, columns, rules, "refuse")
    assert registry.datasets.names() == []
    (violation,) = caught.value.report.violations
    assert (violation.rule, [row for row, _ in violation.examples]) == (broken, bad)
    assert registry.datasets.attempts("t.é")[0].outcome == "failed"
    (check,) = checks(registry)
    assert (check["outcome"], check["bad_rows"]) == ("refused", len(bad))
    stored = msgspec.json.decode(registry.objects.read_bytes(check["report"]), type=ContractReport)
    assert stored == caught.value.report


@pytest.mark.parametrize("broken", ROW_RULES)
def test_rows_that_break_a_rule_go_into_quarantine_as_they_came(registry: Registry, broken: str):
    columns, rules, bad = ROW_RULES[broken]
    done = take(registry, columns, rules, "quarantine")
    aside = read_table(registry, done.quarantined).to_pylist()
    assert [row["_row"] for row in aside] == bad
    assert all("must" in row["_reasons"] for row in aside)
    assert [{name: row[name] for name in columns} for row in aside] == [
        {name: values[row - 1] for name, values in columns.items()} for row in bad
    ]
    assert done.version.rows == len(next(iter(columns.values()))) - len(bad)
    assert (done.version.contract, done.quarantined.contract) == ("t.é@1", "t.é@1")
    assert done.quarantined.reference == "t.é.quarantine@1"
    assert (done.quarantined.origin.kind, done.quarantined.origin.parents) == ("quarantine", ("t.é@1",))
    assert checks(registry)[0]["quarantine"] == done.quarantined.reference
    assert check_version(registry, done.version).is_kept


@pytest.mark.parametrize("broken", ROW_RULES)
def test_rows_that_break_a_rule_are_accepted_with_a_warning(registry: Registry, broken: str):
    columns, rules, bad = ROW_RULES[broken]
    done = take(registry, columns, rules, "accept")
    assert read_table(registry, done.version).to_pydict() == columns
    assert (done.report.bad_rows, done.quarantined, done.outcome) == (len(bad), None, "stored")
    assert f"row {bad[0]}" in done.warnings[0]
    again = check_version(registry, done.version)
    assert [violation.rule for violation in again.violations] == [broken]


@pytest.mark.parametrize("broken", TABLE_RULES)
@pytest.mark.parametrize("mode", ContractMode)
def test_what_a_table_breaks_as_a_whole_is_refused_or_accepted(registry: Registry, broken: str, mode: ContractMode):
    columns, rules = TABLE_RULES[broken]
    if mode is ContractMode.ACCEPT:
        assert [violation.rule for violation in take(registry, columns, rules, mode).report.violations] == [broken]
    else:
        with pytest.raises(ContractBroken) as caught:
            take(registry, columns, rules, mode)
        assert [violation.rule for violation in caught.value.report.violations] == [broken]
        assert registry.datasets.names() == []


@pytest.mark.parametrize(
    ("columns", "rules"),
    [
        ({"a": ["1", " 2 ", None]}, contract(ColumnRule("a", INTEGER, minimum=1.0, maximum=2.0))),
        ({"a": [1.0, None]}, contract(ColumnRule("a", INTEGER, max_missing=0.5))),
        ({"b": [1]}, contract(ColumnRule("a", is_required=False))),
        ({"at": [hours_before(23)]}, contract(time_column="at", max_age_hours=24)),
        ({"a": [1, 2]}, contract(min_rows=2, max_rows=2)),
    ],
)
@pytest.mark.parametrize("mode", ContractMode)
def test_rows_that_keep_the_contract_are_stored(registry: Registry, columns: dict, rules: Contract, mode: ContractMode):
    done = take(registry, columns, rules, mode)
    assert (done.report.is_kept, done.warnings, done.quarantined) == (True, (), None)
    assert done.version.contract == "t.é@1"
    assert checks(registry)[0]["outcome"] == "kept"


def test_text_becomes_what_the_contract_says(registry: Registry):
    rules = contract(
        ColumnRule("n", INTEGER), ColumnRule("x", NUMBER), ColumnRule("at", TIME), ColumnRule("b", ColumnType.BOOLEAN)
    )
    done = take(registry, {"n": ["12"], "x": ["1.5"], "at": ["2013-01-01"], "b": ["true"]}, rules, "refuse")
    row = read_table(registry, done.version).to_pylist()[0]
    assert row == {"n": 12, "x": 1.5, "at": datetime(2013, 1, 1, tzinfo=UTC), "b": True}


def test_columns_that_the_contract_does_not_know_are_dropped_when_asked(registry: Registry):
    rules = contract(ColumnRule("a.b", INTEGER, maximum=5.0), extra_columns=ExtraColumns.DROP)
    done = take(registry, {"x": [1, 2], "a.b": [3, 9]}, rules, "quarantine")
    assert done.version.schema.names == ("a.b",)
    assert read_table(registry, done.quarantined).select(["x", "a.b"]).to_pylist() == [{"x": 2, "a.b": 9}]


def test_five_bad_rows_among_200_000_are_found_in_a_csv_file(registry: Registry, tmp_path: Path):
    rows = 200_000
    bad = [1, 65_536, 65_537, 131_072, rows]
    position = pa.array(np.isin(np.arange(1, rows + 1), bad))
    table = pa.table(
        {"id": pa.array(np.arange(rows)), "n": pc.if_else(position, "many", "12"), "日": pa.array(["x"] * rows)}
    )
    pacsv.write_csv(table, tmp_path / "t.csv")
    save_contract(registry, "t", contract(ColumnRule("n", INTEGER), key=("id",)))
    done = ingest(registry, tmp_path / "t.csv", "t", mode="quarantine")
    aside = read_table(registry, done.quarantined)
    assert aside.column("_row").to_pylist() == bad
    assert set(aside.column("n").to_pylist()) == {"many"}
    assert (done.version.rows, done.version.schema.columns[1].type) == (rows - 5, INTEGER)
    with pytest.raises(ContractBroken, match=r"5 of 200,000 rows.*many \(row 1\), many \(row 65,536\)"):
        ingest(registry, tmp_path / "t.csv", "t")


def test_wrong_types_in_parquet_are_named(registry: Registry, tmp_path: Path):
    pq.write_table(pa.table({"n": [1.0, 2.5], "s": ["a", "b"]}), tmp_path / "t.parquet")
    save_contract(registry, "t", contract(ColumnRule("n", INTEGER), ColumnRule("s", TIME)))
    with pytest.raises(ContractBroken) as caught:
        ingest(registry, tmp_path / "t.parquet", "t")
    assert {(v.column, v.rule, v.examples) for v in caught.value.report.violations} == {
        ("n", "type", ((2, "2.5"),)), ("s", "type", ((1, "a"), (2, "b"))),
    }  # fmt: skip


def test_keys_that_repeat_far_apart_are_found_and_the_first_row_stays(registry: Registry):
    keys = list(range(150_000))
    keys[149_999] = 3
    batches = pa.table({"k": keys, "row": list(range(150_000))}).to_batches(40_000)
    save_contract(registry, "t", contract(key=("k",)))
    done = ingest_rows(registry, iter(batches), "t", mode="quarantine")
    assert read_table(registry, done.quarantined).to_pylist() == [
        {"k": 3, "row": 149_999, "_row": 150_000, "_reasons": "k must occur once only"}
    ]
    assert read_table(registry, done.version).column("row").to_pylist() == list(range(149_999))


def test_too_many_bad_rows_are_refused_in_quarantine_mode_too(registry: Registry):
    save_contract(registry, "t", contract(ColumnRule("a", INTEGER, minimum=0.0), max_bad_share=0.4))
    with pytest.raises(ContractBroken, match="2 of 4 rows") as caught:
        ingest_rows(registry, pa.table({"a": [1, 2, -3, -4]}), "t", mode="quarantine")
    assert "max_bad_share" in caught.value.hint
    assert registry.datasets.names() == []


def test_where_all_rows_are_bad_only_the_quarantine_gets_a_version(registry: Registry):
    ingest_rows(registry, pa.table({"a": [1]}), "t")
    save_contract(registry, "t", contract(ColumnRule("a", INTEGER, maximum=0.0), max_bad_share=1.0))
    done = ingest_rows(registry, pa.table({"a": [1, 2]}), "t", mode="quarantine")
    assert (done.version, done.outcome, done.quarantined.rows) == (None, "quarantined", 2)
    assert done.quarantined.origin.parents == ("t@1",)
    assert len(registry.datasets.versions("t")) == 1


@pytest.mark.parametrize("mode", ContractMode)
def test_a_table_without_rows_keeps_what_is_said_of_rows(registry: Registry, mode: ContractMode):
    empty = pa.table({"a": pa.array([], pa.int64())})
    save_contract(registry, "t", contract(ColumnRule("a", INTEGER, nullable=False, max_missing=0.1), key=("a",)))
    assert ingest_rows(registry, empty, "t", mode=mode).report == ContractReport(0, 0)


def test_rows_that_come_back_from_quarantine_leave_its_columns_behind(registry: Registry):
    save_contract(registry, "t", contract(ColumnRule("a", INTEGER, maximum=5.0)))
    done = ingest_rows(registry, pa.table({"a": [1, 9]}), "t", mode="quarantine")
    mended = read_table(registry, done.quarantined).set_column(0, "a", pa.array([5]))
    assert ingest_rows(registry, mended, "t").version.schema.names == ("a",)


def test_a_repeat_is_told_and_the_modes_of_the_call_and_of_the_contract_count(registry: Registry):
    save_contract(registry, "t", contract(ColumnRule("a", INTEGER, maximum=5.0), mode=ContractMode.QUARANTINE))
    table = pa.table({"a": [1, 9]})
    first, second = (ingest_rows(registry, table, "t") for _ in range(2))
    assert (first.outcome, second.outcome) == ("stored", "repeated")
    assert second.quarantined == first.quarantined
    with pytest.raises(InvalidInput, match="is no mode"):
        ingest_rows(registry, table, "t", mode="lenient")


def test_a_contract_is_saved_once_and_keeps_its_comments(registry: Registry):
    text = '# by hand\nmode = "accept"\n[columns.age]\ntype = "integer"\n'
    saved = save_contract(registry, "t", text)
    assert saved.text == text
    assert save_contract(registry, "t", text) == saved
    assert save_contract(registry, "t", saved.contract) == saved
    assert save_contract(registry, "t", msgspec.structs.replace(saved.contract, min_rows=3)).number == 2
    assert contract_warnings(registry, "t", saved.contract) == ()
    ingest_rows(registry, pa.table({"a": [1]}), "t", mode="accept")
    assert contract_warnings(registry, "t", saved.contract) == ("t@1 has no column 'age'.",)
    with pytest.raises(InvalidInput, match=r"columns\.a\.minimum"):
        save_contract(registry, "t", contract(ColumnRule("a", TEXT, minimum=3.0)))


@pytest.mark.parametrize("where", ["before the first", "between", "after both"])
def test_a_process_that_dies_while_recording_leaves_both_versions_or_none(tmp_path: Path, where: str):
    code = (
        "import os, sys; from pathlib import Path; import pyarrow as pa;"
        "import mlops_desktop.data.intake.taking as room; from mlops_desktop.data.intake.ingest import ingest_rows;"
        "from mlops_desktop.data.contracts import save_contract;"
        "from mlops_desktop.registry import Registry;"
        "registry = Registry.create(Path(sys.argv[1]));"
        "save_contract(registry, 't', 'mode = \"quarantine\"\\n[columns.a]\\ntype = \"integer\"\\nmaximum = 5');"
        "record, calls = room.record_version, []\n"
        "def dying(*given, **named):\n"
        "    if len(calls) == {'before the first': 0, 'between': 1}.get(sys.argv[2]): os._exit(9)\n"
        "    calls.append(1)\n"
        "    return record(*given, **named)\n"
        "room.record_version = dying\n"
        "ingest_rows(registry, pa.table({'a': [1, 9]}), 't')\n"
        "os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "w"), where], check=False)
    assert done.returncode == 9
    registry = Registry(tmp_path / "w")
    assert registry.datasets.names() == (["t", "t.quarantine"] if where == "after both" else [])
    assert registry.journal.verify().intact
    registry.close()


def test_memory_stays_bounded_whatever_the_number_of_rows(tmp_path: Path):
    code = (
        "import resource, sys; from pathlib import Path; import numpy as np, pyarrow as pa;"
        "from mlops_desktop.data.contracts.enforce import examined_whole; from mlops_desktop.core.contracts import *;"
        "from mlops_desktop.core.datasets import ColumnType; from datetime import datetime\n"
        "class Rows:\n"
        "    schema = pa.schema({'k': pa.int64(), 'x': pa.float64()})\n"
        "    def __iter__(self):\n"
        "        for start in range(0, 4_000_000, 65_536):\n"
        "            keys = np.arange(start, start + 65_536)\n"
        "            yield pa.record_batch([pa.array(keys), pa.array(keys * 0.5)], schema=self.schema)\n"
        "first = next(iter(Rows())); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "rules = Contract((ColumnRule('x', ColumnType.NUMBER, minimum=0.0),), key=('k',))\n"
        "assert examined_whole(Rows(), rules, datetime.now()).is_kept\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 150  # the table is 64 MB, its hashes 32 MB


Maker = Callable[[pa.Table], object]


@pytest.mark.parametrize(
    "make",
    [
        lambda table: table,
        lambda table: table.to_pandas(),
        lambda table: table.to_batches(2),
        lambda table: pa.RecordBatchReader.from_batches(table.schema, table.to_batches(2)),
        lambda table: (batch for batch in table.to_batches(2)),
    ],
    ids=["table", "pandas", "list", "reader", "generator"],
)
def test_rows_of_a_program_come_in_many_forms(registry: Registry, make: Maker):
    table = pa.table({"a": [1, 2, 3], "b": ["x", "ü", "日"]})
    version = ingest_rows(registry, make(table), "t", name="made up", parents=()).version
    assert read_table(registry, version).to_pydict() == table.to_pydict()
    assert (version.origin.kind, version.origin.name) == ("table", "made up")


@pytest.mark.parametrize("given", [[], 7, "abc", [{"a": 1}]], ids=["nothing", "number", "text", "dictionaries"])
def test_what_is_no_table_is_refused(registry: Registry, given: object):
    with pytest.raises(InvalidInput):
        ingest_rows(registry, given, "t")
    assert registry.datasets.attempts("t")[0].outcome == "failed"


def test_batches_must_agree_with_the_first(registry: Registry):
    batches = [pa.record_batch({"a": [1]}), pa.record_batch({"b": [1]})]
    with pytest.raises(InvalidInput, match="other columns than the first"):
        ingest_rows(registry, batches, "t")


def test_what_rows_were_made_from_is_on_record_and_must_exist(registry: Registry):
    ingest_rows(registry, pa.table({"a": [1]}), "source", note="as given", tags=("raw",))
    done = ingest_rows(registry, pa.table({"a": [2]}), "t", parents=["source"])
    assert done.version.origin.parents == ("source@1",)
    assert registry.datasets.marks("source@1").tags == ("raw",)
    with pytest.raises(Exception, match="nothing"):
        ingest_rows(registry, pa.table({"a": [2]}), "t", parents=["nothing@7"])


def test_a_clean_file_is_held_to_its_contract_without_pandas(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from mlops_desktop.registry import Registry;"
        "from mlops_desktop.data.intake.ingest import ingest; from mlops_desktop.data.contracts import save_contract;"
        "folder = Path(sys.argv[1]); registry = Registry.create(folder / 'w');"
        "(folder / 't.csv').write_text('at,n,t,x\\n2013-01-01T00:00:00Z,1,x,0.5\\n,2,,\\n');"
        "save_contract(registry, 't', sys.argv[2]);"
        "assert ingest(registry, folder / 't.csv', 't', time_column='at').report.is_kept;"
        "assert 'pandas' not in sys.modules"
    )
    rules = """
        key = ["n"]
        [columns.n]
        type = "integer"
        maximum = 5
        [columns.t]
        type = "text"
        categories = ["x"]
        pattern = "x+"
        max_length = 3
        [columns.at]
        type = "time"
        minimum = "2013-01-01"
        max_missing = 0.5
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path), rules], check=True)
