"""Writes `tests/e2e/golden/clients.json`: what real clients sent and were answered, byte for byte.

    python tests/clients/record.py

Makes the clients' environments on first use (`benchmarks/peers.py`), lets each talk to a gateway through a proxy, and
checks that it ended well. Run it again when a client's new version is to be recorded.
"""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parents[1])]

CLIENTS = {
    "triton": ("triton.py", "tritonclient[http]"),
    "oip": ("oip.py", "open-inference-openapi"),
    "mlflow-client": ("mlflow_scoring.py", "mlflow"),
}
GOLDEN = HERE.parent / "e2e" / "golden" / "clients.json"
_KEPT = ("content-type", "content-encoding", "accept", "accept-encoding", "inference-header-content-length")
_LARGEST = 20_000


class Proxy(BaseHTTPRequestHandler):
    """Hands each request on and keeps it with its answer."""

    protocol_version = "HTTP/1.1"
    target = 0
    kept: list[dict[str, Any]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() in _KEPT}
        gateway = http.client.HTTPConnection("127.0.0.1", self.target)
        gateway.request(self.command, self.path, body, headers)
        response = gateway.getresponse()
        content = response.read()
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        if len(body) <= _LARGEST and self.command == "POST":
            self.kept.append(
                {"method": self.command, "path": self.path, "headers": headers, "body": _text(body),
                 "status": response.status, "answer": _text(content),
                 "json_length": response.headers.get("Inference-Header-Content-Length"),
                 "encoding": response.headers.get("Content-Encoding")}
            )  # fmt: skip

    do_GET = do_POST

    def log_message(self, format: str, *args: Any) -> None:
        del format, args


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def talk(client: Path, script: str, port: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the client printed, and the requests that it made."""
    handler = type("Recorder", (Proxy,), {"target": port, "kept": []})
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=proxy.serve_forever, daemon=True).start()
    command = [client / "python", HERE / script, str(proxy.server_port)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    proxy.shutdown()
    proxy.server_close()
    return json.loads(printed), handler.kept  # type: ignore[attr-defined]


def main() -> None:
    from protocol_kit import several
    from serving_kit import config, export, fitted, version

    from benchmarks.peers import peer
    from mlops_desktop.serving.supervisor import Supervisor

    recorded: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for client, (script, requirement) in CLIENTS.items():
            home = peer(client, requirement)
            supervisor = Supervisor(folder / client, folder / "logs")
            is_mlflow = client == "mlflow-client"
            supervisor.start(config(version(1, export(fitted(), folder)[0])) if is_mlflow else several(folder))
            try:
                printed, requests = talk(home, script, supervisor.port)
            finally:
                supervisor.stop()
            frozen = subprocess.run(
                [home / "python", "-m", "pip", "list", "--format=json"], check=True, capture_output=True, text=True
            ).stdout
            versions = {entry["name"].lower(): entry["version"] for entry in json.loads(frozen)}
            package = requirement.partition("[")[0]
            recorded[client] = {"package": package, "version": versions[package], "requests": requests}
            print(client, versions[package], f"{len(requests)} requests", printed.get("error"))
    GOLDEN.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
