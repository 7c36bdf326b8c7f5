"""Where the rows of a chunk stand, found only if somebody asks."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

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


def _regular(data: bytes, dialect: Dialect) -> Places | None:
    cells = np.frombuffer(data, np.uint8)
    line_ends = _found(cells, _LF) + 1
    if not line_ends.size or line_ends[-1] != len(data):
        line_ends = np.append(line_ends, len(data))
    quote, escape = dialect.quotechar, dialect.escapechar
    if escape is not None and (not escape.isascii() or escape.encode() in data):
        return None
    if quote is not None and quote.encode() in data:
        if not dialect.doublequote or not _is_regular(cells, dialect):
            return None
        quotes = _found(cells, ord(quote))
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


def _is_regular(cells: Any, dialect: Dialect) -> bool:
    """Whether each quote opens a cell, closes one, or is one half of a doubled quote in one."""
    quote = ord(dialect.quotechar or "")
    quotes = _found(cells, quote)
    if len(quotes) % 2:
        return False
    edges = np.zeros(256, bool)
    edges[[ord(dialect.delimiter), _LF, _CR[0]]] = True
    around = np.concatenate(([_LF], cells, [_LF]))
    opening, closing = quotes[::2], quotes[1::2]
    before, after = around[opening], around[closing + 2]
    follows = np.concatenate(([False], opening[1:] == closing[:-1] + 1))  # the second half of a doubled one
    goes_on = np.concatenate((closing[:-1] + 1 == opening[1:], [False]))
    return bool((edges[before] | follows).all() and (edges[after] | goes_on).all())
