"""What cells look like."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._intake.sniffer.cell_types import Kind, kind_by_pattern, kind_of


@pytest.mark.parametrize(
    ("kind", "cells"),
    [
        (Kind.EMPTY, ["", "  ", "NA", "n/a", "NULL", "None", "nan", "-", "\\N"]),
        (
            Kind.NUMBER,
            [
                "0",
                "-1",
                "+2.5",
                "1,5",
                "1.234.567,89",
                "1,234.50",
                "1 234",
                "$5",
                "5 €",
                "12%",
                "1e-5",
                ".5",
                "(1,234)",
            ],
        ),
        (
            Kind.DATE,
            ["2024-01-31", "31.01.2024", "1/31/24", "12:30", "12:30:59.123", "2024-01-31T12:30:00Z", "24 October 2011"],
        ),
        (Kind.DATE, ["Jan 5, 2024", "5-Mar-24", "Mar-24 2024", "2024-01-31 12:30:00+02:00", "3:05 pm"]),
        (Kind.CODE, ["true", "No", "a.b@example.com", "https://example.com/?a=b,c;d", "AB-1234", "10.0.0.1", "x12"]),
        (Kind.CODE, ["123e4567-e89b-12d3-a456-426614174000", "+49 (30) 123-456", "00:1a:2b:3c:4d:5e"]),
        (Kind.WORD, ["Ana", "first name", "O'Brien", "user_id", "Größe (cm)", "Smith & Co."]),
        (Kind.TEXT, ["Well, he said, it is so", "first; second", '{"a": 1, "b": 2}', "a rather long text " * 5]),
        (Kind.RESIDUE, ['"open', 'closed"', "'both'", "a:b:c"]),
        (Kind.JUNK, ["a,b", "5;2", "x|y", "a\tb", "a,,b"]),
    ],
)
def test_a_cell_is_of_the_kind_it_looks_like(kind: Kind, cells: list[str]) -> None:
    """Numbers, dates and codes of many lands; words; and what only a wrong dialect leaves."""
    assert dict.fromkeys(cells, kind) == {cell: kind_of(cell) for cell in cells}


@pytest.mark.parametrize("text", ["1", "1.", "1:", "a@", "1 ", "(", "a.", "1,", "1-", "ab:", '"', "'", "- "])
def test_a_long_cell_takes_no_longer(text: str) -> None:
    """No pattern runs over all of it, back and forth."""
    assert isinstance(kind_of(text * 100_000), Kind)


@given(
    st.one_of(
        st.text(max_size=60),
        st.from_regex(r"[A-Za-z]{1,4} ?[A-Za-z]{0,3} {0,2}[0-9]{0,4}", fullmatch=True),
        st.text(alphabet="aAeEfnNoOtruylsk 0123456789-.,:/", max_size=45),
        st.from_regex(r"[0-9]{1,4}[-.]?[0-9]{0,2}-?[0-9]{0,2}", fullmatch=True),
        st.sampled_from(
            [
                "null",
                "NaN",
                "n",
                "Yes",
                "may 12",
                "may a 12",
                "Jan x 2020",
                "a" * 41,
                "1" * 250,
                "2024-01-01",
                "12.",
                "1.5.2",
                " x ",
            ]
        ),
    )
)
def test_the_short_way_comes_to_the_same(cell: str) -> None:
    """What is decided at a glance is what the patterns say."""
    assert kind_by_pattern(cell.strip()[:200]) == kind_of(cell)
