"""How fast comparing, training and scoring are.

    python benchmarks/bench_training.py

Prints the median of a few repetitions: the paired bootstrap against the loop that everybody writes first, a whole
training run on the bundled flights, and one row through ONNX Runtime and through scikit-learn.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.evaluation.paired import paired_bootstrap
from mlops_desktop.training.onnx_scoring import OnnxModel
from mlops_desktop.training.originals import load_original_bytes
from mlops_desktop.training.specs import load_spec
from mlops_desktop.training.tables import feature_array, feature_frame
from mlops_desktop.training.train import TrainingResult, train

SAMPLE = Path(__file__).resolve().parents[1] / "resources" / "samples" / "flights2013"
ROWS, REPETITIONS = 20_000, 1000


def seconds(action: Callable[[], object], repeat: int = 5) -> float:
    """Median time of `action`."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def say(name: str, value: float, unit: str, ratio: float | None = None) -> None:
    """One figure; `ratio` is how many times faster than the peer of the same run."""
    line: dict[str, object] = {"name": name, "value": round(value, 4), "unit": unit}
    print(json.dumps(line if ratio is None else line | {"ratio": round(ratio, 1)}), flush=True)


def naive_bootstrap(y: np.ndarray, champion: np.ndarray, challenger: np.ndarray, repetitions: int) -> np.ndarray:
    """Draw rows, compute scikit-learn's AUC of both models, repeat."""
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(1)
    gains = []
    for _ in range(repetitions):
        rows = random.integers(0, y.size, y.size)
        gains.append(roc_auc_score(y[rows], challenger[rows]) - roc_auc_score(y[rows], champion[rows]))
    return np.quantile(gains, [0.025, 0.975])


def bench_bootstrap() -> None:
    random = np.random.default_rng(0)
    y = (random.random(ROWS) < 0.25).astype(float)
    champion, challenger = random.random(ROWS) + 0.4 * y, random.random(ROWS) + 0.42 * y
    days = np.sort(random.integers(0, 14, ROWS))
    naive = seconds(lambda: naive_bootstrap(y, champion, challenger, REPETITIONS // 20), 3) * 20
    by_row = seconds(lambda: paired_bootstrap(y, champion, challenger, "auc", repetitions=REPETITIONS, seed=1))
    by_day = seconds(
        lambda: paired_bootstrap(y, champion, challenger, "auc", blocks=days, repetitions=REPETITIONS, seed=1)
    )
    what = f"paired bootstrap of AUC, {ROWS:,} rows x {REPETITIONS:,} repetitions"
    say(f"{what}, a loop over scikit-learn (20 x the time of {REPETITIONS // 20})", naive, "s")
    say(f"{what}, by row", by_row, "s", naive / by_row)
    say(f"{what}, by day", by_day, "s", naive / by_day)


def bench_training() -> TrainingResult:
    spec, table = load_spec(SAMPLE / "late-arrival.toml"), pq.read_table(SAMPLE / "flights.parquet")
    as_of = datetime(2013, 8, 1, tzinfo=UTC)
    result = train(spec, table, as_of)
    shape = f"{result.train_rows:,} x {len(result.signature.features)} and {result.test_rows:,} test rows"
    say(
        f"a training run with export, parity and judgement, {shape}", seconds(lambda: train(spec, table, as_of), 3), "s"
    )
    return result


def bench_one_row(result: TrainingResult) -> None:
    row = pq.read_table(SAMPLE / "flights.parquet").slice(100, 1)
    features = result.signature.features
    assert result.onnx is not None
    session = OnnxModel(result.onnx, result.signature)._session
    feed = {feature.input_name: feature_array(row, feature).reshape(-1, 1) for feature in features}
    pipeline = load_original_bytes(result.original, sha256_hex(result.original))
    frame = feature_frame(row, features)
    onnx = seconds(lambda: session.run(["probabilities"], feed), 500)
    sklearn = seconds(lambda: pipeline.predict_proba(frame), 30)
    say("one row through scikit-learn, prepared input", sklearn * 1e6, "µs")
    say("one row through ONNX Runtime, prepared input", onnx * 1e6, "µs", sklearn / onnx)


def main() -> None:
    bench_bootstrap()
    bench_one_row(bench_training())


if __name__ == "__main__":
    main()
