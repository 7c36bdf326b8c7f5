"""What is no CSV is refused by what it is."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from csvpipe._intake.binaries import MARK_BYTES, check_controls, check_marks, check_nuls
from csvpipe.errors import FileCode, FileError


def _archive(*names: str, text: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, text)
    return buffer.getvalue()


def _tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("people.csv"))
    return buffer.getvalue()


_SHEET = b'<?xml version="1.0"?>\n<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">'


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (_archive("[Content_Types].xml", "xl/workbook.xml"), "an Office document or workbook; save the sheet as CSV"),
        (_archive("xl/workbook.xml"), "an Excel workbook; save the sheet as CSV"),
        (_archive("word/document.xml"), "a Word document"),
        (_archive("mimetype", text="application/vnd.oasis.opendocument.spreadsheet"), "an OpenDocument spreadsheet"),
        (_archive("mimetype", text="application/vnd.oasis.opendocument.text"), "an OpenDocument document"),
        (_archive("people.csv"), "a ZIP archive; unpack it"),
        (_archive(), "an empty ZIP archive"),
        (_tar(), "a tar archive; unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook; save the sheet as CSV"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"{\\rtf1\\ansi", "an RTF document"),
        (b"\x89PNG\r\n\x1a\n", "a PNG picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG picture"),
        (b"GIF89a\x01", "a GIF picture"),
        (b"PAR1\x15\x04\x15", "a Parquet file"),
        (b"ARROW1\0\0\xff\xff\xff\xff", "an Arrow file"),
        (b"FEA1\0\0\0\0", "a Feather file"),
        (b"ORC\n\x0b\n\x03\0\0", "an ORC file"),
        (b"Obj\x01\x04\x14avro", "an Avro file"),
        (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a 7-Zip archive"),
        (b"Rar!\x1a\x07\0", "a RAR archive"),
        (
            gzip.compress(b"id,name", mtime=0),
            "gzip data within a compressed file; it is compressed twice, so unpack it first",
        ),
        (bz2.compress(b"id,name"), "bzip2 data within a compressed file"),
        (lzma.compress(b"id,name"), "xz data within a compressed file"),
        (b"\x28\xb5\x2f\xfd\0", "zstd data within a compressed file"),
        (b"\x7fELF\x02", "a program"),
        (b"\0\0\0\x18ftypmp42", "a film"),
        (b"<!DOCTYPE html><html>", "an HTML page; perhaps the page of an error or a login"),
        (b"\xef\xbb\xbf\r\n <HTML lang='en'>", "an HTML page"),
        (_SHEET, "an XML spreadsheet; save the sheet as CSV"),
        (b"<?xml version='1.0'?><people/>", "an XML document"),
    ],
)
def test_first_bytes_tell_what_a_file_is(data: bytes, what: str) -> None:
    """The message names the format and the way out, from the first bytes alone."""
    with pytest.raises(FileError) as caught:
        check_marks(data[:MARK_BYTES], "people.csv")
    assert FileCode.BINARY == caught.value.code
    assert caught.value.message.startswith("people.csv: this is ")
    assert what in caught.value.message.replace(", no CSV", "")


_TEXTS = [b"", b"id,name\n", b"PAR1,PAR2\n1,2\n", b"BZhours,rate\n", b"PK,name\n", b"%PDF,n\n", b"ORC\n1\n", b"Obj,n\n"]
_TEXTS += [b'[{"id": 1}]\n', b"{id},n\n", b"<id>,n\n", b"Rar!\n", b"GIF8,n\n", b"ustar,n\n", b"idx,ftyp\n"]


@pytest.mark.parametrize("head", _TEXTS)
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


def test_many_control_characters_are_no_text() -> None:
    """Data without NULs, such as compressed ones of a kind that nobody knows."""
    with pytest.raises(FileError, match=r"^people\.csv: this looks like binary data.*control characters") as caught:
        check_controls(bytes(range(3, 256)), "people.csv")
    assert FileCode.BINARY == caught.value.code


@pytest.mark.parametrize("delimiter", [b"\t", b"\x01", b"\x02", b"\x1c", b"\x1f"])
def test_control_characters_may_be_delimiters(delimiter: bytes) -> None:
    """Those that are in use as such."""
    check_controls(delimiter.join([b"1", b"Ana", b"\xe9"]) * 100, "people.csv")
