"""The encoding of text: found out from its start, and undone as a stream."""

from __future__ import annotations

import codecs
import io
import re
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

from mlops_desktop.core.errors import InvalidInput

SAMPLE = 1 << 22
_MARKS = (  # UTF-32 first: its mark begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WITHOUT_MARK = {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf8": "utf-8", "ascii": "utf-8"}
_LEGACY = ["cp1252", "big5", "gb18030", "cp932", "cp949", "euc_jp", "cp1250", "cp1251", "koi8_r", "cp1253"]
_MULTIBYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_EVIDENCE = 1 << 16


def found_encoding(sample: bytes) -> str:
    """The encoding of a text by its first bytes, as Python names it; UTF-8 where nothing else is more likely."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            return name
    return _zero_pattern(sample[:4096]) or ("utf-8" if _is_utf8(sample) else _legacy(sample))


def guess_warnings(encoding: str, given: str) -> list[str]:
    """What to say where an encoding was not given and cannot be told for sure."""
    if given or encoding.startswith("utf"):
        return []
    return [f"The text is read as {encoding}; set the encoding if letters look wrong."]


def mark_of(sample: bytes, encoding: str) -> bytes:
    """The byte order mark that a text in `encoding` starts with, if any."""
    return next((mark for mark, name in _MARKS if name == encoding and sample.startswith(mark)), b"")


def known_encoding(name: str, sample: bytes) -> str:
    """The encoding that a person gave, with its byte order as the mark has it. Raises `InvalidInput`."""
    try:
        plain = codecs.lookup(name).name
    except LookupError as error:
        raise InvalidInput(
            f"There is no encoding {name!r}.", hint="Give one such as utf-8, utf-16, cp1252, big5 or shift_jis."
        ) from error
    if plain in ("utf-16", "utf-32"):
        marked = found_encoding(sample)
        return marked if marked.startswith(plain) else _WITHOUT_MARK[plain]
    return _WITHOUT_MARK.get(plain, plain)


def _zero_pattern(start: bytes) -> str:
    """UTF-16 and UTF-32 without a mark, told by where their zeros are."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    half = len(start) // 2
    if half < 2 or even + odd < half * 0.4:
        return ""
    if min(even, odd) > half * 0.4:
        return "utf-32-be" if start[:2] == b"\0\0" else "utf-32-le"
    if min(even, odd) > half * 0.1:
        return ""  # zeros anywhere: not text at all
    return "utf-16-be" if even > odd else "utf-16-le"


def _is_utf8(sample: bytes) -> bool:
    """Also where it is cut inside of a character, or where only few of many characters are broken."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        proper = len(_MULTIBYTE.findall(sample))
        strange = sum(byte > 127 for byte in _MULTIBYTE.sub(b"", sample))
        return proper > 2 * strange
    return True


def _legacy(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    # Lines of plain ASCII say nothing, and would hide the few that do.
    telling = b"\n".join(line for line in sample.split(b"\n") if not line.isascii())[:_EVIDENCE]
    found = list(from_bytes(telling[: telling.rfind(b"\n") + 1] or telling, cp_isolation=_LEGACY))
    if not found:
        return "cp1252" if _decodes(telling, "cp1252") else "latin-1"
    best = min((match.chaos, -match.coherence) for match in found)
    likely = [match for match in found if (match.chaos, -match.coherence) == best]
    names = [match.encoding for match in likely]
    if any("cp1252" in match.could_be_from_charset for match in likely):
        names.insert(0, "cp1252")
    return next((name for name in names if _decodes(telling, name)), "utf-8")  # broken UTF-8 rather than broken Big5


def _decodes(content: bytes, encoding: str) -> bool:
    """Also where it is cut inside of a character."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(content)
    except UnicodeDecodeError:
        return False
    return True


class Utf8Stream(io.RawIOBase):
    """A text file as UTF-8 without a byte order mark, read as a stream.

    Raises `InvalidInput` with its line where the text holds a NUL or is not in `encoding`. Text that is UTF-8 already
    is not decoded here: its reader does that.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self._path, self._name, self._encoding = path, path.name, encoding
        self._file: BinaryIO = path.open("rb")
        self._file.seek(len(mark_of(self._file.read(4), encoding)))
        self._is_utf8 = encoding == "utf-8"
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes of UTF-8; nothing at the end."""
        if size < 0:
            return b"".join(iter(lambda: self.read(SAMPLE), b""))
        block = self._file.read(size) if self._is_utf8 else self._decoded(size)
        if b"\0" in block:
            raise InvalidInput(
                f"{self._name}, line {self._line_of_nul()} holds a NUL character: it is damaged or not text.",
                hint="Save the file as text again, or set its encoding.",
            )
        self.seen(block)
        return block

    def seen(self, block: bytes) -> None:
        """Called with each block that is read."""

    def _line_of_nul(self) -> int:
        with lines_of(self._path, self._encoding) as lines:
            return next((number for number, line in enumerate(lines, 1) if "\0" in line), 0)

    def _decoded(self, size: int) -> bytes:
        while len(self._ready) < size:
            raw = self._file.read(size)
            self._ready += self._as_utf8(raw)
            if not raw:
                break
        block, self._ready = self._ready[:size], self._ready[size:]
        return block

    def _as_utf8(self, raw: bytes) -> bytes:
        try:
            return self._decoder.decode(raw, final=not raw).encode()
        except UnicodeError as error:
            raise not_in_encoding(self._path, self._encoding) from error


def lines_of(path: Path, encoding: str) -> TextIOWrapper:
    """The text's lines, with what cannot be decoded replaced and line ends as they are; to be closed."""
    file = path.open("rb")
    file.seek(len(mark_of(file.read(4), encoding)))
    return TextIOWrapper(file, encoding, errors="replace", newline="")


def not_in_encoding(path: Path, encoding: str) -> InvalidInput:
    """What to say of a text that is not in its encoding: the first line where that shows, and the byte in it."""
    where = path.name
    with path.open("rb") as file:
        file.seek(len(mark_of(file.read(4), encoding)))
        decoder, number, column = codecs.getincrementaldecoder(encoding)(), 1, 1
        while block := file.read(SAMPLE):
            try:
                text = decoder.decode(block)
            except UnicodeDecodeError as error:
                good = error.object[: error.start]
                number += good.decode(encoding, "replace").count("\n")
                start = good.rfind(b"\n") + 1
                where = f"{path.name}, line {number}, byte {len(good) - start + (column if not start else 1)}"
                break
            number += text.count("\n")
            column = len(block) - block.rfind(b"\n") if b"\n" in block else column + len(block)
        else:
            where = f"{path.name} ends in the middle of a character: it"
    name = "UTF-8" if encoding == "utf-8" else encoding
    return InvalidInput(
        f"{where} is not {name} text.", hint="Save the file as UTF-8, or set the encoding that it was saved in."
    )


def later_encoding(path: Path) -> str:
    """The encoding of a text that began as UTF-8 and does not go on so; nothing where it is broken UTF-8."""
    decoder, proper = codecs.getincrementaldecoder("utf-8")(), 0
    with path.open("rb") as file:
        while block := file.read(SAMPLE):
            proper += len(_MULTIBYTE.findall(block)) if not block.isascii() else 0
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                good = len(_MULTIBYTE.findall(error.object[: error.start])) + proper - len(_MULTIBYTE.findall(block))
                found = "utf-8" if good > 2 else found_encoding(block)
                return "" if found == "utf-8" else found
    return ""
