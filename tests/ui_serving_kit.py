"""What tests of the Serving page's parts share: a workspace whose endpoint `late` is answered by a real gateway."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from serving_kit import SIGNATURE, export, fitted

from mlops_desktop.core.deployments import Endpoint, EndpointState
from mlops_desktop.core.ids import new_id
from mlops_desktop.core.models import ModelVersion, Parity, Runtime
from mlops_desktop.pipelines.engine_state import EndpointTraffic, EngineState, write_engine_state
from mlops_desktop.pipelines.replay_steps import served_version
from mlops_desktop.pipelines.settings import feedback_token
from mlops_desktop.serving.config import GatewayConfig, Route, ServedEndpoint, ServingSpec
from mlops_desktop.serving.log import PredictionRecord, encode_record
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.rules import InputRules
from mlops_desktop.serving.supervisor import Supervisor
from mlops_desktop.workspace import Workspace

MODEL, ENDPOINT = "late-arrival", "late"
_ROWS = 400


def build_serving(folder: Path) -> Path:
    """A workspace with rows, a model of two versions (the first in production) and an endpoint that is stopped."""
    files = folder.parent / f"{folder.name}-files"
    files.mkdir()
    workspace = Workspace.create(folder, name="Serving")
    try:
        data = workspace.data.ingest(_rows(files / "rows.csv"), "flights")
        for seed, threshold in ((1, 0.5), (5, 0.8)):
            onnx, _ = export(fitted(seed), files)
            _register(workspace, Path(onnx), data.version.reference, threshold)
        workspace.registry.models.move_alias(MODEL, "production", 1, actor="engine", reason="the first one")
        put_endpoint(workspace, EndpointState.STOPPED)
    finally:
        workspace.close()
    return folder


def _rows(path: Path) -> Path:
    chance = random.Random(7)
    lines = ["dep delay,hour,carrier,late"]
    for _ in range(_ROWS):
        delay = round(chance.gauss(0, 1), 3)
        lines.append(f"{delay},{chance.randrange(24)},{chance.choice(['AA', 'UA'])},{int(delay > 0)}")
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _register(workspace: Workspace, onnx: Path, data: str, threshold: float) -> None:
    registry = workspace.registry
    run = registry.runs.start(MODEL, f"{MODEL}@1", data, {})
    registry.runs.finish(run, metrics={"auc": 0.8}, artifacts={}, summary="AUC 0.800", seconds=1.0)
    with registry.objects.in_use():
        artifact = registry.objects.put_bytes(onnx.read_bytes())
        registry.models.register(
            ModelVersion(
                id=new_id(),
                model=MODEL,
                number=0,
                run=run.id,
                dataset_version=data,
                signature=SIGNATURE,
                runtime=Runtime.ONNX,
                parity=Parity(True, 100, 0.0),
                artifacts={"onnx": artifact},
                metrics={"auc": 0.8},
                train_start=None,
                train_end=None,
                created=registry.clock.now(),
                threshold=threshold,
            )
        )


def put_endpoint(workspace: Workspace, state: EndpointState, port: int = 0) -> None:
    now = workspace.registry.clock.now()
    workspace.registry.endpoints.put(Endpoint(ENDPOINT, MODEL, state, "127.0.0.1", port, None, now))


@contextmanager
def serving(folder: Path, rules: InputRules = InputRules(), route: Route = Route(1)) -> Iterator[Supervisor]:  # noqa: B008
    """Both versions on a real gateway, with what an engine would have written about it."""
    workspace = Workspace(folder)
    try:
        versions = tuple(
            served_version(workspace.registry, workspace.registry.models.get(f"{MODEL}@{number}")) for number in (1, 2)
        )
        supervisor = Supervisor(folder / "spool", folder / "logs")
        endpoint = ServedEndpoint(ENDPOINT, MODEL, versions, route, ServingSpec(inputs=rules))
        supervisor.start(GatewayConfig(endpoints=(endpoint,), feedback_token=feedback_token(folder)))
        try:
            put_endpoint(workspace, EndpointState.SERVING, supervisor.port)
            tell_engine(folder, supervisor.port)
            yield supervisor
        finally:
            supervisor.stop()
    finally:
        workspace.close()


def tell_engine(folder: Path, port: int, *, running: bool = True) -> None:
    """What a running engine would write, or one that has ended."""
    url = f"http://127.0.0.1:{port}/models/{ENDPOINT}/predict"
    traffic = (EndpointTraffic(ENDPOINT, url, "serving"),) if running else ()
    write_engine_state(folder, EngineState(pid=1, running=running, endpoints=traffic))


def record(id: str, *values: float, **changes: Any) -> PredictionRecord:
    """An answered request of one row per value of `dep delay`."""
    fields: dict[str, Any] = {
        "id": id, "client_id": "", "time": 1_700_000_000_000_000, "received": 1, "endpoint": ENDPOINT, "model": MODEL,
        "version": 1, "role": "primary", "rows": len(values),
        "features": {"dep delay": [*values], "hour": [12] * len(values), "carrier": ["AA"] * len(values)},
        "scores": [0.3] * len(values), "predictions": ["0"] * len(values), "queue_us": 100, "inference_us": 800,
        "total_us": 1500,
    }  # fmt: skip
    return PredictionRecord(**fields | changes)


def write_log(folder: Path, *records: Any) -> None:
    """Append to the endpoint's log."""
    spool = folder / "spool" / ENDPOINT
    spool.mkdir(parents=True, exist_ok=True)
    writer = LogWriter(spool)
    writer.append(b"".join(map(encode_record, records)))
    writer.close()
