"""The records of a buffer, one after the other: by the fast scans where they are exact, by the judge elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Final, TypeVar

from csvpipe._partition.arrays import Arrays
from csvpipe._partition.buffer import BLOCK_BYTES, Buffer
from csvpipe._partition.grammar import Grammar
from csvpipe._partition.judge import Judge, Verdict
from csvpipe._partition.lanes import WINDOW_BYTES
from csvpipe._partition.stride import Cutting, Stride, count_by_splitting, stride

T = TypeVar("T")

#: Bytes that a stride may take: no call of it holds the interpreter for a millisecond.
STRIDE_BYTES: Final = BLOCK_BYTES

#: For how many bytes no stride is tried after one that went in vain; doubled each time, up to the other.
_FIRST_PAUSE_BYTES: Final = 64 * 1024
_LONGEST_PAUSE_BYTES: Final = 1024 * 1024

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
        self._stride_bytes = min(STRIDE_BYTES, row_bytes)
        self._paused_to = self.at
        self._pause_bytes = 0
        self._grammar = grammar
        self._bytes = buffer.end - buffer.offset

    @cached_property
    def arrays(self) -> Arrays | None:
        """Scans by numpy, where it is installed and there is much to scan."""
        return Arrays.for_bytes(self._bytes)

    def stride(self, target: int, *, first_cut: int, cut_bytes: int) -> Stride | None:
        """Go on by many records, where that is exact; else None, and `step` is to be called.

        Ends as `step` does.

        Args:
            target: A position past `at`.
            first_cut: A cut is made at the first record end at or past this position,
            cut_bytes: and at the first one so many bytes further on, but none at `target` or past it.
        """
        start = self.at
        if start < self._paused_to or (stop := self._window_end(target, self._stride_bytes)) <= start:
            return None
        offset, data = self._buffer.offset, self._buffer.data
        window = (self._grammar, data, start - offset, stop - offset)
        cutting = Cutting(first_cut - offset, cut_bytes, target - offset)
        arrays = self.arrays
        found = stride(*window, cutting, count_lines=count_by_splitting if arrays is None else arrays.count_lines)
        if found is None and arrays is not None:
            found = arrays.stride(*window, cutting)
        if found is not None:
            self.at = offset + found.end
            found = Stride(self.at, found.rows, found.lines, [cut + offset for cut in found.cuts])
        self._plan_pause(passed=self.at - start, width=stop - start)
        return found

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
        if start >= self._judged_to and (stop := self._window_end(target, self._window_bytes)) > start:
            offset = self._buffer.offset
            end, found = scan(self._buffer.data, start - offset, stop - offset)
            self.at = offset + end
            self._plan_detour(scanned=self.at - start, width=stop - start)
            if self.at > start:
                return found
        verdict = self.judge.judge(start)
        self.at = verdict.end
        return verdict

    def _window_end(self, target: int, window_bytes: int) -> int:
        self._buffer.forget(self.at)
        widest = self.at + window_bytes
        if target <= widest and (end := self._buffer.line_end(target - 1, widest)) <= widest:
            return end
        return self._buffer.last_line_end(self.at, widest)

    def _plan_pause(self, *, passed: int, width: int) -> None:
        """After a window that was mostly read in vain, do without strides for a while; longer each time."""
        if 2 * passed >= width:
            self._pause_bytes = 0
        else:
            self._paused_to = self.at + self._pause_bytes
            self._pause_bytes = min(max(_FIRST_PAUSE_BYTES, 2 * self._pause_bytes), _LONGEST_PAUSE_BYTES)

    def _plan_detour(self, *, scanned: int, width: int) -> None:
        """After a window that was mostly read in vain, leave the next records to the judge; more of them each time.

        Otherwise a file in which every line is malformed would have a window read for every line.
        """
        if 2 * scanned >= width:
            self._detour_bytes = 0
        else:
            self._judged_to = self.at + self._detour_bytes
            self._detour_bytes = min(max(_FIRST_DETOUR_BYTES, 2 * self._detour_bytes), WINDOW_BYTES)
