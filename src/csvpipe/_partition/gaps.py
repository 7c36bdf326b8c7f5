"""What is left to do of a file of which parts are done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import attrs


class Interval(Protocol):
    """A part of the file that has been committed."""

    @property
    def start(self) -> int:
        """Byte offset of its first record."""
        ...

    @property
    def end(self) -> int:
        """Byte offset just past its last record."""
        ...

    @property
    def first_row(self) -> int:
        """1-based number of its first data record."""
        ...

    @property
    def first_line(self) -> int:
        """1-based physical line at `start`."""
        ...

    @property
    def rows(self) -> int:
        """Data records in it."""
        ...

    @property
    def lines(self) -> int:
        """Physical lines in it."""
        ...


@attrs.frozen(kw_only=True)
class Gap:
    """A record-aligned, half-open byte range that is still to be cut into chunks.

    Attributes:
        start: Byte offset of its first record.
        end: Byte offset just past its last record.
        first_row: 1-based number of its first data record.
        first_line: 1-based physical line at `start`.
    """

    start: int
    end: int
    first_row: int
    first_line: int


def gaps(intervals: Iterable[Interval], *, data_start: int, data_line: int, size: int) -> list[Gap]:
    """The parts of `[data_start, size)` that no interval covers, ascending.

    Args:
        intervals: Disjoint, in any order; empty ones are ignored. Each says which row and line it began with, and so
            which ones follow it: no gap needs what lies before it to be read again.
        data_start: Byte offset of the file's first data record.
        data_line: 1-based physical line at `data_start`.
        size: Byte offset at which the file ends.
    """
    found = []
    at, row, line = data_start, 1, data_line
    for interval in sorted(intervals, key=lambda interval: interval.start):
        if interval.start == interval.end:
            continue
        if at < interval.start:
            found.append(Gap(start=at, end=interval.start, first_row=row, first_line=line))
        at, row, line = interval.end, interval.first_row + interval.rows, interval.first_line + interval.lines
    if at < size:
        found.append(Gap(start=at, end=size, first_row=row, first_line=line))
    return found
