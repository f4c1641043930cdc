"""A prediction as an Arrow table: one row per row of the request."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.serving.frames import BulkJob
from mlops_desktop.serving.gateway.calls import ARROW_FILE_TYPE, ARROW_TYPE, Encoded
from mlops_desktop.serving.log_tables import prediction_array
from mlops_desktop.serving.outcomes import Outcome


def encode_table(outcome: Outcome, job: BulkJob) -> Encoded:
    """Columns `prediction`, `score`, one `probability_<class>` per class, `version` and `inference_id`."""
    rows = len(outcome.scores)
    columns: dict[str, pa.Array] = {"prediction": prediction_array(outcome), "score": pa.array(outcome.scores)}
    for place, name in enumerate(outcome.classes):
        columns[f"probability_{name}"] = pa.array(np.ascontiguousarray(outcome.probabilities[:, place]))
    columns["version"] = pa.array(np.full(rows, job.version, np.int32))
    columns["inference_id"] = pc.binary_join_element_wise(job.id, pa.array(np.arange(rows)).cast(pa.string()), "/")
    about = {"id": job.id, "model": job.model, "version": str(job.version), "role": job.role}
    table = pa.table(columns).replace_schema_metadata(about)
    asked = job.form.accept if job.form.accept not in ("", "*/*") else job.form.content_type
    is_file = ARROW_FILE_TYPE in asked and ARROW_TYPE not in asked
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if is_file else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table)
    return Encoded(sink.getvalue().to_pybytes(), ARROW_FILE_TYPE if is_file else ARROW_TYPE)
