"""The gateway's protocols over real HTTP, with several models; errors in each protocol's form; bad clients."""

from __future__ import annotations

import gzip
import http.client
import json
import shutil
import socket
import subprocess
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pytest
from protocol_kit import numeric_models, several
from serving_kit import ROW, SIGNATURE, Client, config, export, fitted, logged, version

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature
from mlops_desktop.serving.config import Route
from mlops_desktop.serving.log import predictions_of, read_log
from mlops_desktop.serving.supervisor import Supervisor

ARROW = "application/vnd.apache.arrow.stream"
RECORDS = {"records": [ROW]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Supervisor, Path]]:
    folder = tmp_path_factory.mktemp("several")
    supervisor = Supervisor(folder / "spool", folder / "logs")
    supervisor.start(several(folder))
    yield supervisor, folder / "spool"
    supervisor.stop()


@pytest.fixture
def client(served: tuple[Supervisor, Path]) -> Iterator[Client]:
    client = Client(served[0].port)
    yield client
    client.close()


def send(port: int, path: str, body: bytes, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, bytes and headers of an answer to a POST."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    answer = response.status, response.read(), dict(response.headers)
    connection.close()
    return answer


def arrow(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def test_several_classes_and_numbers_are_predicted_as_by_the_originals(client: Client) -> None:
    classifier, regression = numeric_models()
    rows = np.array([[1.0, 0.5], [-1.0, 1.0], [-1.0, -1.0]], "float32")
    columns = {"columns": {"a": rows[:, 0].tolist(), "b": rows[:, 1].tolist()}}
    status, kinds, _ = client.send("POST", "/models/kind/predict", columns)
    assert status == 200 and kinds["predictions"] == classifier.predict(rows).tolist()
    expected = classifier.predict_proba(rows)
    assert kinds["scores"] == pytest.approx(expected.max(axis=1), abs=1e-5)
    found = np.column_stack([kinds["probabilities"][name] for name in ("blue", "green", "red")])
    assert found == pytest.approx(expected, abs=1e-5)
    prices = client.send("POST", "/models/price/predict", columns)[1]
    assert prices["predictions"] == pytest.approx(regression.predict(rows), abs=1e-5)
    assert prices["probabilities"] == {}


def test_a_version_can_be_asked_by_its_number(client: Client) -> None:
    answer = client.send("POST", "/models/late/versions/2/predict", {"records": [ROW | {"dep delay": -9.0}]})[1]
    assert (answer["version"], answer["role"], answer["predictions"]) == (2, "pinned", ["1"])
    assert client.send("POST", "/models/late/versions/3/predict", RECORDS)[0] == 404
    assert client.send("POST", "/predict", RECORDS)[1]["error"].startswith("Say which model")


def test_tables_are_answered_like_json_in_arrow_or_json(client: Client, served: tuple[Supervisor, Path]) -> None:
    port, path = served[0].port, "/models/late/predict?ids=who&id=mine"
    rows = [ROW | {"who": "x"}, {"dep delay": None, "hour": 3, "carrier": None, "who": "y"}]
    expected = client.send("POST", "/models/late/predict", {"records": rows})[1]
    body = arrow(pa.Table.from_pylist(rows))
    status, content, headers = send(port, path, body, Content_Type=ARROW)
    table = pa.ipc.open_stream(content).read_all()
    assert (status, headers["Content-Type"]) == (200, ARROW)
    assert table["score"].to_pylist() == expected["scores"]
    assert table["prediction"].to_pylist() == expected["predictions"]
    assert table["probability_0"].to_pylist() == expected["probabilities"]["0"]
    id = table.schema.metadata[b"id"].decode()
    assert table["inference_id"].to_pylist() == [f"{id}/0", f"{id}/1"] and table["version"].to_pylist() == [1, 1]
    status, content, _ = send(port, path, body, Content_Type=ARROW, Accept="application/json")
    assert (status, json.loads(content)["scores"]) == (200, expected["scores"])
    record = next(r for r in predictions_of(read_log(served[1] / "late")) if r.id == id)
    assert (record.rows, record.client_id, record.entity_ids) == (2, "mine", ["x", "y"])
    assert record.features == {"dep delay": [1.0, None], "hour": [12, 3], "carrier": ["AA", None]}
    assert (record.scores, record.predictions) == (expected["scores"], expected["predictions"])


def test_large_json_is_answered_and_logged_like_small(client: Client, served: tuple[Supervisor, Path]) -> None:
    rows = 5000
    small = client.send("POST", "/models/late/predict", RECORDS)[1]
    status, answer, _ = client.send("POST", "/models/late/predict", {"records": [ROW] * rows, "id": "large"})
    assert status == 200 and answer["scores"] == pytest.approx(small["scores"] * rows)
    assert answer["inference_ids"][-1] == f"{answer['id']}/{rows - 1}"
    record = next(r for r in predictions_of(read_log(served[1] / "late")) if r.client_id == "large")
    assert (record.id, record.rows, record.features["hour"]) == (answer["id"], rows, [12] * rows)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize("rows", [1, 5000])
def test_compressed_bodies_are_read_and_large_answers_compressed(
    served: tuple[Supervisor, Path], encoding: str, rows: int
) -> None:
    body = json.dumps({"records": [ROW] * rows}).encode()
    packed = gzip.compress(body) if encoding == "gzip" else zlib.compress(body)
    status, content, headers = send(
        served[0].port, "/models/late/predict", packed, Content_Encoding=encoding, Accept_Encoding=encoding
    )
    assert status == 200 and headers.get("Content-Encoding") == (encoding if rows > 1 else None)
    if rows > 1:
        content = gzip.decompress(content) if encoding == "gzip" else zlib.decompress(content)
    assert len(json.loads(content)["scores"]) == rows


@pytest.mark.parametrize(
    ("packed", "encoding", "status"),
    [
        (b"not packed", "gzip", 400),
        (gzip.compress(b"{}")[:-4], "gzip", 400),
        (gzip.compress(b"{}") + b"x", "gzip", 400),
        (gzip.compress(b" " * (1 << 29) + b"{}", 1), "gzip", 413),
        (b"{}", "br", 415),
    ],
)
def test_damaged_and_exploding_compression_is_refused(
    served: tuple[Supervisor, Path], client: Client, packed: bytes, encoding: str, status: int
) -> None:
    answered, content, _ = send(served[0].port, "/models/late/predict", packed, Content_Encoding=encoding)
    assert answered == status and json.loads(content)["error"]
    assert client.send("POST", "/models/late/predict", RECORDS)[0] == 200


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"dataframe_split": {"columns": list(ROW), "data": [list(ROW.values())]}}, "application/json"),
        ({"dataframe_records": [ROW], "params": {"x": 1}}, "application/json; charset=utf-8"),
        ({"instances": [ROW]}, "application/json"),
        ({"instances": [{"features": list(ROW.values())}]}, "application/json"),
        ({"inputs": {name: [value] for name, value in ROW.items()}}, "application/json"),
        ({"inputs": [list(ROW.values())]}, "application/json"),
        (b"dep delay,hour,carrier\n1.0,12,AA\n", "text/csv"),
        (b"1.0,12,AA\n", "text/csv"),
        (json.dumps(ROW).encode() + b"\n", "application/jsonlines"),
        (b'{"dataframe_records":[{"dep delay":NaN,"hour":12,"carrier":"AA, NaN"}]}', "application/json"),
    ],
)
def test_invocations_take_what_mlflow_and_sagemaker_send(client: Client, body: Any, content_type: str) -> None:
    expected = client.send("POST", "/models/late/predict", RECORDS)[1]["predictions"]
    status, answer, headers = client.send("POST", "/models/late/invocations", body, {"Content-Type": content_type})
    assert (status, list(answer)) == (200, ["predictions"]) and len(answer["predictions"]) == 1
    if not isinstance(body, bytes) or b"NaN" not in body:
        assert answer["predictions"] == expected
    assert headers["X-Model-Version"] == "1" and len(headers["X-Inference-Id"]) == 26


