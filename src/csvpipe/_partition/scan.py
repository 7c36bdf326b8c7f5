"""The records of a buffer, one after the other: by the fast scans where they are exact, by the judge elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

from csvpipe._partition.buffer import Buffer
from csvpipe._partition.judge import Judge, Verdict
from csvpipe.dialect import Dialect

T = TypeVar("T")

#: Bytes that one pass of a fast scan may take: a millisecond of work.
WINDOW_BYTES: Final = 64 * 1024
_NARROWEST_BYTES: Final = 256


class Scan:
    """A walk over a buffer's records.

    Attributes:
        at: Position of the next record.
    """

    def __init__(self, buffer: Buffer, *, dialect: Dialect, encoding: str, row_bytes: int) -> None:
        self.at = buffer.offset
        self.judge = Judge(buffer, dialect=dialect, encoding=encoding, row_bytes=row_bytes)
        self._buffer = buffer
        # A window is no larger than a record may be. So what a scan finds in it is small enough to be a record, and
        # what it reads in vain, since a record is open, the judge would have to read as well.
        self._widest = min(WINDOW_BYTES, row_bytes)
        self._reach = self._widest

    def step(self, scan: Callable[[bytes, int, int], tuple[int, T]], target: int) -> T | Verdict:
        """Go on by one window, or by one record where the window's first one needs the judge.

        The step ends before `target`, or at the first record boundary at or past it.

        Args:
            scan: Fast scan of `data[start:end]`: the end of the last record that it found (`start` for none), and
                what it found.
            target: A position past `at`.
        """
        start = self.at
        self._buffer.forget(start)
        if start >= self.judge.known_to and (stop := self._window_end(target)) > start:
            offset = self._buffer.offset
            end, found = scan(self._buffer.data, start - offset, stop - offset)
            self._adapt(progress=offset + end - start, width=stop - start)
            if offset + end > start:
                self.at = offset + end
                return found
        verdict = self.judge.judge(start)
        self.at = verdict.end
        return verdict

    def _window_end(self, target: int) -> int:
        widest = self.at + self._reach
        if target <= widest and (end := self._buffer.line_end(target - 1, widest)) <= widest:
            return end
        return self._buffer.last_line_end(self.at, widest)

    def _adapt(self, *, progress: int, width: int) -> None:
        """Look less far ahead after a window that was mostly read in vain, and further again after others."""
        if 2 * progress < width:
            self._reach = max(min(_NARROWEST_BYTES, self._widest), width // 2)
        else:
            self._reach = min(self._widest, max(self._reach, 2 * progress))
