"""What is left of a file of which parts are committed."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from csvpipe._partition.chunk import Chunk
from csvpipe._partition.gaps import Gap, gaps


def interval(start: int, end: int) -> Chunk:
    """A part with rows of ten bytes, the first of which begins at byte 10 on line 2."""
    rows = (end - start) // 10
    return Chunk(start=start, end=end, first_row=start // 10, first_line=start // 10 + 1, rows=rows, lines=rows)


def gap(start: int, end: int) -> Gap:
    """A gap in the same file."""
    return Gap(start=start, end=end, first_row=start // 10, first_line=start // 10 + 1)


def test_a_new_file_is_one_gap() -> None:
    """Nothing is done, so everything is left, from the first data record on."""
    assert [gap(10, 100)] == gaps([], data_start=10, data_line=2, size=100)


def test_a_file_without_data_has_none() -> None:
    """A header alone leaves nothing to do."""
    assert [] == gaps([], data_start=10, data_line=2, size=10)


def test_gaps_lie_before_between_and_after() -> None:
    """Each gap takes its numbers from the part before it; order does not matter, and empty parts say nothing."""
    done = [interval(60, 80), interval(90, 90), interval(20, 40), interval(40, 50)]

    assert [gap(10, 20), gap(50, 60), gap(80, 100)] == gaps(done, data_start=10, data_line=2, size=100)


@given(st.permutations(range(1, 10)), st.integers(0, 9))
def test_parts_and_gaps_tile_the_file(order: list[int], done: int) -> None:
    """Whatever parts are done, in whatever order, they and the gaps cover each row once."""
    parts = [interval(10 * row, 10 * row + 10) for row in order[:done]]

    left = gaps(parts, data_start=10, data_line=2, size=100)

    rows = [row for piece in [*parts, *left] for row in range(piece.start // 10, piece.end // 10)]
    assert list(range(1, 10)) == sorted(rows)
    assert left == [gap(piece.start, piece.end) for piece in left]
    assert all(before.end < after.start for before, after in pairwise(left))
