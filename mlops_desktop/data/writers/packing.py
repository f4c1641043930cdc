"""Compress what is written, by the extension of its name."""

from __future__ import annotations

import gzip
import zipfile
from contextlib import ExitStack
from typing import BinaryIO, cast

import zstandard

SUFFIXES = (".gz", ".zst", ".zip")


def packed(stack: ExitStack, sink: BinaryIO, suffix: str, name: str) -> BinaryIO:
    """A file that compresses into `sink`; `name` is that of the file inside of a ZIP. Closed by `stack`.

    No times are written, so that the same rows give the same bytes.
    """
    if suffix == ".gz":
        return cast(BinaryIO, stack.enter_context(gzip.GzipFile("", "wb", 6, sink, mtime=0)))
    if suffix == ".zst":
        writer = zstandard.ZstdCompressor(level=3).stream_writer(sink, closefd=False)
        return cast(BinaryIO, stack.enter_context(writer))
    if suffix == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED))
        member = zipfile.ZipInfo(name)
        member.compress_type = zipfile.ZIP_DEFLATED
        member.external_attr = 0o644 << 16
        return cast(BinaryIO, stack.enter_context(archive.open(member, "w", force_zip64=True)))
    return sink