@pytest.mark.parametrize(
    ("body", "content_type", "status", "said"),
    [
        (b"{", "application/json", 400, "not valid JSON"),
        (b"{}", "application/json", 400, "exactly one of"),
        (b'{"instances":[[1]],"inputs":[[1]]}', "application/json", 400, "exactly one of"),
        (b'{"instances":[[1,2]]}', "application/json", 400, "Row 0 has 2 values for 3 columns"),
        (b'{"instances":[1]}', "application/json", 400, "Rows must be"),
        (b'{"instances":[[1,2,3]]}', "application/json", 400, "Column 'carrier', row 0: text is expected"),
        (b"x,y\n1,2\n", "text/csv", 400, "Missing columns"),
        (b"1", "image/png", 415, "only supports the following content types"),
    ],
)
def test_errors_of_invocations_have_mlflows_form(
    client: Client, body: bytes, content_type: str, status: int, said: str
) -> None:
    answered, answer, _ = client.send("POST", "/models/late/invocations", body, {"Content-Type": content_type})
    assert answered == status and set(answer) == {"error_code", "message"}
    assert answer["error_code"] == "BAD_REQUEST" and said in answer["message"]


def test_sagemaker_gets_csv_for_csv(served: tuple[Supervisor, Path]) -> None:
    headers = {"Content_Type": "text/csv", "Accept": "text/csv", "X_Amzn_SageMaker_Inference_Id": "mine"}
    status, content, _ = send(served[0].port, "/models/late/invocations", b"1,12,AA\n1,12,AA\n", **headers)
    assert (status, content) == (200, b"1\n1\n")
    assert [r.client_id for r in predictions_of(read_log(served[1] / "late"))][-1] == "mine"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (ROW | {"tail": "N1"}, "The model knows no column 'tail'."),
        (ROW | {"carrier": "ZZ"}, "Column 'carrier', row 0: 'ZZ' is no category of the training."),
        (ROW | {"hour": None}, "Column 'hour', row 0: the value is missing (null or NaN)."),
        (ROW | {"dep delay": 1e300}, "Column 'dep delay', row 0: the number is too large for the model."),
        (ROW | {"hour": -(10**300)}, "Column 'hour', row 0: the number is too large for the model."),
        (ROW | {f"c{n}": 1 for n in range(10_000)}, "and 9,990 more"),
    ],
)
def test_an_endpoint_can_refuse_what_others_take(client: Client, row: dict[str, Any], said: str) -> None:
    status, answer, _ = client.send("POST", "/models/strict/predict", {"records": [row]})
    assert status == 400 and said in answer["error"]
    assert client.send("POST", "/models/late/predict", {"records": [row]})[0] == 200


