"""Requests that were made to hurt: each is refused in its protocol's own form, and the others are served."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from protocol_kit import several
from serving_kit import AUTHORIZED, ROW, Client, wait_until

from mlops_desktop.serving.supervisor import Supervisor

PREDICT, INFER = "/models/late/predict", "/v2/models/late/infer"
RECORDS = {"records": [ROW]}
LABELS = {"labels": [1], "ids": ["x"]}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Supervisor, Path]]:
    folder = tmp_path_factory.mktemp("hostile")
    supervisor = Supervisor(folder / "spool", folder / "logs")
    supervisor.start(several(folder))
    yield supervisor, folder / "logs" / "gateway.log"
    supervisor.stop()


@pytest.fixture
def client(served: tuple[Supervisor, Path]) -> Iterator[Client]:
    """A test may not make the gateway meet anything that it did not foresee, nor a worker end."""
    supervisor, log = served
    before = log.stat().st_size
    client = Client(supervisor.port)
    yield client
    assert client.send("POST", PREDICT, RECORDS)[0] == 200
    client.close()
    assert "Traceback" not in log.read_text()[before:]
    assert [pool.restarts for pool in supervisor.stats().pools] == [0] * 5


def raw(port: int, *parts: bytes) -> bytes:
    """What is answered until the gateway closes the connection; each part is sent on its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while part := connection.recv(65536):
            received += part
    return received


def tensors(**change: Any) -> bytes:
    """A V2 request of one row, with something changed in its first tensor."""
    first = {"name": "dep delay", "shape": [1], "datatype": "FP64", "data": [1.0]} | change
    others = [
        {"name": "hour", "shape": [1], "datatype": "INT64", "data": [12]},
        {"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["AA"]},
    ]
    return json.dumps({"inputs": [first, *others]}).encode()


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        (PREDICT + "?" + "&".join(["a=1"] * 101), RECORDS, "more than 100 parameters"),
        (PREDICT, b'{"records":[{"dep delay":1e999,"hour":1,"carrier":"AA"}]}', "Number out of range"),
        (PREDICT, b'\\"' * 32_000, "not valid JSON"),
        (PREDICT, {"records": [{f"{place:x}": 1} for place in range(6000)]}, "6,000 different keys"),
        (PREDICT, {"records": [ROW], "ids": [{"a": 1}]}, "Expected"),
        (PREDICT, {"records": [ROW | {"dep delay": {"a": 1}}]}, "not an object"),
        ("/models/late/invocations", {"instances": [{f"{place:x}": 1} for place in range(6000)]}, "different keys"),
        ("/models/late/invocations", {"inputs": {"dep delay": [[1], [2, 3]]}}, "values that are lists"),
        (INFER, tensors(shape=[10**4200]), "at most 100,000"),
        (INFER, tensors(shape=[-1]), "has shape [-1]"),
        (INFER, tensors(shape=[-(10**4200)]), "each column is one input"),
        (INFER, tensors(shape=[1, 1, 1, 1]), "each column is one input"),
        (INFER, tensors(shape=["1"]), "Expected `int`"),
        (INFER, tensors(parameters=None), "Expected `object`"),
        (INFER, tensors(data=[[[1.0]]], shape=[1, 1]), "a number is expected, not a list"),
        (INFER, {"inputs": []}, "no rows"),
        (INFER, b'{"inputs":' * 90, "Expected `array`"),
        (INFER, b'{"inputs":[{"name":"x","shape":[1],"datatype":"FP64","data":' + b"[" * 30_000, "nested too deeply"),
    ],
)
def test_a_body_made_to_hurt_is_the_clients_error(client: Client, path: str, body: Any, said: str) -> None:
    status, answer, _ = client.send("POST", path, body)
    assert status == 400 and said in answer.get("error", answer.get("message"))


def test_the_last_of_duplicate_keys_counts(client: Client) -> None:
    last = json.dumps(ROW).encode()
    body = b'{"records":[{"hour":"noon"}],"records":[{"hour":"noon",%s]}' % last[1:]
    status, answer, _ = client.send("POST", PREDICT, body)
    assert status == 200 and answer["scores"] == client.send("POST", PREDICT, RECORDS)[1]["scores"]


def test_infinite_numbers_count_as_missing(client: Client) -> None:
    missing = client.send("POST", PREDICT, {"records": [ROW | {"dep delay": None}]})[1]["scores"]
    for endless in (float("inf"), float("-inf"), float("nan"), 1e300):
        status, answer, _ = client.send("POST", PREDICT, {"records": [ROW | {"dep delay": endless}]})
        assert status == 200 and answer["scores"] == missing


