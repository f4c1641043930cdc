"""Tables and compressed bodies that are damaged, or that unpack to more than a machine has."""

from __future__ import annotations

import http.client
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from serving_kit import ROW, Client, config, export, fitted, version

from mlops_desktop.serving.config import ServingSpec
from mlops_desktop.serving.supervisor import Supervisor

ARROW, PARQUET, CSV = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet", "text/csv"
MANY = 100_000
TABLE = pa.table({"dep delay": [1.0, 2.0] * 50, "hour": [12, 3] * 50, "carrier": ["AA", None] * 50})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    folder = tmp_path_factory.mktemp("bombs")
    supervisor = Supervisor(folder / "spool", folder / "logs")
    artifact = export(fitted(), folder)[0]
    supervisor.start(config(version(1, artifact), serving=ServingSpec(worker_memory_mb=512)))
    yield supervisor
    supervisor.stop()


@pytest.fixture(autouse=True)
def others_are_served(served: Supervisor) -> Iterator[None]:
    yield
    client = Client(served.port)
    client.predict(ROW)
    client.close()
    (pool,) = served.stats().pools
    assert (pool.restarts, pool.hung) == (0, 0)


def send(port: int, body: bytes, kind: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/predict", body, {"Content-Type": kind, "Accept": "application/json"} | headers)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def stream(table: pa.Table, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def parquet(table: pa.Table) -> bytes:
    """Without Arrow's own schema in it: dictionaries come back as plain texts."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, store_schema=False)
    return bytes(sink.getvalue())


def one_text_in_all_rows(size: int) -> pa.Table:
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * MANY, pa.int32()), pa.array(["x" * size]))
    return pa.table({"dep delay": [1.0] * MANY, "hour": [12] * MANY, "carrier": texts})


def zeros_in_an_extra_column(size: int) -> bytes:
    columns = {name: [value] for name, value in ROW.items()}
    offsets, content = pa.py_buffer(struct.pack("<2q", 0, size)), pa.py_buffer(bytes(size))
    zeros = pa.Array.from_buffers(pa.large_binary(), 1, [None, offsets, content])
    return stream(pa.table(columns | {"x": zeros}), "zstd")


def with_lying_lengths(said: int) -> bytes:
    """Compressed buffers begin with the length that they unpack to."""
    rows = 1000
    body = bytearray(stream(pa.table({"dep delay": [1.0] * rows, "hour": [1] * rows, "carrier": ["AA"] * rows}), "lz4"))
    lengths = [place for place in range(0, len(body) - 8, 8) if body[place : place + 8] == struct.pack("<q", rows * 8)]
    assert lengths
    for place in lengths:
        struct.pack_into("<q", body, place, said)
    return bytes(body)


@pytest.mark.parametrize(
    ("kind", "body"),
    [(ARROW, stream(one_text_in_all_rows(1_000_000))), (PARQUET, parquet(one_text_in_all_rows(20_000)))],
    ids=["100 GB of Arrow", "2 GB of Parquet"],
)
def test_a_few_bytes_that_unpack_to_gigabytes_are_too_large(served: Supervisor, kind: str, body: bytes) -> None:
    assert len(body) < 4_000_000
    status, content = send(served.port, body, kind)
    assert status == 413 and "send fewer rows" in json.loads(content)["error"]


def test_compressed_zeros_are_too_large(served: Supervisor) -> None:
    body = zeros_in_an_extra_column(1200 << 20)
    assert len(body) < 200_000
    status, content = send(served.port, body, ARROW)
    assert status == 413 and "takes more memory than one may" in json.loads(content)["error"]


@pytest.mark.parametrize("said", [1 << 40, (1 << 63) - 1, -2, 7, 8001])
def test_an_arrow_body_that_lies_about_its_buffers_is_refused(served: Supervisor, said: int) -> None:
    assert send(served.port, with_lying_lengths(said), ARROW)[0] in (400, 413)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no CSV table"),
        (b"\n\n\n", "no CSV table"),
        (b"\0\0\0\0", "no CSV table"),
        (b'"' * 1001, "no CSV table"),
        (b"\xff\xfe,\xff\n1,2\n", "no CSV table"),
        (b"dep delay,hour,carrier\n1,2\n", "no CSV table"),
        (b"dep delay,hour,carrier\n1,2,\xff\n", "no CSV table"),
        (b"dep delay,hour,carrier\n", "no rows"),
        (b"dep delay,hour,carrier,hour\n1,2,AA,3\n", "Column 'hour' is given twice"),
        (b"dep delay,hour,carrier\nlate,2,AA\n", "Column 'dep delay', row 0"),
        (",".join(f"a{n}" for n in range(19_999)).encode() + b",a1\n" + b"1," * 19_999 + b"1\n", "'a1' is given twice"),
        (",".join(f"a{n}" for n in range(20_001)).encode() + b"\n" + b"1," * 20_000 + b"1\n", "at most 20,000 are"),
        (b"dep delay,hour,carrier\n" + b"1,2,AA\n" * (MANY + 1), "at most 100,000"),
    ],
)
def test_broken_csv_is_said_to_be(served: Supervisor, body: bytes, said: str) -> None:
    status, content = send(served.port, body, CSV)
    assert status == 400 and said in json.loads(content)["error"]


def test_ten_thousand_columns_are_taken(served: Supervisor) -> None:
    extra = {f"extra {place}": [1.5] for place in range(10_000)}
    table = pa.table({name: [value] for name, value in ROW.items()} | extra)
    client = Client(served.port)
    expected = client.predict(ROW)["scores"]
    assert client.predict(ROW | dict.fromkeys(extra, 1.5))["scores"] == expected
    client.close()
    lines = [",".join(table.column_names), ",".join(str(column[0]) for column in table.columns)]
    for body, kind in ((stream(table), ARROW), (parquet(table), PARQUET), ("\n".join(lines).encode(), CSV)):
        status, content = send(served.port, body, kind)
        assert status == 200 and json.loads(content)["scores"] == pytest.approx(expected)


def mutated(generator: random.Random, body: bytes) -> bytes:
    """A few bytes flipped, cut out, put in, or set to what is often a limit."""
    changed = bytearray(body)
    for _ in range(generator.choice([1, 1, 2, 5])):
        place = generator.randrange(len(changed))
        what = generator.randrange(4)
        if what == 0:
            changed[place] ^= 1 << generator.randrange(8)
        elif what == 1:
            changed[place : place + 4] = generator.choice([b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4)])
        elif what == 2:
            del changed[place : place + generator.randrange(1, 9)]
        else:
            changed[place:place] = generator.randbytes(generator.randrange(1, 9))
    return bytes(changed)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (ARROW, stream(TABLE)),
        (ARROW, stream(TABLE, "lz4")),
        (
            ARROW,
            stream(pa.table({name: TABLE[name].combine_chunks().dictionary_encode() for name in TABLE.column_names})),
        ),
        (PARQUET, parquet(TABLE)),
    ],
    ids=["Arrow", "compressed Arrow", "Arrow with dictionaries", "Parquet"],
)
def test_damaged_tables_are_read_or_refused(served: Supervisor, tmp_path: Path, kind: str, body: bytes) -> None:
    generator = random.Random(7)
    answered: dict[int, int] = {}
    for _ in range(300):
        damaged = mutated(generator, body)
        (tmp_path / "last").write_bytes(damaged)  # what to look at when a worker does not survive it
        status, content = send(served.port, damaged, kind)
        assert status in (200, 400, 413), content
        answered[status] = answered.get(status, 0) + 1
    assert answered[400] > 50
