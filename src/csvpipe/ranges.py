"""Row numbers as the ranges that they form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def ranges_of(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The fewest half-open ranges with these numbers, all of them at least 0 and in any order; ascending."""
    start = stop = -1
    for row in sorted(rows):
        if row >= stop:
            if row > stop:
                if stop > start:
                    yield start, stop
                start = row
            stop = row + 1
    if stop > start:
        yield start, stop
