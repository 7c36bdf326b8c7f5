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

_OPEN_STATES = (LineState.IN_QUOTES, LineState.ESCAPED)
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

    def node(self, line_end: int, state: LineState) -> int:
        """The node of a line end, known or not. Line ends before it will not be asked for again.

        Between two line ends that a step took together, in quotes, it is the node of the later one: a quote that is
        open there stays open up to it.
        """
        if not self._ends or line_end > self._ends[-1]:
            self._restart(line_end)
        index = bisect_left(self._ends, line_end)
        if index > _SLACK and 2 * index > len(self._ends):
            del self._ends[:index]
            del self._steps[: 2 * index]
            self._first += index
            index = 0
        return 2 * (self._first + index) + state

    def furthest(self, node: int) -> tuple[int, int, LineState]:
        """The last node that is known to follow from `node`, with its line end and state."""
        steps, base = self._steps, 2 * self._first
        last = node
        while (after := steps[last - base]) >= 0:
            last = after
        while node != last:
            steps[node - base], node = last, steps[node - base]
        return last, self._ends[last // 2 - self._first], _OPEN_STATES[last % 2]

    def step(self, node: int, line_end: int, state: LineState) -> int:
        """Remember what follows `node`: a line that ends at `line_end` and leaves its record open in `state`.

        Without an escape character it may be several lines, none of which holds a quote.
        """
        ordinal = node // 2 + 1
        if ordinal - self._first == len(self._ends):
            self._append(line_end)
        after = 2 * ordinal + state
        self._steps[node - 2 * self._first] = after
        return after

    def _restart(self, line_end: int) -> None:
        self._first += len(self._ends)
        del self._ends[:], self._steps[:]
        self._append(line_end)

    def _append(self, line_end: int) -> None:
        self._ends.append(line_end)
        self._steps.extend((-1, -1))
