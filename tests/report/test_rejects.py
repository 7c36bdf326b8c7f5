"""The rejects file."""

from __future__ import annotations

import csv
import io
import tempfile
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.arrival.take_in import TakenIn
from csvpipe._intake.charset.detect import EncodingFound
from csvpipe._intake.charset.encoding import resolve_encoding
from csvpipe._intake.inspect import inspect_file
from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.mended.formulas import escaped, unescaped
from csvpipe._intake.mended.layout import LEADING
from csvpipe._intake.source import LocalFile
from csvpipe._intake.stated import Stated
from csvpipe._report import rejects
from csvpipe._report.rejects import write_rejects
from csvpipe._report.sheet import Raw, Reject, Sheet, spelt
from csvpipe.dialect import Dialect
from csvpipe.errors import Phase, RowError, SourceGoneError
from csvpipe.limits import Limits

_SEMICOLON = Dialect(delimiter=";")
_PLAIN = Dialect(quotechar=None)


def an_error(row: int, *, start: int = 0, end: int = 0, **fields: Any) -> RowError:
    """An error of a row, with some column, code and message."""
    given = {"line": row + 1, "column": "id", "code": "int", "message": "not a number", "value": None, **fields}
    return RowError(row=row, phase=Phase.CONVERT, start=start, end=end, **given)


def a_plan(source: LocalFile, inspection: Inspection, limits: Limits | None = None) -> JobPlan:
    """The plan of a job for this file."""
    return JobPlan(source=source, inspection=inspection, limits=limits or Limits())


def inspected(source: LocalFile, limits: Limits | None = None, stated: dict[str, Any] | None = None) -> Inspection:
    """What intake finds in this file; of what is not stated it need guess nothing."""
    said = Stated(**{"dialect": Dialect(), "skip_lines": 0, **(stated or {})})
    encoding = EncodingFound(encoding=resolve_encoding(said.encoding or "utf-8"), evidence="stated", confidence=1.0)
    taken = TakenIn(file=source, encoding=encoding)
    return inspect_file(taken, said, limits or Limits(), place="people.csv")


class Job:
    """A job's file, and the rejects file that is written for it.

    Records are given as the bytes that they are in the file, so that their ranges need not be counted by hand.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "people.csv"
        self.errors: list[RowError] = []
        self._stated: dict[str, Any] = {}
        self._limits = Limits()
        self._ranges: list[tuple[int, int]] = []

    def has(self, header: bytes, /, *records: bytes, limits: Limits | None = None, **stated: Any) -> Job:
        """Lay down the file: a header and records, of which rows are numbered from 1."""
        self._stated, self._limits = stated, limits or Limits()
        self._ranges = []
        offset = len(header)
        for record in records:
            self._ranges.append((offset, offset + len(record)))
            offset += len(record)
        self.path.write_bytes(header + b"".join(records))
        return self

    def rejects(self, row: int, **fields: Any) -> Job:
        """Note one error of a row."""
        start, end = self._ranges[row - 1]
        self.errors.append(an_error(row, start=start, end=end, **fields))
        return self

    def write(self) -> bytes:
        """The rejects file."""
        source = LocalFile.at(self.path)
        inspection = inspected(source, self._limits, self._stated)
        dest = io.BytesIO()
        rows = write_rejects(dest, lambda: iter(self.errors), a_plan(source, inspection, self._limits))
        assert len({error.row for error in self.errors}) == rows
        return dest.getvalue()

    def read_back(self, encoding: str = "utf-8", dialect: Dialect | None = None) -> list[dict[str | None, Any]]:
        """What `csv.DictReader` makes of the rejects file."""
        text = io.StringIO(self.write().decode(encoding), newline="")
        return list(csv.DictReader(text, **(dialect or Dialect()).reader_options()))


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job."""
    return Job(tmp_path)


def cells(row: dict[str | None, Any], *names: str) -> list[Any]:
    """The cells under these names."""
    return [row[name] for name in names]


