"""Requests that nobody would think of, to a real gateway: binary tensors taken apart, and the description tried out."""

from __future__ import annotations

import http.client
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protocol_kit import several
from serving_kit import ROW, TOKEN, Client

from mlops_desktop.serving.gateway.v2_tensors import DATATYPES, encode_tensor
from mlops_desktop.serving.supervisor import Supervisor

TESTS = Path(__file__).resolve().parents[1]
DESCRIBED = {200, 400, 413, 415}
quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    folder = tmp_path_factory.mktemp("fuzz")
    supervisor = Supervisor(folder / "spool", folder / "logs")
    supervisor.start(several(folder))
    yield supervisor
    client = Client(supervisor.port)
    assert client.send("POST", "/models/late/predict", {"records": [ROW]})[0] == 200
    client.close()
    restarts = [pool.restarts for pool in supervisor.stats().pools]
    supervisor.stop()
    assert "Traceback" not in (folder / "logs" / "gateway.log").read_text()
    assert restarts == [0] * 5


def send(port: int, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, content


def infer(port: int, body: bytes, json_length: int) -> tuple[int, bytes]:
    return send(port, "/v2/models/late/infer", body, Inference_Header_Content_Length=str(json_length))


def binary_request(rows: int) -> tuple[bytes, bytes]:
    """The JSON and the tensors of a request that is right."""
    parts = [encode_tensor("FP64", [1.0] * rows), encode_tensor("INT64", [12] * rows)]
    parts.append(encode_tensor("BYTES", ["AA"] * rows))
    inputs = [
        {"name": name, "shape": [rows, 1], "datatype": kind, "parameters": {"binary_data_size": len(part)}}
        for name, kind, part in zip(ROW, ("FP64", "INT64", "BYTES"), parts, strict=True)
    ]
    return json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}}).encode(), b"".join(parts)


edits = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(0, 8), st.binary(max_size=8)),  # from, how many go, what comes
    min_size=1,
    max_size=4,
)


def edited(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for place, gone, came in changes:
        start = place % (len(content) + 1)
        content = content[:start] + came + content[start + gone :]
    return content


@quickly
@given(changes=edits, rows=st.integers(1, 4), shift=st.integers(-9, 9), in_tail=st.booleans())
def test_binary_requests_taken_apart_are_answered_or_refused(
    served: Supervisor, changes: list[tuple[int, int, bytes]], rows: int, shift: int, in_tail: bool
) -> None:
    head, tail = binary_request(rows)
    if in_tail:
        tail, length = edited(tail, changes), len(head)
    else:
        head = edited(head, changes)
        length = max(0, len(head) + shift)
    status, content = infer(served.port, head + tail, length)
    assert status in (200, 400), content
    if status == 400:
        assert json.loads(content)["error"]


_sizes = st.one_of(
    st.integers(-3, 200), st.sampled_from([2**31, 2**63, -(2**63), 2**64, 10**400, 0.5, True, None, "8"])
)
_tensors = st.fixed_dictionaries(
    {
        "name": st.sampled_from([*ROW, "entity_id", "other"]),
        "shape": st.lists(_sizes, max_size=3),
        "datatype": st.sampled_from([*sorted(DATATYPES), "", "FP8"]),
        "parameters": st.fixed_dictionaries({}, optional={"binary_data_size": _sizes, "shared_memory_region": _sizes}),
    },
    optional={
        "data": st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.just([[1]])), max_size=3)
    },
)


@quickly
@given(
    tensors=st.lists(_tensors, max_size=5),
    tail=st.binary(max_size=120),
    parameters=st.dictionaries(st.sampled_from(["binary_data_output", "x"]), st.one_of(st.booleans(), st.integers())),
)
def test_tensors_that_lie_about_themselves_are_answered_or_refused(
    served: Supervisor, tensors: list[dict[str, Any]], tail: bytes, parameters: dict[str, Any]
) -> None:
    head = json.dumps({"inputs": tensors, "parameters": parameters}).encode()
    assert infer(served.port, head + tail, len(head))[0] in (200, 400)


@quickly
@given(lengths=st.lists(st.one_of(st.integers(0, 5), st.integers(0, 2**32 - 1)), max_size=6), rows=st.integers(0, 6))
def test_lengths_of_texts_that_lie_are_refused(served: Supervisor, lengths: list[int], rows: int) -> None:
    """`lengths` stand before texts that are all three bytes long."""
    head, tail = binary_request(1)
    texts = b"".join(struct.pack("<I", length) + b"abc" for length in lengths)
    inputs = json.loads(head)["inputs"][:2]
    sizes = {"binary_data_size": len(texts)}
    inputs.append({"name": "carrier", "shape": [rows], "datatype": "BYTES", "parameters": sizes})
    head = json.dumps({"inputs": inputs}).encode()
    status, _ = infer(served.port, head + tail[:16] + texts, len(head))
    assert status == (200 if rows == len(lengths) == 1 and lengths == [3] else 400)


