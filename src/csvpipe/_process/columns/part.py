"""Rows of a chunk that was parsed by columns: their places and cells are found in its bytes, where they are wanted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING, Protocol

from csvpipe._process.columns.places import Places, find_places
from csvpipe._process.flaws import Flaw
from csvpipe._process.part import Place

if TYPE_CHECKING:
    from csvpipe._partition.chunk import Chunk
    from csvpipe._process.parse import Slice, SliceParser


class ColumnChunk:
    """The bytes of a chunk, and where its rows stand in them.

    Args:
        chunk: Whose rows are as many as the parser found.
        data: Its bytes.
        ragged: Indices of the rows that have too few or too many cells.
        parser: Reads single rows as the row path does.
        places: Where rows stand of which that is known already, by their indices.
    """

    def __init__(
        self,
        chunk: Chunk,
        data: bytes,
        ragged: Iterable[int],
        *,
        parser: SliceParser,
        places: Mapping[int, Place],
    ) -> None:
        self.chunk = chunk
        self.ragged = frozenset(ragged)
        self._known_places = places
        self._data = data
        self._parser = parser

    def __repr__(self) -> str:
        return f"<ColumnChunk [{self.chunk.start}, {self.chunk.end})>"

    @cached_property
    def _places(self) -> Places:
        return find_places(self._data, self.chunk.rows, self._parser)

    @property
    def has_row_a_line(self) -> bool:
        """Whether every line is a row."""
        return self.chunk.rows == self.chunk.lines

    def line(self, row: int) -> int:
        """Physical line of a row, by its index in the chunk."""
        if self.has_row_a_line:
            return self.chunk.first_line + row
        known = self._known_places.get(row)
        return self.chunk.first_line + int(self._places.lines[row]) if known is None else known.line

    def lines(self, rows: Sequence[int]) -> Sequence[int]:
        """Physical lines of several rows."""
        found = self._places.lines[rows] + self.chunk.first_line
        return found.tolist()  # type: ignore[no-any-return]  # of numpy

    def place(self, row: int) -> Place:
        """Where a row stands."""
        if (known := self._known_places.get(row)) is not None:
            return known
        places, start = self._places, self.chunk.start
        return Place(self.line(row), start + int(places.starts[row]), start + int(places.ends[row]))

    def parsed(self, row: int) -> Slice:
        """What the row path makes of a row's bytes."""
        place, start = self.place(row), self.chunk.start
        data = self._data[place.start - start : place.end - start]
        return self._parser.parse(data, start=place.start, first_row=self.chunk.first_row + row, first_line=place.line)

    def boundary(self, row: int) -> tuple[int, int]:
        """Byte offset and line at which a row begins, or those at which the chunk ends."""
        if row >= self.chunk.rows:
            return self.chunk.end, self.chunk.first_line + self.chunk.lines
        if row <= 0:
            return self.chunk.start, self.chunk.first_line
        place = self.place(row)
        return place.start, place.line


class FlawsByRow(Protocol):
    """Knows what is wrong with the bad rows of a chunk that are not ragged."""

    def flaws_of(self, row: int) -> tuple[Flaw, ...]:
        """What is wrong with a row, by its index in the chunk; asked for once."""
        ...


class ColumnPart:
    """Consecutive rows of a `ColumnChunk`; see `Part`.

    Args:
        source: The chunk.
        begin: Index of its first row there.
        end: Index just past its last.
        bad: Indices in the chunk of its bad rows, ragged ones included.
        bad_cells: What is wrong with those that are not ragged.
    """

    numbers: Sequence[int] | None = None

    def __init__(self, source: ColumnChunk, begin: int, end: int, *, bad: Iterable[int], bad_cells: FlawsByRow) -> None:
        self._source = source
        self._begin = begin
        self._rows = end - begin
        self._bad = bad
        self._bad_cells = bad_cells

    def __repr__(self) -> str:
        return f"<ColumnPart of {self._rows} rows from row {self.first_row}>"

    def __len__(self) -> int:
        return self._rows

    @property
    def end(self) -> int:
        """Byte offset in the local file just past it."""
        return self.boundary(self._rows)[0]

    @property
    def first_row(self) -> int:
        """1-based number of its first row."""
        return self._source.chunk.first_row + self._begin

    @property
    def first_line(self) -> int:
        """1-based physical line at its start."""
        return self.boundary(0)[1]

    @property
    def lines(self) -> int:
        """Physical lines in it."""
        return self.boundary(self._rows)[1] - self.first_line

    @property
    def flaws(self) -> Mapping[int, tuple[Flaw, ...]]:
        """Index of each bad row, to what is wrong with it."""
        return self._flaws

    @cached_property
    def _flaws(self) -> dict[int, tuple[Flaw, ...]]:
        return {row - self._begin: self._flaws_of(row) for row in sorted(self._bad)}

    def _flaws_of(self, row: int) -> tuple[Flaw, ...]:
        return self._source.parsed(row).flaws[0] if row in self._source.ragged else self._bad_cells.flaws_of(row)

    def is_parsed(self, index: int) -> bool:
        """Whether row `index` has cells."""
        return self._begin + index not in self._source.ragged

    def place(self, index: int) -> Place:
        """Where row `index` stands."""
        return self._source.place(self._begin + index)

    def line(self, index: int) -> int:
        """Physical line of row `index`; cheap where every line is a row."""
        return self._source.line(self._begin + index)

    def lines_of(self, begin: int, end: int) -> Iterable[int]:
        """Physical lines of the rows `[begin, end)`; perhaps of more."""
        if self._source.has_row_a_line:
            return count(self._source.line(self._begin + begin))
        return self._source.lines(range(self._begin + begin, self._begin + end))

    def number(self, index: int) -> int:
        """The number by which handlers know row `index`."""
        return self.first_row + index

    def numbers_of(self, begin: int, end: int) -> Iterable[int]:  # noqa: ARG002  # perhaps of more
        """`number` of the rows `[begin, end)`; perhaps of more."""
        return count(self.first_row + begin)

    def cells(self, index: int) -> list[str]:
        """The cells of parsed row `index`, as they stand in the file."""
        return self._source.parsed(self._begin + index).good(0)

    def boundary(self, index: int) -> tuple[int, int]:
        """Byte offset and line at which row `index` begins, or the chunk's end where there is no such row."""
        return self._source.boundary(self._begin + index)
