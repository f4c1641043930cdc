"""A project in files: `project.toml` for its datasets, `pipelines/*.toml` for its specs (see docs/projects.md).

Everything is read and checked before anything is done with it, and all mistakes are told at once.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from mlops_desktop.core.contracts import Contract
from mlops_desktop.core.datasets import Watch
from mlops_desktop.core.errors import AppError, InvalidInput
from mlops_desktop.core.sources import ReadOptions
from mlops_desktop.data.contracts import from_toml
from mlops_desktop.data.versions.store import check_dataset_name
from mlops_desktop.pipelines.settings import Settings, check_whole, settings_of
from mlops_desktop.pipelines.watching import checked
from mlops_desktop.training.specs import load_spec
from mlops_desktop.training.suggestions import did_you_mean

FILE = "project.toml"
SPECS = "pipelines"
S = TypeVar("S", bound=Struct)


class ProjectBroken(InvalidInput):
    """A project whose files have mistakes. `problems` are sentences that name file and key."""

    def __init__(self, folder: Path, problems: list[str]) -> None:
        count = "a mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"The project in {folder} has {count}:{lines}", hint="\nCorrect them; nothing was changed.")
        self.problems = tuple(problems)


class WatchSection(Struct, frozen=True):
    """`[datasets.<name>.watch]`. `folder` is below the project, or absolute."""

    folder: str
    pattern: str = "*"
    is_paused: bool = False


class DatasetSection(Struct, frozen=True):
    """`[datasets.<name>]`.

    Attributes:
        source: a file, folder or pattern below the project or absolute, the URL of a database, or `log:<endpoint>`.
        contract: a file with the dataset's contract.
        options: how the source, and the files of a watched folder, are read.
        aliases: names for versions, by number.
    """

    source: str = ""
    time_column: str = ""
    contract: str = ""
    options: ReadOptions = ReadOptions()
    aliases: dict[str, int] = {}
    watch: WatchSection | None = None

    @property
    def plain_options(self) -> dict[str, Any]:
        """The options as the registry keeps them: a tuple there is a list."""
        return dict(msgspec.json.decode(msgspec.json.encode(self.options)))


class ProjectSection(Struct, frozen=True):
    """`project.toml` as a whole."""

    name: str
    datasets: dict[str, Any] = {}


class ContractFile(Struct, frozen=True):
    file: str
    text: str
    contract: Contract


class DatasetFiles(Struct, frozen=True):
    """A dataset as the project wants it. `source` can be opened from anywhere; empty where none is named."""

    name: str
    source: str
    section: DatasetSection
    contract: ContractFile | None
    watch: Watch | None


class SpecFile(Struct, frozen=True):
    file: str
    text: str
    settings: Settings

    @property
    def name(self) -> str:
        return self.settings.spec.model.name


class Project(Struct, frozen=True):
    """A project whose files are in order."""

    folder: Path
    name: str
    datasets: tuple[DatasetFiles, ...]
    specs: tuple[SpecFile, ...]


def read_project(folder: Path) -> Project:
    """Read and check a project's files. Raises `ProjectBroken` with every mistake, `InvalidInput` without a project."""
    if not (folder / FILE).is_file():
        raise InvalidInput(f"There is no {FILE} in {folder}.", hint="Name the folder of a project: docs/projects.md.")
    reading = _Reading(folder.absolute())
    project = reading.project()
    if reading.problems or project is None:
        raise ProjectBroken(folder, reading.problems)
    return project


