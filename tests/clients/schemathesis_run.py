"""Lets schemathesis loose on the descriptions at `/openapi.json`: of several models, and of a single one.

    python tests/clients/schemathesis_run.py [--examples 100] [--seed 1]

Makes its environment on first use (`benchmarks/peers.py`) and ends with the exit code of the first run that found
something. What it checks: no server error, no undescribed status, type, or answer; what contradicts the description
is refused; methods and tokens are as described. That what agrees with it is taken is not checked here: a description
cannot say that columns are of equal length, or what a CSV is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

from msgspec.structs import replace  # noqa: E402

from mlops_desktop.serving.config import ServingSpec  # noqa: E402
from mlops_desktop.serving.rules import InputRules  # noqa: E402


def run(program: Path, port: int, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run schemathesis with all of its checks on the gateway at a port."""
    from serving_kit import TOKEN

    command = [
        program, "run", f"http://127.0.0.1:{port}/openapi.json", "--checks", "all", "--no-color",
        "--exclude-checks", "positive_data_acceptance",
        "--header", f"Authorization: Bearer {TOKEN}", "--continue-on-failure", *options,
    ]  # fmt: skip
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def refusing_missing_values(config: Any) -> Any:
    """As some of these models cannot predict without a value, which is their error and no request's."""
    serving = ServingSpec(inputs=InputRules(refuse_missing_values=True))
    strict = [replace(each, serving=serving) if each.name in ("kind", "price") else each for each in config.endpoints]
    return replace(config, endpoints=tuple(strict))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=100, help="at most so many requests per operation and phase")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    from protocol_kit import several
    from serving_kit import config, export, fitted, version

    from benchmarks.peers import peer
    from mlops_desktop.serving.supervisor import Supervisor

    program = peer("schemathesis", "schemathesis") / "schemathesis"
    code = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plans = {
            "several": refusing_missing_values(several(folder)),
            "single": config(version(1, export(fitted(), folder)[0])),
        }
        for title, plan in plans.items():
            supervisor = Supervisor(folder / title, folder / "logs")
            supervisor.start(plan)
            try:
                done = run(program, supervisor.port, folder, "-n", str(options.examples), "--seed", str(options.seed))
            finally:
                supervisor.stop()
            print(done.stdout, done.stderr)
            code = code or done.returncode
        log = (folder / "logs" / "gateway.log").read_text()
        if "Traceback" in log:
            print(log[-5000:])
            code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