class TestRows:
    """What stands in the file."""

    def test_a_rejected_row_stands_behind_its_reason(self, job: Job) -> None:
        """Byte for byte as it is in the source."""
        job.has(b"id,name\n", b"1,Ana\n", b'x,"Ben, ""B"""\n', b"3,Cy\n").rejects(2)
        expected = b'_row,_line,_code,_column,_message,id,name\n2,3,int,id,not a number,x,"Ben, ""B"""\n'
        assert expected == job.write()

    def test_it_reads_back_by_name(self, job: Job) -> None:
        """The five leading columns and the user's own cells."""
        job.has(b"id,name\n", b"x,Ana\n", b"y,Ben\n").rejects(1).rejects(2, message='not "y"', code="rejected")
        first, second = job.read_back()
        assert ["1", "2", "int", "id", "not a number", "x", "Ana"] == list(first.values())
        assert ["2", "3", "rejected", "id", 'not "y"', "y", "Ben"] == list(second.values())
        assert [*LEADING, "id", "name"] == list(first)

    def test_without_errors_there_is_a_header_alone(self, job: Job) -> None:
        """And the source need not be there any more."""
        job.has(b"id,name\n", b"1,Ana\n")
        assert b"_row,_line,_code,_column,_message,id,name\n" == job.write()
        source = LocalFile.at(job.path)
        inspection = inspected(source)
        job.path.unlink()
        dest = io.BytesIO()
        assert 0 == write_rejects(dest, lambda: iter(()), a_plan(source, inspection))
        assert dest.getvalue().endswith(b",id,name\n")

    def test_errors_of_one_row_are_one_record(self, job: Job) -> None:
        """Codes, columns and messages are joined in their order; errors of the whole record have no column."""
        job.has(b"id,age\n", b"x,y\n", b"1,2\n", b"z,3\n")
        job.rejects(1).rejects(1, column="age", code="range", message="too old")
        job.rejects(2, column=None).rejects(3, column=None).rejects(3)
        assert [
            ["1", "int; range", "id; age", "not a number; too old"],
            ["2", "int", "", "not a number"],
            ["3", "int; int", "; id", "not a number; not a number"],
        ] == [cells(row, "_row", "_code", "_column", "_message") for row in job.read_back()]

    @pytest.mark.parametrize("record", [b"x\n", b"x,y,z\n", b"x,y,\n"])
    def test_ragged_rows_are_aligned(self, job: Job, record: bytes) -> None:
        """Cells stand under the names that they had in the source; those too many are past the last one."""
        job.has(b"id,name\n", record).rejects(1, code="field_count", column=None)
        (row,) = job.read_back()
        whole = record.decode().strip().split(",")
        assert whole[0] == row["id"]
        assert (whole[1] if len(whole) > 1 else None) == row["name"]
        assert (whole[2:] or None) == row.get(None)
        assert job.write().endswith(b"not a number," + record)

    def test_records_of_several_lines_stay_as_they_are(self, job: Job) -> None:
        """With the newlines that they have inside."""
        job.has(b"id,name\n", b'x,"Ana\r\n\nBen"\n', b"y,Cy\n").rejects(1).rejects(2)
        assert ["Ana\r\n\nBen", "Cy"] == [row["name"] for row in job.read_back()]

    def test_the_last_record_needs_no_line_end(self, job: Job) -> None:
        """It gets one."""
        job.has(b"id\n", b"x").rejects(1)
        assert job.write().endswith(b"not a number,x\n")

    def test_messages_of_several_lines_are_quoted(self, job: Job) -> None:
        """They are whatever a handler says."""
        job.has(b"id\n", b"x\n").rejects(1, message='a,b\n"c"')
        assert 'a,b\n"c"' == job.read_back()[0]["_message"]


