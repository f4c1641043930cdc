"""`python -m mlops_desktop.ui.shots OUTDIR [--workspace FOLDER]`: pictures of every page, in both themes and sizes.

Without a workspace, one with nine months behind it is made in a temporary folder. The welcome page, an empty
workspace and what goes wrong are pictured too.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

_OWN = ("import", "requests", "serving", "upkeep", "versions")
SIZES = {"large": (1440, 900), "small": (1180, 720)}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="mlops-desktop-shots", description=__doc__)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--workspace", type=Path, help="an existing workspace instead of a made one")
    parser.add_argument(
        "--page",
        action="append",
        default=[],
        help="this page only, or `import`, `requests`, `upkeep` or `versions`",
    )
    parser.add_argument("--theme", choices=["light", "dark"], help="this theme only")
    parser.add_argument("--size", choices=sorted(SIZES), help="this size only")
    arguments = parser.parse_args(argv)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from mlops_desktop.ui import screens
    from mlops_desktop.ui.shots_imports import render_imports
    from mlops_desktop.ui.shots_serving import render_serving
    from mlops_desktop.ui.shots_serving_parts import render_serving_parts
    from mlops_desktop.ui.shots_upkeep import build_upkeep, render_upkeep
    from mlops_desktop.ui.shots_versions import render_versions
    from mlops_desktop.ui.theme.apply import Theme

    themes = [Theme(arguments.theme)] if arguments.theme else screens.THEMES
    sizes = [SIZES[arguments.size]] if arguments.size else screens.SIZES
    arguments.outdir.mkdir(parents=True, exist_ok=True)
    screens.application()
    with tempfile.TemporaryDirectory(prefix="mlops-desktop-shots-") as temporary:
        folder = arguments.workspace or _made(Path(temporary) / "flights")
        keys = [key for key in arguments.page if key not in _OWN]
        written = []
        if keys or not arguments.page:
            written += screens.render_pages(folder, arguments.outdir, sizes, themes, keys=keys)
        if not arguments.workspace and (not arguments.page or "import" in arguments.page):
            written += render_imports(folder, arguments.outdir, sizes, themes)
        if not arguments.workspace and (not arguments.page or "versions" in arguments.page):
            written += render_versions(Path(temporary) / "versions", arguments.outdir, sizes, themes)
        if not arguments.workspace and (not arguments.page or "upkeep" in arguments.page):
            written += render_upkeep(build_upkeep(Path(temporary) / "upkeep"), arguments.outdir, sizes, themes)
        if not arguments.workspace and (not arguments.page or "serving" in arguments.page):
            written += render_serving(_made(Path(temporary) / "serving"), arguments.outdir, sizes, themes)
        if not arguments.workspace and (not arguments.page or "requests" in arguments.page):
            written += render_serving_parts(_made(Path(temporary) / "requests"), arguments.outdir, sizes, themes)
        if not arguments.workspace and not arguments.page:
            written += _states(Path(temporary), arguments.outdir)
    sys.stdout.write(f"{len(written)} pictures in {arguments.outdir}\n")
    return 0


def _made(folder: Path) -> Path:
    from mlops_desktop.ui.shots_data import build_workspace, write_live_state

    if (first := folder.parent / "flights").exists():  # it takes seconds to make one
        shutil.copytree(first, folder)
    else:
        build_workspace(folder)
    write_live_state(folder)
    return folder


def _states(temporary: Path, outdir: Path) -> list[Path]:
    """The welcome page, every page of an empty workspace, and a folder that is none."""
    from mlops_desktop.ui import screens
    from mlops_desktop.ui.main_window import MainWindow
    from mlops_desktop.ui.preferences import Preferences
    from mlops_desktop.ui.theme.apply import Theme, apply_theme
    from mlops_desktop.workspace import Workspace

    empty = temporary / "empty"
    Workspace.create(empty, name="My first workspace").close()
    small = [(1180, 720)]
    written = screens.render_pages(empty, outdir, small, [Theme.LIGHT], prefix="empty-")
    preferences = Preferences(temporary / "window.ini")
    preferences.remember(temporary / "flights")
    preferences.remember(empty)
    window = MainWindow(preferences)
    window.show()
    try:
        for theme in screens.THEMES:
            apply_theme(screens.application(), theme)
            window.show_welcome()
            screens.settle()
            written.append(screens.picture(window, outdir / f"welcome-{theme.value}-1440x900.png"))
        broken = temporary / "broken"
        broken.mkdir()
        (broken / "registry.db").write_bytes(b"this is not a database" * 400)
        view = window.open_workspace(broken)
        screens.wait_until(lambda: view.waiting.kind == "error")
        screens.settle()
        written.append(screens.picture(window, outdir / "damaged-dark-1440x900.png"))
    finally:
        window.close()
        window.deleteLater()
        screens.settle()
    return written


if __name__ == "__main__":
    sys.exit(main())
