"""Cutting real files: what they hold, how they are read, how they may fail."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import LocalFile
from csvpipe._partition.buffer import Buffer
from csvpipe._partition.chunk import CUT_BYTES, Chunk
from csvpipe._partition.cut import cut_chunks
from csvpipe._partition.scan import Scan
from csvpipe._process import parse
from csvpipe.dialect import Dialect
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits


def inspection(data_start: int = 0, data_line: int = 1) -> Inspection:
    """How to read a plain file of one column."""
    return Inspection(encoding="utf-8", dialect=Dialect(), columns=("a",), data_start=data_start, data_line=data_line)


def cut(
    path: Path, *, size: int | None = None, row_bytes: int = 1_000, chunk_bytes: int = 100, **how: int
) -> list[Chunk]:
    """All chunks of a file whose data starts at its first byte."""
    source = LocalFile.at(path)
    where = {"start": 0, "end": source.size if size is None else size, "first_row": 1, "first_line": 1}
    return list(
        cut_chunks(source, inspection(), Limits(row_bytes=row_bytes), chunk_bytes=chunk_bytes, **{**where, **how})
    )


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes], Path]:
    """Write a file."""

    def write(data: bytes) -> Path:
        path = tmp_path / "data.csv"
        path.write_bytes(data)
        return path

    return write


def test_what_intake_has_read_is_skipped(write: Callable[[bytes], Path]) -> None:
    """A BOM and a header of two lines belong to no chunk; rows count from the data, lines from the file's start."""
    path = write(b'\xef\xbb\xbf"a\nb"\r\n1\r\n\r\n2\r\n3')
    source = LocalFile.at(path)
    where = {"start": 10, "end": source.size, "first_row": 1, "first_line": 3}

    chunks = list(cut_chunks(source, inspection(10, 3), Limits(), chunk_bytes=5, cut_bytes=1, **where))

    assert [
        Chunk(start=10, end=15, first_row=1, first_line=3, rows=1, lines=2, cuts=(13,), is_regular=True),
        Chunk(start=15, end=19, first_row=2, first_line=5, rows=2, lines=2, cuts=(18,), is_regular=True),
    ] == chunks


def test_nothing_is_cut_from_nothing(write: Callable[[bytes], Path]) -> None:
    """A file without data has no chunks."""
    assert [] == cut(write(b""))


def test_usual_chunks_have_a_cut_every_64_kib(write: Callable[[bytes], Path]) -> None:
    """Cuts are where a worker may pause, so they come at equal distances, as the worker expects them."""
    (chunk,) = cut(write(b"123456789\n" * 30_000), chunk_bytes=1_000_000)

    assert (65_540, 131_080, 196_620, 262_160) == chunk.cuts
    assert (30_000, 30_000) == (chunk.rows, chunk.lines)
    assert CUT_BYTES == parse.CUT_BYTES


def test_the_size_of_a_chunk_may_change(write: Callable[[bytes], Path]) -> None:
    """It is asked for at the start of each chunk."""
    source = LocalFile.at(write(b"1\n2\n3\n4\n5\n6\n"))
    where = {"start": 0, "end": source.size, "first_row": 1, "first_line": 1}
    sizes = {0: 1, 2: 6, 8: 3}

    chunks = cut_chunks(source, inspection(), Limits(), chunk_bytes=sizes.__getitem__, **where)

    assert [(0, 2), (2, 8), (8, 12)] == [(chunk.start, chunk.end) for chunk in chunks]


def test_cuts_are_never_further_apart_than_workers_expect(write: Callable[[bytes], Path]) -> None:
    """A larger distance would make pieces that a worker takes for one huge line."""
    path = write(b"123456789\n" * 30_000)

    assert cut(path, chunk_bytes=1_000_000) == cut(path, chunk_bytes=1_000_000, cut_bytes=1_000_000)


@pytest.mark.parametrize("block_bytes", range(1, 9))
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_large_lines_stand_alone(write: Callable[[bytes], Path], ending: bytes, block_bytes: int) -> None:
    """A line over the limit has cuts on both sides, and its line end belongs to it, wherever the blocks end."""
    large = b"x" * 20 + ending
    data = b"a" + ending + large + large + b"b" + ending
    first = len(ending) + 1

    (chunk,) = cut(write(data), row_bytes=10, chunk_bytes=1_000, block_bytes=block_bytes)

    assert (first, first + len(large), first + 2 * len(large)) == chunk.cuts
    assert (4, 4) == (chunk.rows, chunk.lines)


@pytest.mark.parametrize(
    ("line", "is_too_large"), [(b"x" * 9 + b"\n", False), (b"x" * 9 + b"\r", False), (b"x" * 9 + b"\r\n", True)]
)
def test_the_line_end_counts(write: Callable[[bytes], Path], line: bytes, *, is_too_large: bool) -> None:
    """A line of exactly `row_bytes` is a row; with one byte more it is not."""
    (chunk,) = cut(write(b"a\n" + line + b"a\n"), row_bytes=10)

    assert ((2, 2 + len(line)) if is_too_large else ()) == chunk.cuts


