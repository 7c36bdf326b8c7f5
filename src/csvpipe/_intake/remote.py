"""Objects that are named by a URL, and read by range where they lie.

Credentials are the business of each store's own configuration, in every process that reads: nothing of them is kept
with a job. A URL that has one in itself is never kept, nor shown: such an object is spooled, as are those that cannot
be read by range, or whose store does not tell one version from the next.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, cast

import attrs

from csvpipe._intake.objects import Look, ObjectStore, opened_to_write
from csvpipe._intake.source import LocalFile
from csvpipe._intake.url import lowered, shown
from csvpipe.errors import CsvPipeError, FileCode, FileError, MissingExtraError

T = TypeVar("T")

#: Fetched at a time: while a file is looked at, and while it is cut.
_LOOK_BYTES: Final = 1024 * 1024
_BLOCK_BYTES: Final = 8 * 1024 * 1024

#: Most bytes that a run keeps between those who cut and those who parse.
_KEPT_BYTES: Final = 96 * 1024 * 1024

#: Seconds before a request that failed is made again.
_PAUSES: Final = (0.2, 1.0)


class Blocks:
    """Bytes of one object that were fetched lately, for all who read it in this process. They do not travel.

    Each byte is wanted twice, by whoever cuts and by whoever parses: a block of which so much was taken is dropped.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: list[_Block] = []

    def __reduce__(self) -> tuple[Any, ...]:
        return _nothing, ()

    def __repr__(self) -> str:
        return f"<Blocks, {len(self._kept)} kept>"

    def take(self, offset: int, size: int) -> memoryview | None:
        """What is kept from `offset` on, up to `size` bytes; None if nothing is."""
        with self._lock:
            for block in reversed(self._kept):
                if block.start <= offset < block.start + len(block.data):
                    found = memoryview(block.data)[offset - block.start :][:size]
                    block.taken += len(found)
                    if block.taken >= 2 * len(block.data):
                        self._kept.remove(block)
                    return found
        return None

    def keep(self, start: int, data: bytes) -> None:
        """Keep what was fetched, if need be in place of what was fetched first."""
        with self._lock:
            self._kept.append(_Block(start, data))
            while len(self._kept) > 1 and sum(len(block.data) for block in self._kept) > _KEPT_BYTES:
                del self._kept[0]


@attrs.define(eq=False)
class _Block:
    """What one request has brought."""

    start: int
    data: bytes = attrs.field(repr=False)
    taken: int = 0


def _nothing() -> None:
    return None


@attrs.frozen(kw_only=True)
class RemoteObject(LocalFile):
    """An object that is read by range where it lies.

    Attributes:
        path: Its URL, without a secret.
        mtime_ns: A number made of what its store says of its version.
        blocks: What those who read it share.
    """

    blocks: Blocks | None = attrs.field(default=None, eq=False, repr=False)

    def open(self, *, place: str | None = None, buffering: int = -1) -> BinaryIO:  # noqa: ARG002  # always buffered
        """See `LocalFile`."""
        return self._opened(0, self.size, _LOOK_BYTES, place)

    def open_part(self, start: int, end: int) -> BinaryIO:
        """See `LocalFile`: not a byte beyond is fetched."""
        return self._opened(start, end, _BLOCK_BYTES, None)

    def for_run(self) -> LocalFile:
        """See `LocalFile`."""
        return attrs.evolve(self, blocks=Blocks())

    def check_unchanged(self, *, place: str | None = None) -> None:
        """See `LocalFile`: an instance may take a job over that lacks what the one had that took the file in."""
        try:
            now = _look(self.path, _PAUSES)
        except MissingExtraError as error:
            way_out = "in every instance that runs jobs, then retry the job"
            raise FileError(FileCode.SOURCE_FAILED, f"{self.path}: {error} {way_out}") from error
        self._compare(now.size, now.version, place)

    def _opened(self, start: int, end: int, step: int, place: str | None) -> BinaryIO:
        self.check_unchanged(place=place)
        blocks = Blocks() if self.blocks is None else self.blocks
        fetch = partial(self._fetch, ObjectStore(self.path), place=place)
        raw = _Ranges(fetch, blocks, start=start, end=end, step=step)
        file = cast("BinaryIO", io.BufferedReader(raw, buffer_size=64 * 1024))
        file.seek(start)
        return file

    def _fetch(self, store: ObjectStore, start: int, end: int, *, place: str | None) -> bytes:
        """The bytes `[start, end)` of this version; what fails is tried again, for a while.

        Raises:
            FileError: `source_changed`: they are of another one.
            OSError: The store does not give them.
        """
        try:
            piece = _tried(lambda: store.fetch(start, end), _PAUSES)
        except Exception as error:  # noqa: BLE001  # whatever a store raises
            told = isinstance(error, OSError) and error.strerror
            message = shown(told or f"{type(error).__name__}: {error}")
            raise OSError(errno.EIO, message) from None  # its own text may have the URL in it
        self._compare(
            self.size if piece.size is None else piece.size,
            self.mtime_ns if piece.version is None else piece.version,
            place,
        )
        return piece.data


class _Ranges(io.RawIOBase):
    """Reads `[start, end)` of an object, in large steps."""

    def __init__(self, fetch: Callable[[int, int], bytes], blocks: Blocks, *, start: int, end: int, step: int) -> None:
        super().__init__()
        self._fetch = fetch
        self._blocks = blocks
        self._start = start
        self._end = end
        self._step = step
        self._at = start

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = offset + (0, self._at, self._end)[whence]
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        size = min(len(view), self._end - self._at)
        if size <= 0:
            return 0
        piece = self._blocks.take(self._at, size)
        if piece is None:
            data = self._fetch(self._at, min(self._end, self._at + max(size, self._step)))
            self._blocks.keep(self._at, data)
            piece = self._blocks.take(self._at, size) or memoryview(data)[:size]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


