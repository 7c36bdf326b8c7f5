"""A part of a job's file that travels to where the file is not."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import BinaryIO

import attrs

from csvpipe._intake.source import LocalFile


@attrs.frozen(kw_only=True)
class CarriedFile(LocalFile):
    """A file of which some bytes are here, read when it was still the same one; the others read as if it ended there.

    Attributes:
        pieces: Offset and bytes of each run of bytes, in file order.
    """

    pieces: tuple[tuple[int, bytes], ...] = attrs.field(repr=False)

    @classmethod
    def of(cls, source: LocalFile, ranges: Iterable[tuple[int, int]]) -> CarriedFile:
        """Read what is to travel.

        Args:
            source: The file.
            ranges: Start and end of each run of bytes.

        Raises:
            FileError: As for `LocalFile.open`.
            OSError: The file cannot be read.
        """
        pieces: list[tuple[int, bytes]] = []
        for start, end in ranges:
            with source.open_part(start, end) as file:
                pieces.append((start, file.read(end - start)))
        return cls(path=source.path, size=source.size, mtime_ns=source.mtime_ns, pieces=tuple(pieces))

    def open(self, *, place: str | None = None, buffering: int = -1) -> BinaryIO:  # noqa: ARG002  # there is no file
        """Begin to read what was carried."""
        return _Pieces(self.pieces)


class _Pieces(io.BytesIO):
    """Reads a carried file by the offsets of the whole."""

    def __init__(self, pieces: tuple[tuple[int, bytes], ...]) -> None:
        super().__init__()
        self._pieces = pieces
        self._at = 0

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Only from the start: nobody here knows the end."""
        assert whence == 0, "a carried file is read by offset"  # noqa: S101  # by our own code
        self._at = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, or what there is of them in the piece that holds the first one."""
        assert size is not None, "a carried file is read by size"  # noqa: S101  # by our own code
        for start, data in self._pieces:
            if start <= self._at < start + len(data):
                found = data[self._at - start : self._at - start + size]
                self._at += len(found)
                return found
        return b""
