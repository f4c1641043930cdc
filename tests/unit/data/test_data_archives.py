"""Compressed files and ZIPs are read as what they hold; those that deceive are refused, and nothing stays behind."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import signal
import stat
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops_desktop.core.errors import Cancelled, EnvironmentProblem, InvalidInput
from mlops_desktop.core.progress import CancelToken
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.intake.ingest import ingest
from mlops_desktop.data.sources import open_source, read_source
from mlops_desktop.data.sources.archives import open_packed
from mlops_desktop.data.sources.scratch import scratch_parent
from mlops_desktop.data.sources.unpacking import Limits
from mlops_desktop.registry import Registry

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
CSV = b"a,b\n1,x\n2,y\n"
ROWS = {"a": [1, 2], "b": ["x", "y"]}
FEW = Limits(any_ratio=1000)


def packed(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def unpacked_folders() -> list[Path]:
    return list(scratch_parent().iterdir()) if scratch_parent().exists() else []


@pytest.fixture(autouse=True)
def _nothing_stays_unpacked():
    assert not unpacked_folders()
    yield
    assert not unpacked_folders()


@pytest.mark.parametrize("ending", PACKERS)
def test_a_compressed_file_is_read_as_what_is_in_it(tmp_path: Path, ending: str):
    path = tmp_path / f"t.csv{ending}"
    path.write_bytes(PACKERS[ending](CSV))
    assert read_source(path).to_pydict() == ROWS
    origin = open_source(path).origin()
    assert (origin.kind, origin.name, origin.size) == ("file", path.name, path.stat().st_size)
    assert origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [(part.name, part.sha256, part.size) for part in origin.parts] == [
        ("t.csv", hashlib.sha256(CSV).hexdigest(), len(CSV))
    ]


@pytest.mark.parametrize("ending", PACKERS)
def test_several_streams_in_one_file_are_one(tmp_path: Path, ending: str):
    path = tmp_path / f"t.csv{ending}"
    path.write_bytes(PACKERS[ending](CSV) + PACKERS[ending](b"3,z\n"))
    assert read_source(path).num_rows == 3


@pytest.mark.parametrize("ending", PACKERS)
def test_a_compressed_file_that_is_cut_off_or_damaged_is_refused(tmp_path: Path, ending: str):
    content = PACKERS[ending](os.urandom(9000).hex().encode())
    path = tmp_path / f"t.csv{ending}"
    for bad in (content[: len(content) // 2], content[:4000] + b"\x99" * 64 + content[4064:], b"a,b\n1,2\n"):
        path.write_bytes(bad)
        with pytest.raises(InvalidInput, match=rf"t\.csv\{ending}.* is damaged"):
            open_source(path)


def test_a_compressed_file_without_an_extension_is_told_by_its_first_bytes(tmp_path: Path):
    for ending, pack in PACKERS.items():
        path = tmp_path / f"download{ending[1:]}"
        path.write_bytes(pack(CSV))
        assert read_source(path, ReadOptions(format="csv")).to_pydict() == ROWS


def test_the_members_of_a_zip_are_one_table_in_natural_order(tmp_path: Path):
    path = packed(tmp_path / "t.zip", {f"day {day}.csv": f"day\n{day}\n".encode() for day in (10, 9, 1)})
    assert read_source(path).to_pydict() == {"day": [1, 9, 10]}
    assert [part.name for part in open_source(path).origin().parts] == ["day 1.csv", "day 9.csv", "day 10.csv"]


def test_every_format_is_read_from_a_zip(tmp_path: Path):
    table = pa.table(ROWS)
    parquet, text = io.BytesIO(), io.BytesIO()
    pq.write_table(table, parquet)
    pacsv.write_csv(table, text)
    members = {
        "training_v1.json": "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode(),
        "t.parquet": parquet.getvalue(),
        "t.csv": text.getvalue(),
    }
    path = packed(tmp_path / "production_data_march.zip", members)
    with pytest.raises(InvalidInput, match=r"several kinds \(csv, json, parquet\)"):
        open_source(path)
    for name in members:
        chosen = open_source(path, ReadOptions(member=name))
        assert chosen.members == ("t.csv", "t.parquet", "training_v1.json")
        assert chosen.settings.member == name
        assert read_source(path, ReadOptions(member=name)).equals(table)
        assert [part.name for part in chosen.origin().parts] == [name]
        del chosen


def test_a_pattern_chooses_members_in_folders_too(tmp_path: Path):
    path = packed(tmp_path / "t.zip", {"a/1.csv": b"n\n1\n", "b/2.csv": b"n\n2\n", "b/3.csv": b"n\n3\n"})
    assert read_source(path, ReadOptions(member="b/*"))["n"].to_pylist() == [2, 3]
    assert read_source(path, ReadOptions(member="3.csv"))["n"].to_pylist() == [3]
    with pytest.raises(InvalidInput, match=r"t\.zip holds no file like 'x\*', only a/1\.csv, b/2\.csv"):
        open_source(path, ReadOptions(member="x*"))


def test_what_systems_put_into_archives_is_left_out_and_the_rest_is_named(tmp_path: Path):
    junk = {"__MACOSX/._t.csv": b"\0\5", ".DS_Store": b"\0", "a/.hidden.csv": b"x", "README.md": b"# hi"}
    path = packed(tmp_path / "t.zip", {"t.csv": CSV, **junk})
    source = open_source(path)
    assert source.members == ("t.csv",)
    assert source.warnings == ("Left out, as no table: README.md.",)
    assert read_source(path).to_pydict() == ROWS


def test_an_archive_without_a_table_says_what_it_holds(tmp_path: Path):
    with pytest.raises(InvalidInput, match=r"t\.zip holds no file that can be read, only inner\.zip, notes\.md"):
        open_source(packed(tmp_path / "t.zip", {"inner.zip": b"PK", "notes.md": b"x"}))
    with pytest.raises(InvalidInput, match=r"e\.zip holds no file that can be read\."):
        open_source(packed(tmp_path / "e.zip", {}))


def test_members_with_other_columns_are_named(tmp_path: Path):
    path = packed(tmp_path / "t.zip", {"a.csv": b"x,y\n1,2\n", "b.csv": b"x,z\n1,2\n"})
    with pytest.raises(InvalidInput, match=r"In t\.zip: b\.csv does not have .* lacks 'y' and also has 'z'"):
        read_source(path)
    filled = read_source(path, ReadOptions(fill_missing=True))
    assert filled.to_pydict() == {"x": [1, 1], "y": [2, None], "z": [None, 2]}


def test_what_is_wrong_in_a_member_names_the_archive_too(tmp_path: Path):
    path = packed(tmp_path / "t.zip", {"a.csv": b"x,y\n1,2\n", "b.csv": b"x,y\n1,2\n1\n"})
    with pytest.raises(InvalidInput, match=r"In t\.zip: b\.csv, line 3"):
        read_source(path)


@pytest.mark.parametrize("name", ["../x.csv", "a/../../x.csv", "/etc/x.csv", "C:/x.csv", "c:x.csv", "..\\x.csv"])
def test_a_member_that_climbs_out_is_refused_by_name(tmp_path: Path, name: str):
    path = packed(tmp_path / "t.zip", {"t.csv": CSV, name: CSV})
    with pytest.raises(InvalidInput, match=r"in t\.zip would be written outside") as caught:
        open_source(path)
    assert repr(name) in caught.value.message


def test_a_link_in_a_zip_is_refused(tmp_path: Path):
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InvalidInput, match=r"'link\.csv' in t\.zip is a link"):
        open_source(tmp_path / "t.zip")


def test_an_encrypted_zip_says_so(tmp_path: Path):
    content = bytearray(packed(tmp_path / "t.zip", {"t.csv": CSV}).read_bytes())
    for sign, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(sign) + place] |= 1
    (tmp_path / "t.zip").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"t\.csv in t\.zip is encrypted"):
        open_source(tmp_path / "t.zip")


def test_a_damaged_member_is_named(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.writestr("good.csv", CSV)
        archive.writestr("wrong.csv", b"a,b\n7,seven\n")
    content = (tmp_path / "t.zip").read_bytes()
    (tmp_path / "t.zip").write_bytes(content.replace(b"seven", b"eight"))
    with pytest.raises(InvalidInput, match=r"wrong\.csv in t\.zip is damaged: Bad CRC"):
        open_source(tmp_path / "t.zip")
    (tmp_path / "t.zip").write_bytes(content[:60])
    with pytest.raises(InvalidInput, match=r"t\.zip is damaged"):
        open_source(tmp_path / "t.zip")


def test_a_packing_that_is_not_known_says_so(tmp_path: Path):
    content = bytearray(packed(tmp_path / "t.zip", {"t.csv": CSV}).read_bytes())
    for sign, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        content[content.index(sign) + place] = 9  # Deflate64
    (tmp_path / "t.zip").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"t\.csv in t\.zip is packed in a way that cannot be read"):
        open_source(tmp_path / "t.zip")


@pytest.mark.parametrize("ending", [".zip", *PACKERS])
def test_a_bomb_is_stopped_while_it_unfolds(tmp_path: Path, ending: str):
    zeros = b"a\n" + b"0" * (1 << 22)
    path = tmp_path / f"t.csv{ending}"
    if ending == ".zip":
        packed(path, {"t.csv": zeros})
    else:
        path.write_bytes(PACKERS[ending](zeros))
    with pytest.raises(InvalidInput, match="unfolds to more than"):
        open_packed(path, ReadOptions(), limits=FEW)
    with pytest.raises(InvalidInput, match="unfolds to more than 1,000,000 bytes"):
        open_packed(path, ReadOptions(), limits=Limits(size=1_000_000))


def test_a_bomb_that_lies_about_its_size_is_stopped_too(tmp_path: Path):
    zeros = b"0" * (1 << 22)
    content = packed(tmp_path / "t.zip", {"t.csv": zeros}).read_bytes()
    (tmp_path / "t.zip").write_bytes(content.replace(len(zeros).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises(InvalidInput, match=r"is damaged|unfolds"):
        open_packed(tmp_path / "t.zip", ReadOptions(), limits=FEW)


def test_members_that_share_bytes_are_refused(tmp_path: Path):
    entries = []
    kernel = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = kernel.compress(b"0" * 100_000) + kernel.flush()
    local = zipfile.ZipInfo("a.csv")
    local.compress_type, local.compress_size, local.file_size = zipfile.ZIP_DEFLATED, len(data), 100_000
    local.CRC = zlib.crc32(b"0" * 100_000)
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        assert archive.fp
        archive.fp.write(local.FileHeader() + data)
        archive.start_dir = archive.fp.tell()
        for name in ("a.csv", "b.csv"):
            entry = zipfile.ZipInfo(name)
            for field in ("compress_type", "compress_size", "file_size", "CRC"):
                setattr(entry, field, getattr(local, field))
            entry.header_offset = 0
            entries.append(entry)
        archive.filelist.extend(entries)
        archive._didModify = True
    with pytest.raises(InvalidInput, match=r"'b\.csv' in t\.zip overlaps another member"):
        open_source(tmp_path / "t.zip")


def test_a_disk_that_would_fill_is_spared(tmp_path: Path):
    path = packed(tmp_path / "t.zip", {"t.csv": CSV})
    with pytest.raises(EnvironmentProblem, match="does not fit on the disk"):
        open_packed(path, ReadOptions(), limits=Limits(spared=1 << 62))


def test_unpacking_can_be_cancelled(tmp_path: Path):
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        open_source(packed(tmp_path / "t.zip", {"t.csv": CSV}), progress=token.reporting_to(lambda *_: None))


def test_what_a_killed_process_left_unpacked_is_removed_by_the_next(tmp_path: Path):
    path = packed(tmp_path / "t.zip", {"t.csv": CSV})
    program = (
        "import os, signal, sys; from mlops_desktop.data.sources import open_source;"
        "source = open_source(sys.argv[1]); os.kill(os.getpid(), signal.SIGKILL)"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert len(unpacked_folders()) == 1
    source = open_source(path)
    assert len(unpacked_folders()) == 1, "its own"
    assert (unpacked_folders()[0].stat().st_mode & 0o777) == 0o700
    del source


def test_an_archive_that_changes_while_it_is_read_is_refused(tmp_path: Path):
    path = packed(tmp_path / "t.zip", {"t.csv": CSV})
    source = open_source(path)
    packed(path, {"t.csv": CSV * 2})
    with pytest.raises(InvalidInput, match=r"t\.zip changed"):
        source.identity.check_unchanged()


def test_a_version_from_a_zip_records_it(tmp_path: Path, registry: Registry):
    path = packed(tmp_path / "t.zip", {"1.csv": CSV, "2.csv": CSV})
    ingest(registry, path, "t")
    stored = registry.datasets.get("t@latest")
    assert stored.rows == 4
    assert stored.origin.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [part.name for part in stored.origin.parts] == ["1.csv", "2.csv"]
    assert stored.origin.settings["format"] == "csv"


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=8)
TABLES = st.lists(
    st.tuples(st.integers(-(2**63), 2**63 - 1), st.none() | st.floats(allow_nan=False), TEXT, st.booleans()),
    min_size=1,
    max_size=20,
).map(
    lambda rows: pa.table(
        [
            pa.array(column, kind)
            for column, kind in zip(
                zip(*rows, strict=True), (pa.int64(), pa.float64(), pa.string(), pa.bool_()), strict=True
            )
        ],
        names=["whole", "number", "tëxt", "flag"],
    )
)


def as_csv(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pacsv.write_csv(table, file)
    return file.getvalue()


def as_parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def as_lines(table: pa.Table) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in table.to_pylist()).encode()


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=TABLES, ending=st.sampled_from([".zip", *PACKERS]))
@pytest.mark.parametrize(("kind", "written"), [("parquet", as_parquet), ("csv", as_csv), ("jsonl", as_lines)])
def test_what_goes_into_an_archive_comes_out(
    tmp_path: Path, table: pa.Table, ending: str, kind: str, written: Callable[[pa.Table], bytes]
):
    path = tmp_path / f"t.{kind}{ending}"
    content = written(table)
    if ending == ".zip":
        packed(path, {f"t.{kind}": content})
    else:
        path.write_bytes(PACKERS[ending](content))
    (tmp_path / f"plain.{kind}").write_bytes(content)
    found = read_source(path)
    assert found.equals(read_source(tmp_path / f"plain.{kind}"))
    if kind == "parquet":
        assert found.equals(table)
