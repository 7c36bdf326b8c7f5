"""From a local file to how it is read, or why it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from csvpipe._intake import inspect as inspect_module
from csvpipe._intake.arrival.spool import BLOCK_BYTES, Spool
from csvpipe._intake.arrival.take_in import TakenIn, take_in_path
from csvpipe._intake.charset.detect import EncodingFound
from csvpipe._intake.charset.encoding import resolve_encoding
from csvpipe._intake.inspect import inspect_file
from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import LocalFile
from csvpipe._intake.stated import Stated
from csvpipe.dialect import Dialect
from csvpipe.errors import EncodingUnknownError, FileCode, FileError
from csvpipe.limits import Limits


class Inspect:
    """Inspects bytes that lie on disk."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "people.csv"
        self._spool = Spool(folder / "spool")

    def __call__(
        self, data: bytes, *, limits: Limits | None = None, transcoded: str | None = None, **stated: Any
    ) -> Inspection:
        """Under what is stated; `transcoded` is the encoding that the bytes came in, before they became these."""
        self._path.write_bytes(data)
        given, bounds, place = Stated(**stated), limits or Limits(), "Ana's upload"
        if transcoded is None:
            taken = take_in_path(self._path, self._spool, "spooled.csv", stated=given, limits=Limits(), place=place)
        else:
            found = EncodingFound(encoding=resolve_encoding(transcoded), evidence="stated", confidence=1.0)
            taken = TakenIn(file=LocalFile.at(self._path), encoding=found)
        return inspect_file(taken, given, bounds, place=place)

    def refusal(self, data: bytes, **stated: Any) -> tuple[FileCode, str]:
        """Code and message, where there is no way to read these bytes."""
        with pytest.raises(FileError) as caught:
            self(data, **stated)
        return caught.value.code, caught.value.message


@pytest.fixture
def inspect(tmp_path: Path) -> Inspect:
    """Inspects bytes."""
    return Inspect(tmp_path)


class TestHeader:
    """What the columns are called, and where the data starts."""

    def test_the_first_record_names_the_columns(self, inspect: Inspect) -> None:
        """The data starts just past it."""
        found = inspect(b"id,name\n1,Ana\n")
        assert ("utf-8", Dialect(), ("id", "name"), 8, 2) == (
            found.encoding,
            found.dialect,
            found.columns,
            found.data_start,
            found.data_line,
        )

    def test_blank_lines_before_the_header_are_passed_over(self, inspect: Inspect) -> None:
        """They count as lines."""
        found = inspect(b'\r\n\n"first\rname"\r1')
        assert (("first\rname",), 16, 5) == (found.columns, found.data_start, found.data_line)

    def test_columns_replace_the_names(self, inspect: Inspect) -> None:
        """So a header without, or with doubled names can be read; and what it says need not even be text."""
        found = inspect(b",\xe9,\n1,2,3\n", columns=("a", "b", "c"), encoding="utf-8")
        assert (("a", "b", "c"), 4, 2) == (found.columns, found.data_start, found.data_line)

    def test_there_is_a_name_for_each_column(self, inspect: Inspect) -> None:
        """Otherwise nobody knows which one is meant."""
        expected = "Ana's upload: line 2: the header has 3 columns, but columns= gives 2 names; give one name for each"
        assert (FileCode.COLUMNS_MISSING, expected) == inspect.refusal(b"\na,b,c\n1,2,3", columns=("a", "b"))

    def test_stated_columns_are_checked(self, inspect: Inspect) -> None:
        """They obey the same rules as those of a file."""
        code, message = inspect.refusal(b"a,b\n1,2", columns=("a", "a"))
        assert FileCode.HEADER_DUPLICATE == code
        assert "in the stated names" in message

    def test_without_a_header_columns_are_numbered(self, inspect: Inspect) -> None:
        """From 1; the first record is data, the blank lines before it are none."""
        found = inspect(b"\n1,2\n", header=False)
        assert (("column_1", "column_2"), 1, 2) == (found.columns, found.data_start, found.data_line)

    def test_without_a_header_a_first_row_that_does_not_decode_costs_itself(self, inspect: Inspect) -> None:
        """Its cells can be counted."""
        assert ("column_1", "column_2") == inspect(b"\xe9,\0\n1,2", header=False, encoding="utf-8").columns

    def test_without_a_header_the_first_row_must_be_readable(self, inspect: Inspect) -> None:
        """Otherwise there is nothing to count; names are the way out."""
        code, message = inspect.refusal(b'1,"2\n', header=False, dialect=Dialect())
        assert FileCode.HEADER_MISSING == code
        assert message.endswith("or name the columns of a file without a header with header=[...]")

    def test_with_stated_names_the_first_row_is_a_row_like_others(self, inspect: Inspect) -> None:
        """If it is bad it costs itself alone."""
        found = inspect(b'1,"2\n3,4\n', header=("a", "b"), dialect=Dialect())
        assert (("a", "b"), 0, 1) == (found.columns, found.data_start, found.data_line)

    @pytest.mark.parametrize("header", [(), ("a", "a"), ("a", "")])
    def test_stated_names_are_checked(self, inspect: Inspect, header: tuple[str, ...]) -> None:
        """There is at least one, and each is a name of its own."""
        assert "the stated names" in inspect.refusal(b"1,2\n", header=header)[1]

    def test_a_bad_header_is_refused_with_its_line(self, inspect: Inspect) -> None:
        """Doubled names, missing names, bytes that are no text."""
        assert inspect.refusal(b"\na,a\n1,2")[1].startswith("Ana's upload: line 2: the name 'a' occurs more than once")
        assert inspect.refusal(b"a,\n1,2")[1].startswith("Ana's upload: line 1: column 2 has no name in the header")
        code, message = inspect.refusal(b"a,\xe9\n1,2", encoding="ascii")
        assert FileCode.ENCODING == code
        assert message.startswith("Ana's upload: line 1, column 2: byte 0xE9 in the header is not ascii;")

    def test_a_transcoded_header_that_is_no_text_names_the_encoding_that_was_stated(self, inspect: Inspect) -> None:
        """Not the one that it was written in meanwhile."""
        _code, message = inspect.refusal("Straße;Ort\na;b\n".encode("cp1252"), encoding="utf-16-le")
        assert "utf-8" not in message.lower()

    def test_the_dialect_is_kept(self, inspect: Inspect) -> None:
        """And the header is read by it."""
        found = inspect(b"a;b\n1;2", dialect=Dialect(delimiter=";"))
        assert (("a", "b"), ";") == (found.columns, found.dialect.delimiter)


