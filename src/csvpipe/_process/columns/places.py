"""Where the rows of a chunk stand, found only if somebody asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from csvpipe._partition.arrays import Arrays
from csvpipe._process.columns.texts import bytes_of, offsets_of
from csvpipe._process.part import Place

if TYPE_CHECKING:
    from csvpipe._partition.chunk import Chunk
    from csvpipe._process.columns.texts import Texts
    from csvpipe._process.parse import SliceParser

_CR: Final = b"\r"
_LF: Final = b"\n"


class Places:
    """Positions of all rows of a piece, within it.

    Attributes:
        starts: Offset of each row's first byte.
        ends: Offset just past its line end.
        lines: Physical lines before it.
    """

    __slots__ = ("ends", "lines", "starts")

    def __init__(self, starts: Any, ends: Any, lines: Any) -> None:
        self.starts = starts
        self.ends = ends
        self.lines = lines

    def __repr__(self) -> str:
        return f"<Places of {len(self.starts)} rows>"


def find_places(data: bytes, rows: int, parser: SliceParser) -> Places:
    """Find the `rows` rows of a record-aligned piece.

    Quickly where its lines end in newlines and its quotes stand where they should; else by the row path's own way.
    """
    found = Arrays(np).records(parser.grammar, data)
    if found is None or len(found[0]) != rows:
        located = parser.locate(data)
        found = np.array(located.starts), np.array(located.ends), np.array(located.lines)
    return Places(*found)


def find_by_cells(
    texts: Texts, data: bytes, chunk: Chunk, rows: Sequence[int], quote: str | None
) -> Mapping[int, Place]:
    """Find some rows of a chunk by the lengths of all of its cells.

    What stands in a chunk besides cells are delimiters, line ends and quotes. Where each line end is one byte, no line
    is blank and no cell holds a quote, one look for the quotes tells how much of that there is before each row.
    Otherwise the lengths do not add up, and no row is found.

    Args:
        texts: All cells of all rows.
        data: The chunk's bytes, which hold the cells as they are.
        chunk: Where these stand.
        rows: Indices of the wanted rows, ascending.
        quote: The dialect's.
    """
    if not texts.is_whole:
        return {}
    has_quotes = quote is not None and quote.encode() in data
    if has_quotes and _CR in data:  # a line end of two bytes could make up for a quote in a cell
        return {}
    columns = list(texts.columns.values())
    wanted = np.array(rows, np.int64)
    # Positions in the text without its quotes: of the wanted rows, of those after them, and of the end.
    edges = np.concatenate((wanted, wanted + 1, [texts.rows]))
    at = edges * len(columns)
    for column in columns:
        offsets = offsets_of(column)
        at += offsets[edges] - offsets[0]
    size = len(data) + (not data.endswith((_LF, _CR)))  # the last line may end with the piece
    if has_quotes and quote is not None:
        quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == ord(quote))
        at += np.searchsorted(quotes - np.arange(len(quotes)), at)
    breaks = _breaks_before(columns, edges, chunk.lines - chunk.rows)
    if breaks is None or at[-1] != size:
        return {}
    starts = (at[: len(rows)] + chunk.start).tolist()
    ends = np.minimum(at[len(rows) : -1], len(data)) + chunk.start
    lines = (wanted + breaks[: len(rows)] + chunk.first_line).tolist()
    return {row: Place(*place) for row, place in zip(rows, zip(lines, starts, ends.tolist(), strict=True), strict=True)}


def _breaks_before(columns: Sequence[Any], edges: Any, most: int) -> Any:
    """How many newlines cells hold before each of these rows; None unless there are `most` of them in all."""
    breaks = np.zeros(len(edges), np.int64)
    for column in columns:
        if not most:
            break
        found = np.flatnonzero(bytes_of(column) == _LF[0])
        if found.size:
            most -= len(found)
            offsets = offsets_of(column)
            breaks += np.searchsorted(found, offsets[edges] - offsets[0])
    return None if most else breaks
