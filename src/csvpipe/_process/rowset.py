"""Sets of row numbers: one that is small to store, and one that is quick to ask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from csvpipe.ranges import ranges_of

_BITS: Final = 7
_MORE: Final = 1 << _BITS
_LOW: Final = _MORE - 1


@attrs.frozen
class RowSet:
    """Row numbers in few bytes, for a column of a database: neighbours cost two bytes, however many they are.

    Attributes:
        data: Two numbers for each range of rows, in order: how far it begins past the end of the one before it, and how
            many rows it has. A number is its groups of 7 bits, the lowest first; all but the last have their top bit
            set.
    """

    data: bytes = b""

    @classmethod
    def of(cls, rows: Iterable[int]) -> RowSet:
        """The set of these numbers, all of them at least 0, in any order."""
        data = bytearray()
        end = 0
        for start, stop in ranges_of(rows):
            _append(data, start - end)
            _append(data, stop - start)
            end = stop
        return cls(bytes(data))

    def ranges(self) -> Iterator[tuple[int, int]]:
        """Half-open ranges, ascending."""
        end = 0
        numbers = _numbers(self.data)
        for gap, rows in zip(numbers, numbers, strict=True):
            yield end + gap, end + gap + rows
            end += gap + rows

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.ranges())

    def __bool__(self) -> bool:
        return bool(self.data)


def _append(data: bytearray, number: int) -> None:
    while number > _LOW:
        data.append(number & _LOW | _MORE)
        number >>= _BITS
    data.append(number)


def _numbers(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & _LOW) << shift
        if byte & _MORE:
            shift += _BITS
        else:
            yield number
            number = shift = 0


#: The empty set.
NO_ROWS: Final = RowSet()


class RowFlags:
    """A set of row numbers with one bit for each number up to the highest."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray()

    def __repr__(self) -> str:
        return f"<RowFlags up to row {len(self._bits) * 8}>"

    def __bool__(self) -> bool:
        return self._bits.count(0) < len(self._bits)

    def __contains__(self, row: int) -> bool:
        return 0 <= row < len(self._bits) * 8 and bool(self._bits[row >> 3] & 1 << (row & 7))

    def add(self, row: int) -> None:
        """Put one in."""
        self._reserve(row + 1)
        self._bits[row >> 3] |= 1 << (row & 7)

    def discard(self, row: int) -> None:
        """Take one out, if it is there."""
        if row in self:
            self._bits[row >> 3] &= ~(1 << (row & 7))

    def add_all(self, rows: RowSet) -> None:
        """Put these in."""
        for start, stop in rows.ranges():
            self._reserve(stop)
            self._fill(start, stop, 0xFF)

    def discard_all(self, rows: RowSet) -> None:
        """Take these out, as far as they are there."""
        for start, stop in rows.ranges():
            self._fill(start, min(stop, len(self._bits) * 8), 0)

    def _reserve(self, rows: int) -> None:
        if (wanted := (rows + 7) // 8) > len(self._bits):
            self._bits.extend(bytes(wanted - len(self._bits)))

    def _fill(self, start: int, stop: int, byte: int) -> None:
        """Set the bits `[start, stop)` to those of `byte`: single ones up to whole bytes, then these at once."""
        whole, end = min(-(-start // 8) * 8, stop), max(stop // 8 * 8, start)
        for row in (*range(start, whole), *range(max(end, whole), stop)):
            self._bits[row >> 3] = self._bits[row >> 3] & ~(1 << (row & 7)) | byte & 1 << (row & 7)
        if whole < end:
            self._bits[whole >> 3 : end >> 3] = bytes([byte]) * ((end - whole) >> 3)
