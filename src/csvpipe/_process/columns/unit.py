"""The rows of one call of a handler that takes Arrow batches."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import count, islice, pairwise
from typing import Any, Final, overload

import numpy as np

from csvpipe._process.columns.arrays import indices_array
from csvpipe._process.conduct import Build, Unit
from csvpipe._process.part import Part
from csvpipe._process.tally import Fate, Outcome

_UNDECIDED: Final = 0
_PROCESSED: Final = 1
_SKIPPED: Final = 2
_BAD: Final = 3

_CODES: Final = {None: _UNDECIDED, Fate.PROCESSED: _PROCESSED, Fate.SKIPPED: _SKIPPED}
_FATES: Final = (None, Fate.PROCESSED, Fate.SKIPPED)


class Numbers(Sequence[int]):
    """Numbers of many rows, which are found when the first of them is asked for.

    Args:
        size: How many there are.
        find: Finds them.
    """

    def __init__(self, size: int, find: Callable[[], Sequence[int]]) -> None:
        self._size = size
        self._find = find

    def __repr__(self) -> str:
        return repr(self._numbers)

    @cached_property
    def _numbers(self) -> Sequence[int]:
        return self._find()

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[int]: ...
    def __getitem__(self, index: int | slice) -> int | Sequence[int]:
        return self._numbers[index]

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # equal to a list, hence no more hashable than one


class BatchUnit(Unit):
    """Rows that are columns: nothing is made for each of them while calls succeed.

    Args:
        spans: Parts with the index of the first of their rows and how many there are.
        batch: The good rows of these, in order.
    """

    __slots__ = ("_batch", "_codes", "_firsts", "_flaws", "_places", "_spans")

    def __init__(self, spans: Sequence[tuple[Part, int, int]], batch: Any) -> None:
        super().__init__()
        self._spans = spans
        self._batch = batch
        self._firsts = [0]
        for _, _, rows in spans:
            self._firsts.append(self._firsts[-1] + rows)
        self._codes = np.zeros(self._firsts[-1], np.int8)
        self._flaws: dict[int, Outcome] = {}
        self._places: Any = None
        for first, (part, begin, rows) in zip(self._firsts, spans, strict=False):
            for index, flaws in part.flaws.items():
                if begin <= index < begin + rows:
                    self._codes[first + index - begin] = _BAD
                    self._flaws[first + index - begin] = flaws
        if self._flaws:
            self._places = np.cumsum(self._codes != _BAD) - 1

    def __repr__(self) -> str:
        return f"<BatchUnit of {len(self)} rows, {np.count_nonzero(self._codes == _UNDECIDED)} undecided>"

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def is_decided(self) -> bool:
        """Whether every row's fate is known."""
        return bool(self._codes.all())

    def undecided(self, group: Any) -> Any:
        """Those rows of `group` whose fate is unknown."""
        wanted = self._codes[_index(group)] == _UNDECIDED
        if wanted.all():
            return group
        return np.flatnonzero(wanted) + group.start if isinstance(group, range) else np.asarray(group)[wanted]

    def before_bad(self, group: Sequence[int]) -> Sequence[int]:
        """Those rows of `group` that stand before the first bad one."""
        bad = np.flatnonzero(self._codes == _BAD)
        return group[: bisect_left(group, int(bad[0]))] if bad.size else group

    def settle(self, group: Iterable[int], outcome: Outcome) -> None:
        """Note the fate of these rows."""
        if not isinstance(group, (range, np.ndarray)):
            group = np.fromiter(group, np.int64)
        if isinstance(outcome, tuple):
            self._flaws.update(dict.fromkeys(map(int, group), outcome))
            self._codes[_index(group)] = _BAD
        else:
            self._codes[_index(group)] = _CODES[outcome]

    def fates(self) -> Iterator[tuple[Part, int, int, Outcome | None]]:
        """See `Unit`."""
        for first, (part, begin, rows) in zip(self._firsts, self._spans, strict=False):
            codes = self._codes[first : first + rows]
            edges = [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), rows]
            for start, end in pairwise(edges):
                code = int(codes[start]) if rows else _UNDECIDED
                if code == _BAD:
                    for at in range(start, end):
                        yield part, begin + at, 1, self._flaws[first + at]
                elif end > start:
                    yield part, begin + start, end - start, _FATES[code]

    def argument(self, group: Sequence[int], *, is_batch: bool) -> object:  # noqa: ARG002  # it always is one
        """The rows as a batch, without a copy where they stand together."""
        places = _index(group)
        if self._places is not None:
            places = self._places[places]
        if not isinstance(places, slice) and places[-1] - places[0] + 1 == len(places):
            places = slice(int(places[0]), int(places[-1]) + 1)
        if isinstance(places, slice):
            return self._batch.slice(places.start, places.stop - places.start)
        return self._batch.take(indices_array(places))

    def _place(self, k: int) -> tuple[Part, int]:
        at = bisect_right(self._firsts, k) - 1
        part, begin, _ = self._spans[at]
        return part, begin + int(k) - self._firsts[at]

    def row(self, k: int) -> int:
        """1-based number of a row, as its file has it."""
        part, index = self._place(k)
        return part.first_row + index

    def numbers(self, group: Sequence[int]) -> Sequence[int]:
        """1-based row numbers, as handlers know them: a range where none is missing."""
        if isinstance(group, range) and all(part.numbers is None for part, _, _ in self._spans):
            first = self.row(group[0]) if len(group) else 0
            return range(first, first + len(group))
        return Numbers(len(group), lambda: [part.number(index) for part, index in map(self._place, group)])

    def lines(self, group: Sequence[int]) -> Sequence[int]:
        """1-based physical lines."""
        return Numbers(len(group), lambda: self._lines(group))

    def _lines(self, group: Sequence[int]) -> Sequence[int]:
        if isinstance(group, range) and len(self._spans) == 1:
            part, index = self._place(group[0])
            found = part.lines_of(index, index + len(group))
            if isinstance(found, count):
                return range(first := next(found), first + len(group))
            return list(islice(found, len(group)))
        return [part.line(index) for part, index in map(self._place, group)]

    def cells(self, k: int) -> list[str]:
        """The cells of a row that could be parsed, as they stand in the file."""
        part, index = self._place(k)
        return part.cells(index)

    def renew(self, group: Sequence[int], build: Build) -> None:
        """Nothing: a call cannot change a batch."""


def _index(group: Any) -> Any:
    """What picks the rows of a group out of an array; a slice, without a copy, where it is a range."""
    return slice(group.start, group.stop) if isinstance(group, range) else group
