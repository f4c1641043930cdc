"""Who reaches the gateway, what its workers know, and what its log keeps: with real processes and clients."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from serving_kit import AUTHORIZED, ROW, Client, config, export, fitted, logged, version, wait_until

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.serving import tokens
from mlops_desktop.serving.channel import Access
from mlops_desktop.serving.config import GatewayConfig, ServingSpec
from mlops_desktop.serving.gateway.tls import make_self_signed
from mlops_desktop.serving.labels import join_labels
from mlops_desktop.serving.log import GapRecord, LogReader, SegmentHeader, is_sampled, read_log
from mlops_desktop.serving.policies import DiskFullPolicy, LogSpec, SecuritySpec
from mlops_desktop.serving.redaction import Redaction, log_key
from mlops_desktop.serving.supervisor import Supervisor
from mlops_desktop.serving.tokens import TOKENS_FILE, Scope

BODY = {"records": [ROW]}
MANY = 2000


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> str:
    return export(fitted(), tmp_path_factory.mktemp("model"))[0]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "spool", tmp_path / "logs")
    yield supervisor
    supervisor.stop()


def secured(artifact: str, folder: Path, log: LogSpec | None = None, **rules: object) -> GatewayConfig:
    security = SecuritySpec(**rules)  # type: ignore[arg-type]
    serving = ServingSpec(log=log or LogSpec(), queue_limit=2 * MANY)
    keys = {"tokens_file": str(folder / TOKENS_FILE), "log_key": str(log_key(folder)), "security": security}
    return config(version(1, artifact), serving=serving, **keys)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def make(folder: Path, name: str, *scopes: Scope) -> dict[str, str]:
    return bearer(tokens.make(folder, name, scopes, datetime.now(UTC))[1])


def test_tokens_open_what_they_are_for_until_they_are_revoked(own: Supervisor, artifact: str, tmp_path: Path) -> None:
    own.start(secured(artifact, tmp_path, demand_tokens=True))
    client = Client(own.port)

    def status(path: str, headers: dict[str, str], body: object = BODY) -> int:
        return client.send("POST", path, body, headers)[0]

    assert status("/predict", {}) == 401 and status("/predict", bearer("mlops_x_y")) == 401
    anna, ben = make(tmp_path, "anna", Scope.PREDICT), make(tmp_path, "ben", Scope.FEEDBACK)
    wait_until(lambda: status("/predict", anna) == 200)
    labels = {"labels": [1], "ids": ["x"]}
    assert status("/feedback", ben, labels) == 200
    assert (status("/predict", ben), status("/feedback", anna, labels)) == (403, 403)
    assert status("/predict", AUTHORIZED) == status("/feedback", AUTHORIZED, labels) == 200
    assert client.send("GET", "/metrics")[0] == 401 and client.send("GET", "/metrics", None, ben)[0] == 200
    assert client.send("GET", "/health")[0] == 200
    tokens.revoke(tmp_path, "anna")
    wait_until(lambda: status("/predict", anna) == 401)
    client.close()


def test_who_asks_too_often_is_told_when_to_come_back(own: Supervisor, artifact: str, tmp_path: Path) -> None:
    own.start(secured(artifact, tmp_path, requests_per_second=0.01, burst=3))
    anna = make(tmp_path, "anna", Scope.PREDICT)
    client = Client(own.port)
    answers = [client.send("POST", "/predict", BODY) for _ in range(4)]
    assert [status for status, _, _ in answers] == [200, 200, 200, 429]
    assert int(answers[-1][2]["Retry-After"]) > 50
    assert client.send("POST", "/predict", BODY, anna)[0] == 200
    client.close()


def test_headers_and_bodies_beyond_the_limits_are_refused(own: Supervisor, artifact: str, tmp_path: Path) -> None:
    own.start(secured(artifact, tmp_path, header_count=8, body_mb=0.001))
    for body, headers, expected in (
        (BODY, {f"X-{n}": "1" for n in range(9)}, 431),
        ({"records": [ROW] * 99}, {}, 413),
        (BODY, {}, 200),
    ):
        client = Client(own.port)
        assert client.send("POST", "/predict", body, headers)[0] == expected
        client.close()


def test_a_request_that_trickles_in_is_cut_off_and_others_are_served(
    own: Supervisor, artifact: str, tmp_path: Path
) -> None:
    own.start(secured(artifact, tmp_path, receive_seconds=0.5))
    with socket.create_connection(("127.0.0.1", own.port), timeout=20) as slow:
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-")
        client = Client(own.port)
        client.predict(ROW)
        client.close()
        slow.settimeout(20)
        assert b" 408 " in slow.recv(1000).partition(b"\r\n")[0] + b" "


def test_connections_beyond_the_limit_are_told_so_and_thousands_are_served(
    own: Supervisor, artifact: str, tmp_path: Path
) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2 * MANY:
        pytest.skip("this system gives a process too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2 * MANY), hard))
    body = json.dumps(BODY).encode()
    request = b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    own.start(secured(artifact, tmp_path, connections=MANY))
    sockets = [socket.create_connection(("127.0.0.1", own.port), timeout=60) for _ in range(MANY)]
    try:
        for each in sockets:
            each.sendall(request)
        statuses = {each.recv(65536).split(b" ", 2)[1] for each in sockets}
        assert statuses == {b"200"}
        with socket.create_connection(("127.0.0.1", own.port), timeout=60) as surplus:
            surplus.sendall(request)
            answer = surplus.recv(65536)
            assert answer.split(b" ", 2)[1] == b"503" and b"Too many connections" in answer
    finally:
        for each in sockets:
            each.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    client = Client(own.port)
    wait_until(lambda: client.send("POST", "/predict", BODY)[0] == 200)
    client.close()


def test_others_than_this_machine_need_tls_and_tokens(artifact: str, tmp_path: Path) -> None:
    pytest.importorskip("cryptography")
    certificate, key = make_self_signed(tmp_path, "localhost")
    files = str(certificate), str(key), str(tmp_path / TOKENS_FILE)

    def gateway(access: Access) -> Supervisor:
        return Supervisor(tmp_path / "spool", tmp_path / "logs", access=access)

    wanted = secured(artifact, tmp_path)
    for access, reason in (
        (Access("0.0.0.0"), "without TLS"),
        (Access("0.0.0.0", *files[:2]), "no tokens"),
        (Access("0.0.0.0", *files), "no tokens"),
        (Access("127.0.0.1", files[0], files[0]), "cannot be used for TLS"),
        (Access("127.0.0.1", files[0], str(tmp_path / "nothing")), "no file"),
    ):
        with pytest.raises(EnvironmentProblem, match=reason):
            gateway(access).start(wanted)
    anna = make(tmp_path, "anna", Scope.PREDICT)
    open_to_all = gateway(Access("0.0.0.0", *files))
    open_to_all.start(wanted)  # with rules for this machine alone: the address decides
    try:
        trusting = ssl.create_default_context(cafile=str(certificate))
        connection = http.client.HTTPSConnection("localhost", open_to_all.port, context=trusting, timeout=30)
        for headers, expected in (({}, 401), (anna, 200)):
            connection.request("POST", "/predict", json.dumps(BODY), headers)
            response = connection.getresponse()
            response.read()
            assert response.status == expected
        connection.close()
        plain = Client(open_to_all.port)
        with pytest.raises((OSError, http.client.HTTPException)):
            plain.send("POST", "/predict", BODY)
    finally:
        open_to_all.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_worker_inherits_nothing_that_leads_to_the_registry(
    own: Supervisor, artifact: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "a secret of the one who started it")
    monkeypatch.setenv("MLOPS_WORKSPACE", str(tmp_path))
    own.start(secured(artifact, tmp_path))
    client = Client(own.port)
    client.predict(ROW)
    client.close()
    for pid in own.stats().pools[0].pids:
        process = Path(f"/proc/{pid}")
        environment = (process / "environ").read_bytes()
        assert b"secret" not in environment and str(tmp_path).encode() not in environment
        assert str((process / "cwd").readlink()) == "/"
        targets = {descriptor.name: str(descriptor.readlink()) for descriptor in (process / "fd").iterdir()}
        files = {target for target in targets.values() if target.startswith("/") and not target.startswith("/dev/")}
        memory = {target for target in files if target.startswith("/memfd:serving-arena")}
        assert files - memory <= {str(tmp_path / "logs" / "gateway.log"), artifact}, targets
        assert len(memory) == 1, targets
        pipes = [target for target in targets.values() if target.startswith(("socket:", "pipe:"))]
        assert len(set(pipes)) <= 2, targets
        assert str(tmp_path) not in " ".join(psutil.Process(pid).cmdline())


# the log


def test_sensitive_values_are_not_written_and_labels_still_find_their_rows(
    own: Supervisor, artifact: str, tmp_path: Path
) -> None:
    sensitive = {"carrier": Redaction.HASH, "dep delay": Redaction.REMOVE, "entity_id": Redaction.HASH}
    own.start(secured(artifact, tmp_path, LogSpec(sensitive=sensitive, strict=True)))
    client = Client(own.port)
    rows = [ROW | {"carrier": "UA", "dep delay": 7.75}, ROW | {"carrier": "AA"}, ROW | {"carrier": "UA"}]
    client.predict(*rows, ids=["anna", "ben", "anna"])
    assert client.send("POST", "/feedback", {"labels": [1], "ids": ["ben"]}, AUTHORIZED)[0] == 200
    client.close()
    folder = tmp_path / "spool" / "late"
    content = b"".join(path.read_bytes() for path in folder.glob("*.seg"))
    assert not any(word in content for word in (b"anna", b"ben", b"UA"))
    (record,) = logged(tmp_path / "spool")
    one, other, third = record.features["carrier"]
    assert one == third != other and record.features["dep delay"] == [None] * 3
    assert record.features["hour"] == [12] * 3
    assert list(join_labels(read_log(folder)).feedback) == [f"{record.id}/1"]
    header = next(LogReader(folder).read_all())
    assert header == SegmentHeader("late", 1.0, {name: str(how) for name, how in sensitive.items()})


def test_a_share_of_requests_is_logged_and_the_log_says_so(own: Supervisor, artifact: str, tmp_path: Path) -> None:
    own.start(secured(artifact, tmp_path, LogSpec(share=0.5)))
    client = Client(own.port)
    ids = [client.predict(ROW)["id"] for _ in range(200)]
    client.close()
    assert [record.id for record in logged(tmp_path / "spool")] == [id for id in ids if is_sampled(id, 0.5)]
    assert 50 < len(logged(tmp_path / "spool")) < 150
    assert next(LogReader(tmp_path / "spool" / "late").read_all()) == SegmentHeader("late", 0.5)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no small file system can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("policy", list(DiskFullPolicy))
def test_a_disk_that_is_full_for_a_while(
    small_disk: Path, artifact: str, tmp_path: Path, policy: DiskFullPolicy, strict: bool
) -> None:
    own = Supervisor(small_disk / "spool", tmp_path / "logs")
    own.start(secured(artifact, tmp_path, LogSpec(disk_full=policy, strict=strict)))
    client, answered, refused = Client(own.port), [], 0

    def ask() -> bool:
        nonlocal refused
        status, answer, _ = client.send("POST", "/predict", BODY)
        if status == 200:
            answered.append(answer["id"])
        else:
            assert status == 503
            refused += 1
        return status == 200

    try:
        assert ask()
        ballast = small_disk / "ballast"
        with ballast.open("wb", buffering=0) as file:
            while file.write(bytes(4096)) == 4096:
                pass
    except OSError:
        pass
    try:
        for _ in range(30):
            ask()
        stats = own.stats()
        assert "cannot be written" in stats.log_error
        (small_disk / "ballast").unlink()
        assert ask()
        assert own.stats().log_error == ""
    finally:
        own.stop()
        client.close()
    found = [record.id for record in logged(small_disk / "spool")]
    gaps = [r.requests for r in LogReader(small_disk / "spool" / "late").read_all() if isinstance(r, GapRecord)]
    if policy is DiskFullPolicy.REFUSE:
        assert refused and found == answered and gaps == []
    else:
        assert not refused and sum(gaps) == len(answered) - len(found) == stats.unlogged > 0