def test_v2_describes_all_models_and_counts(client: Client) -> None:
    assert "binary_tensor_data" in client.send("GET", "/v2")[1]["extensions"]
    index = client.send("POST", "/v2/repository/index", {"ready": True})[1]
    assert {(entry["name"], entry["version"], entry["state"]) for entry in index} == {
        ("late", "1", "READY"), ("late", "2", "READY"), ("strict", "1", "READY"), ("kind", "1", "READY"),
        ("price", "1", "READY"),
    }  # fmt: skip
    outputs = client.send("GET", "/v2/models/kind/config")[1]["output"]
    assert outputs[2] == {"name": "probabilities", "data_type": "TYPE_FP64", "dims": [-1, 3]}
    before = client.send("GET", "/v2/models/kind/versions/1/stats")[1]["model_stats"][0]["inference_count"]
    client.send("POST", "/models/kind/predict", {"columns": {"a": [1, 2], "b": [1, 2]}})
    assert client.send("GET", "/v2/models/kind/stats")[1]["model_stats"][0]["inference_count"] == before + 2
    assert {entry["name"] for entry in client.send("GET", "/v2/models/stats")[1]["model_stats"]} >= {"late", "price"}


def test_openapi_tells_of_each_models_columns_and_the_page_loads_nothing_else(client: Client) -> None:
    described = client.send("GET", "/openapi.json")[1]
    assert described["openapi"] == "3.1.0" and "/predict" not in described["paths"]
    row = described["components"]["schemas"]["strict.Row"]
    assert row["required"] == list(ROW) and row["additionalProperties"] is False
    assert row["properties"]["carrier"] == {"type": ["string"], "x-column-type": "text", "enum": ["AA", "UA"]}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            if "example" in content:
                assert client.send(method.upper(), path, content["example"])[0] == 200
    status, page, headers = client.send("GET", "/docs")
    assert status == 200 and "default-src 'none'" in headers["Content-Security-Policy"]
    assert "http://" not in page and "https://" not in page


