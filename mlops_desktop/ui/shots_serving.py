"""Pictures of the Serving page: each tab under traffic, each state in which there is nothing to see, the sheets."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
from PySide6.QtWidgets import QDialog, QWidget

from mlops_desktop.core.deployments import EndpointState, RolloutState
from mlops_desktop.pipelines.engine_state import read_engine_state, write_engine_state
from mlops_desktop.ui import screens
from mlops_desktop.ui.main_window import MainWindow
from mlops_desktop.ui.pages.serving import TABS, ServingPage
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.shots_data import ENDPOINT
from mlops_desktop.ui.shots_traffic import made_points
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.workspace import Workspace


def render_serving(folder: Path, outdir: Path, sizes: Sequence[tuple[int, int]], themes: Sequence[Theme]) -> list[Path]:
    """Names are `serving-{tab or state}-{theme}-{width}x{height}.png`. States come last, as they change the folder."""
    preferences = Preferences(outdir / ".window.ini")
    window = MainWindow(preferences)
    written: list[Path] = []
    try:
        _dress(window, themes[0], sizes[0])  # before its widgets are made, as in the program
        view = window.open_workspace(folder)
        window.show()
        screens.wait_until(lambda: view.facts is not None)
        view.open("serving")
        page: Any = view.page("serving")
        screens.wait_until(lambda: page.is_settled)
        looks = [(theme, size) for theme in themes for size in sizes]
        for theme, size in looks:
            _dress(window, theme, size)
            for info in TABS:
                _show_traffic(page)
                page.show_tab(info.key)
                written.append(_picture(window, page, outdir, info.key, theme, size))
            written += _sheets(page, outdir, theme, size)
        _rollout_ends(folder)
        page.show_tab("rollout")
        screens.wait_until(lambda: page.tab.view is not None and page.tab.view.rollout is None)
        for theme, size in looks:
            _dress(window, theme, size)
            written.append(_picture(window, page, outdir, "no-rollout", theme, size))
        page.show_tab("live")
        for name, state, reason, is_running, is_used in _STATES:
            _set_state(folder, state, reason, is_running=is_running, is_used=is_used)
            screens.wait_until(lambda wanted=state: page.row.endpoint.state is wanted)  # type: ignore[misc]
            page.feed.newest = None
            page.feed.follow("")
            page.feed.follow(ENDPOINT)
            screens.wait_until(lambda: page.feed.newest is not None)
            for theme, size in looks:
                _dress(window, theme, size)
                written.append(_picture(window, page, outdir, name, theme, size))
    finally:
        window.close_workspace()
        window.close()
        window.deleteLater()
        screens.settle()
        preferences.path.unlink(missing_ok=True)
    return written


_STATES = (
    ("stopped", EndpointState.STOPPED, "stopped", True, True),
    ("starting", EndpointState.STARTING, "asked for", True, True),
    ("failed", EndpointState.FAILED, "The port 8731 is taken by another program.", True, True),
    ("no-engine", EndpointState.SERVING, "", False, True),
    ("no-traffic", EndpointState.SERVING, "", True, False),
)


def _dress(window: MainWindow, theme: Theme, size: tuple[int, int]) -> None:
    apply_theme(screens.application(), theme)
    window.resize(*size)
    screens.settle()


def _picture(
    window: MainWindow, page: ServingPage, outdir: Path, name: str, theme: Theme, size: tuple[int, int]
) -> Path:
    screens.wait_until(lambda: page.is_settled)
    screens.settle()
    return screens.picture(window, outdir / f"serving-{name}-{theme.value}-{size[0]}x{size[1]}.png")


def _show_traffic(page: ServingPage) -> None:
    """Two minutes of made-up traffic; from then on the page looks no more."""
    page.feed.set_active(False)
    screens.wait_until(lambda: page.feed.newest is not None)
    newest = page.feed.newest
    assert newest is not None  # noqa: S101 - it was waited for
    page.feed.course.groups.clear()
    *most, last = made_points(time.time())
    for point in most:
        page.feed.course.add(point)
    for tab in page.made.values():
        tab.set_active(tab is page.tab)
    page.feed.take(LiveReading(newest.endpoint, newest.engine, newest.traffic, last))


def _sheets(page: Any, outdir: Path, theme: Theme, size: tuple[int, int]) -> list[Path]:
    written = []
    page.show_tab("workers")
    screens.wait_until(lambda: page.is_settled)
    written.append(_sheet(page.tab.open_scale(), outdir, "scale", theme, size))
    page.show_tab("rollout")
    screens.wait_until(lambda: page.is_settled)
    page.tab.split.spin.setValue(35)
    page.tab.split.apply.click()
    written.append(_sheet(page.tab.deeds.sheet, outdir, "share", theme, size))
    view = page.tab.view
    page.tab.view = replace(view, rollout=None)
    written.append(_sheet(page.tab.open_start(), outdir, "start", theme, size))
    page.tab.view = view
    return written


def _sheet(sheet: QDialog | None, outdir: Path, name: str, theme: Theme, size: tuple[int, int]) -> Path:
    assert isinstance(sheet, QWidget)  # noqa: S101 - its tab has all that it asks for
    screens.settle()
    path = screens.picture(sheet, outdir / f"serving-sheet-{name}-{theme.value}-{size[0]}x{size[1]}.png")
    sheet.reject()
    screens.settle()
    return path


def _rollout_ends(folder: Path) -> None:
    workspace = Workspace(folder)
    rollout = workspace.serving.rollout(ENDPOINT)
    workspace.registry.rollouts.decide(rollout, RolloutState.HELD, "inconclusive after 30 days")
    workspace.close()


def _set_state(folder: Path, state: EndpointState, reason: str, *, is_running: bool, is_used: bool) -> None:
    workspace = Workspace(folder)
    endpoint = workspace.registry.endpoints.get(ENDPOINT)
    workspace.registry.endpoints.put(msgspec.structs.replace(endpoint, state=state, reason=reason))
    workspace.close()
    engine = read_engine_state(folder)
    traffic = engine.endpoints
    if not is_used:
        traffic = tuple(msgspec.structs.replace(each, versions=()) for each in traffic)
    write_engine_state(folder, msgspec.structs.replace(engine, running=is_running, endpoints=traffic))
