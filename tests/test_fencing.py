"""Which calls wait for each other, as statements say."""

from __future__ import annotations

import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from csvpipe.fencing import present_and_alone

JOB = UUID(int=3)
ROWS = st.integers(0, 1 << 40) | st.integers(0, 1_000)


def locks(first: int, rows: int, job: UUID = JOB) -> dict[str, bool]:
    """Keys of the locks that a call for so many rows takes, and whether it shares them."""
    found: list[tuple[str, str]] = re.findall(r"lock(_shared)?\((-?\d+)\)", present_and_alone(job, first, first + rows))
    return {key: bool(kind) for kind, key in found}


def is_excluded(one: dict[str, bool], other: dict[str, bool]) -> bool:
    """Whether one waits for the other."""
    return any(not (one[key] and other[key]) for key in one.keys() & other.keys())


@given(first=ROWS, rows=st.integers(1, 100_000), at=st.integers(0, 1 << 30), others=st.integers(1, 100_000))
def test_calls_with_a_row_in_common_wait_for_each_other(first: int, rows: int, at: int, others: int) -> None:
    """However many they have, and wherever they begin; calls of other jobs do not."""
    row = first + at % rows
    begin = max(0, row - at % others)

    assert is_excluded(locks(first, rows), locks(begin, others))
    assert not is_excluded(locks(first, rows), locks(begin, others, UUID(int=4)))


@given(first=ROWS, rows=st.integers(1, 100_000), others=st.integers(1, 100_000))
def test_calls_that_are_far_apart_do_not_wait(first: int, rows: int, others: int) -> None:
    """As far as some times their rows; calls for single rows do not wait for any other one."""
    assert not is_excluded(locks(first, rows), locks(first + rows + 11 * (rows + others), others))
    assert not is_excluded(locks(first, 1), locks(first + 1, 1))
    assert len(locks(first, rows)) < 25
