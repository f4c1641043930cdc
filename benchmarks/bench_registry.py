"""How long listing and resolving take with many versions on record.

    python benchmarks/bench_registry.py [versions]

Prints one JSON object per figure, with the bound that it is held against: the median of some calls, in milliseconds.
Versions carry a schema of 40 columns and the origin of a file, as real ones do; all of one dataset, then spread over
many.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlops_desktop.core.datasets import Column, ColumnType, Origin, Schema
from mlops_desktop.core.ids import sha256_hex
from mlops_desktop.registry import Registry

VERSIONS = 10_000
BOUND = 50.0
CALLS = 7
COLUMNS = 40


def filled(folder: Path, datasets: int, versions: int) -> Registry:
    """A workspace with `versions` versions of each of `datasets` datasets; an alias and a tag here and there."""
    registry = Registry.create(folder)
    schema = Schema(tuple(Column(f"measurement {i}", ColumnType.NUMBER, "double") for i in range(COLUMNS)))
    with registry.transaction():
        for number in range(versions):
            for dataset in range(datasets):
                digest = sha256_hex(f"{dataset} {number}".encode())
                version = registry.datasets.add_version(
                    dataset=f"data{dataset}",
                    content_id=digest,
                    manifest=digest,
                    profile=digest,
                    rows=number,
                    size=number * 100,
                    schema=schema,
                    origin=Origin("file", f"night{number}.csv", digest, "host", "user"),
                    chunks=3,
                    new_chunks=1,
                    added_bytes=99,
                    seconds=0.1,
                    note="as delivered" if number % 10 == 0 else "",
                    tags=("nightly",) if number % 3 == 0 else (),
                )
                if number % 50 == 0:
                    registry.datasets.set_alias(version.reference, f"reference{number % 500}")
    return registry


def report(name: str, question: Callable[[], object]) -> None:
    times = []
    for _ in range(CALLS):
        started = time.perf_counter()
        question()
        times.append((time.perf_counter() - started) * 1_000)
    value = round(statistics.median(times), 2)
    print(json.dumps({"name": name, "value": value, "unit": "ms", "bound": BOUND}), flush=True)


def measure(registry: Registry, shape: str, number: int) -> None:
    datasets = registry.datasets
    start = sha256_hex(f"0 {number}".encode())[:16]
    report(f"newest of each dataset, {shape}", datasets.newest)
    report(f"all lines, {shape}", datasets.lines)
    report(f"lines of a dataset, {shape}", lambda: datasets.lines("data0"))
    for selector in (str(number), "latest", "reference0", f"sha:{start}"):
        report(f"get @{selector.partition(':')[0]}, {shape}", lambda s=selector: datasets.get(f"data0@{s}"))


def main() -> None:
    versions = int(sys.argv[1]) if len(sys.argv) > 1 else VERSIONS
    side = max(2, round(versions**0.5))
    for datasets, each in ((1, versions), (side, side)):
        with tempfile.TemporaryDirectory() as folder:
            registry = filled(Path(folder) / "workspace", datasets, each)
            measure(registry, f"{datasets} x {each} versions", each // 2)
            registry.close()


if __name__ == "__main__":
    main()
