"""Where the rows of a chunk stand, found only if somebody asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from csvpipe._process.columns.texts import offsets_of
from csvpipe._process.parse import SliceParser
from csvpipe.dialect import Dialect

_CR: Final = b"\r"
_LF: Final = 10
_BLOCK_BYTES: Final = 128 * 1024


class Places:
    """Positions of rows within a piece.

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


def find_places(data: bytes, rows: int, dialect: Dialect, parser: SliceParser) -> Places:
    """Find the `rows` rows of a record-aligned piece.

    Quickly where its lines end in newlines and its quotes stand where they should; else by the row path's own way.
    """
    has_lone_returns = _CR in data and _CR in data.replace(b"\r\n", b"")
    places = None if has_lone_returns else _regular(data, dialect)
    if places is None or len(places.starts) != rows:
        located = parser.locate(data)
        places = Places(np.array(located.starts), np.array(located.ends), np.array(located.lines))
    return places


def find_by_cells(columns: Sequence[Any], rows: int, data: bytes) -> Places | None:
    """Find the rows of a piece by the lengths of all of their cells.

    None unless each row is one line, without quotes, that ends in one byte: then the lengths do not add up.

    Args:
        columns: All cells of all rows.
        rows: How many rows there are, as many as lines.
        data: The piece, which holds the cells as they are.
    """
    starts = np.arange(rows + 1, dtype=np.int64) * len(columns)
    for column in columns:
        offsets = offsets_of(column)
        starts += offsets
        starts -= offsets[0]
    is_ended = data.endswith((b"\n", _CR))  # else the last line ends with the piece
    if starts[-1] != len(data) + (not is_ended):
        return None
    starts[-1] = len(data)
    return Places(starts[:-1], starts[1:], np.arange(rows))


def _regular(data: bytes, dialect: Dialect) -> Places | None:
    cells = np.frombuffer(data, np.uint8)
    line_ends = _found(cells, _LF) + 1
    if not line_ends.size or line_ends[-1] != len(data):
        line_ends = np.append(line_ends, len(data))
    quote, escape = dialect.quotechar, dialect.escapechar
    if escape is not None and (not escape.isascii() or escape.encode() in data):
        return None
    if quote is not None and quote.encode() in data:
        quotes = _found(cells, ord(quote))
        if not dialect.doublequote or not _is_regular(cells, quotes, dialect):
            return None
        is_end = np.searchsorted(quotes, line_ends) % 2 == 0
        ends, lines = line_ends[is_end], np.concatenate(([0], np.flatnonzero(is_end)[:-1] + 1))
    else:
        ends, lines = line_ends, np.arange(len(line_ends))
    starts = np.concatenate(([0], ends[:-1]))
    firsts = cells[starts]
    is_row = (firsts != _LF) & (firsts != _CR[0])
    return Places(starts[is_row], ends[is_row], lines[is_row])


def _found(cells: Any, byte: int) -> Any:
    """Where a byte stands; block by block, as what fits the processor's cache is quicker."""
    blocks = range(0, len(cells), _BLOCK_BYTES)
    return np.concatenate([np.flatnonzero(cells[at : at + _BLOCK_BYTES] == byte) + at for at in blocks])


def _is_regular(cells: Any, quotes: Any, dialect: Dialect) -> bool:
    """Whether each quote opens a cell, closes one, or is one half of a doubled quote in one."""
    if len(quotes) % 2:
        return False
    edges = np.zeros(256, bool)
    edges[[ord(dialect.delimiter), _LF, _CR[0]]] = True
    opening, closing = quotes[::2], quotes[1::2]
    starts = (opening == 0) | edges[cells[opening - 1]]
    ends = (closing == len(cells) - 1) | edges[cells[np.minimum(closing + 1, len(cells) - 1)]]
    is_half = closing[:-1] + 1 == opening[1:]  # of a doubled one
    starts[1:] |= is_half
    ends[:-1] |= is_half
    return bool(starts.all() and ends.all())