class TestSpelling:
    """As the source is spelt, so is the rejects file."""

    @pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
    def test_newlines_are_those_of_the_header(self, job: Job, newline: bytes) -> None:
        """Whatever ends the rejected rows."""
        job.has(b"id" + newline, b"x" + newline, b"y\n").rejects(1).rejects(2)
        head = b"_row,_line,_code,_column,_message,id"
        body = [b"1,2,int,id,not a number,x", b"2,3,int,id,not a number,y"]
        assert b"".join(line + newline for line in [head, *body]) == job.write()

    @pytest.mark.parametrize(
        ("mark", "record", "newline"), [(b"", b"x\r\n", b"\r\n"), (b"\xef\xbb\xbf", b"x\r", b"\r"), (b"", b"x", b"\n")]
    )
    def test_without_a_header_the_first_rejected_row_tells(
        self, job: Job, mark: bytes, record: bytes, newline: bytes
    ) -> None:
        """A byte order mark is no header."""
        job.has(mark, record, header=("id",)).rejects(1)
        assert b"_row,_line,_code,_column,_message,id" + newline == job.write().splitlines(keepends=True)[0]

    def test_delimiter_and_quotes_are_the_files(self, job: Job) -> None:
        """Names and messages are quoted where they need it."""
        job.has(b'id;"last;first"\r\n', b"x;'y'\r\n", dialect=_SEMICOLON).rejects(1, message="a;b, c")
        expected = b'_row;_line;_code;_column;_message;id;"last;first"\r\n1;2;int;id;"a;b, c";x;\'y\'\r\n'
        assert expected == job.write()
        assert "a;b, c" == job.read_back(dialect=_SEMICOLON)[0]["_message"]

    def test_encoding_is_the_files(self, job: Job) -> None:
        """What it lacks is a question mark, or three dots."""
        job.has("prénom\n".encode("cp1252"), "Zoë €\x81\n".encode("cp1252", "ignore") + b"", encoding="cp1252")
        job.rejects(1, column="prénom", message="«Zoë» → … é")
        (row,) = job.read_back("cp1252")
        assert ["prénom", "«Zoë» ? ... é", "Zoë €"] == cells(row, "_column", "_message", "prénom")

    def test_bytes_that_do_not_decode_are_kept(self, job: Job) -> None:
        """They are what has to be mended."""
        job.has(b"name\n", b"Jos\xe9\n", encoding="utf-8").rejects(1, code="decode")
        assert job.write().endswith(b",Jos\xe9\n")

    def test_without_quotes_messages_lose_what_would_need_them(self, job: Job) -> None:
        """A space stands for delimiters and newlines; raw text is kept."""
        job.has(b'id,"n\n', b'x,"y\n', dialect=_PLAIN).rejects(1, message="a,b\r\nc\nd\re")
        expected = b'_row,_line,_code,_column,_message,id,"n\n1,2,int,id,a b c d e,x,"y\n'
        assert expected == job.write()

    def test_a_quote_that_the_encoding_lacks_cannot_be_written(self, job: Job) -> None:
        """Then it stands nowhere in the file either, and a space stands for what would need it."""
        dialect = Dialect(quotechar="«", escapechar="»")
        job.has(b"id,name\n", b"1,Ana\n", dialect=dialect, encoding="ascii").rejects(1, message="a, «b»")
        assert b"a  ?b?" in job.write()

    def test_a_delimiter_that_the_encoding_lacks_stands_nowhere_in_the_file(self, job: Job) -> None:
        """So the file has one column; writing it must not fail all the same."""
        job.has(b"id\n", b"x\n", dialect=Dialect(delimiter="→"), encoding="latin-1").rejects(1)
        assert job.write().endswith(b"?not a number?x\n")


