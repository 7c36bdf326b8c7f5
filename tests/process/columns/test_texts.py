"""Where Arrow's parser may be trusted, and where not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.inspection import Inspection
from csvpipe._partition.chunk import Chunk
from csvpipe._process.columns import is_available
from csvpipe._process.columns.places import find_by_cells, find_places
from csvpipe._process.columns.texts import ColumnReader, is_readable
from csvpipe._process.parse import SliceParser
from csvpipe._process.part import Place
from csvpipe.dialect import Dialect
from csvpipe.limits import Limits


def reader(*, row_bytes: int = 1_000, encoding: str = "utf-8", positions: list[int] | None = None, **how: Any) -> Any:
    """For two columns."""
    inspection = Inspection(encoding=encoding, dialect=Dialect(**how), columns=("a", "b"), data_start=0, data_line=1)
    return ColumnReader(inspection, Limits(row_bytes=row_bytes), "reject", [0, 1] if positions is None else positions)


def cells(data: bytes, rows: int, **options: Any) -> Any:
    """Rows of cells, or None."""
    texts = reader(**options).read(data, rows)
    return None if texts is None else list(zip(*(c.to_pylist() for c in texts.columns.values()), strict=True))


class TestRead:
    """A piece of a file."""

    def test_rows(self) -> None:
        """Quoted newlines, blank lines and rows of another size are what they are for `csv.reader`."""
        assert [("1", "a\nb"), ("", ""), ("2", "c")] == cells(b'1,"a\nb"\n\nx\n2,c', 3)
        assert "<ColumnReader of 2 of 2 columns>" == repr(reader())
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

    def test_regular(self) -> None:
        """Of a piece that is known to be regular nothing has to be measured, and no end to be looked for."""
        data = b'1,"' + b"x\n" * 20 + b'"\n'
        assert reader(row_bytes=30).read(data, 1) is None
        texts = reader(row_bytes=30, positions=[0]).read(data, 1, is_regular=True)
        assert [["1"]] == [column.to_pylist() for column in texts.columns.values()]
        texts = reader().read(b'"1"\n2,3,"4"\n', 2, is_regular=True)
        assert [[""] * 2] * 2 == [column.to_pylist() for column in texts.columns.values()]

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


def parser_of(dialect: Dialect) -> SliceParser:
    """For two columns."""
    inspection = Inspection(encoding="utf-8", dialect=dialect, columns=("a", "b"), data_start=0, data_line=1)
    return SliceParser(inspection, Limits(), "reject")


@pytest.mark.parametrize(
    "data",
    [
        b"1,2\n\n3,4",
        b'1,"2"\r\n"a ""b"" \n c",4\r\n',
        b'1,2"\n3,"4\n5"\n',
        b'1,"2\n3,4\n',
        b"1,2\r3,4\r",
        b'1,a"b""c"\n2,"x"y\n',
    ],
)
def test_places(data: bytes) -> None:
    """Rows are found where the row path finds them."""
    parser = parser_of(Dialect())
    expected = parser.locate(data)
    found = find_places(data, len(expected.starts), parser)
    assert (expected.starts, expected.ends, expected.lines) == (
        found.starts.tolist(),
        found.ends.tolist(),
        found.lines.tolist(),
    )
    assert f"<Places of {len(expected.starts)} rows>" == repr(found)


def found_by_cells(data: bytes, dialect: Dialect | None = None, *, is_regular: bool = True) -> tuple[Any, Any]:
    """Every row's place by cells, by their indices, and by the row path."""
    dialect = dialect or Dialect()
    parser = parser_of(dialect)
    expected = parser.locate(data)
    rows = len(expected.starts)
    lines = len(data.splitlines())
    chunk = Chunk(start=7, end=7 + len(data), first_row=3, first_line=5, rows=rows, lines=lines)
    texts = reader(quotechar=dialect.quotechar, doublequote=dialect.doublequote).read(data, rows, is_regular=is_regular)
    assert texts is not None
    places = zip(expected.lines, expected.starts, expected.ends, strict=True)
    found = find_by_cells(texts, data, chunk, range(rows), dialect.quotechar)
    return found, {row: Place(line + 5, start + 7, end + 7) for row, (line, start, end) in enumerate(places)}


@pytest.mark.parametrize(
    "data",
    [
        b"1,2\n30,\n",
        b"1,2\n,4",
        b"1,2\r,4\r",
        b'"1","2"\n"",""\n"3",""',
        b'1,"a\n\nb"\n"c\n","\n"\n2,d\n',
        '"é",\n"ü\n",1\n'.encode(),
    ],
)
def test_places_by_cells(data: bytes) -> None:
    """Lengths tell where rows stand, quoted or not, if each line ends in one byte; the last may end in none."""
    found, expected = found_by_cells(data)
    assert expected == found
    assert found_by_cells(data, is_regular=False)[0] == found


@pytest.mark.parametrize(
    "data",
    [
        b"1,2\r\n3,4\r\n",
        b"1,2\r\n3,4",
        b"1,2\n3,4\r\n",
        b'1,"2"\r\n3,"a""b"\n',
        b'1,"a""b"\n3,4\n',
        b'1,a"b\n3,"4"\n',
        b'1,"2"\n\n3,"a""b"\n',
        b'"1",2\n\n3,"\n"\n',
    ],
)
def test_no_places_by_cells(data: bytes) -> None:
    """Longer line ends, blank lines and quotes in cells cannot be told from each other."""
    assert {} == found_by_cells(data)[0]


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"1,2\n", {"positions": [0]}),
        (b"1,2\n1\n", {}),
        (b"\xe9,2\n", {"encoding": "cp1252"}),
    ],
)
def test_not_all_cells(data: bytes, options: Any) -> None:
    """Cells that are left out, missing or transcoded do not tell where rows stand."""
    rows = data.count(b"\n")
    texts = reader(**options).read(data, rows)
    chunk = Chunk(start=0, end=len(data), first_row=1, first_line=1, rows=rows, lines=rows)
    assert not texts.is_whole
    assert {} == find_by_cells(texts, data, chunk, [0], '"')


@given(
    data=st.lists(
        st.tuples(*[st.sampled_from(["", "1", "aé", '""', '"b"', '"c\nd"', '"e""f"', 'g"', '"h"i'])] * 2).map(",".join),
        min_size=1,
        max_size=6,
    ).flatmap(lambda rows: st.sampled_from(["\n", "\r\n", "\n\n"]).map(lambda end: (end.join(rows) + end).encode())),
    is_doubled=st.booleans(),
)
def test_any_places_by_cells(data: bytes, is_doubled: bool) -> None:  # noqa: FBT001
    """Whatever is found is true, and is found for all rows."""
    found, expected = found_by_cells(data, Dialect(doublequote=is_doubled))
    assert found in ({}, expected)
