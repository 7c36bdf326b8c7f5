"""What a caller may hand over, and the local file that every job reads."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable
from pathlib import Path
from typing import BinaryIO, TypeAlias

import attrs

from csvpipe.errors import FileCode, FileError

#: A path is read in place. The others cannot be opened again, so they are spooled before `submit` returns.
Source: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO | AsyncIterable[bytes]


@attrs.frozen(kw_only=True)
class LocalFile:
    """The file that a job reads, and the fingerprint that tells whether it is still the same one.

    Attributes:
        path: Absolute path.
        size: Bytes, when it was taken in.
        mtime_ns: Modification time, when it was taken in.
        is_spooled: Whether csvpipe wrote it, and so may remove it.
        sha256: Hex digest where the bytes passed through our hands; None for a file read in place.
    """

    path: str
    size: int
    mtime_ns: int
    is_spooled: bool = False
    sha256: str | None = None

    @classmethod
    def at(cls, path: str | os.PathLike[str], *, is_spooled: bool = False, sha256: str | None = None) -> LocalFile:
        """Take the fingerprint of the file at `path`.

        Raises:
            FileError: `not_found`, or `source_failed` for what is no regular file or may not be read.
        """
        place = Path(path).absolute()
        try:
            stat = place.stat()
        except FileNotFoundError:
            raise FileError(FileCode.NOT_FOUND, f"{place}: no such file; check the path") from None
        except (OSError, ValueError) as error:
            raise FileError(FileCode.SOURCE_FAILED, f"{place}: cannot be read: {error}") from error
        if not place.is_file():
            kind = "a directory; name the files in it" if place.is_dir() else "not a regular file; pass it as a stream"
            raise FileError(FileCode.SOURCE_FAILED, f"{place}: is {kind}")
        return cls(path=str(place), size=stat.st_size, mtime_ns=stat.st_mtime_ns, is_spooled=is_spooled, sha256=sha256)

    def open(self) -> BinaryIO:
        """Open for reading, after a look at the fingerprint.

        Raises:
            FileError: `not_found`, `source_failed` or `source_changed`.
        """
        self.check_unchanged()
        try:
            return open(self.path, "rb")  # noqa: SIM115  # the caller closes it
        except OSError as error:
            raise FileError(FileCode.SOURCE_FAILED, f"{self.path}: cannot be read: {error}") from error

    def check_unchanged(self) -> None:
        """Compare size and modification time with those at intake.

        Raises:
            FileError: `source_changed` if they differ, `not_found` if the file is gone.
        """
        now = LocalFile.at(self.path)
        if (now.size, now.mtime_ns) != (self.size, self.mtime_ns):
            raise FileError(
                FileCode.SOURCE_CHANGED,
                f"{self.path}: changed while it was being imported (it had {self.size} bytes, now {now.size}); "
                "submit the new file as a new job",
            )