@pytest.mark.parametrize("block_bytes", [1_000, 4_096, 262_144])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\r"])
def test_pieces_fit_into_memory(write: Callable[[bytes], Path], ending: bytes, block_bytes: int) -> None:
    """Only a single line that is too large makes a piece of more than `row_bytes` and the distance of two cuts."""
    lengths = (5, 9_998, 9_999, 10_000, 40_000, CUT_BYTES, 10_000 + CUT_BYTES, 300_000, 7)
    lines = [b"x" * length + ending for length in lengths for _ in range(3)]
    ends = list(accumulate(map(len, lines)))
    too_large = {end - len(line): end for end, line in zip(ends, lines, strict=True) if len(line) > 10_000}
    pieces: dict[int, int] = {}

    for chunk in cut(write(b"".join(lines)), row_bytes=10_000, chunk_bytes=500_000, block_bytes=block_bytes):
        pieces |= pairwise((chunk.start, *chunk.cuts, chunk.end))

    assert too_large.items() <= pieces.items()
    assert 10_000 + CUT_BYTES >= max(end - start for start, end in pieces.items() if start not in too_large)


def test_memory_does_not_depend_on_the_file(write: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a huge line, nor quotes that never close, nor large records make the buffer outgrow its bound."""
    largest = 0
    reserve = Buffer.reserve

    def watched(buffer: Buffer, stop: int) -> None:
        nonlocal largest
        reserve(buffer, stop)
        largest = max(largest, len(buffer.data))

    monkeypatch.setattr(Buffer, "reserve", watched)
    records, hostile, huge = (b'"' + b"x\n" * 4_000 + b'"\n') * 20, b'a",",\n' * 10_000, b"x" * 500_000 + b"\n"

    chunks = cut(write(records + hostile + huge), row_bytes=10_000, block_bytes=1_000)

    assert 20 + 10_000 + 1 == sum(chunk.rows for chunk in chunks)
    assert largest <= 2 * 10_000 + 2 * 1_000


def test_a_file_that_changed_is_refused(write: Callable[[bytes], Path]) -> None:
    """The fingerprint is compared before the first byte is read."""
    path = write(b"a\n")
    source = LocalFile.at(path)
    path.write_bytes(b"a\nb\n")
    where = {"start": 0, "end": 2, "first_row": 1, "first_line": 1}

    with pytest.raises(FileError) as caught:
        next(cut_chunks(source, inspection(), Limits(), chunk_bytes=1, **where))

    assert FileCode.SOURCE_CHANGED is caught.value.code


def test_a_file_that_shrinks_is_noticed(write: Callable[[bytes], Path]) -> None:
    """What is cut short while it is cut into chunks ends in an error, not in a shorter import."""
    path = write(b"123456789\n" * 1_000)
    source = LocalFile.at(path)
    where = {"start": 0, "end": source.size, "first_row": 1, "first_line": 1, "block_bytes": 500}
    chunks = cut_chunks(source, inspection(), Limits(row_bytes=100), chunk_bytes=50, **where)
    next(chunks)
    with path.open("r+b") as file:
        file.truncate(5_000)

    with pytest.raises(FileError, match="cut short") as caught:
        list(chunks)

    assert FileCode.SOURCE_CHANGED is caught.value.code


ATOMS = (b"a", b"1,2", b'"', b'""', b'"x\ny"', b"\n", b"\n", b"\n\n", b"\r\n", b"\r", b"\\", "é".encode())
DIALECTS = (Dialect(), Dialect(escapechar="\\"), Dialect(quotechar=None), Dialect(doublequote=False, strict=True))


@given(
    st.lists(st.sampled_from(ATOMS), max_size=30).map(b"".join), st.sampled_from(DIALECTS), st.sampled_from((20, 1_000))
)
def test_memory_and_disk_are_cut_alike(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, dialect: Dialect, most: int
) -> None:
    """A small file in memory is cut as one that has to be read."""
    header = b"name\n"
    path = tmp_path_factory.getbasetemp() / "small.csv"
    path.write_bytes(header + data)
    how, limits = attrs.evolve(inspection(len(header), 2), dialect=dialect), Limits(row_bytes=most)
    source = LocalFile.at(path)
    where = {"start": len(header), "end": source.size, "first_row": 1, "first_line": 2}

    from_memory, read = (
        list(cut_chunks(each, how, limits, chunk_bytes=100_000, **where)) for each in (source.held(), source)
    )

    assert read == from_memory


@pytest.mark.parametrize(
    ("data", "limits", "is_at_once"),
    [
        (b'a\n1\n\n"2\n3"\n\n', {}, True),
        (b"a\n1\r\n", {}, False),
        (b'a\n1\n"2\n', {}, False),
        (b"a\n" + b"1" * 2_000, {"row_bytes": 1_000}, False),
    ],
)
def test_small_files_are_cut_at_once(
    write: Callable[[bytes], Path],
    monkeypatch: pytest.MonkeyPatch,
    *,
    data: bytes,
    limits: dict[str, int],
    is_at_once: bool,
) -> None:
    """With quotes and without; what one scan does not pass is cut in the ordinary way."""
    walks: list[object] = []

    class Walk(Scan):
        def __init__(self, *args: object, **options: object) -> None:
            walks.append(self)
            super().__init__(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("csvpipe._partition.cut.Scan", Walk)
    source = LocalFile.at(write(data)).held()
    where = {"start": 2, "end": source.size, "first_row": 1, "first_line": 2}
    chunks = list(cut_chunks(source, inspection(2, 2), Limits(**limits), chunk_bytes=100_000, **where))

    assert is_at_once == (not walks)
    if is_at_once:
        assert [Chunk(start=2, end=12, first_row=1, first_line=2, rows=2, lines=5, is_regular=True)] == chunks
