"""Tells how imports ended, from the journal: a toast that opens the version, or one that stays with the reason."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject

from mlops_desktop.core.runs import RunState
from mlops_desktop.ui.bridge import Bridge, WorkspaceFacts
from mlops_desktop.ui.queries import imports as queries
from mlops_desktop.ui.widgets.notifications import Level, NoticeLog


class ImportNews(QObject):
    """Watches a workspace for the ends of imports that this person asked for."""

    def __init__(self, bridge: Bridge, notices: NoticeLog, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._notices = bridge, notices
        self._last = 0
        bridge.opened.connect(self._on_opened)
        bridge.changed.connect(self._on_changed)

    def _on_opened(self, facts: WorkspaceFacts) -> None:
        self._last = facts.last_seq

    def _on_changed(self, kinds: frozenset[str], _last: int) -> None:
        if queries.FINISHED in kinds:
            self._bridge.ask("import news", partial(queries.endings, after=self._last), self._tell)

    def _tell(self, found: queries.Endings) -> None:
        self._last = found.last
        for ending in found.endings:
            self._tell_of(ending)

    def _tell_of(self, ending: queries.Ending) -> None:
        name = queries.source_name(ending.request.location)
        again, target = self.tr("Open again with these settings"), f"import/{ending.run}"
        if ending.state is RunState.SUCCEEDED:
            self._tell_of_version(ending, name)
        elif ending.state is RunState.CANCELLED:
            text = self.tr("Adding {file} was cancelled").format(file=name)
            self._notices.post(Level.INFO, text, action=again, target=target)
        else:
            text = self.tr("{file} could not be added").format(file=name)
            self._notices.post(Level.ERROR, text, detail=ending.outcome, action=again, target=target)

    def _tell_of_version(self, ending: queries.Ending, name: str) -> None:
        level, text, shown = Level.SUCCESS, self.tr("{file} is in {dataset}"), ending.version
        if ending.quarantined:
            level, shown = Level.WARNING, ending.quarantined
            text = self.tr("{file} is in {dataset}, but for rows that are in quarantine")
        self._notices.post(
            level,
            text.format(file=name, dataset=ending.request.dataset),
            detail=ending.outcome,
            action=self.tr("View") if shown else "",
            target=f"data/{shown}",
        )