class TestIncompleteRecords:
    """Raw text that would swallow what follows it."""

    def test_an_open_quote_goes_into_a_column_of_its_own(self, job: Job) -> None:
        """The rows after it are whole, and the other cells of its own row are empty."""
        job.has(b"id,name\n", b'1,"Ana\n', b"x,Ben\n", b"y,Cy\n")
        job.rejects(1, code="unterminated_quote").rejects(2).rejects(3)
        rows = job.read_back()
        assert [*LEADING, "_raw", "id", "name"] == list(rows[0])
        assert [['1,"Ana', "", ""], ["", "x", "Ben"], ["", "y", "Cy"]] == [
            cells(row, "_raw", "id", "name") for row in rows
        ]

    def test_the_reader_judges_not_the_code(self, job: Job) -> None:
        """A handler may call its errors what it likes."""
        job.has(b"id\n", b"x\n", b'"y\n').rejects(1, code="unterminated_quote").rejects(2, code="rejected")
        assert [["", "x"], ['"y', ""]] == [cells(row, "_raw", "id") for row in job.read_back()]

    def test_what_a_strict_dialect_refuses_goes_there(self, job: Job) -> None:
        """A reader would stop at it."""
        strict = Dialect(strict=True)
        job.has(b"id\n", b'"x"y\n', b"z\n", dialect=strict).rejects(1, code="malformed").rejects(2)
        assert [['"x"y', ""], ["", "z"]] == [cells(row, "_raw", "id") for row in job.read_back(dialect=strict)]

    @pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
    def test_an_escape_at_the_end_goes_there(self, job: Job, newline: bytes) -> None:
        """It would take the newline with it; without quotes too, escapes keep all of it in one cell."""
        escaped = Dialect(quotechar=None, escapechar="\\")
        job.has(b"id,name" + newline, b"1,x\\", dialect=escaped).rejects(1)
        assert ["1,x\\", "", ""] == cells(job.read_back(dialect=escaped)[0], "_raw", "id", "name")

    def test_of_an_over_long_record_the_beginning_is_shown(self, job: Job) -> None:
        """A thousand characters of it, whatever their bytes; one of the limit is whole."""
        whole, long = b"x" * 5_000 + b"\r\n", ("é" * 4_000).encode() + b"\n"
        job.has(b"id\n", whole, long, limits=Limits(row_bytes=5_000)).rejects(1).rejects(2, code="row_too_large")
        first, second = job.read_back()
        assert ["", "x" * 5_000] == cells(first, "_raw", "id")
        assert ["é" * 1_000 + "…", ""] == cells(second, "_raw", "id")

    def test_of_a_record_over_a_small_limit_no_more_is_shown(self, job: Job) -> None:
        """The limit bounds what is read."""
        limits = Limits(row_bytes=4)
        job.has(b"id\n", b"123456789\n", limits=limits, encoding="latin-1").rejects(1)
        assert "123456..." == job.read_back()[0]["_raw"]

    def test_bytes_that_do_not_decode_are_kept(self, job: Job) -> None:
        """In the quoted cell as well."""
        job.has(b"id\n", b'"\xe9\n', encoding="utf-8").rejects(1)
        assert job.write().endswith(b',"""\xe9",\n')

    @given(
        text=st.text(st.sampled_from("a,;\"'\\ \r\n?"), max_size=6),
        message=st.text(st.sampled_from("a,;\"'\\ \n→"), max_size=3),
        delimiter=st.sampled_from([",", ";", "→"]),
        quote=st.sampled_from([None, '"', "'", "?"]),
        escape=st.sampled_from([None, "\\"]),
        strict=st.booleans(),
    )
    def test_what_is_judged_without_the_reader_is_judged_alike(
        self, text: str, message: str, delimiter: str, quote: str | None, escape: str | None, *, strict: bool
    ) -> None:
        """Most records have nothing that could be left open, and need no reader to tell."""
        dialect = Dialect(delimiter=delimiter, quotechar=quote, escapechar=escape, strict=strict)
        inspection = Inspection(encoding="latin-1", dialect=dialect, columns=("id",), data_start=0, data_line=1)
        sheet = Sheet(inspection, None, newline="\n", has_raw=False)
        reject = Reject(leading=("1", "2", "int", "id", message), start=0, end=0)
        raw = Raw(text.encode(), is_whole=True)
        assert (sheet._parsed(sheet._in_place(reject, raw.data)) is not None) == sheet.fits(reject, raw)


