"""Pictures of the Data page: each tab of a dataset with versions, bad rows, failures and names in other scripts."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mlops_desktop.core.contracts import ColumnRule, Contract, ContractMode
from mlops_desktop.core.datasets import ColumnType
from mlops_desktop.core.errors import AppError
from mlops_desktop.ui import screens
from mlops_desktop.ui.main_window import MainWindow
from mlops_desktop.ui.pages.data import TABS, DataPage
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.workspace import Workspace

_DATASET = "flights"
_VERSIONS = 12
_SENSORS = 300
_MOST_ROWS = 6_300
_HEADER = ["id", "scheduled_at", "carrier", "delay", "備註 😀"]


def render_versions(
    folder: Path, outdir: Path, sizes: Sequence[tuple[int, int]], themes: Sequence[Theme]
) -> list[Path]:
    """Every tab, and a dataset of many columns; names are `data-{tab}-{theme}-{width}x{height}.png`.

    The workspace is made in `folder`, which must hold none.
    """
    newest = build_versions(folder)
    preferences = Preferences(outdir / ".window.ini")
    window = MainWindow(preferences)
    written = []
    try:
        view = window.open_workspace(folder)
        window.show()
        screens.wait_until(lambda: view.facts is not None)
        view.open("data")
        page = view.page("data")
        if not isinstance(page, DataPage):
            raise TypeError(page)
        screens.wait_until(lambda: page.is_settled)
        for theme in themes:
            apply_theme(screens.application(), theme)
            for width, height in sizes:
                window.resize(width, height)
                suffix = f"{theme.value}-{width}x{height}.png"
                _choose(page, newest)
                for tab in TABS:
                    page.show_tab(tab.key)
                    written.append(_picture(page, outdir / f"data-{tab.key}-{suffix}"))
                page.show_tab("preview")
                _choose(page, "sensors@1")
                written.append(_picture(page, outdir / f"data-wide-{suffix}"))
    finally:
        window.close_workspace()
        window.close()
        window.deleteLater()
        screens.settle()
        preferences.path.unlink(missing_ok=True)
    return written


def _choose(page: DataPage, reference: str) -> None:
    page.open_target(reference)
    screens.wait_until(lambda: page.panel.line is not None and page.panel.line.reference == reference)


def _picture(page: DataPage, path: Path) -> Path:
    screens.settle()
    screens.wait_until(lambda: page.is_settled)
    screens.settle()
    return screens.picture(page.window(), path)


def build_versions(folder: Path) -> str:
    """Make a workspace whose dataset grew month by month; returns the reference of its newest version."""
    workspace = Workspace.create(folder, name="Flights out of New York")
    files = folder.parent / f"{folder.name}-files"
    files.mkdir()
    data = workspace.data
    for month in range(1, _VERSIONS + 1):
        if month == 2:
            data.save_contract(_DATASET, _contract())
        path = _month(files, month)
        data.ingest(path, _DATASET, time_column="scheduled_at", tags=["nightly"] if month % 3 else ["checked"])
    (files / "broken.csv").write_text("id,delay\n1,2\n3,4,5\n", encoding="utf-8")
    for name in ("broken.csv", "not-there.csv"):
        with contextlib.suppress(AppError):
            data.ingest(files / name, _DATASET)
    data.note(f"{_DATASET}@{_VERSIONS - 1}", "The weather file came late. Ask before training on it.")
    data.set_alias(f"{_DATASET}@{_VERSIONS - 4}", "reference")
    data.archive(f"{_DATASET}@2", reason="superseded")
    data.ingest(_sensors(files), "sensors")
    newest = workspace.registry.datasets.get(_DATASET).reference
    workspace.close()
    return newest


def _contract() -> Contract:
    rules = (ColumnRule("id", type=ColumnType.INTEGER), ColumnRule("delay", type=ColumnType.NUMBER, maximum=500))
    return Contract(columns=rules, mode=ContractMode.QUARANTINE, key=("id",), time_column="scheduled_at")


def _month(folder: Path, month: int) -> Path:
    """All rows up to a month; some of the older ones were edited, some of the newest break the contract."""
    random = np.random.default_rng(2013)
    rows = _MOST_ROWS - 400 * (_VERSIONS - month)
    delays = random.gamma(2, 9, _MOST_ROWS)[:rows].round(2)
    delays[month * 7 : month * 7 + 25] += month
    if month % 4 == 0:
        delays[-12:] = 9_999
    carriers = np.array(["UA", "AA", "B6", "DL", "長榮"])[random.integers(0, 5, _MOST_ROWS)]
    path = folder / f"flights-2013-{month:02d}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        for at in range(rows):
            time = f"2013-{at * 12 // _MOST_ROWS + 1:02d}-{at % 28 + 1:02d} {at % 24:02d}:15:00"
            remark = "held at the gate" if at % 9 == 0 else ""
            writer.writerow([at + 1, time, carriers[at], delays[at] if at % 31 else "", remark])
    return path


def _sensors(folder: Path) -> Path:
    path = folder / "sensors.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"sensor {number:03d} 溫度 °C" for number in range(_SENSORS)])
        writer.writerows([[round((row * column) % 97 / 7, 3) for column in range(_SENSORS)] for row in range(400)])
    return path
