"""Files that people upload in place of CSV, recognised by their bytes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from csvpipe.errors import FileCode, FileError

_AS_CSV: Final = "export the table as CSV"
_SHEET: Final = "save the sheet as CSV"
_ITSELF: Final = "submit the CSV file itself"
_ONCE: Final = "it is compressed twice, so unpack it first"
#: The way out where NULs may be half of every character.
SAY_UTF16: Final = "if the file is UTF-16 or UTF-32 text, say encoding='utf-16-le' or whichever it is"
_ZIP: Final = b"PK\x03\x04"

#: First bytes, what has them, and the way out. None of them can begin a CSV file that anybody writes: where the well
#: known mark is plain text (`PAR1`, `FEA1`), the bytes that always follow it belong to it.
_MARKS: Final = (
    (b"PK\x05\x06", "an empty ZIP archive", _ITSELF),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", _SHEET),
    (b"\x09\x08\x10\x00\x00\x06", "an old Excel workbook", _SHEET),
    (b"%PDF-", "a PDF document", _AS_CSV),
    (b"{\\rtf1", "an RTF document", _AS_CSV),
    (b"\x89PNG", "a PNG picture", _ITSELF),
    (b"\xff\xd8\xff", "a JPEG picture", _ITSELF),
    (b"GIF87a", "a GIF picture", _ITSELF),
    (b"GIF89a", "a GIF picture", _ITSELF),
    (b"PAR1\x15", "a Parquet file", _AS_CSV),
    (b"ARROW1\0\0", "an Arrow file", _AS_CSV),
    (b"FEA1\0\0\0\0", "a Feather file", _AS_CSV),
    (b"Obj\x01", "an Avro file", _AS_CSV),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file", _AS_CSV),
    (b"SQLite format 3\0", "an SQLite database", _AS_CSV),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
    # What is compressed once has been unpacked by now.
    (b"\x1f\x8b\x08", "gzip data within a compressed file", _ONCE),
    *((b"BZh%d1AY&SY" % level, "bzip2 data within a compressed file", _ONCE) for level in range(1, 10)),
    (b"\xfd7zXZ\0", "xz data within a compressed file", _ONCE),
    (b"\x28\xb5\x2f\xfd", "zstd data within a compressed file", _ONCE),
    (b"\x7fELF", "a program", _ITSELF),
)

_ALL_MARKS: Final = tuple(mark for mark, *_ in _MARKS)

#: The inner name of a ZIP archive's first entries, and what has it.
_ZIPPED: Final = (
    (b"[Content_Types].xml", "an Office document or workbook", _SHEET),
    (b"xl/", "an Excel workbook", _SHEET),
    (b"word/", "a Word document", _AS_CSV),
    (b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet", "an OpenDocument spreadsheet", _SHEET),
    (b"mimetypeapplication/vnd.oasis.opendocument", "an OpenDocument document", _AS_CSV),
)

#: How a text begins that is no table, once spaces and a byte order mark are gone, in small letters.
_MARKUP: Final = (
    (b"<!doctype html", "an HTML page", "perhaps the page of an error or a login; download the file again"),
    (b"<html", "an HTML page", "perhaps the page of an error or a login; download the file again"),
    (b"<?xml", "an XML document", _AS_CSV),
)

#: Below the tabulator no byte is text.
_LEAST_TEXT: Final = 9

#: How a header begins that is JSON: an object or a list of them, or its bracket alone in a line.
_JSON: Final = re.compile(r'\s*(?:\[\s*)?\{\s*(?:"[^"]*"\s*:|\Z)|\s*\[\s*\Z')

_TAR_AT: Final = 257
_TAR: Final = b"ustar"

#: So many bytes are enough for `check_marks`.
MARK_BYTES: Final = 4096

#: Above this share, and this number, of NUL characters a file is no text, or it is UTF-16. A few cells with a NUL in
#: them are no reason to refuse a small file.
_NUL_SHARE: Final = 0.05
_NUL_COUNT: Final = 8

#: None of these is in a text. Others are: some files have 0x01, 0x02 or 0x1C to 0x1F between their cells.
_CONTROLS: Final = bytes((0, *range(3, 9), *range(14, 26), 0x7F))


def check_marks(head: bytes, place: str) -> None:
    """Refuse what its first bytes show to be something else; `head` is the start of the bytes, unpacked.

    Raises:
        FileError: `binary`, with what the file is and what to do.
    """
    if (found := _recognised(head)) is not None:
        what, way_out = found
        raise FileError(FileCode.BINARY, f"{place}: this is {what}, no CSV; {way_out}")


def _recognised(head: bytes) -> tuple[str, str] | None:
    """What the file is, and the way out."""
    if head.startswith(_ZIP):
        return _zipped(head[:MARK_BYTES])
    if head.startswith(_ALL_MARKS):
        return next((what, way_out) for mark, what, way_out in _MARKS if head.startswith(mark))
    if head.startswith(_TAR, _TAR_AT):
        return "a tar archive", "unpack it, and submit the CSV files in it"
    if head.startswith(b"ORC") and any(byte < _LEAST_TEXT for byte in head[3:32]):
        return "an ORC file", _AS_CSV
    if head.startswith(b"\0\0\0") and head.startswith(b"ftyp", 4):
        return "a film", _ITSELF
    return _marked_up(head[:MARK_BYTES])


def _marked_up(head: bytes) -> tuple[str, str] | None:
    begin = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    for mark, what, way_out in _MARKUP:
        if begin.startswith(mark):
            is_sheet = b"urn:schemas-microsoft-com:office:spreadsheet" in head
            return ("an XML spreadsheet", _SHEET) if is_sheet else (what, way_out)
    return None


def _zipped(head: bytes) -> tuple[str, str]:
    for mark, what, way_out in _ZIPPED:
        if mark in head:
            return what, way_out
    return "a ZIP archive", "unpack it, and submit the CSV file itself"


def check_json(columns: Sequence[str], place: str) -> None:
    """Refuse a file whose header, which nobody can use, is the beginning of JSON. With other headers it may be a table.

    Raises:
        FileError: `binary`.
    """
    if _JSON.match(",".join(columns)):
        raise FileError(FileCode.BINARY, f"{place}: this is JSON, no CSV; {_AS_CSV}")


def has_many_nuls(head: bytes) -> bool:
    """Whether there are more NULs than a text may have in some of its cells."""
    return head.count(0) > max(len(head) * _NUL_SHARE, _NUL_COUNT)


def check_nuls(head: bytes, place: str) -> None:
    """Refuse what has too many NULs for a text.

    Raises:
        FileError: `binary`.
    """
    if has_many_nuls(head):
        raise FileError(
            FileCode.BINARY, f"{place}: this looks like binary data, no CSV: it is full of NUL bytes; {SAY_UTF16}"
        )


def check_controls(head: bytes, place: str) -> None:
    """Refuse what has too many control characters for a text.

    Raises:
        FileError: `binary`.
    """
    if len(head) - len(head.translate(None, _CONTROLS)) > max(len(head) * _NUL_SHARE, _NUL_COUNT):
        raise FileError(
            FileCode.BINARY,
            f"{place}: this looks like binary data, no CSV: it is full of control characters; {_ITSELF}",
        )
