"""Whose turn it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from csvpipe.store._turns import Age, in_turn


def age(job: tuple[str, int]) -> Age:
    """The second part of a job's name is its age."""
    return datetime(2024, 5, 1, tzinfo=UTC) + timedelta(seconds=job[1]), job[1]


def queues_of(jobs: list[str]) -> dict[str | None, list[tuple[str, int]]]:
    """The jobs of each owner; `jobs` are owners in the order in which they submit."""
    return {owner: [(who, at) for at, who in enumerate(jobs) if who == owner] for owner in jobs}


@given(st.lists(st.sampled_from("abc"), max_size=12), st.dictionaries(st.sampled_from("abc"), st.integers(0, 4)))
def test_each_turn_is_that_of_who_has_the_fewest(jobs: list[str], held: dict[str | None, int]) -> None:
    """One after the other: the fewest jobs in hand first, among several such owners the oldest job."""
    queues = queues_of(jobs)
    found = list(in_turn({owner: iter(queue) for owner, queue in queues.items()}, held, age))
    hands = dict(held)
    for job in found:
        heads = [queue[0] for queue in queues.values() if queue]
        assert min(heads, key=lambda head: (hands.get(head[0], 0), head[1])) == job
        queues[job[0]].pop(0)
        hands[job[0]] = hands.get(job[0], 0) + 1
    assert not any(queues.values())


def test_nobody_is_asked_before_it_is_their_turn() -> None:
    """A queue gives its next job when that may be wanted, not before: to look it up costs something."""
    asked: list[tuple[str, int]] = []

    def queue(owner: str) -> Iterator[tuple[str, int]]:
        for number in range(9):
            asked.append((owner, number))
            yield owner, number

    turns = in_turn(
        {owner: queue(owner) for owner in "abc"}, {"c": 1}, lambda job: age((job[0], job[1] * 3 + ord(job[0])))
    )
    assert [("a", 0), ("b", 0)] == [next(turns), next(turns)]
    assert {("a", 0), ("b", 0)} == set(asked)
