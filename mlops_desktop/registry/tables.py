"""The tables. Each row carries the columns it is looked up by and a `body`: its struct from `core` as JSON.

Classes are made per database, so that one process can hold several workspaces open.
"""

from __future__ import annotations

from typing import Any

from peewee import (
    BlobField,
    CharField,
    CompositeKey,
    FloatField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)

SCHEMA_VERSION = 1


class Tables:
    """The peewee models of one open database."""

    def __init__(self, database: SqliteDatabase) -> None:
        class Base(Model):
            class Meta:
                legacy_table_names = False

        class Meta(Base):
            key = CharField(primary_key=True)
            value = TextField()

        class Journal(Base):
            seq = IntegerField(primary_key=True)
            time = CharField(index=True)
            recorded = CharField()
            actor = CharField()
            kind = CharField(index=True)
            subject = CharField(index=True)
            payload = BlobField()
            previous = CharField()
            hash = CharField()

        class DatasetVersionRow(Base):
            id = CharField(primary_key=True)
            dataset = CharField()
            number = IntegerField()
            content_id = CharField(index=True)
            body = BlobField()

            class Meta:
                table_name = "dataset_version"
                indexes = ((("dataset", "number"), True),)

        class SpecRow(Base):
            id = CharField()
            name = CharField()
            number = IntegerField()
            body = BlobField()

            class Meta:
                table_name = "spec"
                primary_key = CompositeKey("name", "number")

        class RunRow(Base):
            id = CharField(primary_key=True)
            experiment = CharField(index=True)
            state = CharField(index=True)
            started = CharField(index=True)
            body = BlobField()

            class Meta:
                table_name = "run"

        class ModelVersionRow(Base):
            id = CharField(primary_key=True)
            model = CharField()
            number = IntegerField()
            run = CharField(index=True)
            body = BlobField()

            class Meta:
                table_name = "model_version"
                indexes = ((("model", "number"), True),)

        class AliasRow(Base):
            model = CharField()
            name = CharField()
            number = IntegerField()
            body = BlobField()

            class Meta:
                table_name = "alias"
                primary_key = CompositeKey("model", "name")

        class EndpointRow(Base):
            name = CharField(primary_key=True)
            body = BlobField()

            class Meta:
                table_name = "endpoint"

        class RolloutRow(Base):
            id = CharField(primary_key=True)
            endpoint = CharField(index=True)
            state = CharField(index=True)
            body = BlobField()

            class Meta:
                table_name = "rollout"

        class WindowRow(Base):
            id = CharField(primary_key=True)
            endpoint = CharField()
            kind = CharField()
            start = CharField()
            drift_score = FloatField()
            body = BlobField()

            class Meta:
                table_name = "monitoring_window"
                indexes = ((("endpoint", "kind", "start"), False),)

        class AlertRow(Base):
            id = CharField(primary_key=True)
            number = IntegerField(unique=True)
            endpoint = CharField()
            cause = CharField()
            state = CharField(index=True)
            body = BlobField()

            class Meta:
                table_name = "alert"

        class PipelineRunRow(Base):
            id = CharField(primary_key=True)
            pipeline = CharField(index=True)
            state = CharField(index=True)
            body = BlobField()

            class Meta:
                table_name = "pipeline_run"

        class ScheduleRow(Base):
            name = CharField(primary_key=True)
            body = BlobField()

            class Meta:
                table_name = "schedule"

        self.meta: Any = Meta
        self.journal: Any = Journal
        self.dataset_version: Any = DatasetVersionRow
        self.spec: Any = SpecRow
        self.run: Any = RunRow
        self.model_version: Any = ModelVersionRow
        self.alias: Any = AliasRow
        self.endpoint: Any = EndpointRow
        self.rollout: Any = RolloutRow
        self.window: Any = WindowRow
        self.alert: Any = AlertRow
        self.pipeline_run: Any = PipelineRunRow
        self.schedule: Any = ScheduleRow
        self.all: list[Any] = [
            Meta,
            Journal,
            DatasetVersionRow,
            SpecRow,
            RunRow,
            ModelVersionRow,
            AliasRow,
            EndpointRow,
            RolloutRow,
            WindowRow,
            AlertRow,
            PipelineRunRow,
            ScheduleRow,
        ]
        database.bind(self.all, bind_refs=False, bind_backrefs=False)
