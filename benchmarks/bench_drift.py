"""How long it takes to judge the drift of 1,000,000 rows x 50 float32 columns, beside scipy's test in the same run.

    python benchmarks/bench_drift.py [rows]

Prints one JSON object per figure. Both compare the window with the same reference of 100,000 rows; ours judges with
calibrated thresholds and adjusted p-values, scipy's `ks_2samp` computes statistic and p-value per column.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from mlops_desktop.monitoring.drift import add_counts, count_window, judge_counts
from mlops_desktop.monitoring.methods import drift_method
from mlops_desktop.monitoring.reference import build_reference
from mlops_desktop.monitoring.spec import MonitoringSpec
from mlops_desktop.monitoring.windows import judge_window

ROWS = 1_000_000
REFERENCE_ROWS = 100_000
COLUMNS = 50
SHIFT_EVERY = 10


def numbers(rows: int, *, seed: int, shift: float = 0.0) -> pa.Table:
    """Columns of normal, lognormal and Cauchy values and of whole numbers; each tenth one moved by `shift`."""
    random = np.random.default_rng(seed)
    made = {}
    for position in range(COLUMNS):
        kind = position % 5
        values = random.standard_normal(rows, dtype=np.float32) if kind != 4 else random.standard_cauchy(rows)
        if kind == 2:
            values = np.exp(values)
        if kind == 3:
            values = np.rint(values * 100)
        moved = shift * (100 if kind == 3 else 1) if position % SHIFT_EVERY == 0 else 0.0
        made[f"c{position}"] = pa.array((values + moved).astype(np.float32))
    return pa.table(made)


def report(name: str, value: float, unit: str, **more: float) -> None:
    print(json.dumps({"name": name, "value": round(value, 6), "unit": unit, **more}), flush=True)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 and sys.argv[1].isdecimal() else ROWS
    reference_table = numbers(REFERENCE_ROWS, seed=1)
    window = numbers(rows, seed=2, shift=0.3)
    settings = MonitoringSpec()
    start = time.perf_counter()
    reference = build_reference(reference_table)
    report("drift: build and calibrate the reference", time.perf_counter() - start, "s")
    report("drift: size of the reference", len(reference.to_bytes()) / 1e6, "MB")

    moment = datetime(2024, 1, 1, tzinfo=UTC)
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        result = judge_window(reference, window, None, None, moment, moment + timedelta(days=7), settings=settings)
        seconds.append(time.perf_counter() - start)
    ours = min(seconds)
    found = [drift.feature for drift in result.window.features if drift.drifting]
    assert found == [f"c{position}" for position in range(0, COLUMNS, SHIFT_EVERY)], found

    from scipy.stats import ks_2samp

    pairs = [
        (reference_table.column(f"c{position}").to_numpy(), window.column(f"c{position}").to_numpy())
        for position in range(COLUMNS)
    ]
    start = time.perf_counter()
    exact = [float(ks_2samp(a, b, method="asymp").statistic) for a, b in pairs]
    theirs = time.perf_counter() - start
    error = max(abs(drift.score - value) for drift, value in zip(result.window.features, exact, strict=True))
    shape = f"{rows:,} x {COLUMNS}"
    report(f"drift: judge {shape} float32", ours, "s", ratio=round(theirs / ours, 1))
    report(f"drift: scipy ks_2samp on {shape}, same run", theirs, "s")
    report("drift: largest difference of KS from scipy's", error, "")

    counts = count_window(reference, window)
    start = time.perf_counter()
    judge_counts(reference, add_counts([counts] * 10), settings)
    report(f"drift: ten stored windows of {shape} judged as one", time.perf_counter() - start, "s")
    report(f"drift: stored counts of {shape}", len(counts.to_bytes()) / 1e6, "MB")
    for name in ("wasserstein", "jensen_shannon", "psi", "hellinger"):
        start = time.perf_counter()
        judge_counts(reference, counts, MonitoringSpec(numeric_method=drift_method(name).name))
        report(f"drift: the same window by {name}, from its counts", time.perf_counter() - start, "s")


if __name__ == "__main__":
    main()
