"""100,000 rows in one Arrow request, logged, next to bare ONNX Runtime on arrays that are already there.

The pipelines are gradient boosting and logistic regression on 14 numeric and 4 text columns, predicted with one thread
either way. The two are measured in turns; the figures are medians. Prints one JSON object per figure.

    python benchmarks/bench_serving_tables.py [--rounds 9]
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

ROWS, NUMBERS, TEXTS = 100_000, 14, 4
ARROW = "application/vnd.apache.arrow.stream"


def columns(rows: int, seed: int) -> dict[str, Any]:
    import numpy as np

    generator = np.random.default_rng(seed)
    made: dict[str, Any] = {f"n{place}": generator.normal(size=rows).astype("float32") for place in range(NUMBERS)}
    names = np.array([f"value {number}" for number in range(15)], dtype=object)
    return made | {f"t{place}": names[generator.integers(0, 15, rows)] for place in range(TEXTS)}


def export(kind: str, folder: Path) -> tuple[str, Any]:
    """Path of a trained pipeline as ONNX, and its signature."""
    import pandas as pd
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from mlops_desktop.core.datasets import ColumnType
    from mlops_desktop.core.models import Feature, Signature, Task

    frame = pd.DataFrame(columns(4000, 1))
    texts = [name for name in frame if name.startswith("t")]
    numbers = [name for name in frame if name.startswith("n")]
    label = (frame["n0"] + frame["n1"] * frame["n2"] + (frame["t0"] == "value 3") > 0.2).astype(int)
    parts = [
        ("n", StandardScaler(), numbers),
        ("t", OneHotEncoder(handle_unknown="ignore", sparse_output=False), texts),
    ]
    last = HistGradientBoostingClassifier() if kind == "gradient boosting" else LogisticRegression()
    model = make_pipeline(ColumnTransformer(parts), last).fit(frame, label)
    types = [
        (name, StringTensorType([None, 1]) if name in texts else FloatTensorType([None, 1])) for name in frame.columns
    ]
    path = folder / f"{kind}.onnx"
    exported = to_onnx(model, initial_types=types, options={id(model): {"zipmap": False}}, target_opset=18)
    path.write_bytes(exported.SerializeToString())
    features = tuple(
        Feature(name, ColumnType.TEXT if name in texts else ColumnType.NUMBER, name) for name in frame.columns
    )
    return str(path), Signature(Task.CLASSIFICATION, features, "y", ("0", "1"))


def bare(artifact: str) -> Any:
    """A function that predicts the rows with ONNX Runtime alone, on one thread as a worker does."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
    feed = {name: values.reshape(-1, 1) for name, values in columns(ROWS, 2).items()}
    return lambda: session.run(["probabilities"], feed)


def request_body() -> bytes:
    import pyarrow as pa

    table = pa.table(columns(ROWS, 2))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def seconds(action: Any) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    from serving_kit import config, version

    from mlops_desktop.serving.supervisor import Supervisor

    body = request_body()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind in ("gradient boosting", "logistic regression"):
            artifact, signature = export(kind, folder)
            alone = bare(artifact)
            supervisor = Supervisor(folder / kind, folder / "logs")
            supervisor.start(config(version(1, artifact, signature=signature)))
            connection = http.client.HTTPConnection("127.0.0.1", supervisor.port, timeout=120)

            def served(connection: Any = connection) -> None:
                connection.request("POST", "/predict", body, {"Content-Type": ARROW})
                response = connection.getresponse()
                content = response.read()
                assert response.status == 200, content

            try:
                served(), alone()
                pairs = [(seconds(alone), seconds(served)) for _ in range(rounds)]
            finally:
                connection.close()
                supervisor.stop()
            without, within = (statistics.median(times) for times in zip(*pairs, strict=True))
            what = f"serving: {ROWS:,} rows in one Arrow request, {kind}"
            show(f"{what}, bare ONNX Runtime", round(without * 1e3, 1), "ms")
            show(what, round(within * 1e3, 1), "ms", ratio=round(without / within, 2), bound=0.7)


def show(name: str, value: float, unit: str, **more: float) -> None:
    print(json.dumps({"name": name, "value": value, "unit": unit} | more), flush=True)


if __name__ == "__main__":
    main()
