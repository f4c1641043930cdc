"""One worker process and its end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import psutil
import pytest

from mlops_desktop.serving.gateway import link as links
from mlops_desktop.serving.gateway.link import Ending, WorkerLink

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no signal stops a process there")


class Owner:
    """Notes how its worker ended."""

    def __init__(self) -> None:
        self.endings: list[tuple[Ending, str]] = []
        self.ended = asyncio.Event()

    def worker_ready(self, worker: WorkerLink) -> None:
        raise AssertionError

    def worker_refused(self, worker: WorkerLink, reason: str) -> None:
        raise AssertionError

    def worker_answered(self, worker: WorkerLink, pairs: list[Any], inference_us: int) -> None:
        raise AssertionError

    def worker_died(self, worker: WorkerLink, lost: list[Any], ending: Ending, reason: str) -> None:
        self.endings.append((ending, reason))
        self.ended.set()


async def gone(pid: int) -> None:
    async with asyncio.timeout(30):
        while psutil.pid_exists(pid):
            await asyncio.sleep(0.01)


def test_a_closed_worker_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "CLOSE_SECONDS", 0.1)

    async def run() -> Owner:
        owner = Owner()
        link = await WorkerLink.start(owner)
        os.kill(link.pid, signal.SIGSTOP)
        link.close()
        await gone(link.pid)
        return owner

    assert asyncio.run(run()).endings == []


@pytest.mark.parametrize(("sent", "ending"), [(signal.SIGKILL, Ending.KILLED), (signal.SIGSEGV, Ending.CRASHED)])
def test_how_a_worker_ended_is_told(sent: signal.Signals, ending: Ending) -> None:
    async def run() -> Owner:
        owner = Owner()
        link = await WorkerLink.start(owner)
        os.kill(link.pid, sent)
        async with asyncio.timeout(30):
            await owner.ended.wait()
        assert link.is_dead
        await gone(link.pid)
        return owner

    assert asyncio.run(run()).endings == [(ending, f"killed by signal {sent.value}")]


def test_one_that_was_killed_for_hanging_is_told_apart_from_others() -> None:
    async def run() -> Owner:
        owner = Owner()
        link = await WorkerLink.start(owner)
        link.kill_hung()
        async with asyncio.timeout(30):
            await owner.ended.wait()
        return owner

    assert [ending for ending, _ in asyncio.run(run()).endings] == [Ending.HUNG]
