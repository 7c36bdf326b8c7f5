"""The records of a buffer, one after the other: by the fast scans where they are exact, by the judge elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from csvpipe._partition.buffer import Buffer
from csvpipe._partition.grammar import Grammar
from csvpipe._partition.judge import Judge, Verdict
from csvpipe._partition.lanes import WINDOW_BYTES

T = TypeVar("T")

#: How many bytes are left to the judge after a second window in a row that was read in vain; doubled each time.
_FIRST_DETOUR_BYTES: Final = 256


class Scan:
    """A walk over a buffer's records.

    Attributes:
        at: Position of the next record.
        judge: What is asked where no fast scan has an answer.
    """

    def __init__(self, buffer: Buffer, grammar: Grammar, *, row_bytes: int) -> None:
        self.at = buffer.offset
        self.judge = Judge(buffer, grammar, row_bytes=row_bytes)
        self._buffer = buffer
        # A window is no larger than a record may be. So what a fast scan finds in it is small enough to be a record.
        self._window_bytes = min(WINDOW_BYTES, row_bytes)
        self._judged_to = self.at
        self._detour_bytes = 0

    def step(self, scan: Callable[[bytes, int, int], tuple[int, T]], target: int) -> T | Verdict:
        """Go on by one window, or by one record where the judge is needed.

        The step ends before `target`, or at the first record boundary at or past it.

        Args:
            scan: Fast scan of `data[start:end]`: the end of the last record that it found (`start` for none), and
                what it found.
            target: A position past `at`.
        """
        start = self.at
        self._buffer.forget(start)
        if start >= self._judged_to and (stop := self._window_end(target)) > start:
            offset = self._buffer.offset
            end, found = scan(self._buffer.data, start - offset, stop - offset)
            self.at = offset + end
            self._plan_detour(scanned=self.at - start, width=stop - start)
            if self.at > start:
                return found
        verdict = self.judge.judge(start)
        self.at = verdict.end
        return verdict

    def _window_end(self, target: int) -> int:
        widest = self.at + self._window_bytes
        if target <= widest and (end := self._buffer.line_end(target - 1, widest)) <= widest:
            return end
        return self._buffer.last_line_end(self.at, widest)

    def _plan_detour(self, *, scanned: int, width: int) -> None:
        """After a window that was mostly read in vain, leave the next records to the judge; more of them each time.

        Otherwise a file in which every line is malformed would have a window read for every line.
        """
        if 2 * scanned >= width:
            self._detour_bytes = 0
        else:
            self._judged_to = self.at + self._detour_bytes
            self._detour_bytes = min(max(_FIRST_DETOUR_BYTES, 2 * self._detour_bytes), WINDOW_BYTES)
