"""What a caller may hand over, and the local file that every job reads."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TypeAlias

import attrs

from csvpipe.errors import FileCode, FileError

#: A path is read in place, and so is a URL whose store gives ranges of it. The others cannot be opened again, so they
#: are spooled before `submit` returns.
Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | AsyncIterable[bytes]


class BoundedStream:
    """An async iterable of bytes from strangers, for a pipeline whose limits do not say how large files may be.

    Attributes:
        file_bytes: As in `Limits`: what is made of it on disk, unpacked.
    """

    file_bytes: int


#: Absolute, without a dot as a part or an empty part.
_PLAIN_PATH: Final = re.compile(r"(?:/(?!\.(?:/|\Z))[^/]+)+")

#: The way out for a file that is another one since its job began.
NEW_JOB: Final = "submit the new file as a new job; rows that were imported already stay so, and come again there"


@attrs.frozen(kw_only=True)
class LocalFile:
    """The file that a job reads, and the fingerprint that tells whether it is still the same one.

    Attributes:
        path: Absolute path; a link is followed each time it is opened.
        size: Bytes, when it was taken in.
        mtime_ns: Modification time, when it was taken in.
        is_spooled: Whether csvpipe wrote it, and so may remove it.
        sha256: Hex digest of the bytes as they arrived, where they passed through our hands; None for a file read in
            place.
        spool_id: The spool that it lies in, which only some workers reach; None for a file read in place.
    """

    path: str
    size: int
    mtime_ns: int
    is_spooled: bool = False
    sha256: str | None = None
    spool_id: str | None = None

    @classmethod
    def at(
        cls,
        path: str | os.PathLike[str],
        *,
        is_spooled: bool = False,
        sha256: str | None = None,
        place: str | None = None,
    ) -> LocalFile:
        """Take the fingerprint of the file at `path`.

        Args:
            path: Where it lies.
            is_spooled: See `LocalFile`.
            sha256: See `LocalFile`.
            place: Names the file in messages, in front of its path.

        Raises:
            FileError: `not_found`, or `source_failed` for what is no regular file or is out of reach.
        """
        try:
            plain = os.fspath(path)
            absolute = plain if _is_plain(plain) else str(Path(path).absolute())
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(path, place) from None
        except (OSError, ValueError) as error:
            raise _unreadable(path, place, error) from error
        found = _status(absolute, path, place)
        return cls(
            path=absolute,
            size=found.st_size,
            mtime_ns=found.st_mtime_ns,
            is_spooled=is_spooled,
            sha256=sha256,
        )

    def open(self, *, place: str | None = None, buffering: int = -1) -> BinaryIO:
        """Open for reading, after a look at the fingerprint.

        Args:
            place: Names the file in messages, in front of its path.
            buffering: As for the function `open`; 0 saves two calls of the system where one read is all.

        Raises:
            FileError: `not_found`, `source_failed` or `source_changed`.
        """
        self.check_unchanged(place=place)  # before opening: to open what has become a named pipe would wait for ever
        return self.open_at_once(place=place, buffering=buffering)

    def open_at_once(self, *, place: str | None = None, buffering: int = -1) -> BinaryIO:
        """`open`, of a file whose fingerprint was taken a moment ago.

        Raises:
            FileError: As for `open`.
        """
        try:
            # The caller closes it; a path object takes as long again.
            file = open(self.path, "rb", buffering)  # noqa: SIM115, PTH123
        except OSError as error:
            raise _unreadable(self.path, place, error) from error
        try:
            now = os.fstat(file.fileno())  # of the very file that was opened: the name may be another one's by now
            self._compare(now.st_size, now.st_mtime_ns, place)
        except OSError as error:
            file.close()
            raise _unreadable(self.path, place, error) from error
        except FileError:
            file.close()
            raise
        return file

    def held(self, content: bytes | None = None) -> LocalFile:
        """This file with its content in memory, to be read again and again; itself where it is not what it was.

        Args:
            content: All of it, if it was read before.

        Raises:
            FileError: As for `open`.
        """
        if content is None:
            with self.open(buffering=0) as file, read_errors(self.path):
                content = file.read(self.size)
        else:
            self.check_unchanged()
        if len(content) != self.size:
            return self
        return _HeldFile(
            path=self.path,
            size=self.size,
            mtime_ns=self.mtime_ns,
            is_spooled=self.is_spooled,
            sha256=self.sha256,
            spool_id=self.spool_id,
            content=content,
        )

    def open_part(self, start: int, end: int) -> BinaryIO:  # noqa: ARG002  # what is not read costs nothing here
        """`open`, at `start`, for whoever reads up to `end` and no further.

        Raises:
            FileError: As for `open`.
        """
        file = self.open()
        try:
            with read_errors(self.path):
                file.seek(start)
        except FileError:
            file.close()
            raise
        return file

    @property
    def at_hand(self) -> bytes | None:
        """All of it, where that is in memory."""
        return None

    def for_run(self) -> LocalFile:
        """The same, for all who read it in one run of a job."""
        return self

    def check_unchanged(self, *, place: str | None = None) -> None:
        """Compare size and modification time with those at intake.

        Args:
            place: Names the file in messages, in front of its path. Intake gives it, when no row is imported yet.

        Raises:
            FileError: `source_changed` if they differ, `not_found` if the file is gone.
        """
        now = _status(self.path, self.path, place)
        self._compare(now.st_size, now.st_mtime_ns, place)

    def _compare(self, size: int, mtime_ns: int, place: str | None) -> None:
        if (size, mtime_ns) != (self.size, self.mtime_ns):
            raise FileError(
                FileCode.SOURCE_CHANGED,
                f"{_title(self.path, place)}: changed since it was submitted (it had {self.size:,} bytes, "
                f"now {size:,}); {NEW_JOB if place is None else 'submit the new file as a new job'}",
            )


@attrs.frozen(kw_only=True)
class _HeldFile(LocalFile):
    """A local file whose content was read when it was still the same one.

    Attributes:
        content: All of it.
    """

    content: bytes = attrs.field(repr=False)

    @property
    def at_hand(self) -> bytes:
        """See `LocalFile`."""
        return self.content

    def open(self, *, place: str | None = None, buffering: int = -1) -> BinaryIO:  # noqa: ARG002  # there is no file
        """Begin to read what is held."""
        return io.BytesIO(self.content)


@contextmanager
def read_errors(path: str) -> Iterator[None]:
    """Turn a failing disk, network or store, met while a job's file is read, into the file's failure.

    Raises:
        FileError: `source_failed`.
    """
    try:
        yield
    except OSError as error:
        way_out = "check the disk or the network, then retry the job"
        raise FileError(FileCode.SOURCE_FAILED, f"{path}: cannot be read: {error}; {way_out}") from error


def _title(path: str | os.PathLike[str], place: str | None) -> str:
    """How messages name a file: by its path, and by the name that the caller knows it by if that says more."""
    where = os.fspath(path)
    return where if place is None or place in (where, Path(where).name) else f"{place} ({where})"


def _is_plain(path: str) -> bool:
    """Whether a path object would make nothing else of an absolute path, which takes it a while to see."""
    return os.sep == "/" and _PLAIN_PATH.fullmatch(path) is not None


def _status(absolute: str, path: str | os.PathLike[str], place: str | None) -> os.stat_result:
    """What the file system says of a regular file, which messages name by the path that it was given by."""
    try:
        found = os.stat(absolute)  # noqa: PTH116  # each file is looked at several times, and a path object costs as much
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(path, place) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, place, error) from error
    if not stat.S_ISREG(found.st_mode):
        kind = "no regular file; open it and pass the stream"
        if stat.S_ISDIR(found.st_mode):
            kind = "a folder; name the files in it"
        raise FileError(FileCode.SOURCE_FAILED, f"{_title(path, place)}: this is {kind}")
    return found


def _missing(path: str | os.PathLike[str], place: str | None) -> FileError:
    return FileError(FileCode.NOT_FOUND, f"{_title(path, place)}: no such file; check the path")


def _unreadable(path: str | os.PathLike[str], place: str | None, error: OSError | ValueError) -> FileError:
    title = _title(path, place)
    reason = (isinstance(error, OSError) and error.strerror) or str(error)
    return FileError(FileCode.SOURCE_FAILED, f"{title}: cannot be read: {reason}; check the path and its permissions")
