"""A real PostgreSQL server for tests, where Debian's package is installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import sqlalchemy

SECRET = "s3cr3t/p@ss"
SECRET_IN_URL = "s3cr3t%2Fp%40ss"

BINARIES = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None) or (
    Path(found).parent if (found := shutil.which("pg_ctl")) else None
)


class Postgres:
    """A real server in a folder of its own, run by another user where the tests are run by root."""

    def __init__(self, folder: Path) -> None:
        self._data = folder / "data"
        self._as_user = ["runuser", "-u", "nobody", "--"] if os.geteuid() == 0 else []
        folder.chmod(0o777)
        (folder / "password").write_text(SECRET)
        (folder / "password").chmod(0o644)
        self._run("initdb", "-U", "ann", "-A", "scram-sha-256", "--pwfile", str(folder / "password"), "-E", "UTF8",
                  "--locale", "C", "--no-sync")  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://ann:{SECRET_IN_URL}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self._run("pg_ctl", "-w", "-o", options, "-l", str(self._data / "log"), "start")

    def kill(self) -> None:
        """As when its machine loses power: no word of goodbye."""
        main = int((self._data / "postmaster.pid").read_text().split()[0])
        processes = [*psutil.Process(main).children(), psutil.Process(main)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(processes, timeout=20)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        self._run("pg_ctl", "-w", "-m", "immediate", "stop", check=False)

    def execute(self, *made: str) -> None:
        engine = sqlalchemy.create_engine(self.url.replace("postgresql:", "postgresql+pg8000:"))
        with engine.begin() as connection:
            for each in made:
                connection.exec_driver_sql(each)
        engine.dispose()

    def _run(self, program: str, *arguments: str, check: bool = True) -> None:
        assert BINARIES is not None
        command = [*self._as_user, str(BINARIES / program), "-D", str(self._data), *arguments]
        environment = {**os.environ, "LC_ALL": "C"}
        subprocess.run(command, check=check, stdout=subprocess.DEVNULL, cwd="/", env=environment)
