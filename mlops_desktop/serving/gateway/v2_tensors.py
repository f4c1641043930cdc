"""Binary tensors of Open Inference Protocol V2: little-endian numbers, and texts behind their length."""

from __future__ import annotations

import struct
from typing import Any

from mlops_desktop.serving.gateway.faults import HttpError

CODES = {
    "BOOL": "?", "FP16": "e", "FP32": "f", "FP64": "d", "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
}  # fmt: skip
DATATYPES = frozenset(CODES) | {"BYTES"}


def decode_tensor(datatype: str, raw: bytes | memoryview, count: int, where: str) -> list[Any]:
    """`count` values of the datatype. Raises `HttpError` 400, beginning with `where`, when `raw` is anything else."""
    if datatype == "BYTES":
        return _texts(raw, count, where)
    wanted = struct.calcsize(f"<{CODES[datatype]}") * count
    if len(raw) != wanted:
        raise HttpError(400, f"{where} has {len(raw):,} bytes where {count:,} values of {datatype} take {wanted:,}.")
    return list(struct.unpack(f"<{count}{CODES[datatype]}", raw))


def _texts(raw: bytes | memoryview, count: int, where: str) -> list[Any]:
    values: list[Any] = []
    place, end, content = 0, len(raw), bytes(raw)
    while place < end and len(values) < count:
        if place + 4 > end:
            break
        length = int.from_bytes(content[place : place + 4], "little")
        place += 4
        if place + length > end:
            break
        try:
            values.append(content[place : place + length].decode())
        except UnicodeDecodeError:
            raise HttpError(400, f"{where}, row {len(values)}: the text is not UTF-8.") from None
        place += length
    if len(values) != count or place != end:
        raise HttpError(400, f"{where} does not hold {count:,} texts, each behind its length.")
    return values


def encode_tensor(datatype: str, values: list[Any]) -> bytes:
    """The values as the protocol has them in bytes; texts as UTF-8."""
    if datatype != "BYTES":
        return struct.pack(f"<{len(values)}{CODES[datatype]}", *values)
    texts = [str(value).encode() for value in values]
    return b"".join(part for text in texts for part in (len(text).to_bytes(4, "little"), text))