class _Reading:
    """Reads on after a mistake, as far as that makes sense."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.problems: list[str] = []

    def project(self) -> Project | None:
        specs = self._specs()
        section = self._section(self._tables(FILE), ProjectSection, FILE, "")
        if section is None:
            return None
        datasets = [self._dataset(name, table) for name, table in section.datasets.items()]
        found = tuple(each for each in datasets if each is not None)
        return Project(self._folder, section.name, found, specs)

    def _tables(self, file: str) -> dict[str, Any]:
        try:
            return tomllib.loads(self._text(file))
        except tomllib.TOMLDecodeError as error:
            self.problems.append(f"{file}: not valid TOML: {error}.")
        except InvalidInput as error:
            self.problems.append(error.message)
        return {"name": "unknown"}

    def _text(self, file: str) -> str:
        try:
            return (self._folder / file).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidInput(f"{file}: not UTF-8 text (byte {error.start}).") from error
        except OSError as error:
            raise InvalidInput(f"{file}: cannot be read ({error.strerror}).") from error

    def _section(self, table: Any, kind: type[S], file: str, place: str) -> S | None:
        """The table as `kind`, every mistake in it noted; None where there is one."""
        if not isinstance(table, dict):
            self.problems.append(f"{file}: {place} must be a table.")
            return None
        before = len(self.problems)
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for key in (key for key in table if key not in fields):
            self.problems.append(f"{file}: {_at(place, key)} is not a known key{did_you_mean(key, fields)}.")
        values = {
            key: self._value(table[key], field.type, file, _at(place, key))
            for key, field in fields.items()
            if key in table
        }
        missing = [key for key, field in fields.items() if field.required and key not in table]
        self.problems += [f"{file}: {_at(place, key)} is missing." for key in missing]
        return kind(**values) if len(self.problems) == before else None

    def _value(self, value: Any, kind: Any, file: str, place: str) -> Any:
        for struct in (ReadOptions, WatchSection):
            if kind in (struct, struct | None):
                return self._section(value, struct, file, place)
        try:
            return msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            text, _, path = str(error).partition(" - at `$")
            self.problems.append(f"{file}: {place}{path.rstrip('`')}: {text[:1].lower()}{text[1:]}.")
            return None

    def _dataset(self, name: str, table: Any) -> DatasetFiles | None:
        place = f"datasets.{name}"
        section = self._section(table, DatasetSection, FILE, place)
        before = len(self.problems)
        if section is None or not self._is_fine(place, lambda: check_dataset_name(name)):
            return None
        source = self._source(section.source, f"{place}.source")
        contract = self._contract(section.contract) if section.contract else None
        watch = self._watch(name, section, section.watch) if section.watch else None
        return DatasetFiles(name, source, section, contract, watch) if len(self.problems) == before else None

    def _is_fine(self, place: str, check: Any) -> bool:
        try:
            check()
        except AppError as error:
            self.problems.append(f"{FILE}: {place}: {error.message}")
            return False
        return True

    def _source(self, source: str, place: str) -> str:
        if "://" not in source:
            return str(self._folder / source) if source and not source.startswith("log:") else source
        try:
            has_password = urlsplit(source).password is not None
        except ValueError:
            has_password = False
        if has_password:  # it would go into Git and into the journal
            self.problems.append(f"{FILE}: {place} holds a password; keep it in the system's keyring.")
        return source

    def _contract(self, file: str) -> ContractFile | None:
        try:
            text = self._text(file)
            return ContractFile(file, text, from_toml(text, file))
        except InvalidInput as error:
            self.problems.append(error.message)
            return None

    def _watch(self, name: str, section: DatasetSection, watch: WatchSection) -> Watch | None:
        wanted = Watch(
            name=name,
            folder=str(self._folder / watch.folder),
            pattern=watch.pattern,
            dataset=name,
            settings=section.plain_options,
            is_paused=watch.is_paused,
            time_column=section.time_column,
        )
        try:
            return checked(wanted)
        except InvalidInput as error:
            self.problems.append(f"{FILE}: datasets.{name}.watch: {error.message}")
            return None

    def _specs(self) -> tuple[SpecFile, ...]:
        found: dict[str, SpecFile] = {}
        for path in sorted((self._folder / SPECS).glob("*.toml")):
            file = f"{SPECS}/{path.name}"
            try:
                settings = settings_of(load_spec(path))
                check_whole(settings)
            except AppError as error:
                self.problems.append(f"{SPECS}/{error.message}")
                continue
            spec = SpecFile(file, self._text(file), settings)
            if spec.name in found:
                self.problems.append(f"{file}: model.name: {spec.name} is the model of {found[spec.name].file} too.")
            found[spec.name] = spec
        return tuple(found.values())


def _at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
