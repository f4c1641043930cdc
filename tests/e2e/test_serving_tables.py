"""Large tables at a gateway: what is answered is in the log, also where writing it began before it was predicted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pyarrow as pa
import pytest
from serving_kit import Traffic, config, export, fitted, logged, version

from mlops_desktop.serving.config import ServingSpec
from mlops_desktop.serving.rules import InputRules
from mlops_desktop.serving.supervisor import Supervisor

ARROW = "application/vnd.apache.arrow.stream"
ROWS = 20_000


def table(first: float, carrier: str = "AA") -> bytes:
    rows = pa.table(
        {
            "dep delay": [first + row % 50 for row in range(ROWS)],
            "hour": [float(row % 24) for row in range(ROWS)],
            "carrier": [carrier] * ROWS,
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as stream:
        stream.write_table(rows)
    return bytes(sink.getvalue())


def send(port: int, body: bytes) -> tuple[int, dict[bytes, bytes], bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/predict", body, {"Content-Type": ARROW})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    about = {} if response.status != 200 else pa.ipc.open_stream(content).schema.metadata
    return response.status, about, content


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    serving = ServingSpec(inputs=InputRules(refuse_unknown_categories=True))
    supervisor.start(config(version(1, export(fitted(), tmp_path)[0]), serving=serving))
    yield supervisor
    supervisor.stop()


def test_every_table_that_was_answered_is_logged_once_beside_single_rows(served: Supervisor, tmp_path: Path) -> None:
    answers: dict[str, tuple[float, list[float]]] = {}
    refused: list[int] = []

    def send_tables(start: int) -> None:
        for number in range(start, start + 4):
            status, about, content = send(served.port, table(number))
            assert status == 200
            scores = pa.ipc.open_stream(content).read_all()["score"].to_pylist()
            answers[about[b"id"].decode()] = (float(number), scores)
            refused.append(send(served.port, table(number, "of no company"))[0])

    with Traffic(served.port, threads=1) as traffic:
        traffic.wait_for_more(20)
        senders = [threading.Thread(target=send_tables, args=(start,)) for start in (0, 100)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    send_tables(200)
    assert not traffic.failures and len(answers) == 12 and refused == [400] * 12
    served.stop()
    records = logged(tmp_path / "spool")
    tables = {record.id: record for record in records if record.rows == ROWS}
    assert len(records) == len(traffic.answers) + len(answers) and tables.keys() == answers.keys()
    for id, (first, scores) in answers.items():
        assert tables[id].features["dep delay"][:2] == [first, first + 1]
        assert tables[id].scores == scores
        assert len(tables[id].features["carrier"]) == ROWS
    assert {answer["id"] for answer in traffic.answers} == {record.id for record in records if record.rows == 1}
