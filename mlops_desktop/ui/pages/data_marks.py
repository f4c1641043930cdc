"""What a person does to a version's note, tags, aliases and place in the lists; each deed can be undone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from mlops_desktop.core.datasets import VersionLine
from mlops_desktop.ui.bridge import Query
from mlops_desktop.ui.pages.base import Page
from mlops_desktop.ui.pages.data_head import VersionHead
from mlops_desktop.ui.queries import marks as queries

if TYPE_CHECKING:
    from mlops_desktop.workspace import Workspace


class MarkDeeds(QObject):
    """Carries out what the head of a version is told."""

    def __init__(self, page: Page, head: VersionHead) -> None:
        super().__init__(page)
        self._page, self._head = page, head
        head.noteGiven.connect(self._on_note)
        head.tagGiven.connect(self._on_tag)
        head.tagRemoved.connect(self._on_untag)
        head.aliasGiven.connect(self._on_alias)
        head.aliasRemoved.connect(self._on_alias_removed)

    def _do(self, text: str, deed: Query, undo: Query) -> None:
        """Carry out `deed`; once it is done the toast says `text` and offers `undo`."""
        self._page.bridge.do(deed, done=lambda _value: self._page.undoOffered.emit(text, undo))

    @property
    def _line(self) -> VersionLine:
        line = self._head.line
        if line is None:
            raise RuntimeError("there is no version to be marked")
        return line

    def _on_note(self, text: str) -> None:
        line = self._line
        said = self.tr("Note of {reference} changed") if text else self.tr("Note of {reference} removed")
        self._do(
            said.format(reference=line.reference),
            partial(queries.set_note, reference=line.reference, text=text),
            partial(queries.set_note, reference=line.reference, text=line.note),
        )

    def _on_tag(self, tag: str) -> None:
        line = self._line
        if tag not in line.tags:
            said = self.tr("{reference} is tagged {tag}").format(reference=line.reference, tag=tag)
            self._do(said, *self._tagging(line.reference, tag))

    def _on_untag(self, tag: str) -> None:
        line = self._line
        said = self.tr("Tag {tag} taken from {reference}").format(reference=line.reference, tag=tag)
        self._do(said, *reversed(self._tagging(line.reference, tag)))

    def _tagging(self, reference: str, tag: str) -> tuple[Query, Query]:
        tagged, untagged = (
            partial(queries.tag, reference=reference, tag=tag),
            partial(queries.untag, reference=reference, tag=tag),
        )
        return tagged, untagged

    def _on_alias(self, alias: str) -> None:
        """Set an alias; one that points elsewhere is moved."""
        line = self._line

        def moved(before: str) -> None:
            said = self.tr("@{alias} points to {reference}").format(alias=alias, reference=line.reference)
            if before:
                said = self.tr("@{alias} moved from {before} to {reference}").format(
                    alias=alias, before=before, reference=line.reference
                )
            undo: Query = partial(queries.restore_alias, dataset=line.dataset, alias=alias, before=before)
            self._page.undoOffered.emit(said, undo)

        self._page.bridge.do(partial(queries.set_alias, reference=line.reference, alias=alias), done=moved)

    def _on_alias_removed(self, alias: str) -> None:
        line = self._line

        def dropped(workspace: Workspace) -> str:
            return queries.restore_alias(workspace, line.dataset, alias, "")

        said = self.tr("@{alias} taken from {reference}").format(alias=alias, reference=line.reference)
        self._do(said, dropped, partial(queries.set_alias, reference=line.reference, alias=alias))
