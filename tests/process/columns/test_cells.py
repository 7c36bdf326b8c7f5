"""Columns of decimal numbers: what is counted in the whole column, and what is asked cell by cell."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation, localcontext
from typing import Annotated, Any, NamedTuple

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.binding import bind
from csvpipe._process.columns.cells import DecimalCells, Meaning, quick_reader, read_cells
from csvpipe.rowtypes import Column, read_row_type

SIZES = [(None, None), (4, None), (None, 2), (5, 2), (3, 3), (3, 0), (30, 10)]


def meaning_of(precision: int | None, scale: int | None) -> Meaning:
    """Of a column with these limits."""
    kind: Any = Annotated[Decimal | None, Column(precision=precision, scale=scale)]
    rows = NamedTuple("rows", [("a", kind)])  # type: ignore[misc]  # noqa: UP014  # only now it is known
    schema = read_row_type(rows)
    return Meaning(binding=bind(schema, ["a"])[0], plain=None)


def column_of(texts: list[str]) -> Any:
    """A column that does not begin where its bytes do."""
    return pa.array(["12.5", *texts], pa.string()).slice(1)


NUMBERS = st.one_of(
    st.from_regex(r"-?[0-9]{0,6}(\.[0-9]{0,4})?", fullmatch=True),
    st.text("0123.-+e ", max_size=8),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
)


class TestDecimals:
    """Of a column that may limit the digits."""

    @given(size=st.sampled_from(SIZES), texts=st.lists(NUMBERS, max_size=30), begin=st.integers(0, 5))
    def test_values(self, size: tuple[int | None, int | None], texts: list[str], begin: int) -> None:
        """All that the converter makes of each text, and none that it refuses."""
        meaning = meaning_of(*size)
        cells = DecimalCells(column_of(texts), meaning, quick_reader(meaning.binding))
        part = texts[begin:]
        bad: dict[int, str] = {}
        expected, failed = meaning.values_of(part)
        found = cells.objects(begin, begin + len(part), bad) if part else []
        assert {begin + index: part[index] for index in failed} == bad
        good = [index for index in range(len(part)) if index not in failed]
        assert [repr(expected[index]) for index in good] == [repr(found[index]) for index in good]

    @pytest.mark.parametrize("size", SIZES)
    def test_only_suspects_are_asked(
        self, size: tuple[int | None, int | None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What fits the column, whatever its sign, is none; empty cells are."""
        asked: list[str] = []

        def values_of(_: Meaning, texts: list[str]) -> tuple[list[object], list[int]]:
            asked.extend(texts)
            return [None] * len(texts), []

        meaning = meaning_of(*size)
        monkeypatch.setattr(Meaning, "values_of", values_of)
        texts = ["1", "-123", "999", "", "0"] if size == (3, 0) else [".5", "-.5", ".25", "", "-.1"]
        cells = read_cells(column_of(texts), meaning, quick_reader(meaning.binding))
        assert isinstance(cells, DecimalCells)
        expected = [Decimal(text) if text else None for text in texts]
        assert expected == cells.objects(0, 5, {})
        assert [""] == asked

    def test_a_context_that_does_not_trap(self) -> None:
        """What is no number is bad, whatever the application's context makes of it."""
        meaning = meaning_of(None, None)
        cells = DecimalCells(column_of(["1", "1-2", "3"]), meaning, quick_reader(meaning.binding))
        bad: dict[int, str] = {}
        with localcontext() as context:
            context.traps[InvalidOperation] = False
            values = cells.objects(0, 3, bad)
        assert {1: "1-2"} == bad
        assert [Decimal(1), Decimal(3)] == [values[0], values[2]]
