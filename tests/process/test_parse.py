"""Slices of a file: the same rows as one `csv.reader` over all of it, and bad records as data."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csvpipe._process.parse import Slice, read_slices
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError, Phase
from csvpipe.limits import Limits
from csvpipe.pipeline import pipeline

Imports = Callable[..., Any]

DIALECTS = [
    Dialect(),
    Dialect(delimiter=";", quotechar="'"),
    Dialect(quotechar=None),
    Dialect(quotechar=None, escapechar="\\"),
    Dialect(escapechar="\\", doublequote=False),
    Dialect(skipinitialspace=True),
    Dialect(delimiter="\t"),
]


def keep(row: list[str]) -> None:
    """A handler of rows of any length."""


KEEP = pipeline(ragged="keep")(keep)
REJECT = pipeline(keep)
PAD = pipeline(ragged="pad")(keep)


def slices(imported: Any, *, chunk_bytes: int = 10**6, cut_bytes: int = 65_536) -> list[Slice]:
    """All slices of a file."""
    job = imported.job
    return [
        part for chunk in imported.chunks(chunk_bytes, cut_bytes) for part in read_slices(job.plan, job.parser, chunk)
    ]


def flaws(imported: Any, **sizes: int) -> list[tuple[int, str, str | None, str | None]]:
    """Row number, code, column and value of every flaw."""
    return [
        (part.first_row + index, flaw.code, flaw.column, flaw.value)
        for part in slices(imported, **sizes)
        for index in sorted(part.flaws)
        for flaw in part.flaws[index]
    ]


def messages(imported: Any) -> list[str]:
    """Of every flaw."""
    return [flaw.message for part in slices(imported) for index in sorted(part.flaws) for flaw in part.flaws[index]]


TEXTS = st.text(st.sampled_from("ab,;'\"\\ \t\r\n\x0b\x1c\x85\u2028é"), max_size=40)


class TestRows:
    """Good records."""

    @given(TEXTS, st.sampled_from(DIALECTS), st.sampled_from([1, 7, 65_536]), st.sampled_from([1, 9, 10**6]))
    @example("a,b\x0bc\n\n\rd", Dialect(), 1, 1)
    @example('"a\nb",c\n', Dialect(), 1, 1)
    def test_the_rows_of_one_reader(
        self, imports: Imports, text: str, dialect: Dialect, cut_bytes: int, chunk_bytes: int
    ) -> None:
        """For any text without an open quote: rows, numbers, lines and cells are those of one `csv.reader`."""
        reader = csv.reader(io.StringIO(text + "\n", newline=""), **dialect.reader_options())
        expected = []
        line = 2
        for cells in reader:
            if cells:
                expected.append((len(expected) + 1, line, cells))
            line = reader.line_num + 2
        imported = imports(KEEP, "x\n" + text, dialect=dialect)
        parts = slices(imported, chunk_bytes=chunk_bytes, cut_bytes=cut_bytes)
        if any(part.flaws for part in parts) or text.endswith("\\"):
            return  # an open quote: judged by the tests of cutting
        found = [
            (part.first_row + index, part.line(index), cells) for part in parts for index, cells in enumerate(part.rows)
        ]
        assert expected == found
        again = [part.cells(index) for part in parts for index in range(len(part.rows))]
        assert [cells for _, _, cells in expected] == again

    @given(TEXTS, st.sampled_from(DIALECTS), st.sampled_from([1, 7, 65_536]))
    def test_slices_tile_the_file(self, imports: Imports, text: str, dialect: Dialect, cut_bytes: int) -> None:
        """Slices follow on each other in bytes, rows and lines, and so do the records in them."""
        imported = imports(KEEP, "x\n" + text, dialect=dialect)
        start, row, line = 2, 1, 2
        for part in slices(imported, cut_bytes=cut_bytes):
            assert (start, row, line) == (part.start, part.first_row, part.first_line)
            places = [part.place(index) for index in range(len(part.rows))]
            assert places == sorted(places, key=lambda place: place.start)
            bounds = [part.boundary(index) for index in range(len(part.rows) + 1)]
            assert [(place.start, place.line) for place in places] == bounds[:-1]
            assert bounds[-1] == (part.end, part.first_line + part.lines)
            start, row, line = part.end, row + len(part.rows), line + part.lines
        assert imported.source.size == start

    def test_lines_of_many_rows(self, imports: Imports) -> None:
        """Lines are counted where each row has one, and looked up where one has more or none."""
        (plain,) = slices(imports(KEEP, "x\na\nb\nc"))
        assert [3, 4] == [line for line, _ in zip(plain.lines_of(1, 3), "bc", strict=False)]
        (odd,) = slices(imports(KEEP, 'x\n"a\na"\n\nb\nc'))
        assert [2, 5, 6] == list(odd.lines_of(0, 3))
        assert [5] == list(odd.lines_of(1, 2))

    def test_other_encodings(self, imports: Imports) -> None:
        """Cells are text in the file's encoding, places are bytes of the file."""
        (part,) = slices(imports(KEEP, "x\né,ü\nß".encode("latin-1"), encoding="latin-1"))
        assert [["é", "ü"], ["ß"]] == part.rows
        assert (6, 7) == (part.place(1).start, part.place(1).end)

    def test_fields_over_the_modules_limit(self, imports: Imports) -> None:
        """The limit of the `csv` module is the process's, and not ours: it neither counts nor changes."""
        before = csv.field_size_limit()
        long = "x" * (before + 1)
        parts = slices(imports(KEEP, f'x\n"{long}"\n{long},b'))
        assert [[long], [long, "b"]] == [cells for part in parts for cells in part.rows]
        assert before == csv.field_size_limit()


