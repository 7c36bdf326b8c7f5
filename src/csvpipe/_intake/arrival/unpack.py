"""Compressed files, recognised by their first bytes and unpacked as they come, in bounded memory."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Final, Protocol

from csvpipe.errors import FileCode, FileError
from csvpipe.limits import MIB, Limits

#: Unpacked at a time.
_OUT_BYTES: Final = 256 * 1024

#: What `Limits.decompression_ratio` never counts.
_FREE_BYTES: Final = 10 * MIB

#: The largest dictionary that `xz -9` and `zstd --ultra -22` want is below this.
_MEMORY_BYTES: Final = 144 * MIB

_NUL: Final = b"\0"


class _Decoder(Protocol):
    """One member of a compressed file: what `bz2`, `lzma` and `compression.zstd` have."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _GzipDecoder:
    """`zlib` with the interface of the others."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        found = self._member.decompress(self._member.unconsumed_tail + data, max_length)
        self.needs_input = len(found) < max_length and not self._member.unconsumed_tail
        return found


def _bzip2_decoder() -> _Decoder:
    import bz2  # noqa: PLC0415  # few need it, and it takes its time

    return bz2.BZ2Decompressor()


def _xz_decoder() -> _Decoder:
    import lzma  # noqa: PLC0415  # the same

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY_BYTES)


def _lzma_decoder() -> _Decoder:
    import lzma  # noqa: PLC0415  # the same

    return lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY_BYTES)


def _zstd_decoder() -> _Decoder:
    """The standard library's, or its backport.

    Raises:
        ImportError: There is neither.
    """
    zstd = import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    options = {zstd.DecompressionParameter.window_log_max: _MEMORY_BYTES.bit_length() - 1}
    decoder: _Decoder = zstd.ZstdDecompressor(options=options)
    return decoder


#: First bytes, name, and what makes a decoder for one member. A file has one or more members, one behind the other.
_FORMATS: Final[tuple[tuple[bytes, str, Callable[[], _Decoder]], ...]] = (
    (b"\x1f\x8b", "gzip", _GzipDecoder),
    *((b"BZh%d1AY&SY" % level, "bzip2", _bzip2_decoder) for level in range(1, 10)),
    *((b"BZh%d\x17rE8P\x90" % level, "bzip2", _bzip2_decoder) for level in range(1, 10)),  # of nothing
    (b"\xfd7zXZ\0", "xz", _xz_decoder),
    (b"\x5d\0\0", "xz", _lzma_decoder),  # the format before xz, always with a dictionary of at least 64 KiB
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd_decoder),
    *((bytes((byte, 0x2A, 0x4D, 0x18)), "zstd", _zstd_decoder) for byte in range(0x50, 0x60)),  # a frame to be skipped
)

#: So many bytes are enough for `Unpacker.of`.
MARK_BYTES: Final = max(len(mark) for mark, _name, _make in _FORMATS)


class Unpacker:
    """Bytes of a compressed file in, what they hold out.

    Args:
        name: Of the format.
        make: A decoder for the next member.
        ratio: `Limits.decompression_ratio`.
        place: Names the file in messages.

    Attributes:
        name: `gzip`, `bzip2`, `xz` or `zstd`.
    """

    def __init__(self, name: str, make: Callable[[], _Decoder], *, ratio: int | None, place: str) -> None:
        self.name = name
        self._make = make
        self._ratio = ratio
        self._place = place
        self._decoder = make()
        self._arrived = 0
        self._unpacked = 0
        self._is_between = False
        self._rest = b""

    @classmethod
    def of(cls, head: bytes, limits: Limits, *, place: str) -> Unpacker | None:
        """What unpacks the file that begins so; None where it is not compressed.

        Raises:
            FileError: `source_failed`, where nothing on this Python unpacks it.
        """
        for mark, name, make in _FORMATS:
            if head.startswith(mark):
                try:
                    return cls(name, make, ratio=limits.decompression_ratio, place=place)
                except ImportError:
                    raise FileError(
                        FileCode.SOURCE_FAILED,
                        f"{place}: this is a {name} file; to have it unpacked, pip install 'csvpipe[{name}]', "
                        "or decompress it first",
                    ) from None
        return None

    def feed(self, block: bytes) -> Iterator[bytes]:
        """What the next bytes hold, in pieces.

        Raises:
            FileError: `source_failed` where they are damaged, `too_large` where there is too much in them.
        """
        self._arrived += len(block)
        data = self._rest + block
        self._rest = b""
        while True:
            if self._is_between:
                data = self._open_next(data)
                if self._is_between:
                    return
            piece = self._decompress(data)
            data = b""
            if piece:
                self._check_ratio(len(piece))
                yield piece
            if self._decoder.eof:
                data, self._is_between = self._decoder.unused_data, True
            elif self._decoder.needs_input:
                return

    def _decompress(self, data: bytes) -> bytes:
        try:
            return self._decoder.decompress(data, _OUT_BYTES)
        except Exception as error:  # each of the formats has errors of its own
            raise self._damaged(str(error) or type(error).__name__) from error

    def _open_next(self, data: bytes) -> bytes:
        """Begin with the member behind the one that has ended, if its first bytes are there.

        Tapes and disks leave NULs behind the last one.
        """
        stripped = data.lstrip(_NUL)
        marks = [mark for mark, name, _make in _FORMATS if name == self.name]
        if any(map(stripped.startswith, marks)):
            self._decoder, self._is_between = self._make(), False
            return stripped
        if not any(mark.startswith(stripped) for mark in marks):
            raise self._damaged("something else follows on its end")
        self._rest = stripped
        return b""

    def _check_ratio(self, size: int) -> None:
        self._unpacked += size
        if self._ratio is not None and self._unpacked > max(_FREE_BYTES, self._ratio * self._arrived):
            raise FileError(
                FileCode.TOO_LARGE,
                f"{self._place}: this {self.name} file looks like a decompression bomb: its first {self._arrived:,} "
                f"bytes hold more than {self._ratio:,} times as many; if it is meant to, raise the limit with "
                "limits=Limits(decompression_ratio=...)",
            )

    def finish(self) -> None:
        """See that nothing is missing.

        Raises:
            FileError: `source_failed`.
        """
        if not self._is_between or self._rest:
            raise self._damaged("it ends too early")

    def _damaged(self, reason: str) -> FileError:
        return FileError(
            FileCode.SOURCE_FAILED,
            f"{self._place}: this {self.name} file is damaged: {reason}; nothing of it was imported, "
            "so it can be submitted again when it is whole",
        )
