"""The first record of a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake import header
from csvpipe._intake.header import (
    FirstRecord,
    check_is_text,
    check_names,
    is_complete,
    offset_after_lines,
    read_first_record,
)
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits


def read(
    data: bytes, *, start: int = 0, dialect: Dialect | None = None, encoding: str = "utf-8", **limits: Any
) -> FirstRecord | None:
    """The first record of these bytes."""
    return read_first_record(
        io.BytesIO(data),
        start=start,
        dialect=dialect or Dialect(),
        encoding=encoding,
        limits=Limits(**limits),
        place="people.csv",
    )


@pytest.fixture
def small_field_limit() -> Iterator[int]:
    """A host that has set `csv.field_size_limit` very low."""
    before = csv.field_size_limit(4)
    yield 4
    csv.field_size_limit(before)


class TestLines:
    """Where so many physical lines end."""

    @given(text=st.text("a\r\n", max_size=30), start=st.integers(0, 5), wanted=st.integers(0, 12))
    def test_it_agrees_with_the_line_iterator(self, text: str, start: int, wanted: int) -> None:
        """Whatever ends the lines, and wherever a block of the file ends."""
        data = text.encode()
        start = min(start, len(data))
        lines = list(io.StringIO(data[start:].decode(), newline=""))
        expected = start + len("".join(lines[:wanted]))
        for block_bytes in (1, 2, 3, 64):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(header, "_BLOCK_BYTES", block_bytes)
                assert expected == offset_after_lines(io.BytesIO(data), start=start, lines=wanted)


class TestReading:
    """Where the header is, and where it ends."""

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"id,name\n1,Ana\n", (("id", "name"), 0, 8, 1, 1)),
            (b"id,name\r\n1,Ana\r\n", (("id", "name"), 0, 9, 1, 1)),
            (b"id,name\r1,Ana\r", (("id", "name"), 0, 8, 1, 1)),
            (b"id,name", (("id", "name"), 0, 7, 1, 1)),
            (b"\n\r\n\rid\n1", (("id",), 4, 7, 4, 4)),
            (b'"first\nname",id\r\n1', (("first\nname", "id"), 0, 17, 1, 2)),
            ("é,ü\n1,2".encode(), (("é", "ü"), 0, 6, 1, 1)),
            (b'""\n1', (("",), 0, 3, 1, 1)),
            ("a\u2028b,c\x0bd\n".encode(), (("a\u2028b", "c\x0bd"), 0, 10, 1, 1)),
        ],
    )
    def test_the_first_record_that_is_not_blank_is_found(self, data: bytes, expected: tuple[Any, ...]) -> None:
        """With its bytes and physical lines, whatever ends them."""
        fields, start, end, line, lines = expected
        assert FirstRecord(fields=fields, start=start, end=end, line=line, end_line=lines + 1) == read(data)

    @pytest.mark.parametrize("data", [b"", b"\n", b"\r\n\r\r\n"])
    def test_blank_lines_hold_none(self, data: bytes) -> None:
        """However many they are."""
        assert read(data) is None

    def test_a_mark_is_passed_over(self) -> None:
        """Offsets are those of the file."""
        record = read(b"\xef\xbb\xbfid\n1", start=3)
        assert FirstRecord(fields=("id",), start=3, end=6, line=1, end_line=2) == record

    def test_every_byte_of_a_single_byte_encoding_is_counted_once(self) -> None:
        """Also the five that cp1252 leaves undefined."""
        record = read(b"\x81\x8d\x8f\x90\x9d\xe9\n1", encoding="cp1252")
        assert record is not None
        assert (("\udc81\udc8d\udc8f\udc90\udc9dé",), 7) == (record.fields, record.end)

    @given(
        st.text(st.sampled_from("a,\"\r\né\\;'\u2028\0")),
        st.sampled_from([Dialect(), Dialect(strict=True), Dialect(delimiter=";", quotechar=None, escapechar="\\")]),
        st.sampled_from(["utf-8", "cp1252"]),
    )
    def test_the_end_is_where_the_reader_stands(self, text: str, dialect: Dialect, encoding: str) -> None:
        """The bytes before it are what `csv.reader` has consumed, the cells what it says, or it is refused."""
        data = text.encode(encoding, "ignore")
        lines = list(io.StringIO(data.decode(encoding), newline=""))
        reader = csv.reader(lines, **dialect.reader_options())
        try:
            record = read(data, dialect=dialect, encoding=encoding)
        except FileError:
            return
        fields = next(filter(None, reader), None)
        if record is None:
            assert fields is None
            return
        assert fields is not None
        assert (tuple(fields), reader.line_num) == (record.fields, record.end_line - 1)
        assert len("".join(lines[: reader.line_num]).encode(encoding)) == record.end
        assert len("".join(lines[: record.line - 1]).encode(encoding)) == record.start

    @pytest.mark.parametrize("before", [8191, 8192, 8193])
    @pytest.mark.parametrize("newline", ["\r\n", "\r", "\n"])
    def test_a_line_may_end_where_a_buffer_does(self, before: int, newline: str) -> None:
        r"""Neither `\r\n` nor `\r` is torn or doubled there."""
        record = read(("x" * before + newline + "1" + newline).encode())
        assert record is not None
        assert (before + len(newline), 1) == (record.end, record.end_line - 1)


class TestRefusing:
    """What cannot be a header."""

    @pytest.mark.parametrize(
        ("data", "dialect", "reason"),
        [
            (b'id,"name\n1,Ana\n', Dialect(), "line 1: .*: a quote opens in it and is not closed; mend the line"),
            (b'\n\nid,"name', Dialect(), "line 3: .*: a quote opens in it"),
            (b"id\\", Dialect(escapechar="\\"), "line 1: .*: a quote opens in it"),
            (b'"id"x,name\n', Dialect(strict=True), "line 1: .*: ',' expected after '\"'"),
            (b'id,"name\n', Dialect(strict=True), "line 1: .*: unexpected end of data"),
        ],
    )
    def test_a_record_that_has_no_end_is_refused(self, data: bytes, dialect: Dialect, reason: str) -> None:
        """With its line, and what to do."""
        with pytest.raises(FileError, match=rf"^people\.csv: {reason}") as caught:
            read(data, dialect=dialect)
        assert FileCode.HEADER_MISSING == caught.value.code

    def test_a_record_of_the_limit_is_read(self) -> None:
        """The limit counts bytes, and blank lines before the record are no part of it."""
        record = read(b"\n" * 20 + "éé\n1".encode(), row_bytes=5)
        assert record is not None
        assert 25 == record.end

    @pytest.mark.parametrize("data", [b"abcde\n1", b"abcdef", "é,é\n".encode(), b"x" * 100_000])
    def test_a_record_over_the_limit_is_refused(self, data: bytes) -> None:
        """Before all of it is read."""
        with pytest.raises(FileError, match=r"line 1: .* longer than 5 bytes \(limits=Limits\(row_bytes") as caught:
            read(data, row_bytes=5)
        assert FileCode.HEADER_MISSING == caught.value.code

    def test_a_quote_open_past_the_limit_is_refused(self) -> None:
        """A file of gigabytes after a stray quote is not read through."""
        with pytest.raises(FileError, match="a quote opens in it and is not closed"):
            read(b'"a\nb\nc\nd\n', row_bytes=5)

    def test_a_cell_over_the_readers_limit_is_refused(self, small_field_limit: int) -> None:
        """The host's limit stays what it is; nobody is blamed for it, as a quote may be the reason."""
        with pytest.raises(FileError, match="a cell of it has more than 4 characters, too many for a name, or a quote"):
            read(b"abcde,id\n")
        assert small_field_limit == csv.field_size_limit()