class TestRagged:
    """Rows with too few or too many cells."""

    TEXT = "a,b\n1,2\n3\n4,5,6\n"

    def test_rejected(self, imports: Imports) -> None:
        """By default both are bad, and the message says which way."""
        imported = imports(REJECT, self.TEXT)
        assert [["1", "2"], None, None] == slices(imported)[0].rows
        assert [(2, "field_count", None, None), (3, "field_count", None, None)] == flaws(imported)
        assert [
            "1 cell, but the header names 2 columns; add the missing cells, or their delimiters",
            "3 cells, but the header names 2 columns; a delimiter inside a cell needs quotes around it",
        ] == messages(imported)

    def test_over_several_lines(self, imports: Imports) -> None:
        """A stray quote that a later one closes is the usual reason, so the message says where to look."""
        imported = imports(REJECT, 'a,b\n1,"x\n2,"y,z\n3,4\n')
        [message] = messages(imported)
        assert message.endswith("the row runs over 2 lines: look for a quote that is not closed in the first of them")

    def test_padded(self, imports: Imports) -> None:
        """Short rows get empty cells, long ones are bad; parsed anew they are the same."""
        (part,) = slices(imports(PAD, self.TEXT))
        assert [["1", "2"], ["3", ""], None] == part.rows
        assert ["3", ""] == part.cells(1)

    def test_kept(self, imports: Imports) -> None:
        """Rows are what they are."""
        assert [["1", "2"], ["3"], ["4", "5", "6"]] == slices(imports(KEEP, self.TEXT))[0].rows


