"""A chunk is divided exactly between two rows, whatever stands in it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.inspection import Inspection
from csvpipe._intake.source import LocalFile
from csvpipe._partition.chunk import Chunk
from csvpipe._partition.cut import cut_whole
from csvpipe._partition.divide import divide
from csvpipe._partition.records import RecordKind, scan_records
from csvpipe.dialect import Dialect
from csvpipe.errors import FileError
from csvpipe.limits import Limits

LIMITS = Limits(row_bytes=64)

DIALECTS = [Dialect(), Dialect(escapechar="\\"), Dialect(quotechar=None), Dialect(delimiter=";", doublequote=False)]

texts = st.lists(
    st.sampled_from(["a", ",", ";", '"', '""', "\n", "\r\n", "\r", "\\", "é", "\n\n", '"x\ny"', "b" * 70, "1,2\n"]),
    max_size=60,
).map("".join)


def whole(path: Path, text: str, dialect: Dialect) -> tuple[LocalFile, Inspection, list[Chunk]]:
    """A file without a header, cut into chunks."""
    path.write_bytes(text.encode())
    source = LocalFile.at(path)
    inspection = Inspection(encoding="utf-8", dialect=dialect, columns=("a", "b"), data_start=0, data_line=1)
    return source, inspection, list(cut_whole(source, inspection, LIMITS, chunk_bytes=100))


def rows_of(text: bytes, dialect: Dialect) -> list[tuple[int, int]]:
    """Offset and 0-based line of each row."""
    records = scan_records(text, dialect=dialect, encoding="utf-8", row_bytes=LIMITS.row_bytes)
    return [(record.start, record.line) for record in records if record.kind is not RecordKind.BLANK]


@given(text=texts, dialect=st.sampled_from(DIALECTS))
def test_both_parts_are_what_the_file_has_there(
    text: str, dialect: Dialect, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """At every row of every chunk: the second part begins where a reader of the whole file finds that row."""
    path = tmp_path_factory.getbasetemp() / "divided.csv"
    source, inspection, chunks = whole(path, text, dialect)
    rows = rows_of(text.encode(), dialect)

    for chunk in chunks:
        for count in range(1, chunk.rows):
            first, rest = divide(source, inspection, LIMITS, chunk, count)

            offset, line = rows[chunk.first_row - 1 + count]
            assert (chunk.start, offset, chunk.end) == (first.start, first.end, rest.end)
            assert (offset, line + 1, chunk.first_row + count) == (rest.start, rest.first_line, rest.first_row)
            assert (chunk.rows, chunk.lines) == (first.rows + rest.rows, first.lines + rest.lines)
            assert set(chunk.cuts) - {offset} == {*first.cuts, *rest.cuts}
            assert all(first.start < cut < first.end for cut in first.cuts)
            assert all(rest.start < cut < rest.end for cut in rest.cuts)


def test_a_large_chunk_is_divided_past_its_cuts(tmp_path: Path) -> None:
    """Pieces before the row are counted, lines that are too large to load among them."""
    path = tmp_path / "large.csv"
    path.write_bytes(b"".join(b"%d,x\n" % row for row in range(20_000)) + b"y" * 200_000 + b"\n1,2\n3,4\n")
    source = LocalFile.at(path)
    inspection = Inspection(encoding="utf-8", dialect=Dialect(), columns=("a", "b"), data_start=0, data_line=1)
    [chunk] = cut_whole(source, inspection, LIMITS, chunk_bytes=10_000_000)
    size = path.stat().st_size

    found = [divide(source, inspection, LIMITS, chunk, rows)[1].start for rows in (19_999, 20_000, 20_001, 20_002)]

    assert 20_003 == chunk.rows
    assert [size - 200_009 - 8, size - 200_009, size - 8, size - 4] == found


def test_a_file_that_was_changed_is_not_divided(tmp_path: Path) -> None:
    """Rows that are not there any more cannot be found."""
    source, inspection, [chunk] = whole(tmp_path / "changed.csv", "1,2\n3,4\n", Dialect())
    path = Path(source.path)
    path.write_bytes(b"1,2,3,4\n")
    changed = LocalFile.at(path)

    with pytest.raises(FileError, match="fewer rows than before"):
        divide(changed, inspection, LIMITS, chunk, 1)
