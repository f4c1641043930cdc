"""Many share the store, or one has it alone; a killed holder holds nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import psutil

from mlops_desktop.registry.storelock import StoreLock

HOLDER = """
import sys, time
from pathlib import Path
from mlops_desktop.registry.storelock import StoreLock
with StoreLock(Path(sys.argv[1])).shared():
    print("held", flush=True)
    time.sleep(600)
"""


def is_free(path: Path) -> bool:
    with StoreLock(path).exclusive(wait=0) as held:
        return held


def test_several_share_and_the_last_one_gives_it_back(tmp_path: Path) -> None:
    first, second = StoreLock(tmp_path / "lock"), StoreLock(tmp_path / "lock")
    with first.shared():
        with second.shared(), first.shared():
            assert not is_free(tmp_path / "lock")
        assert not is_free(tmp_path / "lock")
    assert is_free(tmp_path / "lock")


def test_an_error_gives_it_back_too(tmp_path: Path) -> None:
    lock = StoreLock(tmp_path / "lock")
    for hold in (lock.shared, lambda: lock.exclusive(wait=0)):
        try:
            with hold():
                raise KeyError
        except KeyError:
            assert is_free(tmp_path / "lock")


def test_threads_of_one_process_share_it(tmp_path: Path) -> None:
    lock, meeting = StoreLock(tmp_path / "lock"), threading.Barrier(5)

    def hold() -> None:
        with lock.shared():
            meeting.wait(10)
            meeting.wait(10)

    threads = [threading.Thread(target=hold) for _ in range(4)]
    for thread in threads:
        thread.start()
    meeting.wait(10)
    assert not is_free(tmp_path / "lock")
    meeting.wait(10)
    for thread in threads:
        thread.join()
    assert is_free(tmp_path / "lock")


def test_it_goes_with_a_killed_process(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "lock")]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None and holder.stdout.readline().strip() == b"held"
        assert not is_free(tmp_path / "lock")
    finally:
        psutil.Process(holder.pid).kill()
        holder.communicate()
    assert is_free(tmp_path / "lock")
