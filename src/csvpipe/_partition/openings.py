"""What is known of physical lines that begin inside an open record.

A quote that is never closed rejects its own line alone, and the next line is judged afresh. In a file in which every
line opens such a quote, reading on from each of them to the limit would cost `row_bytes` a line. But where a line
leaves an open record does not depend on where the record began. So each step "from this line end, in this state, to
that line end, in that state" is taken once and remembered, and chains of steps are shortened as they are walked
(union-find with path compression).
"""

from __future__ import annotations

from array import array
from bisect import bisect_left

from csvpipe._partition.automaton import LineState

_OPEN_STATES = 2
#: Entries that may be out of date before they are dropped.
_SLACK = 1024


class Openings:
    """Remembers steps between line ends, in ascending order of the records that take them.

    A node is a line end and an open state, as one number: `2 * ordinal + state`.
    """

    def __init__(self) -> None:
        self._first = 0
        self._ends = array("q")
        self._steps = array("q")
        self._known_to = -1

    @property
    def known_to(self) -> int:
        """Position of the last line end that a step led to, or -1."""
        return self._known_to

    def node(self, line_end: int, state: LineState) -> int:
        """The node of a line end: one that is known, or the one right after the last known, or the first of a new run.

        Line ends before it will not be asked for again.
        """
        if not self._ends or line_end > self._ends[-1]:
            self._restart(line_end)
        index = bisect_left(self._ends, line_end)
        if index > _SLACK and 2 * index > len(self._ends):
            del self._ends[:index]
            del self._steps[: _OPEN_STATES * index]
            self._first += index
            index = 0
        return _OPEN_STATES * (self._first + index) + state

    def furthest(self, node: int) -> tuple[int, int, LineState]:
        """The last node that is known to follow from `node`, with its line end and state."""
        steps, base = self._steps, _OPEN_STATES * self._first
        last = node
        while (after := steps[last - base]) >= 0:
            last = after
        while node != last:
            steps[node - base], node = last, steps[node - base]
        ordinal, state = divmod(last, _OPEN_STATES)
        return last, self._ends[ordinal - self._first], LineState(state)

    def step(self, node: int, line_end: int, state: LineState) -> int:
        """Remember that the line after `node` ends at `line_end`, with its record open in `state`."""
        ordinal = node // _OPEN_STATES + 1
        if ordinal - self._first == len(self._ends):
            self._append(line_end)
        after = _OPEN_STATES * ordinal + state
        self._steps[node - _OPEN_STATES * self._first] = after
        self._known_to = line_end
        return after

    def _restart(self, line_end: int) -> None:
        self._first += len(self._ends)
        del self._ends[:], self._steps[:]
        self._append(line_end)

    def _append(self, line_end: int) -> None:
        self._ends.append(line_end)
        self._steps.extend((-1,) * _OPEN_STATES)
