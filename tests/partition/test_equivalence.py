"""However a file is cut, its records are those of one `csv.reader` over the whole, with the one stated departure."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from csvpipe._intake.inspection import Inspection, JobPlan
from csvpipe._intake.source import LocalFile
from csvpipe._partition import buffer, judge, openings, scan, stride
from csvpipe._partition.arrays import Arrays
from csvpipe._partition.chunk import Chunk
from csvpipe._partition.cut import cut_chunks
from csvpipe._partition.records import Located, Record, RecordKind, locate, scan_records
from csvpipe._process.parse import SliceParser, read_slices
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits

ENCODINGS = ("utf-8", "utf-8", "latin-1", "cp1252", "ascii")
MARKS = (",", '"', "\\", ";", "'", "\t", " ", "|", "\0", "^", "]", "-", "a", "§", "«", "\x85", "\u2028")
#: Line ends, what only `str.splitlines` takes for one, NUL, parts of UTF-8 sequences, ordinary characters.
ATOMS = (
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"a",
    b"bc",
    b" ",
    b"\0",
    b"\x0b",
    b"\x1c",
    b"\xc3\xa9",
    b"\xc2",
    b"\x85",
    b"\xff",
)
UNBOUNDED = 1_000_000


@attrs.frozen
class Case:
    """A file and how it is read."""

    data: bytes
    dialect: Dialect = attrs.field(factory=Dialect)
    encoding: str = "utf-8"
    row_bytes: int = UNBOUNDED

    @property
    def reading(self) -> dict[str, Any]:
        """Keyword arguments of `scan_records` and `locate`."""
        return {"dialect": self.dialect, "encoding": self.encoding, "row_bytes": self.row_bytes}


@st.composite
def dialects(draw: st.DrawFn) -> Dialect:
    """Any dialect that `Dialect` allows; the usual marks more often than others."""
    skips_spaces = draw(st.sampled_from((False, False, True)))
    allowed = [mark for mark in MARKS if not (skips_spaces and mark == " ")]
    delimiter, quote, escape, *_ = draw(st.just(allowed) | st.permutations(allowed))
    return Dialect(
        delimiter=delimiter,
        quotechar=draw(st.sampled_from((quote, quote, quote, None))),
        escapechar=draw(st.sampled_from((None, None, escape))),
        doublequote=draw(st.sampled_from((True, True, False))),
        skipinitialspace=skips_spaces,
        strict=draw(st.sampled_from((False, False, True))),
    )


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Files that consist of little but marks and line ends."""
    dialect, encoding = draw(dialects()), draw(st.sampled_from(ENCODINGS))
    marks = [mark for mark in (dialect.delimiter, dialect.quotechar, dialect.quotechar, dialect.escapechar) if mark]
    atoms = (*ATOMS, *(mark.encode(encoding, "replace") for mark in 3 * marks))
    data = b"".join(draw(st.lists(st.sampled_from(atoms), max_size=60)))
    return Case(data, dialect, encoding, draw(st.just(UNBOUNDED) | st.integers(1, 60)))


def physical_lines(data: bytes) -> list[bytes]:
    r"""Lines that end at `\n`, `\r\n`, a lone `\r`, or the end of the data."""
    return re.findall(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", data)


def records_by_definition(case: Case) -> list[Record]:
    """The definition, executed: at every record's start a `csv.reader` over as many lines as a record may have."""
    lines = physical_lines(case.data)
    records: list[Record] = []
    start = number = 0
    while number < len(lines):
        kind, taken, fields = first_record(lines[number:], case)
        end = start + sum(map(len, lines[number : number + taken]))
        records.append(Record(start, end, number, taken, kind, fields))
        start, number = end, number + taken
    return records


def first_record(lines: list[bytes], case: Case) -> tuple[RecordKind, int, list[str] | None]:
    """What the first record of these lines is, how many lines it takes, its cells."""
    if not lines[0].strip(b"\r\n"):
        return RecordKind.BLANK, 1, None
    if len(lines[0]) > case.row_bytes:
        return RecordKind.ROW_TOO_LARGE, 1, None
    fitting, size = [], 0
    for line in lines:
        size += len(line)
        if size > case.row_bytes:
            break
        text = line.decode(case.encoding, "surrogateescape")
        # At the end of the data csv.reader does as if there were a line end, unless it is strict.
        fitting.append(text if text.endswith(("\n", "\r")) or case.dialect.strict else f"{text}\n")
    # With a line of our own after the last one: a record that takes it, too, was still open.
    reader = csv.reader(chain(fitting, ["\n"]), **case.dialect.reader_options())
    try:
        fields = next(reader)
    except csv.Error:
        fields = None
    if reader.line_num > len(fitting):
        return RecordKind.UNTERMINATED_QUOTE, 1, None
    return (RecordKind.MALFORMED if fields is None else RecordKind.ROW), reader.line_num, fields


def rows_of_one_reader(case: Case) -> list[list[str] | None]:
    """What one `csv.reader` over the whole file returns, None where it raises."""
    lines = (line.decode(case.encoding, "surrogateescape") for line in physical_lines(case.data))
    reader = csv.reader(lines, **case.dialect.reader_options())
    rows: list[list[str] | None] = []
    while True:
        try:
            rows.append(next(reader))
        except csv.Error:
            rows.append(None)
        except StopIteration:
            return rows


@attrs.frozen
class Stored:
    """A case in a file, after a prefix that was read at intake."""

    case: Case
    source: LocalFile
    inspection: Inspection

    @property
    def limits(self) -> Limits:
        """The limits of the case."""
        return Limits(row_bytes=self.case.row_bytes)

    def cut(self, **options: int) -> list[Chunk]:
        """All chunks, or those of a part."""
        inspection = self.inspection
        whole = {"start": inspection.data_start, "end": self.source.size, "first_row": 1, "chunk_bytes": 40}
        options = {"first_line": inspection.data_line, **whole, **options}
        return list(cut_chunks(self.source, inspection, self.limits, **options))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case, bytes], Stored]:
    """Write a case to a file."""
    path = tmp_path_factory.mktemp("equivalence") / "data.csv"

    def write(case: Case, prefix: bytes) -> Stored:
        path.write_bytes(prefix + case.data)
        line = 1 + len(physical_lines(prefix))
        inspection = Inspection(
            encoding=case.encoding, dialect=case.dialect, columns=("a",), data_start=len(prefix), data_line=line
        )
        return Stored(case, LocalFile.at(path), inspection)

    return write


