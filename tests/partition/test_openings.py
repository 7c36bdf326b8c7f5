"""What is remembered of open records: little, and quickly found."""

from __future__ import annotations

from array import array

import pytest

from csvpipe._partition.automaton import LineState
from csvpipe._partition.openings import Openings


class CountedArray(array):  # type: ignore[type-arg]  # not generic at run time
    """Counts how often it is read."""

    reads = 0

    def __getitem__(self, index: object) -> object:
        """Count, and read."""
        type(self).reads += 1
        return super().__getitem__(index)


def follow(openings: Openings, line_end: int, limit: int, state: LineState = LineState.IN_QUOTES) -> int:
    """Walk from a line end to `limit`, over lines of ten bytes that leave everything as it is; return steps taken."""
    taken = 0
    node, at, state = openings.furthest(openings.node(line_end, state))
    while at + 10 <= limit:
        at += 10
        taken += 1
        node = openings.step(node, at, state)
    return taken


def test_no_step_is_taken_twice() -> None:
    """A walk goes on where an earlier one ended; one in another state takes its own steps."""
    openings = Openings()

    assert 10 == follow(openings, 100, 200)
    assert 2 == follow(openings, 110, 220)
    assert 11 == follow(openings, 110, 220, LineState.ESCAPED)
    assert 0 == follow(openings, 150, 220)
    assert 5 == follow(openings, 1_000, 1_050)


def test_memory_is_that_of_one_record() -> None:
    """What lies before the record that is asked about is dropped."""
    openings = Openings()

    for line_end in range(0, 1_000_000, 10):
        follow(openings, line_end, line_end + 5_000)

    assert len(openings._ends) < 5_000


@pytest.mark.parametrize("limit", [100, 10_000])
def test_chains_stay_short(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the chain of steps, it is walked once."""
    monkeypatch.setattr("csvpipe._partition.openings.array", CountedArray)
    monkeypatch.setattr(CountedArray, "reads", 0)
    openings = Openings()

    for line_end in range(0, 50_000, 10):
        follow(openings, line_end, line_end + limit)

    assert CountedArray.reads < 50 * 5_000
