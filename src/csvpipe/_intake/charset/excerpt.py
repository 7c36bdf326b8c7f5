"""A bounded part of a large file that shows what is in all of it."""

from __future__ import annotations

from typing import BinaryIO, Final

#: Read from the start, from the end, and in each of the places between.
_HEAD_BYTES: Final = 256 * 1024
_TAIL_BYTES: Final = 64 * 1024
_BLOCK_BYTES: Final = 16 * 1024
_BLOCKS: Final = 64

#: Files up to here are read whole.
EXCERPT_BYTES: Final = _HEAD_BYTES + _TAIL_BYTES + _BLOCKS * _BLOCK_BYTES

#: Where the excerpt is plain ASCII, so much of the file is searched for anything else: that is quick.
_SEARCHED_BYTES: Final = 64 * 1024 * 1024
_SEARCH_BYTES: Final = 1024 * 1024


def read_excerpt(file: BinaryIO, size: int) -> bytes:
    """Head, tail and evenly spread blocks between them, cut at line ends, so that no character is torn.

    Args:
        file: Anywhere.
        size: Of all of it.

    Raises:
        OSError: It cannot be read.
    """
    file.seek(0)
    if size <= EXCERPT_BYTES:
        return file.read(size)  # to ask for more would take the memory for it
    parts = [_up_to_last_line_end(file.read(_HEAD_BYTES))]
    step = (size - _TAIL_BYTES - _HEAD_BYTES) // _BLOCKS
    for number in range(_BLOCKS):
        file.seek(_HEAD_BYTES + number * step)
        parts.append(whole_lines(file.read(_BLOCK_BYTES)))
    file.seek(size - _TAIL_BYTES)
    parts.append(whole_lines(file.read(_TAIL_BYTES)))
    excerpt = b"".join(parts)
    return excerpt + _first_beyond_ascii(file) if excerpt.isascii() else excerpt


def _first_beyond_ascii(file: BinaryIO) -> bytes:
    """The first lines that are not ASCII only, if there are any not too far into the file."""
    file.seek(_HEAD_BYTES)
    for _ in range(_SEARCHED_BYTES // _SEARCH_BYTES):
        block = file.read(_SEARCH_BYTES)
        if not block:
            break
        if not block.isascii():
            return b"".join(line for line in whole_lines(block).splitlines(keepends=True) if not line.isascii())
    return b""


def whole_lines(block: bytes) -> bytes:
    """Without the line that began before `block`, and without the one that ends behind it."""
    begin = block.find(b"\n") + 1 or block.find(b"\r") + 1
    return _up_to_last_line_end(block[begin:]) if begin else b""


def _up_to_last_line_end(block: bytes) -> bytes:
    return block[: block.rfind(b"\n") + 1 or block.rfind(b"\r") + 1]