@pytest.fixture(
    scope="module",
    params=[(None, True), (1, True), (7, True), (None, False), (7, False)],
    ids=["usual", "tiny", "small", "usual without numpy", "small without numpy"],
    autouse=True,
)
def _strides(request: pytest.FixtureRequest) -> Iterator[None]:
    """Windows, steps and slack of a few bytes: what takes megabytes otherwise happens in every example."""
    size, has_numpy = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Arrays, "for_bytes", lambda _size: Arrays(np) if has_numpy else None)
        if size is not None:
            for module, name in (
                (judge, "WINDOW_BYTES"),
                (scan, "WINDOW_BYTES"),
                (scan, "_FIRST_DETOUR_BYTES"),
                (scan, "_FIRST_PAUSE_BYTES"),
                (buffer, "_STEP_BYTES"),
                (openings, "_SLACK"),
            ):
                patch.setattr(module, name, size)
            patch.setattr(scan, "STRIDE_BYTES", 6 * size)
            patch.setattr(stride, "_SPARSE_BYTES", 1)
        yield


#: In each of the sizes of strides; more with `--hypothesis-profile=thorough`.
thorough = settings(max_examples=max(250, settings.default.max_examples))
PREFIXES = st.sampled_from((b"", b"\xef\xbb\xbf", b"\xef\xbb\xbfa\n", b'"a\nb"\r\n\n'))


@thorough
@given(cases())
@example(Case(b'a,"b\nc"\n\n"x\ny\n'))
@example(Case(b"a\\\nb", Dialect(escapechar="\\")))
@example(Case(b"a\\\nb", Dialect(escapechar="\\", strict=True)))
@example(Case(b"a\\", Dialect(escapechar="\\")))
@example(Case(b"a\\\r\nb\\\rc", Dialect(escapechar="\\")))
def test_records_are_those_of_the_definition(case: Case) -> None:
    """`scan_records` equals the definition in every detail, and `locate` finds the same records."""
    expected = records_by_definition(case)
    rows = [record for record in expected if record.kind is not RecordKind.BLANK]

    assert expected == list(scan_records(case.data, **case.reading))
    located = Located([r.start for r in rows], [r.end for r in rows], [r.line for r in rows])
    assert located == locate(case.data, **case.reading)


@thorough
@given(cases())
def test_rows_are_those_of_one_reader(case: Case) -> None:
    """Where nothing is rejected for being open or large, rows are what one plain `csv.reader` returns or refuses."""
    departs = (RecordKind.UNTERMINATED_QUOTE, RecordKind.ROW_TOO_LARGE)
    records = list(scan_records(case.data, **case.reading))
    alike = next((index for index, record in enumerate(records) if record.kind in departs), len(records))
    expected = rows_of_one_reader(case)

    assert expected[:alike] == [[] if r.kind is RecordKind.BLANK else r.fields for r in records[:alike]]
    assert alike < len(records) or len(expected) == len(records)


