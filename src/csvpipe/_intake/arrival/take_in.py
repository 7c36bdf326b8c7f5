"""From what a caller hands over to a local file that workers can read.

Everything here is synchronous and runs in a worker thread. A source that is iterated asynchronously is iterated by the
pool, which gives the blocks to a `Spooling` as they come: unpacked if they are compressed, held back until the head
shows what they are, transcoded if workers could not read them as they lie.
"""

from __future__ import annotations

import hashlib
import os
from types import TracebackType
from typing import BinaryIO, Final, Self, TypeAlias

import attrs

from csvpipe._intake import binaries
from csvpipe._intake.arrival import unpack
from csvpipe._intake.arrival.spool import BLOCK_BYTES, Spool, SpoolWriter, too_large
from csvpipe._intake.arrival.unpack import Unpacker
from csvpipe._intake.charset.detect import EncodingFound, detect_encoding
from csvpipe._intake.charset.encoding import UTF8, Transcoder, mark_length
from csvpipe._intake.charset.excerpt import EXCERPT_BYTES, read_excerpt
from csvpipe._intake.source import LocalFile
from csvpipe._intake.stated import Stated
from csvpipe.errors import FileCode, FileError
from csvpipe.limits import Limits

#: So much is held back of a stream, to see what it is; of a shorter one, all.
HEAD_BYTES: Final = 64 * 1024

#: Up to here the content of a file that is read in place is kept until it has been inspected.
_KEPT_BYTES: Final = 64 * 1024

#: What a source may be made of.
Block: TypeAlias = bytes | bytearray | memoryview


@attrs.frozen(kw_only=True)
class TakenIn:
    """A source after intake.

    Attributes:
        file: UTF-8, or a single-byte superset of ASCII.
        encoding: What the bytes came in, unpacked, and how that is known.
        compression: `gzip`, `bzip2`, `xz` or `zstd`, where they came compressed.
        content: All of `file`, where it is small and was read.
    """

    file: LocalFile
    encoding: EncodingFound
    compression: str | None = None
    content: bytes | None = attrs.field(default=None, eq=False, repr=False)

    @property
    def source_encoding(self) -> str | None:
        """The encoding that the bytes came in, where they were transcoded; None otherwise."""
        return None if self.encoding.encoding.is_direct else self.encoding.encoding.name

    @property
    def local_encoding(self) -> str:
        """The encoding of `file`."""
        return self.encoding.encoding.name if self.encoding.encoding.is_direct else UTF8


class Spooling:
    """A source on its way into the spool, block by block. A context manager: what is not finished is removed.

    What its first bytes show to be no CSV is refused as soon as they are there, not when all has been received.

    Args:
        spool: Where to.
        name: Of the spool's file; made by csvpipe.
        stated: What the caller says about the source.
        limits: `file_bytes` and `decompression_ratio` are checked as the bytes come.
        place: Names the source in messages.
        found: The encoding, where it is known already.
    """

    def __init__(
        self, spool: Spool, name: str, *, stated: Stated, limits: Limits, place: str, found: EncodingFound | None = None
    ) -> None:
        self._spool = spool
        self._name = name
        self._stated = stated
        self._limits = limits
        self._place = place
        self._found = found
        self._digest = hashlib.sha256()
        self._start: bytes | None = b""
        self._unpacker: Unpacker | None = None
        self._head = bytearray()
        self._is_checked = False
        self._is_head_only = False
        self._writer: SpoolWriter | None = None

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
            FileError: `source_failed` for what is not bytes, or is damaged, or when the spool fails; `binary`,
                `encoding`, `too_large`, `disk_full`.
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
        self._digest.update(block)
        if self._start is None:
            self._unpack(block)
            return
        self._start += block
        if len(self._start) >= unpack.MARK_BYTES:
            self._recognise(self._start)

    def _recognise(self, start: bytes) -> None:
        """See by its first bytes whether the source is compressed."""
        self._start = None
        self._unpacker = Unpacker.of(start, self._limits, place=self._place)
        self._unpack(start)

    def _unpack(self, block: bytes) -> None:
        for piece in (block,) if self._unpacker is None else self._unpacker.feed(block):
            self._take(piece)

    def _take(self, piece: bytes) -> None:
        """Hold the head back, then write; how the bytes are cut into pieces makes no difference."""
        if self._writer is not None:
            self._writer.write(piece)
            return
        self._head += piece
        if not self._is_checked and len(self._head) >= binaries.MARK_BYTES:
            self._check_marks()
        if len(self._head) > HEAD_BYTES:
            self._begin(is_whole=False)

    def _check_marks(self) -> None:
        self._is_checked = True
        binaries.check_marks(bytes(self._head[: binaries.MARK_BYTES]), self._place)

    def _begin(self, *, is_whole: bool) -> SpoolWriter:
        """Judge the head, open the file, and write what was held back."""
        self._check_marks()
        head = bytes(self._head)
        if self._found is None:
            judged = head[:HEAD_BYTES]
            stated = self._stated.encoding_of(judged)
            self._found = detect_encoding(judged, stated=stated, place=self._place, is_whole=is_whole)
            self._is_head_only = not is_whole and self._stated.encoding is None and judged.isascii()
        self._writer = self._open(head, self._found)
        self._head.clear()
        self._writer.write(head)
        return self._writer

    def _open(self, head: bytes, found: EncodingFound) -> SpoolWriter:
        name = found.encoding.name
        transcoder = None if found.encoding.is_direct else Transcoder(name, skip_bytes=mark_length(head, name))
        return self._spool.open(
            self._name, limit_bytes=self._limits.file_bytes, transcoder=transcoder, place=self._place
        )

    def finish(self) -> TakenIn:
        """Make the file durable: there is no more to come. A source without a byte gives an empty file.

        Raises:
            EncodingUnknownError: There is no such encoding as is stated.
            FileError: As for `feed`.
        """
        if self._start is not None:
            self._recognise(self._start)
        if self._unpacker is not None:
            self._unpacker.finish()
        writer = self._writer or self._begin(is_whole=True)
        file = writer.finish(sha256=self._digest.hexdigest())
        if self._is_head_only:
            file = self._judge_again(file)
        assert self._found is not None, "the head is judged by now"  # noqa: S101
        return TakenIn(
            file=file,
            encoding=self._found,
            compression=None if self._unpacker is None else self._unpacker.name,
        )

    def _judge_again(self, file: LocalFile) -> LocalFile:
        """A head of plain ASCII says nothing about the rest: look at samples of all of it, and transcode if need be."""
        try:
            with file.open(place=self._place) as written:
                self._found = _detect(written, file.size, self._place)
                if self._found.encoding.is_direct:
                    return file
                written.seek(0)
                self._writer = self._open(b"", self._found)
                while block := read_block(written, BLOCK_BYTES, self._place):
                    self._writer.write(block)
            return self._writer.finish(sha256=self._digest.hexdigest())
        except BaseException:
            self._spool.remove(file.path)
            raise

    def discard(self) -> None:
        """Remove what is not finished; a finished file stays."""
        if self._writer is not None:
            self._writer.discard()