@pytest.mark.parametrize(
    "path",
    [
        "/models/late/feedbac%6B", "/models/late/%66eedback", "/models/l%61te/feedback", "/models%2Flate%2Ffeedback",
        "/models/late/feedback/", "/models/late/feedback%2f", "/models/late/feedback?a=1", "/%66eedback",
    ],
)  # fmt: skip
def test_no_spelling_of_an_address_gets_round_the_token(client: Client, path: str) -> None:
    assert client.send("POST", path, LABELS)[0] == 401
    status = client.send("POST", path, LABELS, AUTHORIZED)[0]
    assert status == (404 if path == "/%66eedback" else 200)  # there are several models


@pytest.mark.parametrize(
    "name",
    ["..", "../../etc/passwd", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/late", "late%00", "late/../late", "%ff%fe",
     "late%0d%0aX-Injected:%201", "", "%c3%a9", "late;x", "l" * 4000, "C:%5cWindows"],
)  # fmt: skip
def test_no_name_of_a_model_leads_elsewhere(client: Client, name: str) -> None:
    for path in (f"/models/{name}/predict", f"/v2/models/{name}/infer", f"/v2/models/late/versions/{name}/infer"):
        status, answer, headers = client.send("POST", path, RECORDS)
        assert status in (404, 405) and set(answer) == {"error"} and "X-Injected" not in headers


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "HEAD", "GET"])
def test_a_page_of_elsewhere_may_not_even_ask_what_it_may(client: Client, method: str) -> None:
    """No preflight succeeds, and no answer allows another page to read it."""
    preflight = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
    for path in ("/predict", "/models/late/feedback", "/health", "/metrics", "/openapi.json"):
        status, _, headers = client.send(method, path, None, preflight)
        assert status == 403 and not [name for name in headers if name.lower().startswith("access-control")]
        status, _, headers = client.send(method, path, None, AUTHORIZED | {"Host": "rebound.example.org"})
        assert status == 403 and not [name for name in headers if name.lower().startswith("access-control")]


HEAD = b"POST /models/late/predict HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ((b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",), 404),
        ((b"GET http://127.0.0.1/../.. HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",), 404),
        ((b"GET // HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",), 404),
        ((b"CONNECT example.org:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",), 400),
        ((b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), 400),
        ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),), 400),
        ((HEAD + b"Content-Length: -1\r\n\r\n",), 400),
        ((HEAD + b"Content-Length: 1e3\r\n\r\n",), 400),
        ((HEAD + b"Content-Length: 18446744073709551617\r\n\r\n",), 400),
        ((HEAD + b"Content-Length: " + b"0" * 5000 + b"1\r\n\r\n",), 400),
        ((HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",), 400),
        ((HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",), 400),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",), 400),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",), 400),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX\r\n",), 400),
        ((HEAD + b"X: a\r\n b\0c\r\n\r\n",), 400),
        ((HEAD + b"Con tent: 1\r\n\r\n",), 400),
        ((b"POST /models/late/predict HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n",), 431),
        ((HEAD + b"Transfer-Encoding: chunked\r\n\r\n", *[b"100000\r\n" + b" " * (1 << 20) + b"\r\n"] * 80), 413),
        ((HEAD + b"Content-Length: 70000000\r\n\r\n", *[b" " * (1 << 20)] * 70), 413),
    ],
)
def test_what_breaks_the_rules_of_http_is_answered_and_cut_off(
    served: tuple[Supervisor, Path], client: Client, parts: tuple[bytes, ...], status: int
) -> None:
    answer = raw(served[0].port, *parts)
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"\r\nConnection: close" in head and set(json.loads(body)) == {"error"}


def test_a_smuggled_request_is_not_taken_for_another(served: tuple[Supervisor, Path], client: Client) -> None:
    """What follows a request that contradicts itself is thrown away."""
    hidden = b"POST /models/late/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    answer = raw(served[0].port, HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + hidden)
    assert answer.count(b"HTTP/1.1 ") == 1 and answer.startswith(b"HTTP/1.1 400 ")


def test_connections_that_are_dropped_in_the_middle_leave_nothing(
    served: tuple[Supervisor, Path], client: Client
) -> None:
    body = json.dumps(RECORDS).encode()
    request = HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    for place in range(0, 200):
        with socket.create_connection(("127.0.0.1", served[0].port), timeout=30) as connection:
            connection.sendall(request[: 1 + place * len(request) // 200])
            if place % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # ends with a reset
    client.send("POST", PREDICT, RECORDS)
    wait_until(lambda: served[0].stats().connections == 1)
