"""Other model servers, each in its own environment, with a scikit-learn pipeline as their guides have it served."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.peers import peer
from benchmarks.serving_pipelines import Row, TrainedPipeline

SCRIPTS = Path(__file__).parent / "peer_servers"
# The versions that trained the pipelines; a pickle is only sure to mean the same in those.
SAME = ("scikit-learn==1.9.1", "pandas==3.1.1", "numpy==2.4.6")
MLFLOW_PINS = ("mlflow==3.17.2", *SAME)
BENTOML_PINS = ("bentoml==1.4.39", *SAME)
# MLServer 1.7's workers do not start with the event loop of a newer uvloop.
MLSERVER_PINS = ("mlserver==1.7.1", "mlserver-sklearn==1.7.1", "uvloop==0.21.0", *SAME)
# Their workers are processes; with more threads each, gradient boosting's threads fight for two cores.
ONE_THREAD = {"OMP_NUM_THREADS": "1"}
START_SECONDS = 90.0


@dataclass(frozen=True)
class Protocol:
    """How rows are asked for at `path`, and where the probabilities are in the answer."""

    path: str
    encode: Callable[[list[Row]], Any]
    decode: Callable[[Any], list[float]]


def _columns(rows: list[Row]) -> Iterator[tuple[str, str, list[Any]]]:
    for name in rows[0]:
        values = [row[name] for row in rows]
        yield name, "BYTES" if any(isinstance(value, str) for value in values) else "FP64", values


def _v2(rows: list[Row]) -> Any:
    return {
        "inputs": [
            {"name": name, "shape": [len(rows)], "datatype": datatype, "data": values}
            for name, datatype, values in _columns(rows)
        ]
    }


def _v2_pandas(rows: list[Row]) -> Any:
    """For MLServer: a table whose texts are texts, answered with probabilities."""
    request = _v2(rows)
    for tensor in request["inputs"]:
        tensor["shape"] = [len(rows), 1]
        if tensor["datatype"] == "BYTES":
            tensor["parameters"] = {"content_type": "str"}
    return request | {"parameters": {"content_type": "pd"}, "outputs": [{"name": "predict_proba"}]}


def _split(rows: list[Row]) -> Any:
    return {"dataframe_split": {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}}


def _second(pairs: list[list[float]]) -> list[float]:
    return [pair[1] for pair in pairs]


def _output(name: str) -> Callable[[Any], list[float]]:
    return lambda answer: next(output["data"] for output in answer["outputs"] if output["name"] == name)


OURS = Protocol("/v2/models/late/infer", _v2, _output("scores"))
MLSERVER = Protocol("/v2/models/late/infer", _v2_pandas, lambda answer: answer["outputs"][0]["data"][1::2])
MLFLOW = Protocol("/invocations", _split, lambda answer: _second(answer["predictions"]))
BENTOML = Protocol("/predict", lambda rows: {"rows": rows}, _second)


@dataclass(frozen=True)
class Peer:
    """A server with one of its settings. `command(pipeline, folder, port)` prepares and names what to start, and where
    the server's own settings go into the environment."""

    name: str
    setting: str
    protocol: Protocol
    requirements: tuple[str, ...]
    command: Callable[[Path, TrainedPipeline, Path, int], tuple[list[str], dict[str, str]]]

    @property
    def title(self) -> str:
        return f"{self.name}, {self.setting}"

    def programs(self) -> Path:
        return peer(f"serving-{self.name.lower()}", *self.requirements)


