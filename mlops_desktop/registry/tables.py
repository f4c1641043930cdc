"""The tables. Each row carries the columns it is looked up by and a `body`: its struct from `core` as JSON.

Classes are made per database, so that one process can hold several workspaces open.
"""

from __future__ import annotations

from typing import Any

from peewee import BlobField, CharField, CompositeKey, Field, FloatField, IntegerField, Model, SqliteDatabase, TextField

SCHEMA_VERSION = 2


def _table(
    name: str,
    fields: dict[str, Field],
    *,
    primary: tuple[str, ...] = (),
    indexes: dict[tuple[str, ...], bool] | None = None,
) -> Any:
    """A peewee model. `indexes` tells for each group of columns whether it is unique."""
    options: dict[str, Any] = {"table_name": name, "indexes": tuple((indexes or {}).items())}
    if primary:
        options["primary_key"] = CompositeKey(*primary)
    metaclass: Any = type(Model)
    return metaclass(name, (Model,), {**fields, "Meta": type("Meta", (), options)})


def _rows(name: str, fields: dict[str, Field], **options: Any) -> Any:
    """A table of structs: its key columns and their `body`."""
    return _table(name, {**fields, "body": BlobField()}, **options)


def _id() -> Field:
    return CharField(primary_key=True)


def _key() -> Field:
    return CharField(index=True)


class Tables:
    """The peewee models of one open database."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._record()
        self._data()
        self._models()
        self._serving()
        self._work()
        self.all: list[Any] = list(vars(self).values())
        database.bind(self.all, bind_refs=False, bind_backrefs=False)

    def _record(self) -> None:
        self.meta = _table("meta", {"key": _id(), "value": TextField()})
        self.journal = _table(
            "journal",
            {
                "seq": IntegerField(primary_key=True),
                "time": _key(),
                "recorded": CharField(),
                "actor": CharField(),
                "kind": _key(),
                "subject": _key(),
                "payload": BlobField(),
                "previous": CharField(),
                "hash": CharField(),
            },
        )

    def _data(self) -> None:
        self.dataset_version = _rows(
            "dataset_version",
            {"id": _id(), "dataset": CharField(), "number": IntegerField(), "content_id": _key()},
            indexes={("dataset", "number"): True},
        )
        # What lists show and what may change, apart from the version's long body.
        self.dataset_line = _rows(
            "dataset_line",
            {
                "id": _id(),
                "dataset": CharField(),
                "number": IntegerField(),
                "content_id": CharField(),
                "is_archived": IntegerField(),
            },
            indexes={
                ("dataset", "number"): True,
                ("dataset", "is_archived", "number"): False,
                ("dataset", "content_id"): False,
            },
        )
        self.dataset_alias = _rows(
            "dataset_alias",
            {"dataset": CharField(), "name": CharField(), "number": IntegerField()},
            primary=("dataset", "name"),
        )
        self.dataset_tombstone = _rows(
            "dataset_tombstone",
            {"dataset": CharField(), "number": IntegerField(), "content_id": CharField()},
            primary=("dataset", "number"),
        )
        self.contract = _rows(
            "contract", {"dataset": CharField(), "number": IntegerField()}, primary=("dataset", "number")
        )
        self.watch = _rows("watch", {"name": _id()})

    def _models(self) -> None:
        self.spec = _rows(
            "spec", {"id": CharField(), "name": CharField(), "number": IntegerField()}, primary=("name", "number")
        )
        self.run = _rows("run", {"id": _id(), "experiment": _key(), "state": _key(), "started": _key()})
        self.model_version = _rows(
            "model_version",
            {"id": _id(), "model": CharField(), "number": IntegerField(), "run": _key()},
            indexes={("model", "number"): True},
        )
        self.alias = _rows(
            "alias", {"model": CharField(), "name": CharField(), "number": IntegerField()}, primary=("model", "name")
        )

    def _serving(self) -> None:
        self.endpoint = _rows("endpoint", {"name": _id()})
        self.rollout = _rows("rollout", {"id": _id(), "endpoint": _key(), "state": _key()})
        self.window = _rows(
            "monitoring_window",
            {
                "id": _id(),
                "endpoint": CharField(),
                "kind": CharField(),
                "start": CharField(),
                "drift_score": FloatField(),
            },
            indexes={("endpoint", "kind", "start"): False},
        )
        self.alert = _rows(
            "alert",
            {
                "id": _id(),
                "number": IntegerField(unique=True),
                "endpoint": CharField(),
                "cause": CharField(),
                "state": _key(),
            },
        )

    def _work(self) -> None:
        self.pipeline_run = _rows("pipeline_run", {"id": _id(), "pipeline": _key(), "state": _key()})
        self.schedule = _rows("schedule", {"name": _id()})
