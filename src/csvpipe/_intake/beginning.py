"""The first bytes of a file as a file of their own, for a look at what is not there as a whole."""

from __future__ import annotations

from typing import Final

import attrs

from csvpipe._intake.arrival.unpack import MARK_BYTES, Unpacker
from csvpipe.limits import MIB, Limits

#: So much of what is compressed is looked at, unpacked.
_MOST_BYTES: Final = MIB

#: Fed to what unpacks at a time.
_STEP_BYTES: Final = 16 * 1024

#: UTF-32 marks itself so; all else in which NULs are found has characters of two bytes.
_UTF_32: Final = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")


@attrs.frozen(kw_only=True)
class Beginning:
    """Whole lines from the front of a file.

    Attributes:
        data: They, unpacked.
        is_whole: Whether that is all of the file.
        scale: How many times as large the file is.
        compression: What they were unpacked from; None where they were not.
    """

    data: bytes
    is_whole: bool
    scale: float
    compression: str | None = None


def beginning_of(data: bytes, size: int, limits: Limits, *, place: str) -> Beginning:
    """Make a file of the first bytes of one.

    Args:
        data: The first bytes.
        size: Of the whole file.
        limits: See `Limits`.
        place: Names the file in messages.

    Raises:
        FileError: It is compressed, and damaged, or nothing here unpacks it.
    """
    is_whole = len(data) >= size
    unpacker = Unpacker.of(data[:MARK_BYTES], limits, place=place)
    if unpacker is None:
        found = data if is_whole else _whole_lines(data)
        return Beginning(data=found, is_whole=is_whole, scale=1.0 if is_whole else size / max(1, len(found)))
    unpacked = bytearray()
    read = 0
    while read < len(data) and len(unpacked) < _MOST_BYTES:
        for piece in unpacker.feed(data[read : read + _STEP_BYTES]):
            unpacked += piece
            if len(unpacked) >= _MOST_BYTES:
                break
        read += _STEP_BYTES
    is_whole = is_whole and read >= len(data) and len(unpacked) < _MOST_BYTES
    if is_whole:
        unpacker.finish()
    found = bytes(unpacked) if is_whole else _whole_lines(bytes(unpacked))
    scale = 1.0 if is_whole else max(1.0, size / max(1, min(read, len(data))))
    return Beginning(data=found, is_whole=is_whole, scale=scale, compression=unpacker.name)


def _whole_lines(data: bytes) -> bytes:
    """Without what follows the last end of a line; all of it where there is none."""
    end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    if b"\0" in data:  # half a character would be left otherwise
        width = 4 if data.startswith(_UTF_32) else 2
        end = min(-(-end // width), len(data) // width) * width
    return data[:end] or data
