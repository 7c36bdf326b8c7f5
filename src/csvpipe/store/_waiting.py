"""Which jobs wait, and whose they are; held in memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import merge
from typing import Generic, TypeAlias, TypeVar

import attrs

from csvpipe.store._turns import Age, in_turn

T = TypeVar("T")

_Owner: TypeAlias = str | None


@attrs.define(eq=False)
class Waiting(Generic[T]):
    """Waiting jobs of each pipeline and owner, oldest first, so that a claim need not look at all there are.

    Args:
        age: Orders jobs; no two have the same.
        owner: Of a job.
    """

    _age: Callable[[T], Age]
    _owner: Callable[[T], _Owner]
    _queues: defaultdict[str, dict[_Owner, list[T]]] = attrs.field(factory=lambda: defaultdict(dict), init=False)

    def add(self, pipeline: str, job: T) -> None:
        """Let a job wait at its old place."""
        insort(self._queues[pipeline].setdefault(self._owner(job), []), job, key=self._age)

    def remove(self, pipeline: str, job: T) -> None:
        """Take out a job that waits."""
        owner = self._owner(job)
        queue = self._queues[pipeline][owner]
        del queue[bisect_left(queue, self._age(job), key=self._age)]
        if not queue:
            del self._queues[pipeline][owner]

    def in_turn(
        self, pipelines: Collection[str], orphans: Iterable[T], held: Counter[_Owner], fits: Callable[[T], bool]
    ) -> Iterator[T]:
        """Waiting jobs and orphans, one by one: see `csvpipe.store._turns`.

        Args:
            pipelines: Names.
            orphans: Jobs that wait elsewhere, oldest first.
            held: How many jobs of each owner are in live hands.
            fits: Whether a waiting job counts.
        """
        queues: defaultdict[_Owner, list[Iterable[T]]] = defaultdict(list)
        for orphan in orphans:
            queues[self._owner(orphan)].append([orphan])
        for pipeline in pipelines:
            for owner, queue in self._queues.get(pipeline, {}).items():
                queues[owner].append(filter(fits, queue))
        by_age = {owner: merge(*of_owner, key=self._age) for owner, of_owner in queues.items()}
        return in_turn(by_age, held, self._age)
