"""Where Arrow's parser may be trusted, and where not."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from csvpipe._intake.inspection import Inspection
from csvpipe._partition.chunk import Chunk
from csvpipe._process.columns import is_available
from csvpipe._process.columns.places import find_by_cells, find_places
from csvpipe._process.columns.texts import TextReader, is_readable
from csvpipe._process.parse import SliceParser
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits


def reader(*, row_bytes: int = 1_000, encoding: str = "utf-8", positions: list[int] | None = None, **how: Any) -> Any:
    """For two columns."""
    inspection = Inspection(encoding=encoding, dialect=Dialect(**how), columns=("a", "b"), data_start=0, data_line=1)
    return TextReader(inspection, Limits(row_bytes=row_bytes), "reject", [0, 1] if positions is None else positions)


def cells(data: bytes, rows: int, **options: Any) -> Any:
    """Rows of cells, or None."""
    texts = reader(**options).read(data, rows)
    return None if texts is None else list(zip(*(c.to_pylist() for c in texts.columns.values()), strict=True))


class TestRead:
    """A piece of a file."""

    def test_rows(self) -> None:
        """Quoted newlines, blank lines and rows of another size are what they are for `csv.reader`."""
        assert [("1", "a\nb"), ("", ""), ("2", "c")] == cells(b'1,"a\nb"\n\nx\n2,c', 3)
        assert "<TextReader of 2 of 2 columns>" == repr(reader())
        assert [("x",)] == cells(b"x,y\n", 1, positions=[0])

    @pytest.mark.parametrize(
        ("data", "rows", "options"),
        [
            (b'1,2\n3,"4\n', 2, {}),
            (b'.,"4\n', 1, {"positions": [0]}),
            (b"1,2\n", 2, {}),
            (b"\xef\xbb\xbf1,2\n", 1, {}),
            (b"1,\xff\n", 1, {}),
            (b"1,\x81\n", 1, {"encoding": "cp1252"}),
            (b"1,\\,\n", 1, {"escapechar": "\\"}),
            (b'1,"' + b"x\n" * 20 + b'"\n', 1, {"row_bytes": 30}),
            (b'1,"2"\n1\n' + b"3,4\n" * 4, 6, {"row_bytes": 11, "positions": [0]}),
        ],
    )
    def test_unsure(self, data: bytes, rows: int, options: Any) -> None:
        """What stays open, does not decode or add up, is escaped, or may be too large is left to the row path."""
        assert cells(data, rows, **options) is None

    def test_measured(self) -> None:
        """Rows whose cells are small enough go by columns, however many they are."""
        assert 10 == len(cells(b'1,"2"\n' * 10, 10, row_bytes=40))

    def test_other_encodings(self) -> None:
        """Single bytes become the characters that they are."""
        assert [("é", "1")] == cells(b"\xe9,1\n", 1, encoding="cp1252")


def test_dialects() -> None:
    """Marks must be ASCII, and rules such as Arrow has."""
    good = [Dialect(), Dialect(delimiter="\t", quotechar=None), Dialect(quotechar="'", doublequote=False)]
    bad = [Dialect(delimiter="é"), Dialect(quotechar="«"), Dialect(skipinitialspace=True), Dialect(strict=True)]
    assert [True] * 3 + [False] * 4 == [is_readable(dialect) for dialect in good + bad]
    assert is_available()


def test_bounds() -> None:
    """Rows lie between cuts, so these bound their size."""

    def chunk(*cuts: int) -> Chunk:
        return Chunk(start=0, end=3_000, first_row=1, first_line=1, rows=9, lines=9, cuts=cuts)

    bounded = reader(row_bytes=1_000)
    assert (True, False) == (bounded.is_bounded(chunk(1_000, 2_000)), bounded.is_bounded(chunk(1_001, 2_000)))


@pytest.mark.parametrize(
    "data",
    [
        b"1,2\n\n3,4",
        b'1,"2"\r\n"a ""b"" \n c",4\r\n',
        b'1,2"\n3,"4\n5"\n',
        b"1,2\r3,4\r",
        b'1,a"b""c"\n2,"x"y\n',
    ],
)
def test_places(data: bytes) -> None:
    """Rows are found where the row path finds them."""
    dialect = Dialect()
    inspection = Inspection(encoding="utf-8", dialect=dialect, columns=("a", "b"), data_start=0, data_line=1)
    parser = SliceParser(inspection, Limits(), "reject")
    expected = parser.locate(data)
    found = find_places(data, len(expected.starts), dialect, parser)
    assert (expected.starts, expected.ends, expected.lines) == (
        found.starts.tolist(),
        found.ends.tolist(),
        found.lines.tolist(),
    )
    assert f"<Places of {len(expected.starts)} rows>" == repr(found)


@pytest.mark.parametrize("data", [b"1,2\n30,\n", b"1,2\n,4", b"1,2\r\n3,4\r\n", b"1,2\r\n3,4", b"1,2\n3,4\r\n"])
def test_places_by_cells(data: bytes) -> None:
    """Lengths tell where rows stand only if each line ends in one byte; the last may end in none."""
    rows = [line.split(",") for line in data.decode().splitlines()]
    columns = [pa.array(["skipped", *column], pa.string()).slice(1) for column in zip(*rows, strict=True)]
    found = find_by_cells(columns, 2, data)
    expected = find_places(data, 2, Dialect(), None)  # type: ignore[arg-type]  # regular: nobody asks the parser
    shown = None if found is None else [found.starts.tolist(), found.ends.tolist(), found.lines.tolist()]
    is_simple = b"\r" not in data
    assert shown == ([expected.starts.tolist(), expected.ends.tolist(), expected.lines.tolist()] if is_simple else None)
