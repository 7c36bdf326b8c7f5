"""The part of a file that is in memory while its records are judged."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

#: How much is read at a time: large enough for the disk, small enough that no pass over it takes long.
BLOCK_BYTES: Final = 256 * 1024

_NEWLINE: Final = re.compile(rb"[\r\n]")
_CR: Final = 13
_LF: Final = 10


class Buffer:
    r"""A window on the data, from the first record that is not judged yet to what has been read so far.

    Positions are byte offsets in the file. A physical line ends at `\n`, `\r\n` or a lone `\r`; a `\r` that was read
    last settles nothing until the byte after it is known.

    Attributes:
        data: The bytes in memory.
        offset: Position of `data[0]`.
        end: Position at which the data ends, read or not.
    """

    def __init__(
        self,
        data: bytes = b"",
        *,
        offset: int = 0,
        end: int | None = None,
        read: Callable[[int], bytes] = bytes,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """Start with `data`.

        Args:
            data: What is in memory already.
            offset: Its position.
            end: Where the data ends; None if `data` is all there is.
            read: Returns exactly as many of the following bytes as it is asked for.
            block_bytes: How many it is asked for at least, while there are so many.
        """
        self.data = data
        self.offset = offset
        self.end = offset + len(data) if end is None else end
        self._read = read
        self._block_bytes = block_bytes
        self._kept_from = offset
        self._without_newline = (-1, -1)

    @property
    def read_to(self) -> int:
        """Position just past the last byte in memory."""
        return self.offset + len(self.data)

    def forget(self, before: int) -> None:
        """Allow the bytes before this position to be dropped when more are read."""
        self._kept_from = before

    def reserve(self, stop: int) -> None:
        """Have the bytes before `stop` in memory, as far as the data goes."""
        missing = min(stop, self.end) - self.read_to
        if missing > 0:
            kept = self.data[self._kept_from - self.offset :]
            # Reading as much as is kept keeps the copying linear, however large a record is.
            size = min(max(missing, self._block_bytes, len(kept)), self.end - self.read_to)
            self.data, self.offset = kept + self._read(size), self.read_to - len(kept)

    def line_end(self, start: int, limit: int) -> int:
        """Position just past the physical line that begins at `start`; where that is past `limit`, anything past it."""
        same, seen = self._without_newline
        seen = seen if same == start else start
        while seen < (stop := min(limit, self.end)):
            self.reserve(seen + 1)
            if found := _NEWLINE.search(self.data, seen - self.offset, stop - self.offset):
                return self._past_newline(self.offset + found.start())
            seen = min(stop, self.read_to)
        # Remembered, since every record that is open here asks again, with a limit that is only a little higher.
        self._without_newline = (start, seen)
        return self.end if self.end <= limit else limit + 1

    def skip_line(self, start: int) -> int:
        """Position just past the physical line that `start` lies in; the line need not fit into memory."""
        at = start
        while at < self.end:
            self.forget(at)
            self.reserve(at + 1)
            if found := _NEWLINE.search(self.data, at - self.offset):
                return self._past_newline(self.offset + found.start())
            at = self.read_to
        return self.end

    def last_line_end(self, start: int, stop: int) -> int:
        """Position just past the last physical line that ends in `[start, stop]`, or `start` if none does."""
        self.reserve(stop + 1)
        data, low, high = self.data, start - self.offset, min(stop, self.end) - self.offset
        if high == self.end - self.offset:
            return self.end
        if data[high] == _LF and data[high - 1] == _CR:
            high -= 1  # between them there is no line end
        newline = max(data.rfind(b"\n", low, high), data.rfind(b"\r", low, high))
        return start if newline < 0 else self.offset + newline + 1

    def _past_newline(self, at: int) -> int:
        self.reserve(at + 2)
        is_pair = self.data[at - self.offset : at - self.offset + 2] == b"\r\n"
        return at + 2 if is_pair else at + 1


def count_lines(data: bytes, start: int, end: int) -> int:
    """Physical lines in `data[start:end]`, whose last one may lack its line end."""
    if start == end:
        return 0
    lines = data.count(b"\n", start, end) + (data[end - 1] not in (_CR, _LF))
    if returns := data.count(b"\r", start, end):
        lines += returns - data.count(b"\r\n", start, end)
    return lines
