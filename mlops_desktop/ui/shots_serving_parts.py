"""Pictures of the parts of the Serving page that look at single requests, over a log that was made for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mlops_desktop.core.ids import new_id
from mlops_desktop.pipelines.engine_state import read_engine_state
from mlops_desktop.serving.log import CANARY, PRIMARY, FeedbackRecord, PredictionRecord, encode_record, to_micros
from mlops_desktop.serving.logwriter import LogWriter
from mlops_desktop.serving.replay import ChangedRow, Quantiles, ReplayReport
from mlops_desktop.ui import screens
from mlops_desktop.ui.bridge import Bridge
from mlops_desktop.ui.main_window import MainWindow
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.serving import ServingPage
from mlops_desktop.ui.pages.serving_snippets import Snippets
from mlops_desktop.ui.pages.serving_tab import EndpointTab
from mlops_desktop.ui.pages.serving_tail import RequestTail
from mlops_desktop.ui.pages.try_it import TryIt
from mlops_desktop.ui.preferences import Preferences
from mlops_desktop.ui.queries.gateway import Answered
from mlops_desktop.ui.queries.serving import Serving, serving
from mlops_desktop.ui.queries.serving_live import LiveReading
from mlops_desktop.ui.shots_data import END, ENDPOINT, MODEL
from mlops_desktop.ui.theme.apply import Theme, apply_theme
from mlops_desktop.ui.theme.tokens import Tone

Tab = TypeVar("Tab", bound=EndpointTab)


class Stage(Page):
    """A page with nothing but one tab, for pictures and tests."""

    key = "stage"

    def __init__(self, bridge: Bridge, kind: type[EndpointTab]) -> None:
        super().__init__(bridge)
        self.tab = kind(cast(ServingPage, self))
        self.endpoints: Serving | None = None
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(24, 16, 24, 24)
        layout.addWidget(self.tab)
        self._stack.setCurrentWidget(self.content)

    def reload(self) -> None:
        """Tell the tab of its endpoint, as the Serving page does on news."""
        self.bridge.ask("stage", serving, self._tell)

    def _tell(self, found: Serving) -> None:
        self.endpoints = found
        engine = read_engine_state(self.bridge.folder)
        name = found.rows[0].endpoint.name
        self.tab.show_endpoint(found.rows[0])
        self.tab.show_live(LiveReading(name, engine, next((e for e in engine.endpoints if e.name == name), None)))
        self.tab.set_active(True)


@contextmanager
def staged(folder: Path, kind: type[Tab], size: tuple[int, int] = (1180, 720)) -> Iterator[tuple[Stage, Tab]]:
    """A tab in a window of its own, on a workspace, told of its first endpoint."""
    bridge = Bridge(folder)
    page = Stage(bridge, kind)
    ready: list[object] = []
    bridge.opened.connect(ready.append)
    bridge.open()
    try:
        screens.wait_until(lambda: bool(ready))
        page.resize(*size)
        page.show()
        page.reload()
        screens.wait_until(lambda: page.endpoints is not None and page.tab.is_settled)
        yield page, cast(Tab, page.tab)
    finally:
        page.tab.set_active(False)
        bridge.close()
        page.close()
        page.deleteLater()
        screens.settle()


# Requests


def write_requests(folder: Path, count: int = 400) -> None:
    """Requests of the last minutes in the log of the made workspace, some labelled, some that failed."""
    chance = random.Random(2013)  # noqa: S311 - for pictures
    records: list[PredictionRecord | FeedbackRecord] = []
    end = to_micros(END)
    for number in range(count):
        record = _request(chance, end - (count - number) * 170_000)
        records.append(record)
        if record.status == 200 and chance.random() < 0.4:
            label = record.predictions[0] if chance.random() < 0.75 else "1"
            records.append(FeedbackRecord(f"{record.id}/0", label, record.time, record.received, ENDPOINT))
    spool = folder / "spool" / ENDPOINT
    spool.mkdir(parents=True, exist_ok=True)
    writer = LogWriter(spool)
    writer.append(b"".join(map(encode_record, records)))
    writer.close()


def _request(chance: random.Random, time: int) -> PredictionRecord:
    is_canary, has_failed = chance.random() < 0.2, chance.random() < 0.02
    score = round(chance.betavariate(1.4, 3.2), 4)
    inference = round(chance.gammavariate(9, 90))
    return PredictionRecord(
        id=new_id(),
        client_id="",
        time=time,
        received=time,
        endpoint=ENDPOINT,
        model=MODEL,
        version=6 if is_canary else 5,
        role=CANARY if is_canary else PRIMARY,
        rows=1,
        features={} if has_failed else {name: [value] for name, value in _flight(chance).items()},
        scores=[] if has_failed else [score],
        predictions=[] if has_failed else ["1" if score >= 0.31 else "0"],
        queue_us=round(chance.gammavariate(2, 60)),
        inference_us=inference,
        total_us=inference + round(chance.gammavariate(4, 150)),
        status=500 if has_failed else 200,
        error="The worker ended while it was predicting." if has_failed else "",
        entity_ids=None if has_failed else [f"UA{chance.randrange(100, 1900)}-{chance.randrange(1, 28):02d}"],
    )


def _flight(chance: random.Random) -> dict[str, Any]:
    return {
        "carrier": chance.choice(["UA", "B6", "EV", "DL", "AA", "MQ"]),
        "origin": chance.choice(["EWR", "JFK", "LGA"]),
        "dest": chance.choice(["IAH", "MIA", "BQN", "ATL", "ORD", "LAX"]),
        "distance": chance.choice([1400, 1416, 1089, 1576, 762, 719, 2475]),
        "scheduled_minute": chance.randrange(300, 1439),
        "weekday": str(chance.randrange(1, 8)),
        "temp": round(chance.gauss(61, 9), 2),
        "dewp": None if chance.random() < 0.1 else round(chance.gauss(48, 9), 2),
        "humid": round(chance.uniform(30, 100), 2),
        "wind_dir": chance.randrange(0, 360, 10),
        "wind_speed": round(chance.gammavariate(3, 3.4), 3),
        "precip": 0.0,
        "pressure": round(chance.gauss(1016, 6), 1),
        "visib": 10.0,
    }


# Pictures


def render_serving_parts(
    folder: Path, outdir: Path, sizes: Sequence[tuple[int, int]], themes: Sequence[Theme]
) -> list[Path]:
    """Each state of the parts; names are `requests-{state}-{theme}-{width}x{height}.png`. Writes a log in `folder`."""
    write_requests(folder)
    preferences = Preferences(outdir / ".window.ini")
    apply_theme(screens.application(), themes[0])
    window = MainWindow(preferences)
    written: list[Path] = []
    try:
        view = window.open_workspace(folder)
        window.show()
        screens.wait_until(lambda: view.facts is not None)
        view.open("serving")
        page = view.page("serving")
        if not isinstance(page, ServingPage):
            raise TypeError(page)
        screens.wait_until(lambda: page.is_settled)
        for theme in themes:
            apply_theme(screens.application(), theme)
            for width, height in sizes:
                window.resize(width, height)
                ending = f"{theme.value}-{width}x{height}.png"
                shot = partial(_shot, page, outdir, ending, written)
                for render in (_try, _code, _requests, _replay):
                    render(page, shot)
    finally:
        window.close_workspace()
        window.close()
        window.deleteLater()
        screens.settle()
        preferences.path.unlink(missing_ok=True)
    return written


Shot = Callable[..., None]


def _shot(
    page: ServingPage, outdir: Path, ending: str, written: list[Path], state: str, of: QWidget | None = None
) -> None:
    screens.settle()
    screens.wait_until(lambda: page.is_settled)
    screens.settle()
    written.append(screens.picture(of or page.window(), outdir / f"requests-{state}-{ending}"))


def _shown(page: ServingPage, key: str) -> EndpointTab:
    page.show_tab(key)
    screens.wait_until(lambda: page.is_settled)
    screens.settle()
    tab = page.tab
    if tab is None:
        raise TypeError(key)
    return tab


def _try(page: ServingPage, shot: Shot) -> None:
    tab = cast(TryIt, _shown(page, "try"))
    tab.answer.clear()
    tab.fill_typical()
    shot("try")
    for name, text in (("carrier", "ZZ"), ("temp", "12,5"), ("wind_speed", "400"), ("humid", "")):
        tab.fields.fields[name].line.setText(text)
    found = Answered("1", 0.713, {"0": 0.287, "1": 0.713}, MODEL, 6, CANARY, "01KDA3T2Y7H4M8QW9N5XJ0BZRC/0", 2.34)
    if tab.form is not None:
        tab.answer.show_answer(found, tab.form.signature)
    tab.answer.say(Tone.OK, "1 is recorded as the true outcome.")
    tab.fields.show_problem("temp", "Column 'temp', row 0: a number is expected, not text.")
    shot("try-answered")
    tab.answer.clear()
    tab.fill_typical()


def _code(page: ServingPage, shot: Shot) -> None:
    tab = cast(Snippets, _shown(page, "snippets"))
    for number in (0, 2, 4):
        tab.languages.set_current(number)
        tab.languages.chosen.emit(number)
        shot(f"code-{tab.snippet.key.replace(' ', '-')}")


def _requests(page: ServingPage, shot: Shot) -> None:
    tab = cast(RequestTail, _shown(page, "requests"))
    shot("list")
    tab.table.view.selectRow(3)
    shot("chosen")
    tab.panel.close_panel()
    tab.table.view.verticalScrollBar().setValue(40)
    shot("held")
    tab.table.view.scrollToTop()
    tab.controls.errors.click()
    screens.settle()
    shot("errors")
    tab.controls.errors.click()


def _replay(page: ServingPage, shot: Shot) -> None:
    tab = cast(RequestTail, _shown(page, "requests"))
    sheet = tab.open_replay()
    if sheet is None:
        raise TypeError(tab)
    screens.wait_until(sheet.act.isEnabled)
    screens.settle(30)  # it looks for an earlier replay
    shot("replay", sheet)
    sheet._show_report(_report())
    shot("replay-report", sheet)
    sheet.reject()


def _report() -> ReplayReport:
    """What a replay of the made log could have found."""
    chance = random.Random(2013)  # noqa: S311 - for pictures
    rows = []
    differences = [chance.gauss(-0.012, 0.045) for _ in range(1_000)]
    for place in range(63):
        before, change = chance.uniform(0.22, 0.4), 0.31 - 0.004 * place
        after = before + (change if before < 0.31 else -min(change, before))
        id = f"{new_id()}/0"
        rows.append(
            ChangedRow(id, "", 5, before, after, str(int(before >= 0.31)), str(int(before < 0.31)), _flight(chance))
        )
    rows.sort(key=lambda row: -abs(row.score_after - row.score_before))
    counts, edges = np.histogram(differences, 41, (-0.16, 0.16))
    return ReplayReport(
        endpoint=ENDPOINT, version=6, requests=1_000, rows=1_000, changed=63, refused=0, failed=4,
        problem="The model failed: ValueError.", differences=Quantiles.of(differences),
        latency_before=Quantiles.of([chance.gammavariate(9, 0.09) for _ in range(1_000)]),
        latency_after=Quantiles.of([chance.gammavariate(9, 0.07) for _ in range(996)]),
        start="2013-09-30T23:51:12", end="2013-09-30T23:59:59", rows_shown=tuple(rows),
        edges=tuple(edges.tolist()), counts=tuple(counts.tolist()),
    )  # fmt: skip
