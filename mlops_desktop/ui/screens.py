"""Pictures of the window's pages, made without a person: for the documentation, the demo, and the eye of a designer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop
from PySide6.QtWidgets import QApplication, QWidget

from mlops_desktop.core.errors import EnvironmentProblem
from mlops_desktop.ui.catalogue import PAGES
from mlops_desktop.ui.main_window import MainWindow
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.theme.apply import Theme, apply_theme

SIZES = ((1440, 900), (1180, 720))
THEMES = (Theme.LIGHT, Theme.DARK)
_PATIENCE = 30.0


def application() -> QApplication:
    """The running application, or a new one."""
    found = QApplication.instance()
    return found if isinstance(found, QApplication) else QApplication(["mlops-desktop"])


def wait_until(condition: Callable[[], bool], patience: float = _PATIENCE) -> None:
    """Run the event loop until something holds. Raises `EnvironmentProblem` when it takes too long."""
    deadline = time.monotonic() + patience
    while not condition():
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)
        if time.monotonic() > deadline:
            raise EnvironmentProblem("A page did not appear in time.", hint="Look into the log for the reason.")


def settle(rounds: int = 6) -> None:
    """Let layouts, deferred deletions and queued repaints happen."""
    for _ in range(rounds):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)


def picture(widget: QWidget, path: Path) -> Path:
    """Write what a widget shows as a PNG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not widget.grab().save(str(path)):
        raise EnvironmentProblem(f"{path} cannot be written.", hint="Choose a folder you may write to.")
    return path


def render_pages(
    workspace: Path,
    outdir: Path,
    sizes: Sequence[tuple[int, int]] = SIZES,
    themes: Sequence[Theme] = THEMES,
    *,
    keys: Sequence[str] = (),
    prefix: str = "",
) -> list[Path]:
    """Every page (or those in `keys`) of a workspace at each size in each theme; returns the files written.

    Names are `{prefix}{page}-{theme}-{width}x{height}.png`.
    """
    app = application()
    preferences = Preferences(outdir / ".window.ini")
    written: list[Path] = []
    window = MainWindow(preferences)
    try:
        view = window.open_workspace(workspace)
        window.show()
        wait_until(lambda: view.facts is not None)
        for theme in themes:
            apply_theme(app, theme)
            for width, height in sizes:
                window.resize(width, height)
                for key in keys or [info.key for info in PAGES]:
                    view.open(key)
                    page = view.page(key)
                    wait_until(lambda page=page: page.is_settled)  # type: ignore[misc]
                    prepare(page)
                    settle()
                    name = f"{prefix}{key}-{theme.value}-{width}x{height}.png"
                    written.append(picture(window, outdir / name))
    finally:
        window.close_workspace()
        window.close()
        window.deleteLater()
        settle()
        preferences.path.unlink(missing_ok=True)
    return written


def prepare(page: QWidget) -> None:
    """Choose the first row of a page's table, so that its details are in the picture."""
    table = getattr(page, "table", None)
    inspector = getattr(page, "inspector", None)
    if table is None or inspector is None or not table.model.total:
        return
    table.select_row(int(table.model.order[0]))
    wait_until(inspector.isVisible)
