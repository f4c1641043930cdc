"""Runs the measurements: `python -m benchmarks` all of them, `python -m benchmarks bench_x bench_y` the named ones.

Each `benchmarks/bench_*.py` has a `main()` that prints one JSON object per line: `name`, `value`, `unit`, and, where
there is one, the `bound` that the value is held against and the `ratio` of two values. Each runs in a process of its
own, so that none warms or fattens another.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "machine": _cpu_model(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": sys.version.split()[0],
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def run(name: str) -> bool:
    """Run one measurement; its lines go straight to standard output. True when it ended well."""
    print(f"\n# {name}", flush=True)
    code = f"from benchmarks.{name} import main; main()"
    return subprocess.run([sys.executable, "-c", code], cwd=HERE.parent, check=False).returncode == 0


def main() -> int:
    known = sorted(path.stem for path in HERE.glob("bench_*.py"))
    wanted = sys.argv[1:] or known
    if unknown := [name for name in wanted if name not in known]:
        print(f"There is no {', '.join(unknown)}; there are: {', '.join(known) or 'none'}.", file=sys.stderr)
        return 2
    print(json.dumps(machine()))
    failed = [name for name in wanted if not run(name)]
    print(f"\n{len(wanted) - len(failed)} measured, {len(failed)} failed{': ' if failed else ''}{', '.join(failed)}")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
