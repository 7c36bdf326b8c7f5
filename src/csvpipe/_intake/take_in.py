"""From what a caller hands over to a local file that workers can read.

Everything here is synchronous and runs in a worker thread. A source that is iterated asynchronously is iterated by the
pool, which gives the blocks to a `Spooling` as they come.
"""

from __future__ import annotations

import os
from types import TracebackType
from typing import BinaryIO, Final, NamedTuple, Self, TypeAlias

from csvpipe._intake import binaries, encoding
from csvpipe._intake.encoding import Transcoder, choose_encoding, mark_length
from csvpipe._intake.inspect import Stated
from csvpipe._intake.source import LocalFile
from csvpipe._intake.spool import BLOCK_BYTES, Spool, SpoolWriter, too_large
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits

#: Bytes that tell what a source is; no more are held back before the rest is written.
HEAD_BYTES: Final = max(binaries.MARK_BYTES, encoding.MARK_BYTES)

#: What a source may be made of.
Block: TypeAlias = bytes | bytearray | memoryview


class TakenIn(NamedTuple):
    """A source after intake.

    Attributes:
        file: UTF-8, or a single-byte superset of ASCII.
        source_encoding: The encoding that it came in, where it was transcoded; None otherwise.
    """

    file: LocalFile
    source_encoding: str | None


class Spooling:
    """A source on its way into the spool, block by block. A context manager: what is not finished is removed.

    What its first bytes show to be no CSV is refused as soon as they are there, not when all has been received.

    Args:
        spool: Where to.
        name: Of the spool's file; made by csvpipe.
        stated: What the caller says about the source.
        limits: `file_bytes` is checked as the bytes come.
        place: Names the source in messages.
    """

    def __init__(self, spool: Spool, name: str, *, stated: Stated, limits: Limits, place: str) -> None:
        self._spool = spool
        self._name = name
        self._stated = stated
        self._limits = limits
        self._place = place
        self._head = b""
        self._writer: SpoolWriter | None = None
        self._source_encoding: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()

    def feed(self, block: Block) -> None:
        """Take in the next bytes, however many.

        Raises:
            EncodingUnknownError: There is no such encoding as is stated.
            FileError: `source_failed` for what is not bytes, or when the spool fails; `binary`, `encoding`,
                `too_large`, `disk_full`.
        """
        if not isinstance(block, Block):
            raise FileError(
                FileCode.SOURCE_FAILED,
                f"{self._place}: the source gave {type(block).__name__} instead of bytes; "
                "open files in binary mode, and encode text",
            )
        view = memoryview(block)
        flat = view.cast("B") if view.nbytes and view.c_contiguous else memoryview(view.tobytes())
        for start in range(0, len(flat), BLOCK_BYTES):
            self._feed(bytes(flat[start : start + BLOCK_BYTES]))

    def _feed(self, block: bytes) -> None:
        if self._writer is not None:
            self._writer.write(block)
            return
        self._head += block
        if len(self._head) >= HEAD_BYTES:
            self._begin().write(self._head)

    def _begin(self) -> SpoolWriter:
        """Judge the head, and open the file."""
        self._source_encoding, transcoder = _judge(self._head, self._stated, self._place)
        self._writer = self._spool.open(
            self._name, limit_bytes=self._limits.file_bytes, transcoder=transcoder, place=self._place
        )
        return self._writer

    def finish(self) -> TakenIn:
        """Make the file durable: there is no more to come. A source without a byte gives an empty file.

        Raises:
            EncodingUnknownError: There is no such encoding as is stated.
            FileError: As for `feed`.
        """
        writer = self._writer
        if writer is None:
            writer = self._begin()
            writer.write(self._head)
        return TakenIn(writer.finish(), self._source_encoding)

    def discard(self) -> None:
        """Remove what is not finished; a finished file stays."""
        if self._writer is not None:
            self._writer.discard()


def _judge(head: bytes, stated: Stated, place: str) -> tuple[str | None, Transcoder | None]:
    """Refuse what is no CSV; name and transcoder of an encoding that cannot be read as it lies."""
    binaries.check_marks(head, place)
    chosen = choose_encoding(head, stated.encoding, place)
    if chosen.is_direct:
        return None, None
    return chosen.name, Transcoder(chosen.name, skip_bytes=mark_length(head, chosen.name))


def take_in_path(
    path: str | os.PathLike[str], spool: Spool, name: str, *, stated: Stated, limits: Limits, place: str
) -> TakenIn:
    """Take in a file on disk: in place, or transcoded into the spool if workers could not read it as it lies.

    Args:
        path: Of a regular file.
        spool: Used, and made, only for transcoding.
        name: Of the spool's file, if there is one; made by csvpipe.
        stated: What the caller says about the file.
        limits: `file_bytes` holds for the file and for what it is transcoded to.
        place: Names the file in messages.

    Raises:
        EncodingUnknownError: There is no such encoding as is stated.
        FileError: `not_found`, `source_failed`, `source_changed`, `too_large`, `binary`, `encoding`, `disk_full`.
    """
    source = LocalFile.at(path, place=place)
    if limits.file_bytes is not None and source.size > limits.file_bytes:
        raise too_large(place, f"it has {source.size:,} bytes", limits.file_bytes)
    with source.open(place=place) as file:
        head = _read(file, HEAD_BYTES, place)
        if _judge(head, stated, place)[1] is None:
            return TakenIn(source, None)
        file.seek(0)
        with Spooling(spool, name, stated=stated, limits=limits, place=place) as spooling:
            _pour(file, spooling, place)
            source.check_unchanged(place=place)
            return spooling.finish()


def take_in_bytes(data: Block, spool: Spool, name: str, *, stated: Stated, limits: Limits, place: str) -> TakenIn:
    """Write bytes from memory into the spool.

    Raises:
        EncodingUnknownError: There is no such encoding as is stated.
        FileError: As for `Spooling`.
    """
    with Spooling(spool, name, stated=stated, limits=limits, place=place) as spooling:
        spooling.feed(data)
        return spooling.finish()


def take_in_file_object(
    file: BinaryIO, spool: Spool, name: str, *, stated: Stated, limits: Limits, place: str
) -> TakenIn:
    """Read a binary file object from where it stands to its end into the spool. The caller closes it.

    Raises:
        EncodingUnknownError: There is no such encoding as is stated.
        FileError: As for `Spooling`; `source_failed` also for whatever its `read` raises.
    """
    with Spooling(spool, name, stated=stated, limits=limits, place=place) as spooling:
        _pour(file, spooling, place)
        return spooling.finish()


def _pour(file: BinaryIO, spooling: Spooling, place: str) -> None:
    block: Block | None = None
    while block is None or block:
        block = _read(file, BLOCK_BYTES, place)
        spooling.feed(block)  # the last and empty one as well: a text file shows what it is, and None is no end


def _read(file: BinaryIO, size: int, place: str) -> bytes:
    try:
        block = file.read(size)
    except Exception as error:  # whatever a file object of the caller's raises: the file's fault, never the pool's
        raise source_failed(place, error) from error
    return block


def source_failed(place: str, error: BaseException) -> FileError:
    """The error for a source that raised while it was read."""
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return FileError(
        FileCode.SOURCE_FAILED,
        f"{place}: reading the source failed: {reason}; nothing of it was kept, so it can be submitted again",
    )
