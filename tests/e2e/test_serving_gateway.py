"""The gateway over real HTTP, with real workers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import psutil
import pytest
from serving_kit import AUTHORIZED, ROW, SIGNATURE, Client, Traffic, config, export, fitted, logged, version, wait_until

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import Conflict, EnvironmentProblem, InvalidInput
from mlops_desktop.core.models import Feature, Runtime
from mlops_desktop.serving.config import GatewayConfig, Route, ServingSpec
from mlops_desktop.serving.labels import join_labels
from mlops_desktop.serving.log import GapRecord, LogReader, read_log
from mlops_desktop.serving.policies import DiskFullPolicy, LogSpec
from mlops_desktop.serving.supervisor import Supervisor, SupervisorState


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    return export(fitted(), tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def served(artifacts: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Supervisor, Path]]:
    """One version behind one endpoint; for tests that leave the configuration alone."""
    folder = tmp_path_factory.mktemp("served")
    supervisor = Supervisor(folder / "spool", folder / "logs")
    supervisor.start(config(version(1, artifacts[0])))
    yield supervisor, folder / "spool"
    supervisor.stop()


@pytest.fixture
def client(served: tuple[Supervisor, Path]) -> Iterator[Client]:
    client = Client(served[0].port)
    yield client
    client.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Supervisor]:
    """A supervisor for tests that change the configuration; its spool is `tmp_path / "spool"`."""
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    yield supervisor
    supervisor.stop()


def test_scores_are_those_of_the_original_model(client: Client) -> None:
    rows = [ROW, ROW | {"dep delay": None}, ROW | {"carrier": None}, ROW | {"carrier": "new"}, ROW | {"hour": None}]
    answer = client.predict(*rows)
    frame = pd.DataFrame(rows).astype({"dep delay": "float32", "hour": "float32"})
    frame["carrier"] = [row["carrier"] or "__missing__" for row in rows]
    expected = fitted().predict_proba(frame)[:, 1]
    assert answer["scores"] == pytest.approx(expected, abs=1e-5)
    assert answer["predictions"] == ["1" if score >= 0.5 else "0" for score in expected]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "example.org"}, 403),
        ({"Host": "127.0.0.1.example.org:80"}, 403),
        ({"Host": "localhost"}, 200),
        ({"Host": "[::1]:8080"}, 200),
        ({"Host": "localhost:8080", "Origin": "http://localhost:8080"}, 200),
    ],
)
def test_web_pages_from_elsewhere_are_not_answered(client: Client, headers: dict[str, str], status: int) -> None:
    assert client.send("POST", "/predict", {"records": [ROW]}, headers)[0] == status


def test_an_answer_is_in_the_log_with_its_features_and_gets_its_label(
    client: Client, served: tuple[Supervisor, Path]
) -> None:
    answer = client.predict(ROW, ROW | {"hour": 3, "extra": "ignored"}, ids=["flight a", "flight b"], id="mine")
    labels = {"labels": [{"id": answer["inference_ids"][0], "label": 1}, {"id": "nobody", "label": 0}]}
    assert client.send("POST", "/feedback", labels, AUTHORIZED)[:2] == (200, {"accepted": 2})
    later = {"ids": ["flight b", answer["inference_ids"][0]], "labels": [0, 0]}
    assert client.send("POST", "/models/late/feedback", later, AUTHORIZED)[0] == 200
    log = join_labels(read_log(served[1] / "late"))
    record = next(record for record in log.predictions if record.id == answer["id"])
    assert record.features == {"dep delay": [1.0, 1.0], "hour": [12, 3], "carrier": ["AA", "AA"]}
    assert (record.client_id, record.entity_ids, record.role) == ("mine", ["flight a", "flight b"], "primary")
    assert record.scores == answer["scores"]
    assert [entry.label for entry in log.history[f"{answer['id']}/0"]] == [1, 0]
    assert log.feedback[f"{answer['id']}/1"].label == 0
    assert "nobody" in {feedback.id for feedback in log.unmatched}


def test_columns_are_answered_like_records(client: Client) -> None:
    columns = {name: [value, value] for name, value in ROW.items()}
    status, answer, _ = client.send("POST", "/models/late/predict", {"columns": columns})
    assert status == 200
    assert answer["scores"] == client.predict(ROW, ROW)["scores"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"dep delay": 1.0, "carrier": "AA"}, "Missing column 'hour'"),
        (ROW | {"hour": "noon"}, "Column 'hour', row 0: a whole number is expected, not text"),
        (ROW | {"carrier": 7}, "Column 'carrier', row 0: text is expected, not a number"),
        (ROW | {"dep delay": [1]}, "Column 'dep delay', row 0"),
        (ROW | {"hour": 10**400}, "Column 'hour' holds a number that is too large"),
    ],
)
def test_what_is_wrong_with_a_row_is_said_by_the_columns_name(client: Client, row: dict[str, Any], said: str) -> None:
    status, answer, _ = client.send("POST", "/predict", {"records": [row]})
    assert status == 400
    assert said in answer["error"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"\xff\xfe", b'{"records":[]}', b'{"records":[{}]}', b'{"records":3}', b"[" * 100_000,
        b'{"records":[{"x":' + b"[" * 100_000 + b"}", b'{"records":[{}],"columns":{}}', b'{"columns":{"a":[1],"b":[]}}',
        b'{"records":[{"carrier":"\\ud800"}]}', b'{"records":[{}],"ids":["a","b"]}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/predict", "/v2/models/late/infer"])
def test_a_malformed_body_is_the_clients_error_and_harms_nobody(client: Client, path: str, body: bytes) -> None:
    status, answer, _ = client.send("POST", path, body)
    assert status == 400
    assert answer["error"] and "Traceback" not in answer["error"]
    assert len(client.predict(ROW)["scores"]) == 1


def test_labels_need_the_token(client: Client) -> None:
    body = {"labels": [{"id": "x", "label": 1}]}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic secret-token"}):
        status, _, answered = client.send("POST", "/feedback", body, headers)
        assert (status, answered["WWW-Authenticate"]) == (401, "Bearer")
    assert client.send("POST", "/feedback", {"labels": [1]}, AUTHORIZED)[0] == 400


def test_unknown_addresses_and_methods_are_told_apart(client: Client) -> None:
    assert client.send("GET", "/nowhere")[0] == 404
    assert client.send("POST", "/models/other/predict", {"records": [ROW]})[0] == 404
    status, _, headers = client.send("GET", "/predict")
    assert (status, headers["Allow"]) == (405, "POST")


def v2_inputs(rows: int = 2) -> list[dict[str, Any]]:
    return [
        {"name": "dep delay", "shape": [rows, 1], "datatype": "FP32", "data": [[1.0]] * rows},
        {"name": "hour", "shape": [rows], "datatype": "INT64", "data": [12] * rows},
        {"name": "carrier", "shape": [rows], "datatype": "BYTES", "data": ["AA"] * (rows - 1) + [None]},
    ]


def test_v2_tells_what_it_serves(client: Client) -> None:
    assert client.send("GET", "/v2")[1]["name"] == "mlops-desktop"
    assert client.send("GET", "/v2/health/live")[:2] == (200, {"live": True})
    assert client.send("GET", "/v2/health/ready")[:2] == (200, {"ready": True})
    assert client.send("GET", "/v2/models/late/versions/1/ready")[1]["ready"] is True
    metadata = client.send("GET", "/v2/models/late")[1]
    assert [entry["datatype"] for entry in metadata["inputs"]] == ["FP64", "INT64", "BYTES"]
    assert client.send("GET", "/v2/models/other")[0] == 404
    assert client.send("GET", "/v2/models/late/versions/9")[0] == 404


def test_v2_infers_and_echoes_or_invents_the_id(client: Client) -> None:
    status, answer, _ = client.send("POST", "/v2/models/late/infer", {"id": "mine", "inputs": v2_inputs()})
    assert (status, answer["id"], answer["model_name"], answer["model_version"]) == (200, "mine", "late", "1")
    outputs = {output["name"]: output for output in answer["outputs"]}
    expected = client.predict(ROW, ROW | {"carrier": None})
    assert outputs["scores"]["data"] == expected["scores"]
    assert outputs["predictions"] == {
        "name": "predictions", "shape": [2], "datatype": "BYTES", "data": expected["predictions"],
    }  # fmt: skip
    wanted = {"inputs": v2_inputs(), "outputs": [{"name": "scores"}]}
    status, answer, _ = client.send("POST", "/v2/models/late/versions/1/infer", wanted)
    assert status == 200 and len(answer["id"]) == 26
    assert [output["name"] for output in answer["outputs"]] == ["scores"]


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [3]}, {"shape": [1, 2]}, {"shape": []}, {"datatype": "FP31"}, {"datatype": "BYTES"}, {"data": None},
        {"parameters": {"binary_data_size": 8}}, {"name": "hour"},
    ],
)  # fmt: skip
def test_v2_refuses_tensors_that_contradict_themselves(client: Client, change: dict[str, Any]) -> None:
    inputs = v2_inputs()
    inputs[0] = inputs[0] | change
    status, answer, _ = client.send("POST", "/v2/models/late/infer", {"inputs": inputs})
    assert status == 400 and answer["error"]


def raw(port: int, sent: bytes) -> bytes:
    """Everything that is answered until the gateway closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(sent)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def test_pipelined_requests_are_answered_in_their_order(served: tuple[Supervisor, Path]) -> None:
    body = msgspec.json.encode({"records": [ROW]})
    predict = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    live = b"GET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /v2/models/other HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = raw(served[0].port, predict + live * 3000 + predict + last)
    statuses = [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [b"200"] * 3002 + [b"404"]
    assert [b"scores" in part for part in received.split(b"HTTP/1.1 ")[1:]].count(True) == 2


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", b"414"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_decent_http_is_refused_and_the_connection_closed(
    served: tuple[Supervisor, Path], sent: bytes, status: bytes
) -> None:
    assert raw(served[0].port, sent).split(b" ")[1] == status


