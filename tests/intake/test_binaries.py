"""What is no CSV is refused by what it is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile

import pytest

from csvpipe._intake.binaries import MARK_BYTES, check_marks, check_nuls
from csvpipe.errors import FileCode, FileError


def _workbook() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return buffer.getvalue()


def _empty_archive() -> bytes:
    buffer = io.BytesIO()
    zipfile.ZipFile(buffer, "w").close()
    return buffer.getvalue()


_TEXT = b"id,name\n1,Ana\n" * 100


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (_workbook(), "Excel or OpenDocument"),
        (_empty_archive(), "an empty ZIP archive"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook; save the sheet as CSV"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG picture"),
        (b"PAR1\x15\x04\x15", "a Parquet file"),
        (b"ARROW1\0\0\xff\xff\xff\xff", "an Arrow file"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
        (gzip.compress(_TEXT), "a gzip file; decompress it first"),
        (bz2.compress(_TEXT, 1), "a bzip2 file"),
        (bz2.compress(_TEXT, 9), "a bzip2 file"),
        (lzma.compress(_TEXT), "an xz file"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "a zstd file"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive"),
    ],
)
def test_first_bytes_tell_what_a_file_is(data: bytes, what: str) -> None:
    """The message names the format and the way out, from the first bytes alone."""
    with pytest.raises(FileError) as caught:
        check_marks(data[:MARK_BYTES], "people.csv")
    assert FileCode.BINARY == caught.value.code
    assert caught.value.message.startswith("people.csv: this is ")
    assert what in caught.value.message.replace(", no CSV", "")


@pytest.mark.parametrize("head", [b"", b"id,name\n", b"PAR1,PAR2\n1,2\n", b"BZhours,rate\n", b"PK,name\n", b"%PDF,n\n"])
def test_names_that_resemble_a_mark_are_text(head: bytes) -> None:
    """A column may be called like the beginning of a format's mark."""
    check_marks(head, "people.csv")


@pytest.mark.parametrize(
    "head", [b"", b"a,b\n1,\0\n", b"\0" * 8, b"x" * 1000 + b"\0" * 40], ids=["empty", "one", "eight", "few of many"]
)
def test_some_nuls_are_no_reason(head: bytes) -> None:
    """A NUL in a small file, or a few in a large one, may be cells."""
    check_nuls(head, "people.csv")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_many_nuls_are_no_text(encoding: str) -> None:
    """UTF-16 without a mark is refused, with the encoding as the way out."""
    with pytest.raises(FileError, match=r"^people\.csv: this looks like binary data.*encoding='utf-16-le'") as caught:
        check_nuls("id,name\r\n1,Ana\r\n".encode(encoding), "people.csv")
    assert FileCode.BINARY == caught.value.code
