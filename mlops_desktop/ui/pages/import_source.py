"""Where rows come from: files, a folder, or a database."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QColor, QDragEnterEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from mlops_desktop.core.errors import AppError, InvalidInput
from mlops_desktop.ui.theme import fonts
from mlops_desktop.ui.theme import tokens as t
from mlops_desktop.ui.theme.apply import current
from mlops_desktop.ui.theme.icons import paint_icon
from mlops_desktop.ui.widgets.buttons import button
from mlops_desktop.ui.widgets.card import Card
from mlops_desktop.ui.widgets.forms import FormField, text_field
from mlops_desktop.ui.widgets.labels import Label, body

READABLE = (
    "Data (*.csv *.tsv *.txt *.json *.jsonl *.ndjson *.parquet *.feather *.arrow *.xlsx *.xls *.zip *.gz *.zst)"
    ";;All files (*)"
)


class DropZone(QWidget):
    """A dashed box with an icon over what is laid out in it; the page around it takes what is dropped."""

    MARK = 40

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002
        painter, tokens = QPainter(self), current()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(tokens.control_border), 1, Qt.PenStyle.DashLine))
        painter.setBrush(QColor(tokens.background))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), t.RADIUS, t.RADIUS)
        top = self.childrenRect().top() - self.MARK
        paint_icon(painter, "import", QRectF(self.width() / 2 - 14, top, 28, 28), tokens.secondary)


class SourcePage(QWidget):
    """The first step.

    Signals:
        chosen(str): the location of files or of a folder.
        queryGiven(str, str, str): a database's URL with the user in it, the password, the SQL text.
        problem(AppError): what was chosen cannot be read together.
    """

    chosen = Signal(str)
    queryGiven = Signal(str, str, str)
    problem = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAcceptDrops(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(t.SPACE_4)
        row.addWidget(self._files(), 2)
        row.addWidget(self._database(), 3)

    def _files(self) -> QWidget:
        card = Card(self.tr("Files or a folder"))
        text = self.tr(
            "CSV, TSV, JSON, JSON Lines, Parquet, Arrow, Excel, or a ZIP, gzip or zstd that holds them. Files of a "
            "folder with the same columns become one version."
        )
        card.add(body(text, secondary=True))
        self.files_button = button(self.tr("Choose files…"), "file", "primary", self.choose_files)
        self.folder_button = button(self.tr("Choose a folder…"), "folder", on_click=self.choose_folder)
        self.said = Label("", wrap=True)
        self.said.setForegroundRole(self.said.palette().ColorRole.BrightText)
        self.said.hide()
        for each in (self.files_button, self.folder_button):
            each.setMinimumWidth(176)
        zone = DropZone()
        column = QVBoxLayout(zone)
        column.setSpacing(t.SPACE_2)
        column.addStretch(1)
        column.addSpacing(DropZone.MARK)
        for widget in (Label(self.tr("Drop files here, or"), secondary=True), self.files_button, self.folder_button):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addStretch(1)
        card.add(self.said)
        card.add(zone, 1)
        return card

    def _database(self) -> QWidget:
        card = Card(self.tr("A database"))
        hint = self.tr("sqlite:///folder/file.db, postgresql://host/name, mysql://host/name or duckdb:///file.duckdb")
        self.url_field, self.url = text_field(self.tr("Address"), hint=hint, placeholder="postgresql://host/name")
        user_field, self.user = text_field(self.tr("User"))
        secret = self.tr("Kept by the system's keyring")
        password_field, self.password = text_field(self.tr("Password"), hint=secret)
        self.password.setEchoMode(QLineEdit.EchoMode.Password)
        self.query = QPlainTextEdit()
        self.query.setFont(fonts.mono())
        self.query.setTabChangesFocus(True)
        self.query.setPlaceholderText("SELECT * FROM flights")
        self.query.setMinimumHeight(88)
        people = QHBoxLayout()
        people.setSpacing(t.SPACE_3)
        people.addWidget(user_field, 1)
        people.addWidget(password_field, 1)
        card.add(self.url_field)
        card.body.addLayout(people)
        query_field = FormField(self.tr("SQL query"), self.query)
        layout = query_field.layout()
        assert isinstance(layout, QVBoxLayout)  # noqa: S101
        layout.setStretch(1, 1)
        card.add(query_field, 1)
        self.run_button = button(self.tr("Show the rows"), "play", on_click=self.give_query)
        bottom = QHBoxLayout()
        bottom.addStretch(1)
        bottom.addWidget(self.run_button)
        card.body.addLayout(bottom)
        self.url.textChanged.connect(self._check)
        self.url.editingFinished.connect(self._take_apart)
        for editor in (self.url, self.user, self.password):
            editor.returnPressed.connect(self.run_button.click)
        self.query.textChanged.connect(self._check)
        self._check()
        return card

    def _check(self) -> None:
        self.url_field.set_error("")
        self.run_button.setEnabled(bool(self.url.text().strip() and self.query.toPlainText().strip()))

    # Files

    def choose_files(self) -> None:
        paths, _kind = QFileDialog.getOpenFileNames(self, self.tr("Add data"), "", READABLE)
        if paths:
            self.take([Path(path) for path in paths])

    def choose_folder(self) -> None:
        if folder := QFileDialog.getExistingDirectory(self, self.tr("Add a folder of files")):
            self.take([Path(folder)])

    def take(self, paths: list[Path]) -> None:
        """Go on with these files; several must be what one pattern finds."""
        try:
            location = location_of(paths)
        except AppError as error:
            self.said.setText(str(error))
            self.said.show()
            self.problem.emit(error)
            return
        self.said.hide()
        self.chosen.emit(location)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.take([Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()])

    # A database

    def show_query(self, url: str, query: str) -> None:
        """Fill in what was asked before; the password stays in the keyring."""
        parts = urlsplit(url)
        self.user.setText(unquote(parts.username or ""))
        self.url.setText(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))
        self.query.setPlainText(query)

    def _take_apart(self) -> None:
        """User and password of an address that was pasted whole belong into their own fields."""
        parts = urlsplit(self.url.text().strip())
        if parts.password is None:
            return
        self.password.setText(unquote(parts.password))
        self.user.setText(unquote(parts.username or ""))
        self.url.setText(urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])))

    def give_query(self) -> None:
        """Go on with what the fields hold."""
        try:
            url = url_with(self.url.text().strip(), self.user.text().strip())
        except AppError as error:
            self.url_field.set_error(str(error))
            self.problem.emit(error)
            return
        self.queryGiven.emit(url, self.password.text(), self.query.toPlainText().strip())


def location_of(paths: list[Path]) -> str:
    """One file or folder as it is, several files as the pattern that finds exactly them. Raises `InvalidInput`."""
    if len(paths) == 1:
        return str(paths[0])
    names = sorted(path.name for path in paths)
    folders = {path.parent for path in paths}
    start = _common(names)
    end = _common([name[len(start) :][::-1] for name in names])[::-1]
    if len(folders) == 1:
        folder = folders.pop()
        for pattern in (f"{start}*{end}", f"*{Path(names[0]).suffix}"):
            if sorted(path.name for path in folder.glob(pattern)) == names:
                return str(folder / pattern)
    raise InvalidInput(
        "No one pattern finds these files and no others.",
        hint="Put them into a folder of their own and choose the folder, or add them one after the other.",
    )


def _common(texts: list[str]) -> str:
    """What all texts begin with."""
    shortest = min(texts, key=len)
    return next((shortest[:i] for i, c in enumerate(shortest) if any(text[i] != c for text in texts)), shortest)


def url_with(url: str, user: str) -> str:
    """A database's URL with the user in it. Raises `InvalidInput` for what is no URL, or one that holds a password."""
    parts = urlsplit(url)
    if not parts.scheme or "://" not in url:
        raise InvalidInput(f"{url!r} is not a database's address.", hint="It begins such as postgresql://host/name.")
    if parts.password is not None:
        raise InvalidInput("The address holds a password.", hint="Put it into the field below; the keyring keeps it.")
    if not user or parts.username is not None:
        return url
    return urlunsplit(parts._replace(netloc=f"{quote(user, safe='')}@{parts.netloc}"))