def ranged(url: str) -> RemoteObject | None:
    """The object to be read by range; None if it is to be spooled.

    Raises:
        FileError: `not_found`, `source_failed`.
        MissingExtraError: `fsspec`, or the package for this store, is not installed.
    """
    url = lowered(url)
    if "::" in url or url != shown(url):
        return None
    found = _look(url)
    if not found.is_ranged:
        return None
    return RemoteObject(path=url, size=found.size, mtime_ns=found.version)


def _tried(ask: Callable[[], T], pauses: Iterable[float]) -> T:
    """What a store answers; where that fails it is asked again after each of these pauses."""
    for pause in pauses:
        try:
            return ask()
        except (FileNotFoundError, CsvPipeError):
            raise
        except Exception:  # noqa: BLE001  # whatever a store raises
            time.sleep(pause)
    return ask()


def _look(url: str, pauses: tuple[float, ...] = ()) -> Look:
    """What a store says of an object now; what fails is tried again after these pauses."""
    with _told_of(url):
        found = _tried(lambda: ObjectStore(url).look(), pauses)
    if found is None:
        raise FileError(FileCode.SOURCE_FAILED, f"{shown(url)}: this is a folder; name the objects in it")
    return found


@contextmanager
def open_stream(url: str) -> Iterator[BinaryIO]:
    """Open an object to be read once from its start.

    Raises:
        FileError: `not_found`, `source_failed`.
        MissingExtraError: As for `ranged`.
    """
    url = lowered(url)
    with tempfile.TemporaryDirectory(prefix="csvpipe-") as folder:
        with _told_of(url):
            store = _readable(url, folder)
            stream = store.stream()
        with stream:
            yield stream


def _readable(url: str, folder: str) -> ObjectStore:
    """The store of an object; for one in an archive on a server that gives no parts, a copy of the archive."""
    around, _, last = url.rpartition("::")
    if not around or not last.startswith(("http://", "https://")) or _look(last).is_ranged:
        return ObjectStore(url)
    copy = Path(folder, "archive")
    with ObjectStore(last).stream() as stream, copy.open("wb") as target:
        shutil.copyfileobj(stream, target, _LOOK_BYTES)
    return ObjectStore(f"{around}::{copy.as_uri()}")


@contextmanager
def written(url: str) -> Iterator[BinaryIO]:
    """A file whose content becomes an object when all of it is there, and else nothing.

    Raises:
        MissingExtraError: As for `ranged`.
        OSError: The object cannot be written.
    """
    with tempfile.TemporaryFile() as file:
        yield cast("BinaryIO", file)
        file.seek(0)
        _upload(cast("BinaryIO", file), lowered(url))


def _upload(file: BinaryIO, url: str) -> None:
    try:
        with opened_to_write(url) as target:
            shutil.copyfileobj(file, target, _LOOK_BYTES)
    except MissingExtraError:
        raise
    except Exception as error:  # noqa: BLE001  # whatever a store raises
        raise OSError(errno.EIO, shown(f"{url}: cannot be written: {type(error).__name__}: {error}")) from None


def is_writable(url: str) -> bool:
    """Whether objects can be written to a store, as far as is known without asking it.

    Raises:
        FileError: As for `ObjectStore`.
        MissingExtraError: As for `ranged`.
    """
    return not ObjectStore(url).is_http


def remove_object(url: str, *, mark: bytes) -> None:
    """Remove an object if it is there and begins with these bytes.

    Raises:
        OSError: It cannot be read or removed.
    """
    try:
        store = ObjectStore(url)
        if store.system.cat_file(store.path, start=0, end=len(mark)) == mark:
            store.system.rm_file(store.path)
    except FileNotFoundError:
        return
    except Exception as error:  # noqa: BLE001  # whatever a store raises
        raise OSError(errno.EIO, shown(f"{url}: cannot be removed: {type(error).__name__}: {error}")) from None


@contextmanager
def _told_of(url: str) -> Iterator[None]:
    """Turn whatever a store raises into what is to be said of the object."""
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(url, error) from None
    except (MissingExtraError, FileError):
        raise
    except Exception as error:  # noqa: BLE001  # whatever a store raises
        raise unreadable(url, error) from None


def _missing(url: str, error: FileNotFoundError) -> FileError:
    """The error for an object that is not there, or could not be asked for, which HTTP tells in the same way."""
    cause: BaseException | None = error
    while isinstance(cause, FileNotFoundError):
        cause = cause.__cause__ or cause.__context__
    status = getattr(cause, "status", 404)
    if cause is not None and (isinstance(cause, OSError) or status not in {404, 410}):
        return unreadable(url, cause)
    way_out = "; a star stands for nothing but itself here: name the objects one by one" if "*" in url else ""
    return FileError(FileCode.NOT_FOUND, f"{shown(url)}: no such object; check the URL{way_out}")


def unreadable(url: str, error: BaseException) -> FileError:
    """The error for an object that cannot be read."""
    reason = shown(f"{type(error).__name__}: {error}")
    way_out = "check the URL, the network and the credentials that its store's own configuration has"
    return FileError(FileCode.SOURCE_FAILED, f"{shown(url)}: cannot be read: {reason}; {way_out}")
