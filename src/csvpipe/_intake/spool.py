"""Bytes that cannot be read twice are written down before `submit` returns."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from csvpipe._intake.encoding import Transcoder
from csvpipe._intake.source import LocalFile
from csvpipe.errors import FileCode, FileError

#: Bytes a read from a file object, and a write.
BLOCK_BYTES = 256 * 1024

_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def disk_errors(place: str) -> Iterator[None]:
    """Turn a full or failing disk into a file error that says which one.

    Raises:
        FileError: `disk_full`, or `source_failed` for any other trouble with the spool.
    """
    try:
        yield
    except OSError as error:
        directory = os.path.dirname(place)
        if error.errno in _FULL:
            raise FileError(
                FileCode.DISK_FULL,
                f"{directory}: no space left for the upload; free some, or name another directory as spool_dir=",
            ) from error
        raise FileError(
            FileCode.SOURCE_FAILED, f"{directory}: cannot write the upload: {error.strerror or error}; check spool_dir="
        ) from error


class Spool:
    """A directory for uploads and spilled row errors.

    Args:
        directory: Kept by the caller, created if need be; None for a temporary one, which `close` removes.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self._given = None if directory is None else Path(directory).absolute()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    def __repr__(self) -> str:
        return f"<Spool {self._given or (self._temporary and self._temporary.name) or 'not yet used'}>"

    @property
    def directory(self) -> Path:
        """Where the files are; made on first use."""
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
            return self._given
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="csvpipe-")
        return Path(self._temporary.name)

    def path(self, name: str) -> Path:
        """Where a file of this name lies; `name` is made by csvpipe, never by a caller."""
        return self.directory / name

    def open(self, name: str, *, limit_bytes: int | None, transcoder: Transcoder | None = None) -> SpoolWriter:
        """Begin to write an upload.

        Args:
            name: Made by csvpipe.
            limit_bytes: Refuse more than this, as it arrives.
            transcoder: Applied on the way.

        Raises:
            FileError: `disk_full`, `source_failed`.
        """
        try:
            place = self.path(name)
        except OSError as error:
            where = self._given or tempfile.gettempdir()
            raise FileError(FileCode.SOURCE_FAILED, f"{where}: cannot be used as spool_dir: {error.strerror}") from error
        return SpoolWriter(place, limit_bytes=limit_bytes, transcoder=transcoder)

    def close(self) -> None:
        """Remove the directory if it is our own."""
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


class SpoolWriter:
    """One upload on its way to disk. A context manager: what is not finished is removed.

    The file is named only when it is complete and fsynced, so a name never stands for half an upload.
    """

    def __init__(self, place: Path, *, limit_bytes: int | None, transcoder: Transcoder | None) -> None:
        self._place = place
        self._part = place.with_name(place.name + ".part")
        self._limit = limit_bytes
        self._transcoder = transcoder
        self._digest = hashlib.sha256()
        self._size = 0
        self._file: BinaryIO | None
        with disk_errors(str(place)):
            self._file = open(self._part, "wb", buffering=BLOCK_BYTES)

    def __enter__(self) -> SpoolWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()

    def write(self, block: bytes) -> None:
        """Add bytes as they arrived.

        Raises:
            FileError: `too_large`, `disk_full`, `source_failed`.
        """
        self._digest.update(block)
        self._write(block if self._transcoder is None else self._transcoder.feed(block))

    def _write(self, block: bytes) -> None:
        self._size += len(block)
        if self._limit is not None and self._size > self._limit:
            raise too_large(f"more than {self._limit:,} bytes arrived", self._limit)
        assert self._file is not None, "the upload is finished"  # noqa: S101  # only our own code writes
        with disk_errors(str(self._place)):
            self._file.write(block)

    def finish(self) -> LocalFile:
        """Make the upload durable and give it its name.

        Raises:
            FileError: `disk_full`, `source_failed`, `too_large`.
        """
        if self._transcoder is not None:
            self._write(self._transcoder.feed(b"", final=True))
        assert self._file is not None, "the upload is finished"  # noqa: S101  # only our own code finishes
        with disk_errors(str(self._place)):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._file = None
            os.replace(self._part, self._place)
            _sync_directory(self._place.parent)
        return LocalFile.at(self._place, is_spooled=True, sha256=self._digest.hexdigest())

    def discard(self) -> None:
        """Remove what is not finished; a finished upload stays."""
        if self._file is None:
            return
        file, self._file = self._file, None
        try:
            file.close()
        except OSError:
            pass  # a full disk refuses the buffered rest, which is about to be removed
        finally:
            self._part.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def too_large(what: str, limit_bytes: int) -> FileError:
    """The error for a file over its limit."""
    return FileError(
        FileCode.TOO_LARGE,
        f"the file is too large: {what}; split it, or raise the limit with limits=Limits(file_bytes=...) "
        f"(now {limit_bytes:,})",
    )
