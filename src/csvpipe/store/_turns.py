"""Whose turn it is: the same for every store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from heapq import heapify, heappop, heapreplace
from typing import Final, TypeAlias, TypeVar

#: When a job was created, and which of those created at that time it was.
Age: TypeAlias = tuple[datetime, int]

T = TypeVar("T")

#: Older than all jobs.
_NOT_LOOKED_UP: Final[Age] = (datetime.min.replace(tzinfo=UTC), -1)


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
    # What follows on an owner's job is looked up only when its turn has come: until then it is put first in that turn.
    heads: list[tuple[int, Age, int, T | None]] = []
    waiting = list(queues.items())
    for number, (owner, _) in enumerate(waiting):
        heads.append((held.get(owner, 0), _NOT_LOOKED_UP, number, None))
    heapify(heads)
    while heads:
        turn, _, number, job = heads[0]
        if job is not None:
            yield job
            heapreplace(heads, (turn + 1, _NOT_LOOKED_UP, number, None))
            continue
        following = next(waiting[number][1], None)
        if following is None:
            heappop(heads)
        else:
            heapreplace(heads, (turn, age(following), number, following))
