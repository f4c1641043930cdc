"""How many cells of a sheet hold an error such as #DIV/0!: the reader of workbooks gives them as empty ones."""

from __future__ import annotations

import re
import zipfile
from html import unescape
from pathlib import Path

_BLOCK = 1 << 20
_CELL = re.compile(rb'<c [^<>]*\bt="e"[^<>]*>')
_LONGEST_TAG = 200


def error_cells(path: Path, sheet: str) -> int:
    """The number of such cells in a sheet of an .xlsx or .xlsm workbook; 0 for other kinds of workbook."""
    if not zipfile.is_zipfile(path):
        return 0
    with zipfile.ZipFile(path) as archive:
        part = _part_of(archive, sheet)
        if part not in archive.namelist():
            return 0
        count, rest = 0, b""
        with archive.open(part) as stream:
            while block := stream.read(_BLOCK):
                text = rest + block
                found = list(_CELL.finditer(text))
                count += len(found)
                rest = text[max(found[-1].end() if found else 0, len(text) - _LONGEST_TAG) :]
    return count


def _part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The name of the file in the workbook that a sheet is in; empty where it is not built like that."""
    try:
        book = archive.read("xl/workbook.xml").decode()
        relations = archive.read("xl/_rels/workbook.xml.rels").decode()
    except KeyError:
        return ""
    identifier = next(
        (
            _attribute(tag, "id")
            for tag in re.findall(r"<(?:\w+:)?sheet [^>]*>", book)
            if _attribute(tag, "name") == sheet
        ),
        "",
    )
    tags = re.findall(r"<Relationship [^>]*>", relations)
    target = next((_attribute(tag, "Target") for tag in tags if _attribute(tag, "Id") == identifier), "")
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _attribute(tag: str, name: str) -> str:
    found = re.search(rf'[\s:]{name}="([^"]*)"', tag)
    return unescape(found[1]) if found else ""