class TestFormulas:
    """A spreadsheet that opens the file runs nothing of it."""

    def test_only_rows_that_need_it_are_spelt_anew(self, job: Job) -> None:
        """The others stay byte for byte as they are."""
        job.has(b"id,=name\n", b'"x",=1+1\n', b'"y","-5"\n', b"z,a,'@b\n", b'"",\t"-"\n')
        for row in (1, 2, 3, 4):
            job.rejects(row, code="=code", column="+column", message="-message")
        leading = "'=code,'+column,'-message"
        expected = ["_row,_line,_code,_column,_message,id,'=name"]
        expected += [f"1,2,{leading},x,'=1+1", f'2,3,{leading},"y","-5"', f"3,4,{leading},z,a,''@b"]
        expected += [f'4,5,{leading},,\'\t""-""']
        expected[-1] = f'4,5,{leading},,"\'\t""-"""'
        assert expected == job.write().decode().splitlines()

    def test_what_is_no_record_is_a_cell_like_any_other(self, job: Job) -> None:
        """In its column it would be run as well."""
        job.has(b"id,name\n", b'=1,"a\n').rejects(1)
        assert "'=1,\"a" == job.read_back()[0]["_raw"]

    @given(
        rows=st.lists(st.lists(st.text(st.sampled_from("'=+-@\t1a ,;\"\n\uff1d"), max_size=4), min_size=2, max_size=4)),
        dialect=st.sampled_from(
            [Dialect(), _SEMICOLON, Dialect(delimiter="\t"), Dialect(quotechar="'", escapechar="\\")]
        ),
    )
    def test_every_cell_comes_back(self, rows: list[list[str]], dialect: Dialect) -> None:
        """Read as what it is, with the apostrophes taken off, and nothing begins as a formula meanwhile."""
        with tempfile.TemporaryDirectory() as folder:
            job = Job(Path(folder))
            records = [dialect.delimiter.join(spelt(cell, dialect) for cell in row) + "\n" for row in rows]
            header = f"id{dialect.delimiter}name\n".encode()
            job.has(header, *(record.encode() for record in records), b"1\n", dialect=dialect)
            for row in range(1, len(rows) + 1):
                job.rejects(row)
            text = io.StringIO(job.write().decode(), newline="")
        _, *found = csv.reader(text, **dialect.reader_options())
        assert rows == [[unescaped(cell) for cell in row[len(LEADING) :]] for row in found]
        assert all(cell == escaped(unescaped(cell)) for row in found for cell in row)


class TestOurOwnFile:
    """A file that may be begun anew is written in one go, as long as all rows fit."""

    def test_it_is_written_anew_when_a_row_does_not_fit(self, job: Job) -> None:
        """And is then what it would have been."""
        job.has(b"id,name\n", b"x,Ana\n", b'y,"Ben\n').rejects(1).rejects(2)
        source = LocalFile.at(job.path)
        inspection = inspected(source)
        dest, looks = io.BytesIO(), []

        def errors() -> list[RowError]:
            looks.append(len(dest.getvalue()))
            return job.errors

        assert 2 == write_rejects(dest, errors, a_plan(source, inspection), is_ours=True)
        assert job.write() == dest.getvalue()
        assert 3 == len(looks)
        job.errors.pop()
        looks.clear()
        dest = io.BytesIO()
        assert 1 == write_rejects(dest, errors, a_plan(source, inspection), is_ours=True)
        assert job.write() == dest.getvalue()
        assert 2 == len(looks)