def test_a_canary_that_wants_other_columns_hurts_no_table(tmp_path: Path) -> None:
    """A worker finds out, and the primary answers; what is wrong for both is the client's error alone."""
    artifact, _ = export(fitted(), tmp_path)
    picky = msgspec.structs.replace(
        SIGNATURE, features=(*SIGNATURE.features[:2], Feature("airline", ColumnType.TEXT, "carrier"))
    )
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    supervisor.start(config(version(1, artifact), version(2, artifact, signature=picky), route=Route(1, 2, 1.0)))
    try:
        body = arrow(pa.Table.from_pylist([ROW]))
        status, content, _ = send(supervisor.port, "/predict", body, Content_Type=ARROW)
        assert status == 200 and pa.ipc.open_stream(content).read_all()["version"].to_pylist() == [1]
        status, content, _ = send(supervisor.port, "/predict", arrow(pa.table({"x": [1]})), Content_Type=ARROW)
        assert status == 400 and b"Missing columns 'dep delay', 'hour', 'carrier'" in content
    finally:
        supervisor.stop()
    noted = [(record.role, record.version, record.status, record.error) for record in logged(tmp_path / "spool")]
    assert noted == [("canary", 2, 400, "schema mismatch: Missing column 'airline'."), ("primary", 1, 200, "")]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def received(connection: socket.socket) -> bytes:
    content = b""
    while part := connection.recv(65536):
        content += part
    return content


def test_a_half_closed_client_gets_its_answers(served: tuple[Supervisor, Path]) -> None:
    body = json.dumps(RECORDS).encode()
    request = b"POST /models/late/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with connect(served[0].port) as connection:
        connection.sendall(request * 3)
        connection.shutdown(socket.SHUT_WR)
        assert received(connection).count(b"HTTP/1.1 200 OK") == 3


def test_a_request_that_ends_early_is_told_so(served: tuple[Supervisor, Path]) -> None:
    with connect(served[0].port) as connection:
        connection.sendall(b"POST /models/late/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        connection.shutdown(socket.SHUT_WR)
        answer = received(connection)
    assert answer.startswith(b"HTTP/1.1 400") and b'"error_code":"BAD_REQUEST"' in answer


def test_clients_that_do_not_read_or_send_slowly_hold_nobody_up(
    served: tuple[Supervisor, Path], client: Client
) -> None:
    described = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(served[0].port) as unread, connect(served[0].port) as slow:
        slow.sendall(b"POST /models/late/predict HTTP/1.1\r\nHost: local")
        unread.setblocking(False)
        deadline = time.monotonic() + 20
        sent = 0
        while sent < 2_000_000 and time.monotonic() < deadline:
            try:
                sent += unread.send(described * 200)
            except BlockingIOError:
                break  # the gateway takes no more, as its answers are not read
        assert client.send("POST", "/models/late/predict", RECORDS)[0] == 200
        slow.sendall(b"host\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
        assert received(slow).startswith(b"HTTP/1.1 400")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize(
    "arguments",
    [
        ["-d", json.dumps(RECORDS)],
        ["--compressed", "-H", "Content-Type: application/json", "-d", json.dumps({"records": [ROW] * 500})],
        ["-H", "Content-Type: text/csv", "--data-binary", "dep delay,hour,carrier\n1,12,AA\n"],
        ["-H", "Expect: 100-continue", "-d", json.dumps(RECORDS)],
        ["-H", "Transfer-Encoding: chunked", "-d", json.dumps(RECORDS)],
    ],
)
def test_curl_is_answered(served: tuple[Supervisor, Path], arguments: list[str]) -> None:
    address = f"http://127.0.0.1:{served[0].port}/models/late/predict"
    done = subprocess.run(["curl", "-sS", "--fail", address, *arguments], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1
