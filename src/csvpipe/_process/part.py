"""What the stages after parsing know of the rows that were parsed together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from csvpipe._process.flaws import Flaw


class Place(NamedTuple):
    """Where a record stands: physical line (1-based) and bytes in the local file."""

    line: int
    start: int
    end: int


class Part(Protocol):
    """Rows of a record-aligned byte range, however they were parsed.

    Its length is the number of its data records, bad ones included; blank lines are none.
    """

    def __len__(self) -> int: ...

    @property
    def end(self) -> int:
        """Byte offset in the local file just past it."""
        ...

    @property
    def first_row(self) -> int:
        """1-based number of its first row."""
        ...

    @property
    def first_line(self) -> int:
        """1-based physical line at its start."""
        ...

    @property
    def lines(self) -> int:
        """Physical lines in it."""
        ...

    @property
    def flaws(self) -> Mapping[int, tuple[Flaw, ...]]:
        """Index of each row that is known to be bad, to what is wrong with it."""
        ...

    @property
    def numbers(self) -> Sequence[int] | None:
        """Of a mended file: for each row its number in the chain's first file, 0 for a bad one. Else None."""
        ...

    def is_parsed(self, index: int) -> bool:
        """Whether row `index` has cells, be they good or not."""
        ...

    def place(self, index: int) -> Place:
        """Where row `index` stands."""
        ...

    def line(self, index: int) -> int:
        """Physical line of row `index`."""
        ...

    def lines_of(self, begin: int, end: int) -> Iterable[int]:
        """Physical lines of the rows `[begin, end)`; perhaps of more."""
        ...

    def number(self, index: int) -> int:
        """The number by which handlers know row `index`: the same in every file of a chain of mended submissions."""
        ...

    def numbers_of(self, begin: int, end: int) -> Iterable[int]:
        """`number` of the rows `[begin, end)`; perhaps of more."""
        ...

    def cells(self, index: int) -> list[str]:
        """The cells of parsed row `index`, as they stand in the file; a new list each time."""
        ...

    def boundary(self, index: int) -> tuple[int, int]:
        """Byte offset and line at which row `index` begins, or the part's end where there is no such row."""
        ...
