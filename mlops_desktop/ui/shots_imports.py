"""Pictures of the import wizard: clean and broken files, many columns, other scripts, an archive, the first step."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Sequence
from pathlib import Path

from mlops_desktop.ui import screens
from mlops_desktop.ui.main_window import MainWindow
from mlops_desktop.ui.pages.import_wizard import ImportWizard, open_wizard
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.queries.imports import ImportRequest
from mlops_desktop.ui.theme.apply import Theme, apply_theme

_COLUMNS = 200


def render_imports(
    workspace: Path, outdir: Path, sizes: Sequence[tuple[int, int]], themes: Sequence[Theme]
) -> list[Path]:
    """The wizard over a workspace's window in each state; names are `import-{state}-{theme}-{width}x{height}.png`."""
    preferences = Preferences(outdir / ".window.ini")
    requests = {"source": ImportRequest("")} | _requests(workspace.parent / "imports")
    window = MainWindow(preferences)
    written = []
    try:
        view = window.open_workspace(workspace)
        window.show()
        screens.wait_until(lambda: view.facts is not None)
        for theme in themes:
            apply_theme(screens.application(), theme)
            for width, height in sizes:
                window.resize(width, height)
                for state, request in requests.items():
                    wizard = open_wizard(view.bridge, window, request)
                    _wait_for(wizard)
                    name = f"import-{state}-{theme.value}-{width}x{height}.png"
                    written.append(screens.picture(wizard, outdir / name))
                    wizard.reject()
                    screens.settle()
    finally:
        window.close_workspace()
        window.close()
        window.deleteLater()
        screens.settle()
        preferences.path.unlink(missing_ok=True)
    return written


def _wait_for(wizard: ImportWizard) -> None:
    if wizard.steps.currentWidget() is not wizard.source:
        screens.wait_until(lambda: not wizard.is_reading and wizard.destination.is_known)
    screens.settle()


def _requests(folder: Path) -> dict[str, ImportRequest]:
    folder.mkdir(exist_ok=True)
    clean = _written(folder / "flights-2013-10.csv", _flights())
    _written(folder / "broken.csv", [*_flights()[:1_204], ["2013-10-05 01:15:00", *"abcdef"]])
    with zipfile.ZipFile(folder / "production_data_march.zip", "w") as archive:
        for day in range(1, 6):
            archive.write(clean, f"2024-03-{day:02d}.csv")
    return {
        "clean": ImportRequest(str(clean), "flights"),
        "broken": ImportRequest(str(folder / "broken.csv")),
        "wide": ImportRequest(str(_written(folder / "wide.csv", _sensors()))),
        "names": ImportRequest(str(_written(folder / f"資料_2024{'_final' * 12}.csv", _foreign()))),
        "archive": ImportRequest(str(folder / "production_data_march.zip")),
    }


def _written(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def _flights() -> list[list[str]]:
    header = ["scheduled_at", "carrier", "origin", "distance", "late", "remark"]
    return [header] + [
        [f"2013-10-{i % 28 + 1:02d} 0{i % 9}:15:00", ["UA", "AA", "B6"][i % 3], "EWR", f"{400 + i}", f"{i % 2}",
         "held at the gate by a crew change" * (i % 2)]
        for i in range(2_000)
    ]  # fmt: skip


def _sensors() -> list[list[str]]:
    header = [f"sensor_{i:03d}_temperature_celsius" for i in range(_COLUMNS)]
    return [header] + [[f"{(i * j) % 97 / 7:.3f}" for i in range(_COLUMNS)] for j in range(300)]


def _foreign() -> list[list[str]]:
    header = ["航班號碼", "延誤時間（分鐘）", "😀 mood", "a.b c", "a very long name " * 6]
    return [header] + [[f"長榮航空 BR{i}", f"{i}", "😀🎉", f"{i / 4}", "2024-01-01"] for i in range(3)]