def test_metrics_and_statistics_count_the_same(client: Client, served: tuple[Supervisor, Path]) -> None:
    client.predict(ROW, ROW)
    text = client.send("GET", "/metrics")[1]
    (figures,) = [entry for entry in served[0].stats().versions if entry.role == "primary"]
    assert f'mlops_rows_total{{endpoint="late",version="1",role="primary"}} {figures.rows}\n' in text
    assert figures.errors == 0 and figures.requests == len([r for r in logged(served[1]) if r.role == "primary"])
    assert 0 < figures.p50_ms <= figures.p99_ms


def test_a_port_in_use_is_said_plainly(served: tuple[Supervisor, Path], tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs", port=served[0].port)
    with pytest.raises(EnvironmentProblem, match=f"Port {served[0].port} on 127.0.0.1") as caught:
        supervisor.start(GatewayConfig(()))
    assert "choose another port" in str(caught.value)
    assert supervisor.outcome.state is SupervisorState.FAILED


def test_in_a_replay_records_get_the_replays_time(own: Supervisor, artifacts: tuple[str, str], tmp_path: Path) -> None:
    own.set_clock("2013-01-02T06:00:00+00:00")
    own.start(config(version(1, artifacts[0])))
    client = Client(own.port)
    client.predict(ROW)
    event = {"X-Event-Time": "2013-01-02T05:30:00+00:00"}
    assert client.send("POST", "/predict", {"records": [ROW]}, event)[0] == 200
    assert client.send("POST", "/predict", {"records": [ROW]}, {"X-Event-Time": "soon"})[0] == 400
    own.set_clock(None)
    wait_until(lambda: own.stats().clock is None)
    assert client.send("POST", "/predict", {"records": [ROW]}, event)[0] == 200
    client.close()
    times = [record.moment.strftime("%Y-%m-%d %H:%M") for record in logged(tmp_path / "spool")]
    assert times[:2] == ["2013-01-02 06:00", "2013-01-02 05:30"]
    assert not times[2].startswith("2013")


def test_a_hot_swap_under_load_fails_no_request(own: Supervisor, artifacts: tuple[str, str], tmp_path: Path) -> None:
    first, second = version(1, artifacts[0]), version(2, artifacts[0], threshold=0.0)
    own.start(config(first))
    with Traffic(own.port) as traffic:
        traffic.wait_for_more(50)
        own.configure(config(first, second, route=Route(1, 2, 0.5)))
        assert own.wait_applied(30).error == ""
        traffic.wait_for_more(300)
        own.configure(config(second))
        assert own.wait_applied(30).error == ""
        traffic.wait_for_more(50)
        wait_until(lambda: [pool.version for pool in own.stats().pools] == [2])
    assert traffic.failures == []
    roles = [(answer["version"], answer["role"]) for answer in traffic.answers]
    canaries = roles.count((2, "canary"))
    assert roles[0] == (1, "primary") and roles[-1] == (2, "primary")
    split = roles[roles.index((2, "canary")) : len(roles) - roles[::-1].index((2, "canary"))]
    assert 0.35 < canaries / len(split) < 0.65
    assert {record.id for record in logged(tmp_path / "spool")} >= {answer["id"] for answer in traffic.answers}


def test_an_entity_stays_with_its_version(own: Supervisor, artifacts: tuple[str, str]) -> None:
    own.start(config(version(1, artifacts[0]), version(2, artifacts[0]), route=Route(1, 2, 0.5)))
    client = Client(own.port)
    first = [client.predict(ROW, ids=[f"flight {i}"])["version"] for i in range(40)]
    assert first == [client.predict(ROW, ids=[f"flight {i}"])["version"] for i in range(40)]
    assert set(first) == {1, 2}
    client.close()


def test_a_version_that_cannot_be_loaded_leaves_the_old_route(
    own: Supervisor, artifacts: tuple[str, str], tmp_path: Path
) -> None:
    own.start(config(version(1, artifacts[0])))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is no model")
    own.configure(config(version(1, artifacts[0]), version(2, str(broken)), route=Route(2)))
    applied = own.wait_applied(30)
    client = Client(own.port)
    assert applied.is_done and "late@2 cannot be loaded" in applied.error
    assert client.predict(ROW)["version"] == 1
    client.close()


def test_a_start_without_a_servable_version_says_why(own: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(Conflict, match="late@1 cannot be loaded"):
        own.start(config(version(1, str(tmp_path / "absent.onnx"))))
    assert not own.is_alive


def test_contradictory_configurations_are_refused_before_they_are_sent(own: Supervisor) -> None:
    with pytest.raises(InvalidInput, match="no version 3"):
        own.configure(config(version(1, "x"), route=Route(1, 3)))
    with pytest.raises(InvalidInput, match="weight"):
        own.configure(config(version(1, "x"), version(2, "x"), route=Route(1, 2, 1.5)))


def test_a_canary_that_wants_other_columns_hurts_no_client(
    own: Supervisor, artifacts: tuple[str, str], tmp_path: Path
) -> None:
    """The primary answers instead, and the mismatch is on record against the canary."""
    picky = msgspec.structs.replace(
        SIGNATURE,
        features=(*SIGNATURE.features[:2], Feature("airline", ColumnType.TEXT, "carrier")),
    )
    own.start(config(version(1, artifacts[0]), version(2, artifacts[0], signature=picky), route=Route(1, 2, 1.0)))
    client = Client(own.port)
    assert client.predict(ROW)["version"] == 1
    client.close()
    noted = [(record.role, record.version, record.error) for record in logged(tmp_path / "spool")]
    assert noted == [("canary", 2, "schema mismatch: Missing column 'airline'."), ("primary", 1, "")]


def test_a_shadow_predicts_but_never_answers(own: Supervisor, artifacts: tuple[str, str], tmp_path: Path) -> None:
    own.start(config(version(1, artifacts[0]), version(2, artifacts[0]), route=Route(1, shadow=2)))
    client = Client(own.port)
    assert {client.predict(ROW)["version"] for _ in range(10)} == {1}
    client.close()
    wait_until(lambda: sum(record.role == "shadow" for record in logged(tmp_path / "spool")) == 10)
    by_role = {record.role: record for record in logged(tmp_path / "spool")}
    assert by_role["shadow"].version == 2 and by_role["primary"].version == 1


def test_the_original_is_served_where_the_export_does_not_agree(
    own: Supervisor, artifacts: tuple[str, str], served: tuple[Supervisor, Path], client: Client
) -> None:
    own.start(config(version(1, artifacts[1], runtime=Runtime.SKLEARN)))
    original = Client(own.port)
    rows = [ROW, ROW | {"carrier": None, "dep delay": None}]
    assert np.allclose(original.predict(*rows)["scores"], client.predict(*rows)["scores"], atol=1e-5)
    original.close()


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files of another process")
@pytest.mark.parametrize("policy", list(DiskFullPolicy))
def test_a_full_disk_is_never_silent(
    own: Supervisor, artifacts: tuple[str, str], tmp_path: Path, policy: DiskFullPolicy
) -> None:
    own.start(config(version(1, artifacts[0]), serving=ServingSpec(log=LogSpec(disk_full=policy))))
    client = Client(own.port)
    first = client.predict(ROW)
    size = next((tmp_path / "spool" / "late").glob("*.seg")).stat().st_size
    psutil.Process(own.pid).rlimit(psutil.RLIMIT_FSIZE, (size // 2, psutil.RLIM_INFINITY))
    status, answer, _ = client.send("POST", "/predict", {"records": [ROW]})
    stats = own.stats()
    if policy is DiskFullPolicy.REFUSE:
        assert status == 503 and "disk is full" in answer["error"]
        assert (stats.refused, stats.unlogged) == (1, 0)
        assert client.send("POST", "/feedback", {"labels": [1] * 9, "ids": ["a"] * 9}, AUTHORIZED)[0] == 503
    else:
        assert status == 200 and (stats.refused, stats.unlogged) == (0, 1)
    assert "cannot be written" in stats.log_error
    psutil.Process(own.pid).rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))
    last = client.predict(ROW)
    client.close()
    assert [record.id for record in logged(tmp_path / "spool")] == [first["id"], last["id"]]
    gaps = [
        record.requests for record in LogReader(tmp_path / "spool" / "late").read_all() if type(record) is GapRecord
    ]
    assert gaps == ([] if policy is DiskFullPolicy.REFUSE else [1])
    assert own.stats().log_error == ""