# the description


def instances(schema: dict[str, Any], known: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What agrees with a schema, of the words that our description uses; lists are short."""
    if "$ref" in schema:
        return instances(known[schema["$ref"].rpartition("/")[2]], known)
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return st.one_of([instances(option, known) for option in options])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kinds = schema.get("type", ["null", "boolean", "number", "string"])
    return st.one_of([_of_kind(kind, schema, known) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _of_kind(kind: str, schema: dict[str, Any], known: dict[str, Any]) -> st.SearchStrategy[Any]:
    if kind == "object":
        parts = {name: instances(each, known) for name, each in schema.get("properties", {}).items()}
        required = {name: parts[name] for name in schema.get("required", ())}
        optional = {name: each for name, each in parts.items() if name not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if kind == "array":
        least, most = schema.get("minItems", 0), min(schema.get("maxItems", 3), 3)
        return st.lists(instances(schema.get("items", {}), known), min_size=least, max_size=most)
    return {
        "null": st.none(),
        "boolean": st.booleans(),
        "string": st.text(max_size=5),
        "integer": st.integers(schema.get("minimum"), 10**20),
        "number": st.one_of(st.integers(), st.floats(-1e30, 1e30)),
    }[kind]


@settings(quickly, max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("kind", ["predict", "invocations", "feedback", "infer"])
def test_what_the_description_allows_is_answered_as_it_says(served: Supervisor, kind: str, data: st.DataObject) -> None:
    """Or refused, as a description cannot say that columns are of equal length; but never an error of ours."""
    described = description(served)
    path = "/v2/models/strict/infer" if kind == "infer" else f"/models/strict/{kind}"
    operation, known = described["paths"][path]["post"], described["components"]["schemas"]
    body = data.draw(instances(operation["requestBody"]["content"]["application/json"]["schema"], known))
    status, content = send(served.port, path, json.dumps(body).encode(), Authorization=f"Bearer {TOKEN}")
    assert status in DESCRIBED and str(status) in operation["responses"], content
    answered = operation["responses"][str(status)]["content"]["application/json"]["schema"]
    assert not (missing := lacking(json.loads(content), answered, known)), missing


_described: dict[int, Any] = {}


def description(served: Supervisor) -> Any:
    if served.port not in _described:
        client = Client(served.port)
        _described[served.port] = client.send("GET", "/openapi.json")[1]
        client.close()
    return _described[served.port]


def lacking(value: Any, schema: dict[str, Any], known: dict[str, Any]) -> list[str]:
    """What an answer has not though its schema asks for it."""
    while "$ref" in schema:
        schema = known[schema["$ref"].rpartition("/")[2]]
    return [name for name in schema.get("required", ()) if name not in value]


@quickly
@given(
    body=st.one_of(st.binary(max_size=300), st.text(max_size=100).map(str.encode)),
    content_type=st.sampled_from(["application/json", "text/csv", "application/jsonlines", "application/x-parquet"]),
    encoding=st.sampled_from(["", "gzip", "deflate", "identity", "br"]),
    path=st.sampled_from(["/models/late/predict", "/models/kind/invocations", "/models/late/feedback"]),
)
def test_any_bytes_are_refused_in_the_protocols_form(
    served: Supervisor, body: bytes, content_type: str, encoding: str, path: str
) -> None:
    headers = {"Content_Type": content_type, "Content_Encoding": encoding, "Authorization": f"Bearer {TOKEN}"}
    status, content = send(served.port, path, body, **headers)
    assert status in DESCRIBED
    if status != 200:
        assert set(json.loads(content)) == ({"error_code", "message"} if "invocations" in path else {"error"})


def test_schemathesis_finds_nothing(served: Supervisor, tmp_path: Path) -> None:
    """Where its environment is there; `tests/clients/schemathesis_run.py` makes it and looks longer."""
    program = TESTS.parent / ".bench" / "schemathesis" / ("Scripts" if sys.platform == "win32" else "bin")
    if not (program / "schemathesis").exists():
        pytest.skip("the environment of schemathesis is not there; tests/clients/schemathesis_run.py makes it")
    sys.path.insert(0, str(TESTS / "clients"))
    from schemathesis_run import run

    options = ("-n", "4", "--phases", "examples,coverage,fuzzing", "--include-path-regex", "/(late|strict)(/|$)")
    done = run(program / "schemathesis", served.port, tmp_path, *options, "--seed", "1")
    assert done.returncode == 0, done.stdout[-4000:]
