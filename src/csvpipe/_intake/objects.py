"""Stores of objects as `fsspec` (extra `remote`) knows them: what one says of an object, and gives of it.

What goes wrong is raised as the store's library raises it, and may have a URL with a secret in it.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final, cast

import attrs

from csvpipe._intake.url import shown
from csvpipe.errors import FileCode, FileError, MissingExtraError

#: Stores that are asked for a range give it, and nothing else; over HTTP the server says whether it does.
_RANGED: Final = frozenset(
    {
        *("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "hdfs", "webhdfs", "sftp", "ssh", "smb"),
        *("file", "local", "memory"),
    }
)

#: What tells one version of an object from the next, the best first: whatever of these a store says.
_VERSIONS: Final = (
    ("ETag", "etag", "generation", "Content-MD5", "content_md5", "md5Hash"),
    ("Last-Modified", "LastModified", "last_modified", "mtime", "modified", "updated", "created"),
)

#: Of an answer that has a part of an object only those that are about the whole.
_HEADERS: Final = ("ETag", "Last-Modified")

#: What part an answer has, and of how many bytes; a star where the server does not know.
_CONTENT_RANGE: Final = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")

#: With what `fsspec` begins to say that it knows no such scheme.
_UNKNOWN: Final = "Protocol not known"

_HTTP: Final = frozenset({"http", "https"})
_NO_SUCH_RANGE: Final = 416
_PARTIAL: Final = 206
_MISSING: Final = (404, 410)

#: Taken from the network at a time.
_STEP_BYTES: Final = 1024 * 1024


@attrs.frozen(kw_only=True)
class Look:
    """What a store says of an object.

    Attributes:
        size: Bytes.
        version: A number made of what it says of the version.
        is_ranged: Whether it gives parts of it, and tells one version from the next.
    """

    size: int
    version: int
    is_ranged: bool


@attrs.frozen(kw_only=True)
class Piece:
    """A part of an object.

    Attributes:
        data: Its bytes, fewer than were asked for only where the object ends.
        size: Bytes of the whole object that it is a part of; None where the store does not say.
        version: See `Look`; None where the store does not say with a part which version that is of.
    """

    data: bytes = attrs.field(repr=False)
    size: int | None = None
    version: int | None = None


class ObjectStore:
    """The store of one object.

    Raises:
        FileError: `source_failed`: there is no such kind of store, or the package for it is not installed.
        MissingExtraError: `fsspec` is not installed.
    """

    def __init__(self, url: str) -> None:
        self._fsspec = _fsspec()
        with _refusals(url):
            system, path = self._fsspec.core.url_to_fs(url, use_listings_cache=False)
        self.system: Any = system
        self.path = str(path)
        named = system.protocol
        self._protocols = frozenset({named} if isinstance(named, str) else named)
        # What caches another file system gives itself out for that one.
        self.is_http = "::" not in url and bool(_HTTP & self._protocols) and hasattr(system, "set_session")

    def look(self) -> Look | None:
        """What the store says of the object now; None if it is a folder.

        A server of HTTP is asked for the first byte: what it says to HEAD may be told by a cache that is out of date,
        and whether it gives parts shows only when it is asked for one.
        """
        if self.is_http:
            return cast("Look", self._in_loop(self._look_over_http))
        info: Mapping[str, Any] = self.system.info(self.path)
        if info.get("type") == "directory":
            return None
        size, version = info.get("size"), _version_of(info)
        is_ranged = bool(_RANGED & self._protocols) and isinstance(size, int) and version is not None
        return Look(size=size or 0, version=_number(version), is_ranged=is_ranged)

    def fetch(self, start: int, end: int) -> Piece:
        """The bytes `[start, end)`, of whatever version the object has now."""
        if self.is_http:
            return cast("Piece", self._in_loop(self._fetch_over_http, start, end))
        if "s3" in self._protocols and hasattr(self.system, "call_s3"):
            return self._fetch_of_s3(start, end)
        data = bytes(self.system.cat_file(self.path, start=start, end=end))
        if len(data) > end - start:
            raise _not_asked_for()
        return Piece(data=data)

    def stream(self) -> BinaryIO:
        """Begin to read the object from its start to its end, in one request where it is no part of another one.

        The caller closes it, and holds this store until then: what an archive is read from goes with it.
        """
        if not self.is_http:
            return cast("BinaryIO", self.system.open(self.path, "rb"))
        options = self._without_hurry()
        # Without blocks it is one request, and with a size, which is not used then, there is none before it.
        return cast("BinaryIO", self.system.open(self.path, "rb", block_size=0, size=1, **options))

    def _without_hurry(self) -> dict[str, Any]:
        """Options by which a download may take as long as bytes come, unless the configuration says otherwise."""
        if "timeout" in {*self.system.client_kwargs, *self.system.kwargs}:
            return {}
        from aiohttp import ClientTimeout  # noqa: PLC0415  # it is here where there is such a file system

        return {"timeout": ClientTimeout(total=None, sock_connect=30, sock_read=300)}

    def _in_loop(self, function: Any, *arguments: Any) -> Any:
        return self._fsspec.asyn.sync(self.system.loop, function, *arguments)

    # HTTP -------------------------------------------------------------------------------------------------------------

    async def _ask(self, start: int, end: int) -> Any:
        """Ask for a range, with the headers and all else that the configuration has; to be entered and left."""
        session = await self.system.set_session()
        options = dict(self.system.kwargs)
        headers = {**options.pop("headers", {}), "Range": f"bytes={start}-{end - 1}", "Accept-Encoding": "identity"}
        return session.get(self.system.encode_url(self.path), headers=headers, **options)

    async def _look_over_http(self) -> Look:
        async with await self._ask(0, 1) as answer:
            if answer.status in _MISSING:
                raise FileNotFoundError(self.path)
            if answer.status == _NO_SUCH_RANGE:  # of an empty object
                return Look(size=0, version=_number(None), is_ranged=False)
            answer.raise_for_status()
            found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            version = _version_of({name: answer.headers.get(name) for name in _HEADERS})
            if answer.status != _PARTIAL or found is None or found[1] != "0" or found[3] == "*":
                return Look(size=answer.content_length or 0, version=_number(version), is_ranged=False)
            return Look(size=int(found[3]), version=_number(version), is_ranged=version is not None)

    async def _fetch_over_http(self, start: int, end: int) -> Piece:
        async with await self._ask(start, end) as answer:
            if answer.status in _MISSING:
                raise FileNotFoundError(self.path)
            answer.raise_for_status()
            found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", ""))
            if answer.status != _PARTIAL or found is None or int(found[1]) != start or int(found[2]) >= end:
                raise _not_asked_for()  # before a byte of it is read: it may be all of a large object
            data = bytearray()
            async for block in answer.content.iter_chunked(_STEP_BYTES):
                data += block
                if len(data) > end - start:
                    raise _not_asked_for()
            if len(data) != int(found[2]) + 1 - start:
                raise OSError(errno.EIO, "the server gave fewer bytes than it said")
            return Piece(
                data=bytes(data),
                size=None if found[3] == "*" else int(found[3]),
                version=_number(_version_of({name: answer.headers.get(name) for name in _HEADERS})),
            )

    # S3 ---------------------------------------------------------------------------------------------------------------

    def _fetch_of_s3(self, start: int, end: int) -> Piece:
        """What `cat_file` does, which does not tell the version."""
        bucket, key, version = self.system.split_path(self.path)
        named = {} if version is None else {"VersionId": version}
        wanted = f"bytes={start}-{end - 1}"
        answer = self.system.call_s3("get_object", Bucket=bucket, Key=key, Range=wanted, **named)
        data = self._in_loop(_read_to_end, answer["Body"])
        if len(data) > end - start:
            raise _not_asked_for()
        found = _CONTENT_RANGE.fullmatch(answer.get("ContentRange", ""))
        size = None if found is None or found[3] == "*" else int(found[3])
        return Piece(data=data, size=size, version=_number(_version_of(answer)))


async def _read_to_end(body: Any) -> bytes:
    try:
        return bytes(await body.read())
    finally:
        body.close()


def opened_to_write(url: str) -> BinaryIO:
    """Begin to write an object; the caller closes it, which is when it comes to be.

    Raises:
        FileError: As for `ObjectStore`.
        MissingExtraError: As for `ObjectStore`.
    """
    fsspec = _fsspec()
    with _refusals(url):
        found: Any = fsspec.open(url, "wb", expand=False)  # a star or a question mark is part of a name
    return cast("BinaryIO", found.open())


@contextmanager
def _refusals(url: str) -> Iterator[None]:
    """Say what to do where there is nothing that could be asked for an object.

    Raises:
        FileError: As for `ObjectStore`.
    """
    try:
        yield
    except ImportError as error:  # which says what is to be installed
        way_out = "do so in every instance that runs jobs, then try again"
        raise FileError(FileCode.SOURCE_FAILED, f"{shown(url)}: {error}; {way_out}") from error
    except ValueError as error:
        if not str(error).startswith(_UNKNOWN):
            raise
        known = "known are s3, gs, abfs, http, https, sftp, file, and what else fsspec has"
        raise FileError(FileCode.SOURCE_FAILED, f"{shown(url)}: {error}; {known}") from error


def _fsspec() -> Any:
    try:
        import fsspec  # noqa: PLC0415  # few need it
    except ImportError as error:
        raise MissingExtraError("a file by URL", "remote") from error
    return fsspec


def _version_of(said: Mapping[str, Any]) -> list[Any] | None:
    return next(filter(None, ([said[key] for key in keys if said.get(key)] for keys in _VERSIONS)), None)


def _number(version: list[Any] | None) -> int:
    return int.from_bytes(hashlib.sha256(repr(version).encode()).digest()[:7])


def _not_asked_for() -> OSError:
    return OSError(errno.EIO, "the store gave something else than the range that it was asked for")
