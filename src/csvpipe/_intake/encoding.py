"""Which bytes are which characters, and whether workers can read them as they lie.

Workers cut files at bytes, so the local file is UTF-8 or a single-byte superset of ASCII. Anything else, such as UTF-16
or Shift JIS (whose trail bytes may be ASCII), is transcoded to UTF-8 in the spool.
"""

from __future__ import annotations

import codecs
from typing import Final

import attrs

from csvpipe.errors import EncodingUnknownError, FileCode, FileError

UTF8: Final = "utf-8"

#: Longest first: the mark of UTF-32-LE starts with that of UTF-16-LE.
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, UTF8),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

#: First bytes of formats that people upload in place of CSV.
_MAGIC: Final = (
    (b"PK\x03\x04", "a ZIP archive, or an Excel or OpenDocument workbook", "save the sheet as CSV, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"%PDF-", "a PDF document", "export the table as CSV"),
    (b"\x89PNG", "a PNG picture", "submit the CSV file itself"),
    (b"\xff\xd8\xff", "a JPEG picture", "submit the CSV file itself"),
    (b"PAR1", "a Parquet file", "export it as CSV"),
    (b"SQLite format 3\0", "an SQLite database", "export the table as CSV"),
    (b"\x1f\x8b", "a gzip file", "decompress it first"),
    (b"BZh", "a bzip2 file", "decompress it first"),
    (b"\xfd7zXZ\0", "an xz file", "decompress it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "decompress it first"),
)

#: Share of NUL bytes above which a text is none, or is UTF-16.
_NUL_SHARE: Final = 0.05

_ERRORS: Final = "csvpipe.undecodable"


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if isinstance(error, UnicodeDecodeError):
        return "\udcff", error.end
    raise error


# A byte that no text has, 0xFF, stands in UTF-8 for what could not be decoded: so it costs its row, not the file.
codecs.register_error(_ERRORS, _mark_undecodable)


@attrs.frozen(kw_only=True)
class Encoding:
    """A codec of this Python.

    Attributes:
        name: Python's own spelling.
        is_direct: Whether workers can read the file as it lies.
    """

    name: str
    is_direct: bool


def resolve_encoding(name: str) -> Encoding:
    """Look up a stated encoding.

    Raises:
        EncodingUnknownError: This Python has no such text encoding.
    """
    try:
        codec = codecs.lookup(name)
        b"".decode(codec.name)
    except (LookupError, ValueError, TypeError):
        raise EncodingUnknownError(str(name)) from None
    plain = UTF8 if codec.name in (UTF8, "utf-8-sig") else codec.name
    return Encoding(name=plain, is_direct=plain == UTF8 or _is_ascii_superset(plain))


def _is_ascii_superset(name: str) -> bool:
    """Whether every byte is one character, and the first 128 are ASCII."""
    try:
        every = bytes(range(256)).decode(name, "replace")
    except (UnicodeError, ValueError):
        return False
    return len(every) == 256 and every[:128] == bytes(range(128)).decode("ascii")


def marked_encoding(head: bytes) -> str | None:
    """The encoding that a byte order mark at the start of the file states, or None."""
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name
    return None


def check_is_text(head: bytes, place: str) -> None:
    """Refuse what is known not to be text; `head` is the start of the file.

    Raises:
        FileError: `binary`, with what the file is.
    """
    for magic, what, way_out in _MAGIC:
        if head.startswith(magic):
            raise FileError(FileCode.BINARY, f"{place}: this is {what}, no CSV; {way_out}")
    if marked_encoding(head) is None and head.count(0) > len(head) * _NUL_SHARE:
        raise FileError(
            FileCode.BINARY,
            f"{place}: this looks like binary data, no CSV; if it is UTF-16 or UTF-32 text, say encoding='utf-16-le' "
            "or whichever it is",
        )


def check_decodes(head: bytes, place: str, *, is_whole: bool) -> None:
    """See whether a file without a stated encoding is UTF-8, as far as its start can tell.

    Args:
        head: The start of the file.
        place: Names the file in messages.
        is_whole: Whether `head` is all of it; otherwise its last character may be cut.

    Raises:
        FileError: `encoding`, with line and byte offset.
    """
    try:
        codecs.getincrementaldecoder(UTF8)().decode(head, final=is_whole)
    except UnicodeDecodeError as error:
        before = head[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        line = before.count(b"\n") + 1
        raise FileError(
            FileCode.ENCODING,
            f"{place}: line {line}: byte 0x{head[error.start]:02X} at offset {error.start} is not UTF-8; "
            "say what the encoding is, for instance encoding='cp1252' for files from Excel on Windows",
        ) from None


class Transcoder:
    """Bytes of any encoding in, UTF-8 out, block by block."""

    def __init__(self, encoding: str) -> None:
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_ERRORS)
        self._is_first = True

    def feed(self, block: bytes, *, final: bool = False) -> bytes:
        """The UTF-8 text of `block`, without a byte order mark; `final` flushes what is left."""
        text = self._decoder.decode(block, final)
        if self._is_first and text:
            text, self._is_first = text.removeprefix("\ufeff"), False
        return text.encode(UTF8, "surrogateescape")
