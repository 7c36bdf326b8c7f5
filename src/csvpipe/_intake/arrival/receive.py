"""Any source that can be read without an event loop, taken in."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable
from pathlib import Path
from typing import BinaryIO, TypeAlias

from csvpipe._intake.arrival.spool import Spool
from csvpipe._intake.arrival.take_in import TakenIn, source_failed, take_in_bytes, take_in_file_object, take_in_path
from csvpipe._intake.source import Source
from csvpipe._intake.stated import Stated
from csvpipe._intake.url import is_url, name_of
from csvpipe.errors import CsvPipeError
from csvpipe.limits import Limits
from csvpipe.pipeline import Pipeline

#: What can be read without an event loop.
BlockingSource: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO

_NAMELESS = "upload.csv"


def check_source(source: object) -> None:
    """See that a source is one of the kinds that can be read as bytes.

    Raises:
        TypeError: It is not; the message says what is.
    """
    is_readable = callable(getattr(source, "read", None)) or isinstance(source, AsyncIterable)
    if not is_readable and not isinstance(source, str | os.PathLike | bytes | bytearray | memoryview):
        what = type(source).__name__
        raise TypeError(
            f"a source is a path, bytes, a binary file object or an async iterable of bytes, not {what}"
            + _way_out(source)
        )


def _way_out(source: object) -> str:
    """For what is given in place of a source more often than other things."""
    if isinstance(source, Pipeline):
        return "; the pipeline comes first, then the files"
    if isinstance(source, Iterable):
        return "; several files go as csvpipe.run(pipeline, *files), or as pool.submit_many(pipeline, files)"
    return ""


def display_name(source: Source) -> str:
    """A name for the file where the caller gives none: the path's last part, or that of an open file."""
    named = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    if not isinstance(named, str | bytes | os.PathLike):
        return _NAMELESS
    path = os.fsdecode(named)
    if is_url(path):
        return name_of(path) or _NAMELESS
    name = os.path.basename(path) if os.sep == "/" else ""  # noqa: PTH119  # a path object takes three times as long
    return name if name not in ("", ".") else Path(path).name or _NAMELESS


def take_in(source: BlockingSource, spool: Spool, name: str, *, stated: Stated, limits: Limits, place: str) -> TakenIn:
    """Make a local file of whatever was handed over.

    Args:
        source: The caller closes it.
        spool: See `take_in_path`, like the others.
        name: Of the spool's file, if there is one; made by csvpipe.
        stated: What the caller says about the file.
        limits: See `Limits`.
        place: Names the file in messages; a path is named in full, which helps whoever looks for a missing file.

    Raises:
        EncodingUnknownError: There is no such encoding as is stated.
        FileError: See `take_in_path` and `Spooling`.
    """
    try:
        if isinstance(source, str) and is_url(source):
            from csvpipe._intake.arrival.urls import take_in_url  # noqa: PLC0415  # few need it

            return take_in_url(source, spool, name, stated=stated, limits=limits)
        if isinstance(source, str | os.PathLike):
            return take_in_path(source, spool, name, stated=stated, limits=limits, place=os.fspath(source))
        if isinstance(source, bytes | bytearray | memoryview):
            return take_in_bytes(source, spool, name, stated=stated, limits=limits, place=place)
        return take_in_file_object(source, spool, name, stated=stated, limits=limits, place=place)
    except CsvPipeError:
        raise
    except Exception as error:  # whatever a caller's object may do, the file is what is wrong
        raise source_failed(place, error) from error
