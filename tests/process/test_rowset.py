"""Sets of row numbers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from csvpipe._process.rowset import NO_ROWS, RowFlags, RowSet

_ROWS = st.sets(st.integers(0, 300)) | st.sets(st.integers(0, 2**40), max_size=20)
_NEAR = st.sets(st.integers(0, 300))


def rows_of(rows: RowSet) -> set[int]:
    """All of them."""
    return {row for start, stop in rows.ranges() for row in range(start, stop)}


@given(_ROWS)
def test_a_set_has_what_was_put_in(rows: set[int]) -> None:
    """Whatever the order in which it came."""
    found = RowSet.of(sorted(rows, reverse=True))
    assert rows == rows_of(found)
    assert len(rows) == len(found)
    assert bool(rows) is bool(found)


@given(_NEAR)
def test_ranges_do_not_touch(rows: set[int]) -> None:
    """They are as few as there can be, and ascend."""
    ranges = list(RowSet.of(rows).ranges())
    assert all(before[1] < after[0] for before, after in pairwise(ranges))


def test_neighbours_cost_next_to_nothing() -> None:
    """A file whose rows are all bad, and one with bad rows here and there."""
    assert len(RowSet.of(range(1, 1_000_001)).data) < 5
    assert 20_000 == len(RowSet.of(range(0, 1_000_000, 100)).data)


def test_no_number_counts_twice() -> None:
    """It is a set."""
    assert RowSet.of([1, 2, 3]) == RowSet.of([3, 1, 2, 1])
    assert NO_ROWS == RowSet.of([])


@given(st.lists(st.tuples(st.sampled_from(["add", "discard", "add all", "discard all"]), _NEAR)))
def test_flags_are_a_set(steps: list[tuple[str, set[int]]]) -> None:
    """One by one or many at once, put in and taken out."""
    flags, expected = RowFlags(), set[int]()
    for step, rows in steps:
        if step == "add all":
            flags.add_all(RowSet.of(rows))
        elif step == "discard all":
            flags.discard_all(RowSet.of(rows))
        else:
            for row in rows:
                (flags.add if step == "add" else flags.discard)(row)
        expected = expected | rows if step.startswith("add") else expected - rows
    assert expected == {row for row in range(-5, 400) if row in flags}
    assert bool(expected) is bool(flags)


def test_flags_take_a_bit_each() -> None:
    """Ten million rows take little more than a megabyte."""
    flags = RowFlags()
    flags.add_all(RowSet.of([10_000_000]))
    assert 1_250_001 == len(flags._bits)
    assert "<RowFlags up to row 10000008>" == repr(flags)