class TestFlaws:
    """Bad records cost themselves alone."""

    @pytest.mark.parametrize("cut_bytes", [1, 65_536])
    def test_undecodable_bytes(self, imports: Imports, cut_bytes: int) -> None:
        """The cell is named, with its bytes escaped; the rows around it are good."""
        imported = imports(KEEP, b"a,b\n1,\xc3\xa9\n\n2,x\xff\n\xfe,y,\xff\n3,4,\xff")
        assert [
            (2, "decode", "b", "x\\xff"),
            (3, "decode", "a", "\\xfe"),
            (4, "decode", None, "\\xff"),
        ] == flaws(imported, cut_bytes=cut_bytes)
        (part,) = slices(imported)
        assert [["1", "é"], None, None, None] == part.rows
        assert "not valid utf-8 text; save the file as UTF-8" in messages(imported)[0]
        assert {Phase.PARSE} == {flaw.phase for flaws in part.flaws.values() for flaw in flaws}

    def test_open_quote(self, imports: Imports) -> None:
        """A quote that stays open costs its first line alone."""
        imported = imports(REJECT, 'a,b\n1,2\n3,"4\n5,6\n')
        assert [(2, "unterminated_quote", None, None)] == flaws(imported)
        assert [["1", "2"], None, ["5", "6"]] == slices(imported)[0].rows
        assert "a quote opens in this line and is not closed" in messages(imported)[0]

    def test_strict(self, imports: Imports) -> None:
        """What a strict dialect refuses is bad."""
        imported = imports(REJECT, 'a,b\n"1"x,2\n3,4\n', dialect=Dialect(strict=True))
        assert [(1, "malformed", None, None)] == flaws(imported)
        assert "text stands between a closing quote and the next delimiter" in messages(imported)[0]

    def test_large_fields(self, imports: Imports) -> None:
        """A cell over the limit is named and shortened; outside the header's columns it has no name."""
        limits = Limits(field_characters=5)
        imported = imports(KEEP, "a,b\n1,2\n3,456789\n1,2,345678\n", limits=limits)
        assert [(2, "field_too_large", "b", "456789"), (3, "field_too_large", None, "345678")] == flaws(imported)
        assert (
            "the cell has 6 characters; shorten it to 5, or raise the limit with limits=Limits(field_characters=...)"
            == messages(imported)[0]
        )

    def test_large_fields_among_other_flaws(self, imports: Imports) -> None:
        """A row that is bad already is left as it is."""
        imported = imports(KEEP, b"a,b\n1,\xff\n3,456789\n", limits=Limits(field_characters=5))
        assert [(1, "decode"), (2, "field_too_large")] == [flaw[:2] for flaw in flaws(imported)]

    @pytest.mark.parametrize("extra", [1, 100_000])
    def test_large_rows(self, imports: Imports, extra: int) -> None:
        """A line over the limit is bad, be it loaded or too large even for that; the rows around it are good."""
        limits = Limits(row_bytes=1_000)
        long = "x" * (1_000 + extra)
        imported = imports(REJECT, f"a\n1\n{long}\n2\n", limits=limits)
        assert [(2, "row_too_large", None, None)] == flaws(imported)
        parts = slices(imported)
        assert [["1"], None, ["2"]] == [cells for part in parts for cells in part.rows]
        assert (
            "the row has more than 1,000 bytes; look for a quote that is not closed, shorten the row, or raise the "
            "limit with limits=Limits(row_bytes=...)"
        ) == messages(imported)[0]
        places = [part.place(index) for part in parts for index in range(len(part.rows))]
        assert [(2, 2, 4), (3, 4, 5 + len(long)), (4, 5 + len(long), 7 + len(long))] == [
            (place.line, place.start, place.end) for place in places
        ]


class TestReading:
    """The file must still be what it was."""

    def test_changed(self, imports: Imports) -> None:
        """A file that has grown is not read."""
        imported = imports(REJECT, "a\n1\n")
        chunks = imported.chunks()
        with imported.path.open("ab") as file:
            file.write(b"2\n")
        with pytest.raises(FileError) as caught:
            list(read_slices(imported.job.plan, imported.job.parser, chunks[0]))
        assert FileCode.SOURCE_CHANGED is caught.value.code

    def test_cut_short_while_it_is_read(self, imports: Imports) -> None:
        """Rows before the place are given, then the job must end."""
        imported = imports(REJECT, "a\n" + "1\n" * 100_000)
        parts = read_slices(imported.job.plan, imported.job.parser, imported.chunks()[0])
        first = next(parts)
        os.truncate(imported.path, first.end + 1)
        with pytest.raises(
            FileError, match=rf"ends at byte {first.end + 1:,}, before byte .*: it was cut short"
        ) as caught:
            next(parts)
        assert FileCode.SOURCE_CHANGED is caught.value.code

    def test_a_disk_that_fails(self, imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
        """An error of the disk is a file error, too."""
        imported = imports(REJECT, "a\n1\n")

        class Broken(io.BytesIO):
            """Cannot be read."""

            def read(self, _size: int | None = -1, /) -> bytes:
                raise OSError("bad sector")

        (chunk,) = imported.chunks()
        monkeypatch.setattr(type(imported.source), "open", lambda _self: Broken())
        with pytest.raises(FileError, match="cannot be read: bad sector") as caught:
            list(read_slices(imported.job.plan, imported.job.parser, chunk))
        assert FileCode.SOURCE_FAILED is caught.value.code
