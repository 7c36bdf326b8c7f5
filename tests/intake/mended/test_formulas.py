"""Cells that a spreadsheet would run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.mended.formulas import FORMULA_MARKS, escaped, unescaped

_TEXT = st.text() | st.text(st.sampled_from("'=+-@\t\r\n1.,e \uff1d\uff0b\uff0d\uff20a"))


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff20a",
        "=",
        "-",
        "--1",
        "-5\n",
        "'=1",
        "''-x",
        "+1 = 2",
        "-1e",
        "-\u0661",
    ],
)
def test_a_formula_gets_an_apostrophe(cell: str) -> None:
    """And so does what would otherwise come back without its own."""
    assert f"'{cell}" == escaped(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "",
        "'",
        "''",
        "'a",
        "a=1",
        " =1",
        "5",
        "-5",
        "+3.2",
        "-1.234,56",
        "1e-5",
        "-1e5",
        "+1E+10",
        "-.5",
        "-,5",
        "-1,000",
    ],
)
def test_a_number_or_a_plain_text_stays(cell: str) -> None:
    """Nobody wants to see negative numbers as texts."""
    assert cell == escaped(cell)


@given(_TEXT)
def test_escaping_is_undone_exactly(cell: str) -> None:
    """Whatever is in a cell comes back."""
    assert cell == unescaped(escaped(cell))


@given(_TEXT, _TEXT)
def test_no_two_cells_are_escaped_alike(first: str, second: str) -> None:
    """Otherwise one of them could not come back."""
    assert (first == second) == (escaped(first) == escaped(second))


@given(_TEXT)
def test_nothing_escaped_is_a_formula(cell: str) -> None:
    """Only a number may begin as a formula does."""
    shown = escaped(cell)
    assert shown[:1] not in FORMULA_MARKS or not shown or shown.strip("+-.,0123456789eE") == ""


@given(_TEXT)
def test_what_a_person_typed_stays_mostly(cell: str) -> None:
    """A mended cell loses one apostrophe, and only where it stands before what would be a formula."""
    assert unescaped(cell) in (cell, cell[1:])
    if not cell.startswith("'"):
        assert cell == unescaped(cell)