class TestCompleteness:
    """Whether lines end where a record ends."""

    @pytest.mark.parametrize(
        ("lines", "dialect", "expected"),
        [
            (["a,b\n"], Dialect(), True),
            (["a,b"], Dialect(), True),
            (['"a\n', 'b"'], Dialect(), True),
            (['"a\n'], Dialect(), False),
            (["a\\"], Dialect(escapechar="\\"), False),
            (['"a"b'], Dialect(strict=True), False),
        ],
    )
    def test_a_further_newline_tells(self, lines: list[str], dialect: Dialect, *, expected: bool) -> None:
        """It makes a blank record only if nothing is open."""
        assert expected == is_complete(lines, dialect)


class TestText:
    """What the cells of a header are made of."""

    def check(self, *fields: str) -> None:
        """As if they stood in line 3."""
        first = FirstRecord(fields=fields, start=2, end=9, line=3, end_line=4)
        check_is_text(first, encoding="utf-8", place="people.csv")

    def test_any_text_will_do(self) -> None:
        """In any script."""
        self.check("id", "名前", "🙂")

    def test_a_byte_that_does_not_decode_is_named(self) -> None:
        """With line and column."""
        with pytest.raises(FileError) as caught:
            self.check("id", "pr\udce9nom")
        assert FileCode.ENCODING == caught.value.code
        assert caught.value.message.startswith(
            "people.csv: line 3, column 2: byte 0xE9 in the header is not utf-8; save the file as "
            "UTF-8, or say what the encoding is"
        )

    def test_a_nul_is_no_text(self) -> None:
        """So UTF-16 without a mark is found out even in the smallest file."""
        with pytest.raises(
            FileError, match=r"^people\.csv: line 3, column 1: the header has a NUL byte here"
        ) as caught:
            self.check("i\0d\0")
        assert FileCode.BINARY == caught.value.code