def _detect(file: BinaryIO, size: int, place: str, content: bytes | None = None) -> EncodingFound:
    """Settle the encoding of a file by samples from all over it."""
    try:
        excerpt = read_excerpt(file, size) if content is None else content
        return detect_encoding(excerpt, stated=None, place=place, is_whole=size <= EXCERPT_BYTES, file=file)
    except OSError as error:
        raise source_failed(place, error) from error


def take_in_path(
    path: str | os.PathLike[str], spool: Spool, name: str, *, stated: Stated, limits: Limits, place: str
) -> TakenIn:
    """Take in a file on disk: in place, or unpacked or transcoded into the spool if workers could not read it as it is.

    Args:
        path: Of a regular file.
        spool: Used, and made, only for unpacking and transcoding.
        name: Of the spool's file, if there is one; made by csvpipe.
        stated: What the caller says about the file.
        limits: `file_bytes` holds for the file and for what it is unpacked or transcoded to.
        place: Names the file in messages.

    Raises:
        EncodingUnknownError: There is no such encoding as is stated.
        FileError: `not_found`, `source_failed`, `source_changed`, `too_large`, `binary`, `encoding`, `disk_full`.
    """
    source = LocalFile.at(path, place=place)
    if limits.file_bytes is not None and source.size > limits.file_bytes:
        raise too_large(place, f"it has {source.size:,} bytes", limits.file_bytes)
    is_small = source.size <= _KEPT_BYTES
    with source.open_at_once(place=place, buffering=0 if is_small else -1) as file:
        content = read_block(file, max(source.size, binaries.MARK_BYTES), place) if is_small else None
        head = read_block(file, binaries.MARK_BYTES, place) if content is None else content[: binaries.MARK_BYTES]
        if content is not None and len(content) != source.size:
            content = None  # it is being changed, which whoever opens it again finds out
        if head and not source.size:
            raise FileError(
                FileCode.SOURCE_FAILED,
                f"{place}: its size is unknown, as of files in /proc; open it in binary mode and pass the stream",
            )
        found: EncodingFound | None = None
        if Unpacker.of(head, limits, place=place) is None:
            binaries.check_marks(head, place)
            encoding = stated.encoding_of(head)
            found = (
                _detect(file, source.size, place, content)
                if encoding is None
                else detect_encoding(head, stated=encoding, place=place, is_whole=False)
            )
            if found.encoding.is_direct:
                return TakenIn(file=source, encoding=found, content=content)
        file.seek(0)
        with Spooling(spool, name, stated=stated, limits=limits, place=place, found=found) as spooling:
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
        block = read_block(file, BLOCK_BYTES, place)
        spooling.feed(block)  # the last and empty one as well: a text file shows what it is, and None is no end


def read_block(file: BinaryIO, size: int, place: str) -> bytes:
    """So many bytes of a source, or what there is of them.

    Raises:
        FileError: `source_failed`, for whatever its `read` raises.
    """
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
