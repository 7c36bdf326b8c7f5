"""Cells, spelt so that a reader reads them back."""

from __future__ import annotations

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from csvpipe._report.sheet import spelt
from csvpipe.dialect import Dialect


class TestSpelt:
    """Leading cells hold whatever a handler says."""

    @given(
        texts=st.lists(st.text(st.sampled_from("a,;\"'\\ \r\né_")), min_size=2, max_size=4),
        delimiter=st.sampled_from([",", ";", " "]),
        escape=st.sampled_from([None, "\\"]),
        double=st.booleans(),
        skip=st.booleans(),
    )
    def test_quoted_cells_read_back(
        self, texts: list[str], delimiter: str, escape: str | None, *, double: bool, skip: bool
    ) -> None:
        """Under every dialect that has the means."""
        if (escape is None and not double) or (skip and delimiter == " "):
            return
        dialect = Dialect(
            delimiter=delimiter, doublequote=double, escapechar=escape, skipinitialspace=skip, strict=True
        )
        line = delimiter.join(spelt(text, dialect) for text in texts)
        assert [texts] == list(csv.reader(io.StringIO(line + "\n", newline=""), **dialect.reader_options()))

    @given(
        texts=st.lists(st.text(), min_size=2, max_size=4),
        delimiter=st.sampled_from([",", " ", "_"]),
        quote=st.sampled_from([None, '"']),
        escape=st.sampled_from([None, "\\"]),
    )
    def test_every_cell_is_one_cell(
        self, texts: list[str], delimiter: str, quote: str | None, escape: str | None
    ) -> None:
        """Also where something has to be left out: the cells stay apart, and in one record."""
        dialect = Dialect(delimiter=delimiter, quotechar=quote, escapechar=escape, doublequote=False)
        line = delimiter.join(spelt(text, dialect) for text in texts)
        rows = list(csv.reader(io.StringIO(f"{line}\n\n", newline=""), **dialect.reader_options()))
        assert [len(texts), 0] == [len(row) for row in rows]

    def test_spaces_that_a_reader_skips_are_left_out(self) -> None:
        """Where there are no quotes to keep them."""
        assert "a " == spelt("  a ", Dialect(quotechar=None, skipinitialspace=True))