class TestNames:
    """Every column has a name of its own."""

    def test_unique_names_are_fine(self) -> None:
        """Upper and lower case, and spaces, make a difference."""
        check_names(["id", "ID", " id"], place="people.csv", line=1)

    @pytest.mark.parametrize(
        ("names", "what"),
        [
            (["id", ""], "column 2 has no name"),
            (["", "id", " ", "\t"], "columns 1, 3, 4 have no name"),
            ([""] * 10, "columns 1, 2, 3, 4, 5, 6, 7, 8 and 2 more have no name"),
        ],
    )
    def test_columns_without_a_name_are_counted(self, names: list[str], what: str) -> None:
        """By their position, from 1; and `columns=` is a way out."""
        with pytest.raises(FileError) as caught:
            check_names(names, place="people.csv", line=2)
        way_out = f"mend the header, or give all {len(names)} names with columns=[...]"
        assert f"people.csv: line 2: {what} in the header; {way_out}" == caught.value.message
        assert FileCode.HEADER_MISSING == caught.value.code

    @pytest.mark.parametrize(
        ("names", "what"),
        [
            (["id", "n", "id"], "the name 'id' occurs"),
            (["a", "b", "b", "a"], "the names 'a', 'b' occur"),
            ([str(number // 2) for number in range(20)], "the names '0', '1', .*, '7' and 2 more occur"),
        ],
    )
    def test_names_that_occur_twice_are_named(self, names: list[str], what: str) -> None:
        """Each of them once."""
        with pytest.raises(FileError, match=rf"^people\.csv: line 1: {what} more than once in the header") as caught:
            check_names(names, place="people.csv", line=1)
        assert FileCode.HEADER_DUPLICATE == caught.value.code

    @pytest.mark.parametrize(
        ("names", "message"),
        [
            ([], "people.csv: the stated names are none; state other names"),
            (["id", ""], "people.csv: column 2 has no name in the stated names; state other names"),
            (["a", "a"], "people.csv: the name 'a' occurs more than once in the stated names; state other names"),
        ],
    )
    def test_stated_names_are_not_blamed_on_the_file(self, names: list[str], message: str) -> None:
        """They have no line, and mending the header would not help."""
        with pytest.raises(FileError) as caught:
            check_names(names, place="people.csv", line=None)
        assert message == caught.value.message
