"""Where a version came from, what made it, and what it went into."""

from __future__ import annotations

import re
from functools import partial
from html import escape
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QApplication, QHBoxLayout, QPlainTextEdit, QScrollArea, QVBoxLayout, QWidget

from mlops_desktop.core.datasets import DatasetVersion, VersionLine
from mlops_desktop.governance.lineage import Link, Links
from mlops_desktop.ui.pages.data_tab import VersionTab
from mlops_desktop.ui.queries import datasets as queries
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.status import QT_TRANSLATE_NOOP
from mlops_desktop.ui.widgets.buttons import icon_button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.figures import data_size
from mlops_desktop.ui.widgets.inspector import FactList
from mlops_desktop.ui.widgets.labels import ElidedLabel, Label, caption

_TARGETS = {
    "data": "data/{}", "run": "experiments/{}", "model": "models/{}", "pipeline run": "pipelines/{}",
    "endpoint": "serving", "window": "monitoring",
}  # fmt: skip
_KINDS = {
    "source": QT_TRANSLATE_NOOP("OriginTab", "Sources"),
    "data": QT_TRANSLATE_NOOP("OriginTab", "Datasets"),
    "contract": QT_TRANSLATE_NOOP("OriginTab", "Contract"),
    "pipeline run": QT_TRANSLATE_NOOP("OriginTab", "Pipeline runs"),
    "run": QT_TRANSLATE_NOOP("OriginTab", "Training runs"),
    "model": QT_TRANSLATE_NOOP("OriginTab", "Models"),
    "endpoint": QT_TRANSLATE_NOOP("OriginTab", "Endpoints"),
    "window": QT_TRANSLATE_NOOP("OriginTab", "Monitored windows"),
}
_MOST_PARTS = 200
_NAMES = 112
_LONG_HASH = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


class OriginTab(VersionTab):
    """Facts of the origin at the left, lineage at the right; names are links."""

    key = "origin"

    def build(self) -> None:
        self.facts, self.settings = FactList(), FactList()
        self.facts.setMinimumWidth(1)  # a long name is cut rather than pushing the rest aside
        self.content_id = _Hash(self.tr("Content id"))
        self.sha256 = _Hash(self.tr("SHA-256"))
        for each in (self.content_id, self.sha256):
            each.copied.connect(self.bridge.succeeded)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(fonts.mono(fonts.Type.CAPTION))
        self.text.setAccessibleName(self.tr("Query or parts"))
        self.text.setMaximumHeight(160)
        self.text_title = caption()
        self.origin_card = Card(self.tr("Origin"))
        for widget in (self.facts, self.sha256, self.content_id):
            self.origin_card.add(widget)
        self.origin_card.add(self.text_title)
        self.origin_card.add(self.text)
        self.settings_card = Card(self.tr("Read with"))
        self.settings_card.add(self.settings)
        self.made, self.used = _LinksCard(self.tr("Made by")), _LinksCard(self.tr("Used by"))
        for card in (self.made, self.used):
            card.links.linkActivated.connect(self.page.openRequested)
        self.used.set_none(self.tr("Nothing has used it yet: no run, model or window refers to it."))
        self.made.set_none(self.tr("It came from outside, by nothing that is recorded here."))
        self._lay_out()

    def _lay_out(self) -> None:
        left, right = QVBoxLayout(), QVBoxLayout()
        for column, cards in ((left, (self.origin_card, self.settings_card)), (right, (self.made, self.used))):
            column.setSpacing(t.SPACE_3)
            for card in cards:
                column.addWidget(card)
            column.addStretch(1)
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, t.SPACE_3, 0)
        row.setSpacing(t.SPACE_4)
        row.addLayout(left, 1)
        row.addLayout(right, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(holder)
        area.viewport().setAutoFillBackground(False)
        holder.setAutoFillBackground(False)
        layout = QVBoxLayout(self.content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)

    def ask(self, line: VersionLine) -> None:
        self.query(partial(queries.traced, reference=line.reference), self._show)

    def refresh(self) -> None:
        if self.line is not None:
            self.query(partial(queries.traced, reference=self.line.reference), self._show, quiet=True)

    def _show(self, found: queries.Traced) -> None:
        version = found.version
        self.facts.set_facts(self._facts(version, found.before))
        self.content_id.show_hash(version.content_id)
        self.sha256.show_hash(version.origin.sha256)
        settings = [(name.replace("_", " "), _told(value)) for name, value in version.origin.settings.items()]
        shown = [(name, text) for name, text in settings if text]
        self.settings.set_facts(shown)
        self.settings_card.setVisible(bool(shown))
        self._show_text(version)
        self.made.show_links(found.lineage.made_by)
        self.used.show_links(found.lineage.used_by)

    def _facts(self, version: DatasetVersion, before: DatasetVersion | None) -> list[tuple[str, str]]:
        origin = version.origin
        facts = [
            (self.tr("Kind"), origin.kind),
            (self.tr("Name"), origin.name),
            (self.tr("Size as it came"), data_size(origin.size) if origin.size else ""),
            (self.tr("File changed"), origin.modified[:19].replace("T", " ")),
            (self.tr("Added"), f"{version.created:%Y-%m-%d %H:%M:%S} UTC"),
            (self.tr("By"), " @ ".join(part for part in (origin.user, origin.host) if part)),
            (self.tr("Derived from"), ", ".join(origin.parents)),
            (self.tr("Contract"), version.contract),
            (self.tr("Same content as"), version.repeats),
            (self.tr("Stored"), data_size(version.size)),
            (self.tr("Columns"), self._columns(version, before)),
        ]
        return [(name, value) for name, value in facts if value]

    def _columns(self, version: DatasetVersion, before: DatasetVersion | None) -> str:
        """How many, and which are new or gone since the version before."""
        text = f"{len(version.schema.columns):,}"
        if before is None:
            return text
        names, earlier = version.schema.names, before.schema.names
        changes = [f"+ {name}" for name in names if name not in set(earlier)]
        changes += [f"− {name}" for name in earlier if name not in set(names)]
        if not changes:
            return text + self.tr(", as in @{number}").format(number=before.number)
        listed = ", ".join(changes[:12]) + (" …" if len(changes) > 12 else "")
        return text + self.tr("; against @{number}: {changes}").format(number=before.number, changes=listed)

    def _show_text(self, version: DatasetVersion) -> None:
        origin = version.origin
        lines = [f"{data_size(part.size):>9}  {part.sha256[:12]}  {part.name}" for part in origin.parts[:_MOST_PARTS]]
        if len(origin.parts) > _MOST_PARTS:
            lines.append(f"… {len(origin.parts):,}")
        self.text.setPlainText(origin.query or "\n".join(lines))
        title = self.tr("Query") if origin.query else self.tr("{n} files").format(n=f"{len(origin.parts):,}")
        self.text_title.setText(title)
        for widget in (self.text, self.text_title):
            widget.setVisible(bool(origin.query or lines))


class _Hash(QWidget):
    """A hash on one line, to be copied as a whole.

    Signals:
        copied(str): what was copied, in words.
    """

    copied = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        label = Label(name, fonts.Type.TABLE, secondary=True)
        label.setFixedWidth(_NAMES)
        self.value = ElidedLabel("", fonts.Type.TABLE)
        self.value.setFont(fonts.mono(fonts.Type.CAPTION))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_3)
        row.addWidget(label)
        row.addWidget(self.value, 1)
        row.addWidget(icon_button("copy", self.tr("Copy: {name}").format(name=name), self._copy))

    def show_hash(self, value: str) -> None:
        self.value.setText(value)
        self.setVisible(bool(value))

    def _copy(self) -> None:
        QApplication.clipboard().setText(self.value.text())
        self.copied.emit(self.tr("{name} is on the clipboard").format(name=self._name))


