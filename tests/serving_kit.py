"""What tests of serving share: tiny models as artifacts, configurations of them, and a plain HTTP client."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.models import Feature, Runtime, Signature, Task
from mlops_desktop.serving.config import (
    GatewayConfig,
    Route,
    ServedEndpoint,
    ServedVersion,
    ServingSpec,
)
from mlops_desktop.serving.log import PredictionRecord, predictions_of, read_log

TOKEN = "secret-token"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
SIGNATURE = Signature(
    Task.CLASSIFICATION,
    (
        Feature("dep delay", ColumnType.NUMBER, "dep_delay"),
        Feature("hour", ColumnType.INTEGER, "hour"),
        Feature("carrier", ColumnType.TEXT, "carrier", ("AA", "UA")),
    ),
    "late",
    ("0", "1"),
)
ROW: dict[str, Any] = {"dep delay": 1.0, "hour": 12, "carrier": "AA"}


def fitted(seed: int = 1) -> Pipeline:
    """A classifier of mixed columns."""
    generator = np.random.default_rng(seed)
    rows = 300
    frame = pd.DataFrame(
        {
            "dep delay": generator.normal(size=rows),
            "hour": generator.integers(0, 24, rows).astype(float),
            "carrier": generator.choice(["AA", "UA", "__missing__"], rows),
        }
    )
    late = (frame["dep delay"] + (frame["carrier"] == "AA") > 0.3).astype(int)
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer(
        [("n", numbers, ["dep delay", "hour"]), ("c", OneHotEncoder(handle_unknown="ignore"), ["carrier"])]
    )
    return make_pipeline(columns, LogisticRegression()).fit(frame, late)


def export(model: Pipeline, folder: Path) -> tuple[str, str]:
    """Paths of the ONNX file and of the joblib original."""
    onnx, original = folder / "model.onnx", folder / "model.joblib"
    joblib.dump(model, original)
    types = [
        ("dep delay", FloatTensorType([None, 1])),
        ("hour", FloatTensorType([None, 1])),
        ("carrier", StringTensorType([None, 1])),
    ]
    exported = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}}, target_opset=18)
    onnx.write_bytes(exported.SerializeToString())
    return str(onnx), str(original)


def version(number: int, artifact: str, **changes: Any) -> ServedVersion:
    return ServedVersion(**{"number": number, "artifact": artifact, "runtime": Runtime.ONNX, "signature": SIGNATURE}
                         | changes)  # fmt: skip


def config(
    *versions: ServedVersion, route: Route | None = None, serving: ServingSpec | None = None, **changes: Any
) -> GatewayConfig:
    """One endpoint named `late`."""
    endpoint = ServedEndpoint(
        "late", "late-arrival", versions, route or Route(versions[0].number), serving or ServingSpec()
    )
    return GatewayConfig(**{"endpoints": (endpoint,), "feedback_token": TOKEN} | changes)


class Client:
    """Keeps its connection; opens a new one after a failure."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection: http.client.HTTPConnection | None = None

    def send(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, decoded body and headers. `body` is bytes as they are, or anything else as JSON."""
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            self._connection.request(method, path, content, headers or {})
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        is_json = response.headers.get_content_type() == "application/json"
        return response.status, json.loads(text) if is_json and text else text.decode(), dict(response.headers)

    def predict(self, *rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """The answer to rows that must be predicted."""
        status, answer, _ = self.send("POST", "/predict", {"records": list(rows or (ROW,))} | fields)
        assert status == 200, answer
        return dict(answer)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Traffic:
    """Threads that predict one row after the other until told to stop. With `retry`, connection errors are retried."""

    def __init__(self, port: int, *, threads: int = 4, retry: bool = False) -> None:
        self.answers: list[dict[str, Any]] = []
        self.failures: list[str] = []
        self._port, self._retry = port, retry
        self._stopped = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(threads)]

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        client = Client(self._port)
        while not self._stopped.is_set():
            try:
                status, answer, _ = client.send("POST", "/predict", {"records": [ROW]})
            except (OSError, http.client.HTTPException) as problem:
                if not self._retry:
                    self.failures.append(repr(problem))
                self._stopped.wait(0.005)
                continue
            if status == 200:
                self.answers.append(answer)
            else:
                self.failures.append(f"{status} {answer}")
        client.close()

    def wait_for_more(self, count: int) -> None:
        """Wait until `count` more requests are answered."""
        wanted = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= wanted or bool(self.failures))


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.005)


def logged(spool: Path) -> list[PredictionRecord]:
    return list(predictions_of(read_log(spool / "late")))
