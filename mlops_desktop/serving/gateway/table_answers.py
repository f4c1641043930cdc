"""A prediction as an Arrow table: one row per row of the request."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
    columns["inference_id"] = inference_ids(job.id, rows)
    about = {"id": job.id, "model": job.model, "version": str(job.version), "role": job.role}
    table = pa.table(columns).replace_schema_metadata(about)
    asked = job.form.accept if job.form.accept not in ("", "*/*") else job.form.content_type
    is_file = ARROW_FILE_TYPE in asked and ARROW_TYPE not in asked
    sink = pa.BufferOutputStream()
    with (pa.ipc.new_file if is_file else pa.ipc.new_stream)(sink, table.schema) as writer:
        writer.write_table(table)
    return Encoded(memoryview(sink.getvalue()), ARROW_FILE_TYPE if is_file else ARROW_TYPE)


def inference_ids(id: str, rows: int) -> pa.Array:
    """`<id>/<row>` for each row. Rows with numbers of equally many digits are one block of characters."""
    head = f"{id}/".encode()
    text = np.empty(rows * (len(head) + len(str(rows))), np.uint8)
    ends = np.zeros(rows + 1, np.int32)
    row = place = 0
    while row < rows:
        digits = len(str(row))
        block = _numbered(digits, len(head))[: rows - row]
        count, width = block.shape
        text[place : place + block.size] = block.ravel()
        heads: NDArray[Any] = np.ndarray(count, f"S{len(head)}", text, place, (width,))
        heads[:] = head
        ends[row + 1 : row + count + 1] = np.arange(place + width, place + block.size + 1, width)
        row, place = row + count, place + block.size
    return pa.StringArray.from_buffers(rows, pa.py_buffer(ends), pa.py_buffer(text[:place]))


@lru_cache(maxsize=6)
def _numbered(digits: int, indent: int) -> NDArray[np.uint8]:
    """All numbers of so many digits as characters behind an empty space; shape [numbers, indent + digits]."""
    numbers = np.arange(10 ** (digits - 1) if digits > 1 else 0, 10**digits, dtype=np.int32)
    block = np.zeros((len(numbers), indent + digits), np.uint8)
    for place in range(indent + digits - 1, indent - 1, -1):
        numbers, rest = numbers // 10, numbers
        block[:, place] = rest - numbers * 10 + ord("0")
    return block