class _LinksCard(Card):
    """Links by kind; keyboard and mouse open them."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(title, "", parent)
        self._none = ""
        self.links = Label("", fonts.Type.TABLE, wrap=True)
        self.links.setTextFormat(Qt.TextFormat.RichText)
        self.links.setTextInteractionFlags(Qt.TextInteractionFlag.TextBrowserInteraction)
        self.links.setAccessibleName(title)
        self.add(self.links)

    def set_none(self, text: str) -> None:
        """What to say where there is no link."""
        self._none = text

    def show_links(self, kinds: tuple[Links, ...]) -> None:
        self.links.setText("".join(self._kind(each) for each in kinds) or escape(self._none))

    def _kind(self, links: Links) -> str:
        source = _KINDS.get(links.kind, links.kind)
        title = escape(self._translated(source))
        if links.total > len(links.links):
            title += f" ({len(links.links)} of {links.total:,})"
        rows = "".join(f"<p style='margin:2px 0 2px 0'>{_link(links.kind, link)}</p>" for link in links.links)
        return f"<p style='margin:8px 0 2px 0'><b>{title}</b></p>{rows}"

    def _translated(self, text: str) -> str:
        return QApplication.translate("OriginTab", text)


def _link(kind: str, link: Link) -> str:
    shown = link.reference[-6:] if kind in ("run", "pipeline run", "window") else link.reference
    target = _TARGETS.get(kind, "").format(link.reference)
    name = f"<a href='{escape(target, quote=True)}'>{escape(shown)}</a>" if target else f"<b>{escape(shown)}</b>"
    note = _LONG_HASH.sub(r"\1…", link.note)
    return f"{name} &nbsp;{escape(note)}" if note else name


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return {"\t": "tab", ",": "comma  ,", ";": "semicolon  ;", "|": "bar  |", " ": "space"}.get(value, value)
    return "" if value is None else str(value)