@thorough
@given(
    case=cases(),
    prefix=PREFIXES,
    chunk_bytes=st.integers(1, 80),
    cut_bytes=st.integers(1, 80),
    block_bytes=st.integers(1, 80),
)
def test_chunks_are_made_of_whole_records(
    *,
    store: Callable[[Case, bytes], Stored],
    case: Case,
    prefix: bytes,
    chunk_bytes: int,
    cut_bytes: int,
    block_bytes: int,
) -> None:
    """Chunks tile the file, each ends at the first boundary past its size, and counts and cuts are exact."""
    stored = store(case, prefix)
    shift = len(prefix)
    records = {record.start + shift: record for record in records_by_definition(case)}
    row, line, at = 1, stored.inspection.data_line, shift

    for chunk in stored.cut(chunk_bytes=chunk_bytes, cut_bytes=cut_bytes, block_bytes=block_bytes):
        assert (at, row, line) == (chunk.start, chunk.first_row, chunk.first_line)
        assert chunk.end >= min(chunk.start + chunk_bytes, stored.source.size)
        bounds = (chunk.start, *chunk.cuts, chunk.end)
        for start, end in pairwise(bounds):
            inside = []
            while at < end:
                inside.append(records[at])
                at = records[at].end + shift
            assert (start, at) == (inside[0].start + shift, end)
            assert len(inside) == 1 or RecordKind.ROW_TOO_LARGE not in {record.kind for record in inside}
            assert inside[-1].start + shift < min(start + cut_bytes, chunk.start + chunk_bytes)
            if end - start < cut_bytes and end != chunk.end:
                assert RecordKind.ROW_TOO_LARGE in {inside[0].kind, records[end].kind}
            row += sum(record.kind is not RecordKind.BLANK for record in inside)
            line += sum(record.lines for record in inside)
        assert (row, line) == (chunk.first_row + chunk.rows, chunk.first_line + chunk.lines)
        kinds = {record.kind for start, record in records.items() if chunk.start <= start < chunk.end}
        assert (kinds <= {RecordKind.ROW, RecordKind.BLANK}) == chunk.is_regular

    assert stored.source.size == at


@thorough
@given(case=cases(), chunk_bytes=st.integers(1, 80), cut_bytes=st.integers(1, 80))
def test_pieces_read_alone_give_the_same_records(
    store: Callable[[Case, bytes], Stored], case: Case, chunk_bytes: int, cut_bytes: int
) -> None:
    """The records between any two neighbouring cuts do not depend on what lies outside."""
    pieces = []
    for chunk in store(case, b"").cut(chunk_bytes=chunk_bytes, cut_bytes=cut_bytes):
        line = chunk.first_line - 1
        for start, end in pairwise((chunk.start, *chunk.cuts, chunk.end)):
            for record in scan_records(case.data[start:end], **case.reading):
                pieces.append(attrs.evolve(record, start=start + record.start, end=start + record.end, line=line))
                line += record.lines

    assert records_by_definition(case) == pieces


@thorough
@given(case=cases(), prefix=PREFIXES, stop=st.integers(0, 60), chunk_bytes=st.integers(1, 80))
def test_a_cut_resumes_at_any_boundary(
    store: Callable[[Case, bytes], Stored], case: Case, prefix: bytes, stop: int, chunk_bytes: int
) -> None:
    """A cut that starts at a chunk's end, or that ends at a chunk's start, gives the rest, or what lies before."""
    stored = store(case, prefix)
    chunks = stored.cut(chunk_bytes=chunk_bytes)
    before, after = chunks[:stop], chunks[stop:]
    middle = after[0].start if after else stored.source.size
    row, line = (after[0].first_row, after[0].first_line) if after else (1, 1)

    assert before == stored.cut(end=middle, chunk_bytes=chunk_bytes)
    assert after == stored.cut(start=middle, first_row=row, first_line=line, chunk_bytes=chunk_bytes)


@thorough
@given(case=cases(), chunk_bytes=st.integers(1, 80), cut_bytes=st.integers(1, 80))
def test_workers_read_what_was_cut(
    store: Callable[[Case, bytes], Stored], case: Case, chunk_bytes: int, cut_bytes: int
) -> None:
    """The stage after this one counts the same rows and lines, and numbers them alike."""
    stored = store(case, b"")
    plan = JobPlan(source=stored.source, inspection=stored.inspection, limits=stored.limits)
    parser = SliceParser(stored.inspection, stored.limits, "keep")
    expected = [record for record in records_by_definition(case) if record.kind is not RecordKind.BLANK]
    rows: list[list[str] | None] = []

    for chunk in stored.cut(chunk_bytes=chunk_bytes, cut_bytes=cut_bytes):
        slices = list(read_slices(plan, parser, chunk))
        assert (chunk.rows, chunk.lines) == (sum(len(s.rows) for s in slices), sum(s.lines for s in slices))
        for part in slices:
            places = [part.place(index) for index in range(len(part.rows))]
            wanted = expected[part.first_row - 1 : part.first_row - 1 + len(part.rows)]
            assert [(r.line + 1, r.start, r.end) for r in wanted] == [(p.line, p.start, p.end) for p in places]
            rows += part.rows

    readable = [
        r.fields if r.fields and not re.search("[\udc80-\udcff]", "".join(r.fields)) else None for r in expected
    ]
    assert readable == rows


@settings(max_examples=200)
@given(case=cases(), limit=st.integers(0, 5))
def test_the_field_size_limit_of_the_host_changes_nothing(case: Case, limit: int) -> None:
    """`csv.field_size_limit` belongs to the host application: it may be anything, and stays what it is."""
    expected = records_by_definition(case)
    before = csv.field_size_limit(limit)
    try:
        found = list(scan_records(case.data, **case.reading))
        located = locate(case.data, **case.reading)
    finally:
        after = csv.field_size_limit(before)

    assert (expected, limit) == (found, after)
    assert [r.start for r in expected if r.kind is not RecordKind.BLANK] == located.starts
