"""Real clients: always by what they once sent and were answered, and in person where their environments are there.

`tests/clients/record.py` makes the environments and the recordings.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import json
import re
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from protocol_kit import several
from serving_kit import config, export, fitted, version

from mlops_desktop.serving.supervisor import Supervisor

TESTS = Path(__file__).resolve().parents[1]
RECORDED: dict[str, Any] = json.loads((TESTS / "e2e" / "golden" / "clients.json").read_text(encoding="utf-8"))
REQUESTS = [
    pytest.param(client, request, id=f"{client} {place} {request['path']}")
    for client, recorded in RECORDED.items()
    for place, request in enumerate(recorded["requests"])
]
_ULID = re.compile(rb"[0-9A-HJKMNP-TV-Z]{26}")
_COUNTS = re.compile(rb'"(ns|count|inference_count|execution_count)":\d+')


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """A gateway of several models, and one of a single model for MLflow's addresses."""
    folder = tmp_path_factory.mktemp("clients")
    many, single = (Supervisor(folder / name / "spool", folder / "logs") for name in ("many", "single"))
    many.start(several(folder))
    single.start(config(version(1, export(fitted(), folder)[0])))
    yield {"triton": many.port, "oip": many.port, "mlflow-client": single.port}
    many.stop()
    single.stop()


def unpacked(content: bytes, encoding: str | None) -> bytes:
    return {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(encoding or "", bytes)(content)


def comparable(content: bytes) -> bytes:
    return _COUNTS.sub(rb'"\1":0', _ULID.sub(b"id", content))


@pytest.mark.parametrize(("client", "request_"), REQUESTS)
def test_what_a_client_once_sent_is_answered_as_it_was(
    ports: dict[str, int], client: str, request_: dict[str, Any]
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", ports[client], timeout=30)
    body = base64.b64decode(request_["body"])
    connection.request(request_["method"], request_["path"], body, request_["headers"])
    response = connection.getresponse()
    content, headers = response.read(), response.headers
    connection.close()
    assert response.status == request_["status"]
    assert headers.get("Inference-Header-Content-Length") == request_["json_length"]
    expected = unpacked(base64.b64decode(request_["answer"]), request_["encoding"])
    assert comparable(unpacked(content, headers.get("Content-Encoding"))) == comparable(expected)


def printed_by(client: str, script: str, port: int) -> dict[str, Any]:
    home = TESTS.parent / ".bench" / client / ("Scripts" if sys.platform == "win32" else "bin")
    if not (home / "requirements").exists() and not (home.parent / "requirements").exists():
        pytest.skip(f"the environment of {client} is not there; tests/clients/record.py makes it")
    command = [home / "python", TESTS / "clients" / script, str(port)]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return found


def test_tritons_client_is_served_in_json_binary_and_compressed(ports: dict[str, int]) -> None:
    found = printed_by("triton", "triton.py", ports["triton"])
    binary = found["answers"]["binary"]["outputs"]
    assert binary["predictions"] == ["1", "0"]
    assert binary["probabilities"] == [[1.0 - score, score] for score in binary["scores"]]
    for name in ("gzip", "deflate"):
        assert found["answers"][name]["outputs"] == binary
    for name in ("json", "mixed"):
        assert found["answers"][name]["outputs"] == {key: binary[key] for key in ("scores", "predictions")}
    assert found["answers"]["chosen"]["outputs"] == {"scores": binary["scores"]}
    assert [answer["id"] for answer in found["async"]] == [str(number) for number in range(8)]
    assert found["live"] and found["ready"] and all(found["model_ready"]) and found["large"] == [1, 20000]
    assert found["error"] == ["400", "Missing column 'carrier'."]


def test_the_open_inference_client_is_served(ports: dict[str, int]) -> None:
    found = printed_by("oip", "oip.py", ports["oip"])
    assert found["answer"]["id"] == "mine" and found["answer"]["model_version"] == "1"
    assert len(found["answer"]["outputs"][0]["data"]) == 2 and "404" in found["error"]


def test_mlflows_scoring_client_is_served(ports: dict[str, int]) -> None:
    found = printed_by("mlflow-client", "mlflow_scoring.py", ports["mlflow-client"])
    assert found["frame"] == found["params"] == found["rows"] == {"0": ["1", "0"]}
    assert "BAD_REQUEST" in found["error"] and "Missing columns" in found["error"]
