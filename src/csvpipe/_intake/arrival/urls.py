"""An object by URL, taken in: in place where it can be read by range, else as a stream."""

from __future__ import annotations

import errno
from typing import BinaryIO, Final, cast

from csvpipe._intake import binaries
from csvpipe._intake.arrival.spool import Spool, too_large
from csvpipe._intake.arrival.take_in import TakenIn, source_failed, take_in_file_object
from csvpipe._intake.arrival.unpack import Unpacker
from csvpipe._intake.charset.detect import EncodingFound, detect_encoding
from csvpipe._intake.charset.excerpt import whole_lines
from csvpipe._intake.remote import open_stream, ranged
from csvpipe._intake.stated import Stated
from csvpipe._intake.url import shown
from csvpipe.errors import FileError
from csvpipe.limits import Limits

#: What is looked at of an object, at its start and at its end: each is one request.
_HEAD_BYTES: Final = 1024 * 1024
_TAIL_BYTES: Final = 64 * 1024


def take_in_url(url: str, spool: Spool, name: str, *, stated: Stated, limits: Limits) -> TakenIn:
    """Take in an object; for the arguments see `take_in_path`.

    Raises:
        EncodingUnknownError: There is no such encoding as is stated.
        FileError: As for `take_in_path`.
        MissingExtraError: The extra `remote` is not installed.
    """
    place = shown(url)
    found = ranged(url)
    if found is not None:
        if limits.file_bytes is not None and found.size > limits.file_bytes:
            raise too_large(place, f"it has {found.size:,} bytes", limits.file_bytes)
        with found.open(place=place) as file:
            encoding = _encoding(file, found.size, stated=stated, limits=limits, place=place)
        if encoding is not None and encoding.encoding.is_direct:
            return TakenIn(file=found, encoding=encoding)
    with open_stream(url) as stream:
        told = cast("BinaryIO", _Told(stream))
        taken = take_in_file_object(told, spool, name, stated=stated, limits=limits, place=place)
    if found is not None:
        try:
            found.check_unchanged(place=place)
        except FileError:
            spool.remove(taken.file.path)
            raise
    return taken


class _Told:
    """A stream whose errors have no secret in them."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """So many bytes, or what there is of them."""
        try:
            return self._stream.read(size)
        except Exception as error:  # noqa: BLE001  # whatever a store raises
            raise OSError(errno.EIO, shown(f"{type(error).__name__}: {error}")) from None


def _encoding(file: BinaryIO, size: int, *, stated: Stated, limits: Limits, place: str) -> EncodingFound | None:
    """The encoding, by the object's start and end; None if it is compressed."""
    try:
        head = file.read(min(size, _HEAD_BYTES))
        if Unpacker.of(head[: binaries.MARK_BYTES], limits, place=place) is not None:
            return None
        binaries.check_marks(head[: binaries.MARK_BYTES], place)
        is_whole = len(head) == size
        said = stated.encoding_of(head)
        if said is not None:
            return detect_encoding(head, stated=said, place=place, is_whole=False)
        sample = head
        if not is_whole:
            file.seek(max(len(head), size - _TAIL_BYTES))
            sample = head[: head.rfind(b"\n") + 1 or len(head)] + whole_lines(file.read(_TAIL_BYTES))
        return detect_encoding(sample, stated=None, place=place, is_whole=is_whole)
    except OSError as error:
        raise source_failed(place, error) from None
