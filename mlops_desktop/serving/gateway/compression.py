"""Bodies with `Content-Encoding: gzip` or `deflate`, both ways and with a bound on what they unpack to."""

from __future__ import annotations

import zlib

from mlops_desktop.serving.gateway.faults import HttpError

ENCODINGS = {"gzip": 31, "deflate": 15}
SMALLEST_BYTES = 4096
_LEVEL = 1  # on one machine only speed counts


def decompressed(body: bytes | memoryview, encoding: str, limit: int) -> bytes | None:
    """The body unpacked, None when that is more than `limit` bytes. Raises `HttpError` 400 when it is damaged."""
    unpacker = zlib.decompressobj(ENCODINGS[encoding])
    try:
        if encoding == "deflate" and bytes(body[:1]) and body[0] & 15 != 8:
            unpacker = zlib.decompressobj(-15)  # some clients leave zlib's header out
        content = unpacker.decompress(body, limit)
        if unpacker.unconsumed_tail or (not unpacker.eof and len(content) == limit):
            return None
        if not unpacker.eof:
            raise HttpError(400, f"The body ends before its {encoding} compression does.")
    except zlib.error:
        raise HttpError(400, f"The body is not what {encoding} compression makes.") from None
    if unpacker.unused_data:
        raise HttpError(400, f"There is something behind the end of the {encoding} compression.")
    return content


def compressed(content: bytes | memoryview, encoding: str) -> bytes:
    """The content packed."""
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, ENCODINGS[encoding])
    return packer.compress(content) + packer.flush()


def chosen(accept_encoding: str) -> str:
    """What of ours a client's `Accept-Encoding` allows first, empty for none."""
    for part in accept_encoding.lower().split(","):
        name, _, quality = part.partition(";")
        if name.strip() in ENCODINGS and quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000"):
            return name.strip()
    return ""
