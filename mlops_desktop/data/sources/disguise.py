"""Files that are not what their name says: told by their first bytes."""

from __future__ import annotations

from mlops_desktop.core.errors import InvalidInput

_SIGNS = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd"),
    (b"BZh", "compressed with bzip2"),
    (b"\xfd7zXZ", "compressed with xz"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"SQLite format 3", "an SQLite database"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\x89HDF", "an HDF5 file"),
)
_PAGES = (b"<!doctype html", b"<html")


def check_is_text(start: bytes, name: str) -> None:
    """Raise `InvalidInput` where a file that should be text is, by its first bytes, something else."""
    is_page = start.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower().startswith(_PAGES)
    found = "a web page (HTML)" if is_page else next((what for sign, what in _SIGNS if start.startswith(sign)), "")
    if found:
        raise InvalidInput(
            f"{name} is not text: it is {found}.",
            hint="Download the file itself." if is_page else "Give the file the extension of what it is.",
        )
