"""Watched folders."""

from __future__ import annotations

from mlops_desktop.core.datasets import Watch
from mlops_desktop.core.errors import NotFound
from mlops_desktop.core.events import WatchChanged, WatchRemoved
from mlops_desktop.registry.repository import Context, Rows


class Watches:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._rows = Rows(context.database, context.tables.watch, Watch)

    def put(self, watch: Watch) -> Watch:
        """Record a watch under its name; one that is recorded like this already is not recorded again."""
        with self._context.database.writing():
            if self._rows.one(self._rows.table.name == watch.name) != watch:
                self._rows.put(watch, name=watch.name)
                event = WatchChanged(watch.folder, watch.pattern, watch.dataset, watch.is_paused)
                self._context.journal.append(event, watch.name)
        return watch

    def get(self, name: str) -> Watch:
        found = self._rows.one(self._rows.table.name == name)
        if found is None:
            known = ", ".join(watch.name for watch in self.all()) or "none yet"
            raise NotFound(f"There is no watch {name}.", hint=f"Known watches: {known}.")
        return found

    def all(self) -> list[Watch]:
        return self._rows.many(order=self._rows.table.name)

    def remove(self, name: str) -> None:
        with self._context.database.writing():
            watch = self.get(name)
            self._rows.table.delete().where(self._rows.table.name == name).execute()
            self._context.journal.append(WatchRemoved(watch.folder), name)
