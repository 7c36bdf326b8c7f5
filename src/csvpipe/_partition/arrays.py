"""What numpy does for the scans, where it is installed: lines counted, and many quotes judged, without a loop.

The only module of this stage that imports it, and only when there is much to scan.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import Any, Final, TypeAlias

from csvpipe._partition.grammar import Grammar
from csvpipe._partition.stride import Cutting, Stride, cuts_of

#: Less than this to scan is done before numpy is imported.
WORTH_BYTES: Final = 4 * 1024 * 1024
_CR: Final = 13
_LF: Final = 10

_Array: TypeAlias = Any


@lru_cache(maxsize=1)
def _numpy() -> Any:
    """The module, or None."""
    try:
        import numpy as np  # noqa: PLC0415  # not everyone has it, and who does need not wait for it at start-up
    except ImportError:
        return None
    return np


class Arrays:
    """Scans by numpy, with room for their intermediate results: to get that anew each time costs more than they do."""

    def __init__(self, numpy: Any) -> None:
        self._np = numpy
        self._edges = numpy.zeros(256, bool)
        self._known_edges = b""
        self._room = [numpy.empty(0, bool), numpy.empty(0, bool)]

    def __repr__(self) -> str:
        return f"<Arrays with room for {len(self._room[0]):,} bytes>"

    @classmethod
    def for_bytes(cls, size: int) -> Arrays | None:
        """For a scan of so many bytes; None where there is no numpy, or it is not worth the wait."""
        numpy = _numpy() if size >= WORTH_BYTES or "numpy" in sys.modules else None
        return None if numpy is None else cls(numpy)

    def count_lines(self, data: bytes, start: int, end: int) -> tuple[int, int]:
        """See `CountLines`."""
        np = self._np
        is_end = self._where(self._view(data, start, end), _LF)
        both = np.logical_and(is_end[1:], is_end[:-1], out=self._room[1][: end - start - 1])
        lines = int(np.count_nonzero(is_end)) + (data[end - 1] != _LF)
        return lines, int(np.count_nonzero(both)) + (data[start] == _LF)

    def stride(self, grammar: Grammar, data: bytes, start: int, end: int, cutting: Cutting) -> Stride | None:
        r"""Like `csvpipe._partition.stride.stride`, for any number of quotes and for `\r\n`."""
        found = self._ends(grammar, data, start, end)
        if found is None:
            return None
        np, (ends, newlines) = self._np, found
        last = start + int(ends[-1])
        lines = int(np.searchsorted(newlines, ends[-1])) + (data[last - 1] != _LF)
        blanks = int(np.count_nonzero(self._are_blank(data, start + np.concatenate(([0], ends[:-1])))))

        def end_from(target: int) -> int:
            return start + int(ends[np.searchsorted(ends, target - start)])

        return Stride(last, len(ends) - blanks, lines, list(cuts_of(cutting, last, end_from)))

    def record_ends(self, grammar: Grammar, data: bytes, start: int, end: int) -> list[int] | None:
        """Where the records end that end in `data[start:end]`; None where this would not be exact, or there is none."""
        found = self._ends(grammar, data, start, end)
        return None if found is None else (found[0] + start).tolist()

    def records(self, grammar: Grammar, data: bytes) -> tuple[_Array, _Array, _Array] | None:
        """Where the records of a piece that are not blank begin and end, and the lines before each.

        None where this would not be exact, or the last record stays open.
        """
        found = self._ends(grammar, data, 0, len(data))
        if found is None or found[0][-1] != len(data):
            return None
        np, (ends, newlines) = self._np, found
        starts = np.concatenate(([0], ends[:-1]))
        has_record_a_line = len(newlines) == len(ends) - (data[-1] != _LF)
        lines = np.arange(len(ends)) if has_record_a_line else np.searchsorted(newlines, starts)
        is_row = ~self._are_blank(data, starts)
        return (starts, ends, lines) if is_row.all() else (starts[is_row], ends[is_row], lines[is_row])

    def _are_blank(self, data: bytes, starts: _Array) -> _Array:
        """For each record whether it is blank: only such a one begins with a line end."""
        firsts = self._view(data, 0, len(data))[starts]
        return (firsts == _LF) | (firsts == _CR)

    def _view(self, data: bytes, start: int, end: int) -> _Array:
        return self._np.frombuffer(data, self._np.uint8, end - start, start)

    def _where(self, view: _Array, byte: int) -> _Array:
        """Whether each byte is this one; good until the next call."""
        if len(self._room[0]) < len(view):
            self._room = [self._np.empty(len(view), bool) for _ in self._room]
        return self._np.equal(view, byte, out=self._room[0][: len(view)])

    def _ends(self, grammar: Grammar, data: bytes, start: int, end: int) -> tuple[_Array, _Array] | None:
        """Ends of records, of which there are some, and newlines, relative to `start`."""
        np, view = self._np, self._view(data, start, end)
        has_quotes = any(data.find(mark, start, end) >= 0 for mark in grammar.quotes)
        if any(data.find(mark, start, end) >= 0 for mark in grammar.escapes) or (has_quotes and grammar.edges is None):
            return None
        if data.find(b"\r", start, end) >= 0 and not self._are_halves(view):
            return None
        newlines = np.flatnonzero(self._where(view, _LF))
        ends, is_closed = newlines, True
        if has_quotes and grammar.edges is not None:
            quotes = np.flatnonzero(self._where(view, grammar.quotes[0][0]))
            if not self._are_regular(view, quotes, grammar.edges + grammar.quotes[0]):
                return None
            ends = newlines[np.searchsorted(quotes, newlines) % 2 == 0]
            is_closed = len(quotes) % 2 == 0
        ends = ends + 1
        if is_closed and data[end - 1] != _LF:
            ends = np.append(ends, end - start)
        return (ends, newlines) if len(ends) else None

    def _are_halves(self, view: _Array) -> bool:
        r"""Whether no `\r` stands without its `\n`."""
        returns = self._np.flatnonzero(self._where(view, _CR))
        return returns[-1] + 1 < len(view) and bool((view[returns + 1] == _LF).all())

    def _are_regular(self, view: _Array, quotes: _Array, edges: bytes) -> bool:
        """Whether outside of each pair stands a delimiter, a line end, a quote of the same cell, or the view's edge."""
        if edges != self._known_edges:
            self._edges[:] = False
            self._edges[list(edges)] = True
            self._known_edges = edges
        opening, closing = quotes[0::2], quotes[1::2]
        if opening[0] == 0:
            opening = opening[1:]
        if len(closing) and closing[-1] + 1 == len(view):
            closing = closing[:-1]
        return bool(self._edges[view[opening - 1]].all()) and bool(self._edges[view[closing + 1]].all())
