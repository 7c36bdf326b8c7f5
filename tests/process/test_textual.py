"""Texts to cells by splitting: always what one `csv.reader` returns."""

from __future__ import annotations

import csv
import io
from itertools import chain

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from csvpipe._process import textual
from csvpipe._process.textual import Found, RowReader
from csvpipe.dialect import Dialect

ATOMS = ("a", "bc", " ", ",", ",", '"', '""', '","', '"\n"', "\n", "\r\n", "\r", "\\", "\u2028")
DIALECTS = (
    Dialect(),
    Dialect(strict=True),
    Dialect(doublequote=False),
    Dialect(escapechar="\\"),
    Dialect(skipinitialspace=True),
    Dialect(quotechar=None),
)


def by_reader(text: str, dialect: Dialect) -> tuple[list[list[str]], int] | None:
    """Rows and lines by one reader; None where the last record is open."""
    reader = csv.reader(chain(io.StringIO(text, newline=""), ["\n"]), **dialect.reader_options())
    rows = list(reader)
    return ([row for row in rows if row], reader.line_num - 1) if rows[-1] == [] else None


@given(st.lists(st.sampled_from(ATOMS), min_size=1, max_size=30).map("".join), st.sampled_from(DIALECTS))
@example('1,"a\nb"\n2,c\n\n3,"d"\n', Dialect())
@example('"1","a\nb"\n"2",""\n', Dialect())
@example('"1","a\r\nb"\r\n"2",""\r\n', Dialect())
@example('1,2\n3,"open\n', Dialect())
@example('1,2\n3,"open', Dialect())
@example('1,2\r\n3,"x\r\ny"\r\n4,5', Dialect())
@example('"1","a"\n\n"2","b"\n', Dialect())
@example('1,x"y\n2,z\n', Dialect())
def test_any_text(text: str, dialect: Dialect) -> None:
    """Rows and lines are those of the reader, whichever way was taken; what it refuses is refused."""
    try:
        expected = by_reader(text, dialect)
    except csv.Error:
        with pytest.raises(csv.Error):
            RowReader(dialect).read(text)
        return
    found = RowReader(dialect).read(text)

    assert expected == (None if found is None else (found.rows, found.lines))


@given(
    st.lists(
        st.sampled_from(('1,"a\nb"\n', "2,c\n", '"x\n\ny",3\n', "\n", '4,"d"\n')), min_size=1, max_size=textual._MANY
    )
)
def test_rows_of_several_lines_are_known(records: list[str]) -> None:
    """Where no blank line stands between rows, each row of several lines is listed with those besides its first."""
    found = RowReader(Dialect())._split_mixed("".join(records))

    assert found is not None
    expected = [(index, record.count("\n") - 1) for index, record in enumerate(records) if record.count("\n") > 1]
    assert (None if "\n" in records else expected) == found.tall


def test_many_quotes_are_left_to_the_reader() -> None:
    """A record with quotes costs more to find than to read, so where there are many the reader reads all."""
    many = '1,"a"\n' * (textual._MANY + 1)

    assert RowReader(Dialect())._split_mixed(many) is None
    assert Found([["1", "a"]] * (textual._MANY + 1), textual._MANY + 1) == RowReader(Dialect()).read(many)


def test_every_cell_quoted() -> None:
    """Cells may hold delimiters and line ends; a quote in a cell, or a bare cell, is the reader's affair."""
    reader = RowReader(Dialect())

    assert Found([["1,", "a\nb"], ["2", ""]], 3) == reader._split_quoted('"1,","a\nb"\n"2",""\n')
    assert reader._split_quoted('"1","a""b"\n') is None
    assert reader._split_quoted('"1",2\n"3","4"\n') is None
    assert reader._split_quoted('"1","2"') is None


def test_the_repr_names_the_dialect() -> None:
    """For whoever debugs a parser."""
    assert "<RowReader of Dialect(" in repr(RowReader(Dialect()))
