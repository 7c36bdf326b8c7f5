"""Bytes that cannot be read twice are written down before `submit` returns."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Final, Self
from uuid import uuid4

import attrs

from csvpipe._intake.charset.encoding import Transcoder
from csvpipe._intake.source import LocalFile
from csvpipe.errors import FileCode, FileError

if TYPE_CHECKING:
    import tempfile

#: Bytes a read from a file object, and a write.
BLOCK_BYTES: Final = 256 * 1024

#: Within a directory: what it holds besides uploads and spills, and the file with its id.
OWN_FOLDER: Final = ".csvpipe"
_ID_NAME: Final = "id"

_FULL: Final = (errno.ENOSPC, errno.EDQUOT)

#: Elsewhere a directory cannot be opened, and a rename is durable without it.
_SYNCS_DIRECTORIES: Final = os.name == "posix"


@contextmanager
def disk_errors(place: str, directory: str | os.PathLike[str]) -> Iterator[None]:
    """Turn a full or failing disk into a file error that says which upload and which directory.

    Raises:
        FileError: `disk_full`, or `source_failed` for any other trouble with the spool.
    """
    try:
        yield
    except OSError as error:
        where = os.fspath(directory)
        if error.errno in _FULL:
            raise FileError(
                FileCode.DISK_FULL,
                f"{place}: no space left in {where} to store the upload; free some, "
                "or name another directory as spool_dir=",
            ) from error
        raise FileError(
            FileCode.SOURCE_FAILED,
            f"{place}: the upload cannot be stored in {where}: {error.strerror or error}; check spool_dir=",
        ) from error


class Spool:
    """A directory for uploads and spilled row errors.

    Args:
        directory: Kept by the caller, created if need be; None for a temporary one, which `close` removes.

    Attributes:
        id: Names the directory to all who reach it, by whatever path; set by `identify`, and then said of each upload.
            A temporary one is reached by all of this host.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self._given = None if directory is None else Path(directory).absolute()
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._is_closed = False
        self.id: str | None = None

    def __repr__(self) -> str:
        return f"<Spool {self._given or (self._temporary and self._temporary.name) or 'not yet used'}>"

    @property
    def directory(self) -> Path:
        """Where the files are; made on first use."""
        if self._given is not None:
            self._given.mkdir(parents=True, exist_ok=True)
            return self._given
        if self._is_closed:
            raise FileNotFoundError(errno.ENOENT, "the temporary folder is removed with its pool")
        if self._temporary is None:
            import tempfile  # noqa: PLC0415  # brings shutil, random and three codecs, for those who need a folder

            self._temporary = tempfile.TemporaryDirectory(prefix="csvpipe-", ignore_cleanup_errors=True)
        return Path(self._temporary.name)

    @property
    def is_temporary(self) -> bool:
        """Whether the directory goes with this object."""
        return self._given is None

    @property
    def reach(self) -> frozenset[str]:
        """The ids of the spools whose uploads can be read from here."""
        return frozenset({_this_host()} if self.id is None else {_this_host(), self.id})

    def identify(self) -> None:
        """Find out the directory's id, which is made with it, once.

        Raises:
            OSError: It cannot be read or written.
        """
        self.id = _this_host() if self._given is None else _id_of(self.directory)

    def local(self, file: LocalFile) -> LocalFile:
        """An upload as it is reached from here, if it lies in this directory: others may reach it by another path."""
        if self._given is None or file.spool_id is None or file.spool_id != self.id:
            return file
        path = str(self._given / Path(file.path).name)
        return file if path == file.path else attrs.evolve(file, path=path)

    def path(self, name: str) -> Path:
        """Where a file of this name lies; `name` is made by csvpipe, never by a caller."""
        return self.directory / name

    def open(
        self, name: str, *, limit_bytes: int | None, transcoder: Transcoder | None = None, place: str | None = None
    ) -> SpoolWriter:
        """Begin to write an upload.

        Args:
            name: Made by csvpipe.
            limit_bytes: Refuse more than this, as it arrives.
            transcoder: Applied on the way.
            place: Names the upload in messages; `name` by default.

        Raises:
            FileError: `disk_full`, `source_failed`.
        """
        title = place or name
        with disk_errors(title, self._given or "a temporary directory"):
            target = self.path(name)
        return SpoolWriter(target, limit_bytes=limit_bytes, transcoder=transcoder, place=title, spool_id=self.id)

    def kept(self, pattern: str) -> list[Path]:
        """Files whose names match a glob pattern; none where there is no directory, or no longer one."""
        folder = self._given or (None if self._temporary is None else Path(self._temporary.name))
        return [] if folder is None else sorted(folder.glob(pattern))

    def remove(self, path: str | os.PathLike[str]) -> None:
        """Remove a finished file, if it is still there; a file system that refuses keeps it."""
        with suppress(OSError):
            Path(path).unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the directory if it is our own; whoever is still at work has none from now on."""
        self._is_closed = True
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


class SpoolWriter:
    """One upload on its way to disk. A context manager: what is not finished is removed.

    The file is named only when it is complete and fsynced, so a name never stands for half an upload.
    """

    def __init__(
        self,
        target: Path,
        *,
        limit_bytes: int | None,
        transcoder: Transcoder | None,
        place: str,
        spool_id: str | None = None,
    ) -> None:
        self._target = target
        self._part = target.with_name(target.name + ".part")
        self._limit = limit_bytes
        self._transcoder = transcoder
        self._place = place
        self._spool_id = spool_id
        self._size = 0
        self._is_open = True
        with self._disk_errors():
            self._file: BinaryIO = self._part.open("wb", buffering=BLOCK_BYTES)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.discard()

    def _disk_errors(self) -> AbstractContextManager[None]:
        return disk_errors(self._place, self._target.parent)

    def write(self, block: bytes) -> None:
        """Add bytes.

        Raises:
            FileError: `too_large`, `disk_full`, `source_failed`.
        """
        self._write(block if self._transcoder is None else self._transcoder.feed(block))

    def _write(self, block: bytes) -> None:
        self._size += len(block)
        if self._limit is not None and self._size > self._limit:
            raise too_large(self._place, f"more than {self._limit:,} bytes arrived", self._limit)
        with self._disk_errors():
            self._file.write(block)

    def finish(self, *, sha256: str) -> LocalFile:
        """Make the upload durable and give it its name; what has the name already is replaced.

        Args:
            sha256: Hex digest of the bytes as they arrived, before they were unpacked and transcoded.

        Raises:
            FileError: `disk_full`, `source_failed`, `too_large`.
        """
        if self._transcoder is not None:
            self._write(self._transcoder.feed(b"", final=True))
        with self._disk_errors():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._target)
            if _SYNCS_DIRECTORIES:
                _sync_directory(self._target.parent)
        at = LocalFile.at(self._target, is_spooled=True, sha256=sha256, place=self._place)
        finished = attrs.evolve(at, spool_id=self._spool_id)
        self._is_open = False
        return finished

    def discard(self) -> None:
        """Remove what is not finished; a finished upload stays."""
        if not self._is_open:
            return
        self._is_open = False
        # A full disk refuses the buffered rest as well; the file is closed all the same, and about to be removed.
        with suppress(OSError):
            self._file.close()
        # Either may be there: `finish` can fail before, at and after the renaming.
        for path in (self._part, self._target):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _this_host() -> str:
    """What temporary directories of this host have in common."""
    return f"host:{socket.gethostname()}"


def _id_of(directory: Path) -> str:
    """The id that a directory has for all who reach it: whoever writes it first has it written whole."""
    path = directory / OWN_FOLDER / _ID_NAME
    with suppress(FileNotFoundError):
        return path.read_text("ascii").strip()
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_name(f"{_ID_NAME}.{uuid4().hex}")
    fresh.write_text(f"{uuid4().hex}\n", "ascii")
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass
    except OSError:  # no links in this file system: of two that come at the same time the later one wins
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_text("ascii").strip()


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def too_large(place: str, found: str, limit_bytes: int) -> FileError:
    """The error for a file over its limit."""
    return FileError(
        FileCode.TOO_LARGE,
        f"{place}: the file is too large: {found}; split it, or raise the limit with limits=Limits(file_bytes=...) "
        f"(now {limit_bytes:,})",
    )
