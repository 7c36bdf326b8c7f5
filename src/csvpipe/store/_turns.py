"""Whose turn it is: the same for every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from heapq import heapify, heappop, heapreplace
from typing import TypeAlias, TypeVar

#: When a job was created, and which of those created at that time it was.
Age: TypeAlias = tuple[datetime, int]

T = TypeVar("T")


def in_turn(
    queues: Mapping[str | None, Iterator[T]], held: Mapping[str | None, int], age: Callable[[T], Age]
) -> Iterator[T]:
    """The jobs of all owners, one by one: that of the owner who holds the fewest, of several such the oldest.

    So whoever submits ten thousand files has them done one after the other, and leaves room for who submits one. A
    queue is not asked for its next job before that is wanted.

    Args:
        queues: The jobs of each owner, oldest first.
        held: How many jobs of each owner are in live hands; one more with each job that is taken from here.
        age: Orders jobs; no two have the same.
    """
    heads = []
    for number, (owner, queue) in enumerate(queues.items()):
        first = next(queue, None)
        if first is not None:
            heads.append((held.get(owner, 0), age(first), number, first, queue))
    heapify(heads)
    while heads:
        turn, _, number, job, queue = heads[0]
        yield job
        following = next(queue, None)
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (turn + 1, age(following), number, following, queue))