class Watched(io.BytesIO):
    """A source that keeps note of what is read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.sizes: list[int] = []

    def read(self, size: int | None = -1, /) -> bytes:
        """Read, with a note of how much it was."""
        data = super().read(size)
        self.sizes.append(len(data))
        return data


class TestPace:
    """Many rows are rejected, and the application goes on meanwhile."""

    def watched(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> Watched:
        """The job's file, which is watched when rejects are written."""
        source = Watched(job.path.read_bytes())
        write = rejects.write_rejects

        def write_watched(*arguments: Any) -> int:
            monkeypatch.setattr(LocalFile, "open", lambda _self: source)
            return write(*arguments)

        monkeypatch.setitem(globals(), "write_rejects", write_watched)
        return source

    def test_neighbours_are_read_together(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        """A block of the source is read at a time, also where records lie across the bounds of blocks."""
        records = [b"%d,%s\n" % (row, b"x" * (row % 1_000)) for row in range(1, 2_001)]
        job.has(b"id,name\n", *records)
        for row in range(1, 2_001):
            job.rejects(row)
        source = self.watched(job, monkeypatch)
        lines = job.write().splitlines(keepends=True)[1:]
        assert records == [line.split(b",", 5)[5] for line in lines]
        assert len(source.sizes) < 20

    def test_what_lies_between_strangers_is_not_read(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        """A few bad rows in a large file cost little, wherever they are."""
        gap = b"1\n" * 500_000
        job.has(b"id\n", gap, b"x\n", gap, b"y\n", gap).rejects(2).rejects(4)
        source = self.watched(job, monkeypatch)
        assert [b"x\n", b"y\n"] == [line.split(b",", 5)[5] for line in job.write().splitlines(keepends=True)[1:]]
        assert sum(source.sizes) < 400_000

    def test_work_is_interrupted_by_pauses(self, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        """The thread would keep an event loop from the interpreter otherwise."""
        pauses: list[float] = []
        monkeypatch.setattr(rejects.time, "monotonic", count(step=0.005).__next__)
        monkeypatch.setattr(rejects.time, "sleep", pauses.append)
        job.has(b"id\n", *[b"x\n"] * 100)
        for row in range(1, 101):
            job.rejects(row)
        job.write()
        assert len(pauses) >= 50
        assert {0.000_5} == set(pauses)


class TestSource:
    """Raw text is read from the job's file."""

    @pytest.fixture
    def rejected(self, job: Job) -> Job:
        """A job with one rejected row."""
        return job.has(b"id\n", b"x\n", b"1\n").rejects(1)

    def write(self, job: Job, source: LocalFile, dest: io.BytesIO | None = None) -> None:
        """Write the rejects of a job whose file was taken in as `source`."""
        inspection = inspected(LocalFile.at(job.path))
        write_rejects(dest or io.BytesIO(), lambda: iter(job.errors), a_plan(source, inspection))

    def test_a_file_that_is_gone_is_told(self, rejected: Job) -> None:
        """With its path, and why it is needed."""
        gone = LocalFile(path=str(rejected.path.with_name("gone.csv")), size=7, mtime_ns=0)
        with pytest.raises(SourceGoneError, match=r"their text is read from the job's file, .*gone\.csv: no such file"):
            self.write(rejected, gone)

    def test_a_file_that_has_changed_is_told(self, rejected: Job) -> None:
        """Other rows stand where the rejected ones stood."""
        source = LocalFile.at(rejected.path)
        rejected.path.write_bytes(b"id\nother\n")
        with pytest.raises(SourceGoneError, match="changed since it was submitted"):
            self.write(rejected, source)

    def test_a_file_that_changes_while_it_is_read_is_told(self, rejected: Job) -> None:
        """What was written by then is not to be trusted."""

        class Meddler(io.BytesIO):
            def write(self, data: Any, /) -> int:
                with rejected.path.open("ab") as file:
                    file.write(b"more\n")
                return super().write(data)

        with pytest.raises(SourceGoneError, match="changed since it was submitted"):
            self.write(rejected, LocalFile.at(rejected.path), Meddler())

    def test_a_range_past_the_end_is_told(self, rejected: Job) -> None:
        """Nothing is made up for bytes that are not there."""
        rejected.errors.append(an_error(2, start=5, end=50))
        with pytest.raises(SourceGoneError, match="it ends at byte 7, before byte 50"):
            self.write(rejected, LocalFile.at(rejected.path))

    def test_a_disk_that_fails_is_told(self, rejected: Job, monkeypatch: pytest.MonkeyPatch) -> None:
        """Trouble with the source is not mistaken for trouble with the rejects file."""

        class Failing(io.BytesIO):
            def read(self, _size: int | None = -1, /) -> bytes:
                raise OSError(5, "Input/output error")

        source = LocalFile.at(rejected.path)
        inspection = inspected(source)
        monkeypatch.setattr(LocalFile, "open", lambda _self: Failing())
        with pytest.raises(SourceGoneError, match="Input/output error"):
            write_rejects(io.BytesIO(), lambda: iter(rejected.errors), a_plan(source, inspection))
