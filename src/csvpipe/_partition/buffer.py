"""The part of a file that is in memory while its records are judged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

#: How much is read at a time: large enough for the disk, small enough that no pass over it takes long.
BLOCK_BYTES: Final = 256 * 1024

#: How far newlines are looked for at a time.
_STEP_BYTES: Final = 16 * 1024
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
            read: Returns exactly as many of the following bytes as it is asked for; never asked if `data` is all.
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
        while True:
            at = _find_newline(self.data, seen - self.offset, limit - self.offset)
            if at >= 0 and (self.data[at] == _LF or at + 1 < len(self.data) or self.read_to == self.end):
                return self.offset + at + (2 if self.data[at : at + 2] == b"\r\n" else 1)
            seen = max(seen, self.offset + at if at >= 0 else min(self.read_to, limit))
            if at < 0 and self.read_to >= min(limit, self.end):
                # Remembered, since every record that is open here will ask again, with a limit only a little higher.
                self._without_newline = (start, seen)
                return self.end if self.end <= limit else limit + 1
            self.reserve(self.read_to + 1)

    def skip_line(self, start: int) -> int:
        """Position just past the physical line that `start` lies in; the line need not fit into memory."""
        at = start
        while self.read_to < self.end:
            last_byte = self.read_to - 1  # which may be half of a line end
            if (end := self.line_end(at, last_byte)) <= last_byte:
                return end
            at = last_byte
            self.forget(at)
            self.reserve(self.read_to + 1)
        return self.line_end(at, self.end)

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


def _find_newline(data: bytes, start: int, end: int) -> int:
    r"""Offset of the first `\n` or `\r` in `data[start:end]`, or -1."""
    # In steps, lest a search for a byte that the file has nowhere runs to the end each time.
    for low in range(start, min(end, len(data)), _STEP_BYTES):
        high = min(low + _STEP_BYTES, end)
        newline = data.find(b"\n", low, high)
        carriage_return = data.find(b"\r", low, high if newline < 0 else newline)
        if (found := newline if carriage_return < 0 else carriage_return) >= 0:
            return found
    return -1


def count_lines(data: bytes, start: int, end: int) -> int:
    """Physical lines in `data[start:end]`, which is not empty, and whose last line may lack its line end."""
    lines = data.count(b"\n", start, end) + (data[end - 1] not in (_CR, _LF))
    if returns := data.count(b"\r", start, end):
        lines += returns - data.count(b"\r\n", start, end)
    return lines
