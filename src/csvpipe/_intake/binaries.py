"""Files that people upload in place of CSV, recognised by their bytes."""

from __future__ import annotations

from typing import Final

from csvpipe.errors import FileCode, FileError

_UNPACK: Final = "decompress it first"

#: First bytes, what has them, and the way out. None of them can begin a CSV file that anybody writes: where the well
#: known mark is plain text (`BZh`, `PAR1`), the bytes that always follow it belong to it.
_MARKS: Final = (
    (b"PK\x03\x04", "a ZIP archive, or an Excel or OpenDocument workbook", "save the sheet as CSV, or unpack it"),
    (b"PK\x05\x06", "an empty ZIP archive", "submit the CSV file itself"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"%PDF-", "a PDF document", "export the table as CSV"),
    (b"\x89PNG", "a PNG picture", "submit the CSV file itself"),
    (b"\xff\xd8\xff", "a JPEG picture", "submit the CSV file itself"),
    (b"PAR1\x15", "a Parquet file", "export it as CSV"),
    (b"ARROW1\0\0", "an Arrow file", "export it as CSV"),
    (b"SQLite format 3\0", "an SQLite database", "export the table as CSV"),
    (b"\x1f\x8b", "a gzip file", _UNPACK),
    *((b"BZh%d1AY&SY" % level, "a bzip2 file", _UNPACK) for level in range(1, 10)),
    (b"\xfd7zXZ\0", "an xz file", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "a zstd file", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
)

#: So many bytes are enough for `check_marks`.
MARK_BYTES: Final = max(len(mark) for mark, _what, _way_out in _MARKS)

#: Above this share, and this number, of NUL characters a file is no text, or it is UTF-16. A few cells with a NUL in
#: them are no reason to refuse a small file.
_NUL_SHARE: Final = 0.05
_NUL_COUNT: Final = 8


def check_marks(head: bytes, place: str) -> None:
    """Refuse what its first bytes show to be something else; `head` is the start of the bytes as they arrive.

    Raises:
        FileError: `binary`, with what the file is and what to do.
    """
    for mark, what, way_out in _MARKS:
        if head.startswith(mark):
            raise FileError(FileCode.BINARY, f"{place}: this is {what}, no CSV; {way_out}")


def check_nuls(head: bytes, place: str) -> None:
    """Refuse what has too many NULs for a text; `head` is the start of the local file.

    Raises:
        FileError: `binary`.
    """
    if head.count(0) > max(len(head) * _NUL_SHARE, _NUL_COUNT):
        raise looks_binary(place)


def looks_binary(place: str) -> FileError:
    """The error for a file that has NULs where a text has none."""
    return FileError(
        FileCode.BINARY,
        f"{place}: this looks like binary data, no CSV; if it is UTF-16 or UTF-32 text, say encoding='utf-16-le' "
        "or whichever it is",
    )