def _mlflow(workers: int) -> Peer:
    def command(programs: Path, pipeline: TrainedPipeline, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
        rows, model = folder / "rows.json", folder / "model"
        rows.write_text(json.dumps(pipeline.rows), encoding="utf-8")
        saved = [
            str(programs / "python"),
            str(SCRIPTS / "mlflow_save.py"),
            str(pipeline.original),
            str(rows),
            str(model),
        ]
        subprocess.run(saved, check=True, capture_output=True)
        arguments = ["models", "serve", "-m", str(model), "--env-manager", "local", "-h", "127.0.0.1"]
        return [str(programs / "mlflow"), *arguments, "-p", str(port), "-w", str(workers)], {}

    return Peer("MLflow", _workers(workers), MLFLOW, MLFLOW_PINS, command)


def _bentoml(workers: int, *, batching: bool) -> Peer:
    def command(programs: Path, pipeline: TrainedPipeline, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
        named = {"MODEL": str(pipeline.original), "WORKERS": str(workers)}
        own = {"BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
        service = "bentoml_service:Batched" if batching else "bentoml_service:Alone"
        arguments = ["serve", service, "--host", "127.0.0.1", "--port", str(port)]
        return [str(programs / "bentoml"), *arguments, "--working-dir", str(SCRIPTS)], named | own

    setting = _workers(workers) + (", adaptive batching" if batching else "")
    return Peer("BentoML", setting, BENTOML, BENTOML_PINS, command)


def _mlserver(workers: int, *, batching: bool = False) -> Peer:
    def command(programs: Path, pipeline: TrainedPipeline, folder: Path, port: int) -> tuple[list[str], dict[str, str]]:
        server = {
            "host": "127.0.0.1",
            "http_port": port,
            "grpc_port": free_port(),
            "metrics_port": free_port(),
            "parallel_workers": workers,
        }
        implementation = "mlserver_sklearn.SKLearnModel"
        model = {"name": "late", "implementation": implementation, "parameters": {"uri": str(pipeline.original)}}
        model |= {"max_batch_size": 16, "max_batch_time": 0.005} if batching else {}
        (folder / "settings.json").write_text(json.dumps(server), encoding="utf-8")
        (folder / "model-settings.json").write_text(json.dumps(model), encoding="utf-8")
        return [str(programs / "mlserver"), "start", str(folder)], {}

    setting = _workers(workers) + (", adaptive batching" if batching else "")
    return Peer("MLServer", setting, MLSERVER, MLSERVER_PINS, command)


def _workers(count: int) -> str:
    return {0: "in one process", 1: "1 worker"}.get(count, f"{count} workers")


PEERS = (
    _mlflow(1),
    _mlflow(2),
    _bentoml(2, batching=False),
    _bentoml(1, batching=True),
    _bentoml(2, batching=True),
    _mlserver(0),
    _mlserver(1),
    _mlserver(2),
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(peer: Peer, pipeline: TrainedPipeline, folder: Path) -> Iterator[int]:
    """The port of a started server that answers; it is ended with all its processes."""
    folder.mkdir(parents=True)
    port = free_port()
    command, environment = peer.command(peer.programs(), pipeline, folder, port)
    merged = (
        os.environ | ONE_THREAD | environment | {"PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"}
    )
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=merged, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    try:
        _wait_until_it_answers(peer, pipeline, port, process, folder / "server.log")
        yield port
    finally:
        _kill_with_all_below(process)


def _kill_with_all_below(process: subprocess.Popen[bytes]) -> None:
    """By tree, not by group: some put their workers into groups of their own."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(process.pid)
        below = top.children(recursive=True)
        for each in [top, *below]:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(below)
    process.wait()


def _wait_until_it_answers(
    peer: Peer, pipeline: TrainedPipeline, port: int, process: subprocess.Popen[bytes], log: Path
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            ask(peer.protocol, port, pipeline.rows[:1])
            return
        except (OSError, http.client.HTTPException, WrongAnswer) as problem:
            if process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(encoding="utf-8", errors="replace")[-1500:]
                raise RuntimeError(f"{peer.title} did not come to answer ({problem}): {said}") from problem
            time.sleep(0.2)


class WrongAnswer(Exception):
    """Anything but probabilities."""


def ask(protocol: Protocol, port: int, rows: list[Row]) -> list[float]:
    """The probabilities of rows, by one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = json.dumps(protocol.encode(rows))
        connection.request("POST", protocol.path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise WrongAnswer(f"{response.status} {content[:500]!r}")
    return protocol.decode(json.loads(content))
