"""Large requests and tables: the worker reads, checks, predicts and answers them, and prepares what is to be logged."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Any

from mlops_desktop.core.models import Signature
from mlops_desktop.serving.arena import Arena, behind
from mlops_desktop.serving.frames import BulkJob, BulkResult, JobResult
from mlops_desktop.serving.gateway.calls import ARROW_TYPES, LARGEST_BYTES, Answer, Call, Codec, Encoded
from mlops_desktop.serving.gateway.checks import columns_in_order
from mlops_desktop.serving.gateway.compression import SMALLEST_BYTES, compressed, decompressed
from mlops_desktop.serving.gateway.faults import HttpError
from mlops_desktop.serving.gateway.invocations import InvocationsCodec
from mlops_desktop.serving.gateway.plain import PlainCodec
from mlops_desktop.serving.gateway.v2 import V2Codec
from mlops_desktop.serving.log_tables import log_table
from mlops_desktop.serving.outcomes import Outcome, outcome_of
from mlops_desktop.serving.predictors import Column, Predictor, tensors


class _WithoutPandas:
    """Keeps pandas out of workers that do without scikit-learn: pyarrow imports it when it first meets an array."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> None:
        del path, target
        if name == "pandas":
            raise ModuleNotFoundError("This process does without pandas.", name=name)


_CODECS: dict[str, Codec] = {codec.name: codec for codec in (PlainCodec(), V2Codec(), InvocationsCodec())}


def run_bulk(job: BulkJob, predictor: Predictor, signature: Signature, arena: Arena | None = None) -> JobResult:
    """Answer a request as a whole. What is wrong with it is an answer too, under the status of an error.

    A body that is in the shared memory `arena` is read where it lies; a large answer is laid behind it, and what is to
    be logged behind that.
    """
    if "pandas" not in sys.modules and "sklearn" not in sys.modules and _WithoutPandas not in sys.meta_path:
        sys.meta_path.insert(0, _WithoutPandas)
    try:
        return _run(job, predictor, signature, arena)
    except HttpError as problem:
        return JobResult([], [], problem.message, [], BulkResult(problem.status))
    except MemoryError:
        text = "The request takes more memory than one may; send fewer rows at a time."
        return JobResult([], [], text, [], BulkResult(413))
    except Exception as problem:
        traceback.print_exc()
        return JobResult([], [], f"The model failed: {type(problem).__name__}.")


def _run(job: BulkJob, predictor: Predictor, signature: Signature, arena: Arena | None) -> JobResult:
    codec = _CODECS[job.codec]
    job.form.features = tuple(feature.name for feature in signature.features)
    call = codec.decode(_body(job, arena), job.form)
    features, arrays = _inputs(call, signature, predictor, job)
    outcome = outcome_of(predictor.predict_arrays(arrays), signature, job.threshold)
    bad_row = outcome.first_bad_row
    if bad_row is not None:
        return JobResult([], [], f"The model gave no finite number for row {bad_row}.")
    encoded = _encoded(codec, outcome, call, job)
    keeps_body = job.is_logged and _is_loggable(job, call, features)
    logged = {} if keeps_body else features
    table = log_table(logged, outcome, call.entity_ids, job.redaction, job.key) if job.is_logged else memoryview(b"")
    content, place = memoryview(encoded.content), behind(job.shared)
    shared = _shared(arena, content, place)
    shared_table = _shared(arena, table, behind(place + shared))
    bulk = BulkResult(
        200, call.rows, call.client_id, memoryview(b"") if shared else content, encoded.content_type,
        encoded.headers or {}, memoryview(b"") if shared_table else table, place, shared, keeps_body, shared_table,
    )  # fmt: skip
    return JobResult([], [], "", [], bulk)


def _shared(arena: Arena | None, content: memoryview, place: int) -> int:
    return len(content) if arena is not None and arena.put(content, place) else 0


def _is_loggable(job: BulkJob, call: Call, features: dict[str, Any]) -> bool:
    """Whether the body is what would be logged: an Arrow table of the features alone, of which nothing is hidden."""
    if call.table is None or job.form.content_type not in ARROW_TYPES or job.form.encoding or job.redaction:
        return False
    given = {name: call.table.schema.field(name).type for name in call.table.column_names}
    return given == {name: column.type for name, column in features.items()}


def _body(job: BulkJob, arena: Arena | None) -> Any:
    body = arena.view(0, job.shared) if arena is not None and job.shared else job.body
    if not job.form.encoding:
        return body
    content = decompressed(body, job.form.encoding, LARGEST_BYTES)
    if content is None:
        raise HttpError(413, f"The body unpacks to more than {LARGEST_BYTES:,} bytes; send fewer rows at a time.")
    return content


def _inputs(
    call: Call, signature: Signature, predictor: Predictor, job: BulkJob
) -> tuple[dict[str, Any], Sequence[Column]]:
    """The features by name as they are to be logged, and as arrays for the model."""
    if call.table is None:
        columns = columns_in_order(call.columns, signature, job.rules)
        names = (feature.name for feature in signature.features)
        return dict(zip(names, columns, strict=True)), tensors(columns, predictor.dtypes)
    from mlops_desktop.serving.gateway.table_checks import array_of, features_of

    features = features_of(call.table, signature, job.rules, is_text=call.is_text)
    arrays = [array_of(column, dtype) for column, dtype in zip(features.values(), predictor.dtypes, strict=True)]
    return features, arrays


def _encoded(codec: Codec, outcome: Outcome, call: Call, job: BulkJob) -> Encoded:
    if codec.name == PlainCodec.name and job.form.wants_arrow:
        from mlops_desktop.serving.gateway.table_answers import encode_table

        encoded = encode_table(outcome, job)
    else:
        answer = Answer(
            job.id, call.client_id, job.model, job.endpoint, job.version, job.role, outcome.scores.tolist(),
            outcome.predictions, outcome.classes, outcome.probabilities.ravel().tolist(),
        )  # fmt: skip
        encoded = codec.encode(answer, call, job.form)
    if job.form.compress and len(encoded.content) >= SMALLEST_BYTES:
        encoded.content = compressed(encoded.content, job.form.compress)
        encoded.headers = (encoded.headers or {}) | {"Content-Encoding": job.form.compress}
    return encoded