class TestEncoding:
    """Which encoding the local file has."""

    @pytest.mark.parametrize(
        ("data", "stated", "encoding", "data_start"),
        [
            (b"\xef\xbb\xbfid\n1", None, "utf-8", 6),
            (b"\xef\xbb\xbfid\n1", "utf-8-sig", "utf-8", 6),
            (b"\xef\xbb\xbfid\n1", "cp1252", "cp1252", 6),
            (b"\xef\xbb\xbf\xef\xbb\xbfid\n1", None, "utf-8", 9),
            (b"\xef\xbb\xbf\xef\xbb\xbfid\n1", "cp1252", "cp1252", 9),
            (b"id\n1", "utf-8-sig", "utf-8", 3),
            (b"id\n\xe9", "latin-1", "iso8859-1", 3),
        ],
    )
    def test_a_mark_is_no_part_of_the_first_name(
        self, inspect: Inspect, data: bytes, stated: str | None, encoding: str, data_start: int
    ) -> None:
        """Whatever encoding is stated."""
        found = inspect(data, encoding=stated)
        assert (encoding, ("id",), data_start) == (found.encoding, found.columns, found.data_start)

    def test_a_transcoded_file_is_utf8(self, inspect: Inspect) -> None:
        """The encoding that it came in is kept for people to see; bytes that did not decode cost their rows."""
        found = inspect("naïve\n\xff".encode("latin-1").replace(b"\xef", b"\xc3\xaf"), transcoded="utf-16")
        assert ("utf-8", "utf-16", ("naïve",)) == (found.encoding, found.source_encoding, found.columns)

    def test_what_is_not_utf8_is_detected(self, inspect: Inspect) -> None:
        """On evidence that is kept."""
        found = inspect("name\nJosé\nZoë\nChloé\n".encode("cp1252"))
        assert "cp1252" == found.encoding
        assert found.findings[0].evidence.endswith("characters beyond ASCII are letters of cp1252")

    def test_bad_bytes_cost_their_rows_where_utf8_is_stated(self, inspect: Inspect) -> None:
        """The caller has said what it is."""
        assert "utf-8" == inspect(b"name\nJos\xe9\n", encoding="utf-8").encoding

    def test_a_sample_may_cut_a_character(self, inspect: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
        """And bytes past it are not judged here."""
        monkeypatch.setattr(inspect_module, "SAMPLE_BYTES", 6)
        assert ("id",) == inspect("id\n12é\n".encode()).columns
        assert ("id",) == inspect(b"id\n123\xff\n").columns

    def test_an_unknown_encoding_is_misuse(self, inspect: Inspect) -> None:
        """It is found before any byte is read, too."""
        with pytest.raises(EncodingUnknownError):
            inspect(b"id\n1", encoding="no-such")
        with pytest.raises(EncodingUnknownError):
            Stated(encoding="no-such").check()
        Stated().check()
        Stated(encoding="cp1252").check()


class TestRefusing:
    """What is no CSV, or none with rows in it."""

    @pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf"])
    def test_an_empty_file_is_refused(self, inspect: Inspect, data: bytes) -> None:
        """A mark is not content."""
        expected = "Ana's upload: the file is empty; submit one with a header and rows"
        assert (FileCode.EMPTY, expected) == inspect.refusal(data)

    @pytest.mark.parametrize("data", [b"\n", b"\xef\xbb\xbf\r\n\r", b"\n" * (BLOCK_BYTES + 1)])
    @pytest.mark.parametrize("header", [True, False, ("id",)])
    def test_blank_lines_are_no_rows(self, inspect: Inspect, data: bytes, *, header: bool | tuple[str, ...]) -> None:
        """Whatever is said of the header."""
        expected = "Ana's upload: the file has blank lines only; submit one with a header and rows"
        assert (FileCode.EMPTY, expected) == inspect.refusal(data, header=header)

    @pytest.mark.parametrize("data", [b"id,name", b"id,name\n", b"id,name\r\n\n\r\n"])
    def test_a_header_alone_is_refused(self, inspect: Inspect, data: bytes) -> None:
        """The way out is said, in case that it is a row."""
        code, message = inspect.refusal(data)
        assert FileCode.EMPTY == code
        assert message.startswith("Ana's upload: there is a header but no row below it; if that line is a row")

    def test_rows_may_come_after_many_blank_lines(self, inspect: Inspect) -> None:
        """They are looked for to the end of the file."""
        assert ("id",) == inspect(b"id\n" + b"\n" * (2 * BLOCK_BYTES) + b"1").columns

    def test_binaries_are_refused_by_what_they_are(self, inspect: Inspect) -> None:
        """By their first bytes, or by their NULs."""
        assert (FileCode.BINARY, True) == _shows(inspect.refusal(b"PK\x03\x04" + bytes(30)), "ZIP")
        assert (FileCode.BINARY, True) == _shows(inspect.refusal(b"id\n" + bytes(30)), "looks like binary")

    def test_sizes_are_limited(self, inspect: Inspect) -> None:
        """Bytes of the file and columns of the header, each with the limit to raise."""
        assert ("id",) == inspect(b"id\n1\n", limits=Limits(file_bytes=5, columns=1)).columns
        code, message = inspect.refusal(b"id\n12\n", limits=Limits(file_bytes=5))
        assert FileCode.TOO_LARGE == code
        assert message.startswith("Ana's upload: the file is too large: it has 6 bytes; split it, or raise the limit")
        code, message = inspect.refusal(b"id,name\n1,2\n", limits=Limits(columns=1))
        assert FileCode.TOO_LARGE == code
        assert message.startswith(
            "Ana's upload: the file has 2 columns; the limit is 1; remove columns, or raise the limit with limits="
        )


def _shows(refusal: tuple[FileCode, str], words: str) -> tuple[FileCode, bool]:
    return refusal[0], words in refusal[1]


def test_a_file_that_has_changed_is_not_inspected(tmp_path: Path) -> None:
    """What was taken in is what is read, or nothing."""
    path = tmp_path / "people.csv"
    path.write_bytes(b"id\n1\n")
    taken = take_in_path(path, Spool(tmp_path), "x.csv", stated=Stated(), limits=Limits(), place="Ana's upload")
    path.write_bytes(b"id\n1\n2\n")
    with pytest.raises(FileError) as caught:
        inspect_file(taken, Stated(), Limits(), place="Ana's upload")
    assert FileCode.SOURCE_CHANGED == caught.value.code
