"""A prediction as an Arrow table: one row per row of the request."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from mlops_desktop.serving.gateway.calls import ARROW_FILE_TYPE, ARROW_TYPE, Answer, Encoded, Form


def encode_table(answer: Answer, form: Form) -> Encoded:
    """Columns `prediction`, `score`, one `probability_<class>` per class, `version` and `inference_id`."""
    rows = len(answer.scores)
    columns: dict[str, pa.Array] = {
        "prediction": pa.array(answer.predictions),
        "score": pa.array(answer.scores, pa.float64()),
    }
    for name, values in answer.columns_of_probabilities().items():
        columns[f"probability_{name}"] = pa.array(values, pa.float64())
    columns["version"] = pa.repeat(pa.scalar(answer.version, pa.int32()), rows)
    columns["inference_id"] = pc.binary_join_element_wise(answer.id, pa.array(range(rows)).cast(pa.string()), "/")
    about = {"id": answer.id, "model": answer.model, "version": str(answer.version), "role": answer.role}
    table = pa.table(columns).replace_schema_metadata(about)
    is_file = ARROW_FILE_TYPE in (form.accept or form.content_type) and ARROW_TYPE not in form.accept
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if is_file else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table)
    return Encoded(sink.getvalue().to_pybytes(), ARROW_FILE_TYPE if is_file else ARROW_TYPE)
